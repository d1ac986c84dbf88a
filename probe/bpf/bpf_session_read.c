/* SPDX-License-Identifier: BSD-2-Clause */

/* Reading a session's maps: the rings while the target runs, the sums at the end. */

#include "probe/bpf/bpf_session.h"

#include <bpf/bpf.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/bpf_session_state.h"

static struct ring_head *head_of(const struct bpf_session *session, uint32_t cpu)
{
    return (struct ring_head *)(void *)(session->heads.data + cpu * session->heads.stride);
}

/*
 * Copy what one CPU wrote between *position and `head` out of its ring and emit it. The writer does not wait: what it
 * has overwritten before, or while we copied, is counted as lost.
 */
static int drain_ring(struct bpf_session *session, const struct view *ring, uint32_t per_cpu, uint32_t cpu,
                      const uint64_t *live_head, uint64_t head, uint64_t *position, uint64_t *lost, uint32_t type,
                      size_t element, bpf_session_emit_fn emit, void *userdata)
{
    const unsigned char *base = ring->data + (size_t)cpu * per_cpu * ring->stride;
    uint64_t from = *position, after, count;
    unsigned char *out = session->scratch;

    if (head != from && (double)(head - from) / (double)per_cpu > session->fill)
        session->fill = (double)(head - from) / (double)per_cpu;
    if (head - from > per_cpu) {
        *lost += head - from - per_cpu;
        from = head - per_cpu;
    }
    count = head - from;
    if (count * element > session->scratch_size)
        count = session->scratch_size / element;
    for (uint64_t i = 0; i < count; i++)
        memcpy(out + i * element, base + ((from + i) & (per_cpu - 1)) * ring->stride, element);
    *position = from + count;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    after = __atomic_load_n(live_head, __ATOMIC_ACQUIRE);
    /* The record after `after` may be half written: it occupies the oldest place. */
    if (after + 1 - from > per_cpu) {
        uint64_t overrun = after + 1 - from - per_cpu;

        if (overrun > count)
            overrun = count;
        *lost += overrun;
        out += overrun * element;
        count -= overrun;
    }
    return count ? emit(type, out, (size_t)count * element, userdata) : 0;
}

/* A status that says the same as the last one can wait a tenth of a second, unless it was asked for. */
static bool is_news(const struct bpf_session *session, const struct wire_status *status)
{
    return session->fill > 0 || status->live_processes != session->said.live_processes ||
           status->live_threads != session->said.live_threads ||
           status->now_ns - session->said.now_ns > 100 * NSEC_PER_MSEC;
}

void bpf_session_speak(struct bpf_session *session)
{
    session->said.now_ns = 0;
}

int bpf_session_drain(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    AUTO_FREE uint64_t *heads = calloc(session->cpus, sizeof(*heads));
    struct wire_status status;
    int r = 0;

    if (!heads)
        return -ENOMEM;
    session->fill = 0;
    /* A slice names the stack taken before it: fix how far to read slices first, then read the stacks. */
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++)
        heads[cpu] = __atomic_load_n(&head_of(session, cpu)->records, __ATOMIC_ACQUIRE);
    for (uint32_t cpu = 0; r == 0 && cpu < session->cpus; cpu++) {
        uint64_t *live = (uint64_t *)&head_of(session, cpu)->stacks;

        r = drain_ring(session, &session->stacks, STACKS_PER_CPU, cpu, live, __atomic_load_n(live, __ATOMIC_ACQUIRE),
                       &session->read_stacks[cpu], &session->stacks_lost, WIRE_STACKS, sizeof(struct stack_record),
                       emit, userdata);
    }
    for (uint32_t cpu = 0; r == 0 && cpu < session->cpus; cpu++)
        r = drain_ring(session, &session->records, session->ring_records, cpu,
                       (uint64_t *)&head_of(session, cpu)->records, heads[cpu], &session->read_records[cpu],
                       &session->records_lost, WIRE_RECORDS, sizeof(struct record), emit, userdata);
    for (uint32_t cpu = 0; r == 0 && cpu < session->cpus; cpu++) {
        uint64_t *live = (uint64_t *)&head_of(session, cpu)->obituaries;

        r = drain_ring(session, &session->obituaries, OBITUARIES_PER_CPU, cpu, live,
                       __atomic_load_n(live, __ATOMIC_ACQUIRE), &session->read_obituaries[cpu],
                       &session->obituaries_lost, WIRE_OBITUARIES, sizeof(struct slot), emit, userdata);
    }
    if (r < 0)
        return r;
    status = (struct wire_status){
        .now_ns = bpf_session_clock(CLOCK_MONOTONIC),
        .live_threads = totals->live,
        .live_processes = totals->live_processes,
        .records_lost = session->records_lost,
        .stacks_lost = session->stacks_lost,
        .obituaries_lost = session->obituaries_lost,
    };
    if (!is_news(session, &status))
        return 0;
    session->said = status;
    return emit(WIRE_STATUS, &status, sizeof(status), userdata);
}

double bpf_session_fill(const struct bpf_session *session)
{
    return session->fill;
}

/* Close the account of a thread that is alive: the stretch since its last transition belongs to the state it is in. */
static void close_account(struct slot *slot, uint64_t end)
{
    uint64_t rest = end > slot->stamp ? end - slot->stamp : 0;

    if (slot->state == SLOT_RUNNING)
        slot->on_cpu_ns += rest;
    else if (slot->state == SLOT_BLOCKED && slot->kind < WAIT_KIND_COUNT) {
        slot->blocked_ns[slot->kind] += rest;
        slot->blocked_count[slot->kind]++;
    } else
        slot->runnable_ns += rest;
    slot->stamp = end;
}

static int emit_survivors(struct bpf_session *session, uint64_t end, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    size_t batch = 0, capacity = session->scratch_size / sizeof(struct slot);
    struct slot *out = session->scratch;
    int r = 0;

    for (uint64_t i = 1; r == 0 && i < totals->fresh && i < session->max_threads; i++) {
        const struct slot *slot = (const struct slot *)(const void *)(session->slots.data + i * session->slots.stride);

        if (slot->state == SLOT_FREE || slot->state == SLOT_HELD || slot->state == SLOT_NEW)
            continue;
        out[batch] = *slot;
        close_account(&out[batch], end);
        if (++batch < capacity)
            continue;
        r = emit(WIRE_SURVIVORS, out, batch * sizeof(*out), userdata);
        batch = 0;
    }
    if (r == 0 && batch)
        r = emit(WIRE_SURVIVORS, out, batch * sizeof(*out), userdata);
    return r;
}

static int emit_futexes(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    struct wire_futex *out = session->scratch;
    size_t batch = 0, capacity = session->scratch_size / sizeof(*out);
    int fd = bpf_session_futexes_fd(session), r = 0;
    struct futex_key key, *previous = NULL;

    while (r == 0 && bpf_map_get_next_key(fd, previous, &key) == 0) {
        out[batch].key = key;
        if (bpf_map_lookup_elem(fd, &key, &out[batch].value) == 0)
            batch++;
        previous = &key;
        if (batch < capacity)
            continue;
        r = emit(WIRE_FUTEXES, out, batch * sizeof(*out), userdata);
        batch = 0;
    }
    if (r == 0 && batch)
        r = emit(WIRE_FUTEXES, out, batch * sizeof(*out), userdata);
    return r;
}

static int emit_parallelism(struct bpf_session *session, uint64_t end, bpf_session_emit_fn emit, void *userdata)
{
    const struct parallelism *parallel = (const struct parallelism *)(const void *)session->parallel.data;
    uint64_t time_ns[PARALLELISM_MAX];
    uint64_t running = parallel->running < PARALLELISM_MAX ? parallel->running : PARALLELISM_MAX - 1;

    memcpy(time_ns, parallel->time_ns, sizeof(time_ns));
    if (parallel->since && end > parallel->since)
        time_ns[running] += end - parallel->since;
    return emit(WIRE_PARALLEL, time_ns, sizeof(time_ns), userdata);
}

/* The graves are per CPU: add them up. */
static int sum_graves(struct bpf_session *session, struct grave *ret_sum)
{
    size_t words = sizeof(struct grave) / sizeof(uint64_t);
    AUTO_FREE uint64_t *values = calloc(session->cpus, sizeof(struct grave));
    uint64_t *sum = (uint64_t *)ret_sum;
    uint32_t zero = 0;

    if (!values)
        return -ENOMEM;
    if (bpf_map_lookup_elem(bpf_session_graves_fd(session), &zero, values) < 0)
        return -errno;
    memset(ret_sum, 0, sizeof(*ret_sum));
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++)
        for (size_t i = 0; i < words; i++)
            sum[i] += values[cpu * words + i];
    return 0;
}

int bpf_session_finish(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    struct wire_final final = {0};
    int r;

    bpf_session_detach(session);
    final.end_ns = bpf_session_clock(CLOCK_MONOTONIC);
    r = bpf_session_drain(session, emit, userdata);
    if (r == 0)
        r = emit_survivors(session, final.end_ns, emit, userdata);
    if (r == 0)
        r = emit_futexes(session, emit, userdata);
    if (r == 0)
        r = emit_parallelism(session, final.end_ns, emit, userdata);
    if (r == 0)
        r = sum_graves(session, &final.grave);
    if (r < 0)
        return r;
    final.cpu_ns = bpf_session_clock(CLOCK_PROCESS_CPUTIME_ID) - session->start_ns;
    final.records_lost = session->records_lost;
    final.stacks_lost = session->stacks_lost;
    final.obituaries_lost = session->obituaries_lost;
    final.totals = *totals;
    return emit(WIRE_FINAL, &final, sizeof(final), userdata);
}
