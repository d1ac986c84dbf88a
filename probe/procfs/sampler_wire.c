/* SPDX-License-Identifier: BSD-2-Clause */

/* What the sampler says to the front end, and what it is asked. */

#include "base/base.h"
#include "probe/procfs/sampler_parts.h"
#include "probe/wire.h"

#define STATUS_INTERVAL_NS (100 * NSEC_PER_MSEC)

int outbox_add(struct outbox *outbox, const void *data, size_t size)
{
    int r = base_grow(&outbox->data, &outbox->capacity, outbox->size + size, 1);

    if (r < 0)
        return r;
    memcpy(outbox->data + outbox->size, data, size);
    outbox->size += size;
    return 0;
}

int sampler_record(struct sampler *sampler, const struct record *record)
{
    return outbox_add(&sampler->records, record, sizeof(*record));
}

/* In as many messages as it takes; `element` is the size of one, 0: each begins with its own (never split, small). */
static int send_out(int socket, enum wire_type type, struct outbox *outbox, size_t element)
{
    size_t most = element ? WIRE_MAX - WIRE_MAX % element : WIRE_MAX;

    for (size_t at = 0; at < outbox->size;) {
        size_t size = outbox->size - at < most ? outbox->size - at : most;
        int r = wire_send(socket, type, outbox->data + at, size);

        if (r < 0)
            return r;
        at += size;
    }
    outbox->size = 0;
    return 0;
}

int sampler_flush(struct sampler *s)
{
    int r = send_out(s->socket, WIRE_STACKS, &s->stacks_out, sizeof(struct stack_record));

    if (r == 0)
        r = send_out(s->socket, WIRE_NATIVES, &s->natives, 0);
    if (r == 0)
        r = send_out(s->socket, WIRE_RECORDS, &s->records, sizeof(struct record));
    if (r == 0)
        r = send_out(s->socket, WIRE_OBITUARIES, &s->obituaries, sizeof(struct slot));
    return r;
}

int sampler_send_status(struct sampler *s)
{
    struct wire_status status = {
        .now_ns = s->round,
        .live_threads = s->totals.live,
        .live_processes = s->totals.live_processes,
        .records_lost = s->merged,
    };

    s->next_status = s->round + STATUS_INTERVAL_NS;
    return wire_send(s->socket, WIRE_STATUS, &status, sizeof(status));
}

#define LEAST_PROCESS_NS (100 * NSEC_PER_USEC) /* a process costs that much CPU time, or more: fork, exit, wait */

/*
 * At most so many as ids were given away meanwhile, and as that time is enough for. Where it is not, others have begun
 * most of those: then ours were like the ones that were seen.
 */
static uint64_t unseen_processes(const struct sampler *s, uint64_t missing_ns)
{
    uint64_t n = s->ids_given > s->totals.threads ? s->ids_given - s->totals.threads : 0;
    uint64_t each_ns = s->children_ended ? s->children_cpu_ns / s->children_ended : 0;

    if (n <= missing_ns / LEAST_PROCESS_NS)
        return n;
    return missing_ns / (each_ns > LEAST_PROCESS_NS ? each_ns : LEAST_PROCESS_NS);
}

/*
 * Processes that began and ended between two looks, and the last moments of those that were seen: what the kernel's
 * sums of the processes that were waited for hold beyond ours.
 */
static void add_unseen(struct sampler *s)
{
    uint64_t reaped, missing, n;

    (void)pthread_mutex_lock(&s->mutex);
    reaped = s->reaped_cpu_ns;
    (void)pthread_mutex_unlock(&s->mutex);
    if (reaped <= s->children_cpu_ns + NSEC_PER_MSEC || reaped - s->children_cpu_ns <= reaped / 50)
        return;
    missing = reaped - s->children_cpu_ns;
    n = unseen_processes(s, missing);
    s->grave.threads += n ? n : 1;
    s->grave.on_cpu_ns += missing;
    s->totals.threads += n ? n : 1;
    s->totals.processes += n;
}

int sampler_send_rest(struct sampler *s, uint64_t end)
{
    struct wire_final final = {
        .end_ns = end,
        .cpu_ns = sampler_cpu_clock(),
        .records_lost = s->merged,
        .rounds = s->rounds,
        .opaque = s->opaque,
    };
    int r = sampler_flush(s);

    if (r == 0)
        r = send_out(s->socket, WIRE_SURVIVORS, &s->survivors, sizeof(struct slot));
    if (r == 0)
        r = send_out(s->socket, WIRE_FUTEXES, &s->futexes, sizeof(struct wire_futex));
    if (r == 0)
        r = wire_send(s->socket, WIRE_PARALLEL, s->parallel_ns, sizeof(s->parallel_ns));
    if (r < 0)
        return r;
    add_unseen(s);
    final.totals = s->totals;
    final.grave = s->grave;
    return wire_send(s->socket, WIRE_FINAL, &final, sizeof(final));
}

/* Who waits since before its interpreter was known has no stack yet. */
static void look_again(struct sampler *s, const struct sampler_process *process)
{
    for (size_t i = 0; i < s->n_threads; i++)
        if (s->threads[i]->process == process)
            s->threads[i]->look_again = true;
}

static void take_python(struct sampler *s, const struct wire_python *python)
{
    for (size_t i = 0; i < s->n_processes; i++) {
        if (s->processes[i]->pid != python->tgid)
            continue;
        s->processes[i]->has_python = true;
        s->processes[i]->python = *python;
        look_again(s, s->processes[i]);
    }
}

int sampler_take_request(struct sampler *s, void **buffer, size_t *capacity)
{
    struct wire_header header;
    int r = wire_receive(s->socket, &header, buffer, capacity);

    if (r <= 0)
        return r < 0 ? r : -EPIPE;
    if (header.type == WIRE_STOP)
        return 0;
    if (header.type == WIRE_ASK)
        return 2;
    if (header.type == WIRE_LOOK && header.size == sizeof(uint32_t)) {
        s->looked_for = true;
        s->live_waits = *(const uint32_t *)*buffer;
        return 2;
    }
    if (header.type == WIRE_PYTHON && header.size == sizeof(struct wire_python))
        take_python(s, *buffer);
    else if (header.type != WIRE_RUBY)
        return -EPROTO;
    return 1;
}
