/* SPDX-License-Identifier: BSD-2-Clause */

/* Where the threads are, as the last round saw them. */

#include "base/base.h"
#include "probe/procfs/sampler_parts.h"
#include "probe/wire.h"

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void add_wait(struct wire_live *live, const struct sampler_thread *t, uint32_t most)
{
    const struct account *a = &t->account;
    struct wire_live_wait wait = {
        .since = a->mark + a->stretch_on_ns + a->stretch_runnable_ns,
        .tgid = t->slot.tgid,
        .address_low = (uint32_t)a->wait.address,
        .stack_id = a->wait.stack_id,
        .kind = a->wait.kind,
    };

    live->blocked[wait.kind]++;
    live->blocked_ns[wait.kind] += minus(live->now_ns, wait.since);
    if (live->n_waits < most)
        live->waits[live->n_waits++] = wait;
}

/* /proc does not tell a thread on a CPU from one that is ready for it; no more than there are CPUs can be on one. */
static void add_ready(struct wire_live *live, long cpus)
{
    if (live->running < (uint32_t)cpus)
        live->running++;
    else
        live->runnable++;
}

static void add_thread(struct wire_live *live, const struct sampler_thread *t, uint32_t most, long cpus)
{
    const struct account *a = &t->account;

    live->on_cpu_ns += a->sum_on_ns + minus(t->last.on_cpu_ns, a->on_cpu_ns);
    live->runnable_ns += a->sum_runnable_ns + minus(t->last.runnable_ns, a->runnable_ns);
    for (size_t kind = 0; kind < WAIT_KIND_COUNT; kind++)
        live->blocked_ns[kind] += t->slot.blocked_ns[kind];
    if (t->last.blocked && a->wait.kind < WAIT_KIND_COUNT)
        add_wait(live, t, most);
    else
        add_ready(live, cpus);
}

int sampler_send_live(struct sampler *s)
{
    uint32_t most = s->live_waits < WIRE_LIVE_WAITS ? s->live_waits : WIRE_LIVE_WAITS;
    AUTO_FREE struct wire_live *live = calloc(1, sizeof(*live) + most * sizeof(live->waits[0]));
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    s->looked_for = false;
    if (!live)
        return -ENOMEM;
    live->now_ns = s->round;
    live->processes = (uint32_t)s->totals.live_processes;
    for (size_t i = 0; i < s->n_threads; i++)
        add_thread(live, s->threads[i], most, cpus > 0 ? cpus : 1);
    live->on_cpu_ns += s->grave.on_cpu_ns;
    live->runnable_ns += s->grave.runnable_ns;
    for (size_t kind = 0; kind < WAIT_KIND_COUNT; kind++)
        live->blocked_ns[kind] += s->grave.blocked_ns[kind];
    return wire_send(s->socket, WIRE_LIVE, live, sizeof(*live) + live->n_waits * sizeof(live->waits[0]));
}
