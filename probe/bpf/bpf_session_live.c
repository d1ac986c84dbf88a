/* SPDX-License-Identifier: BSD-2-Clause */

/* Where the threads of a session are at this moment, read out of the slots while the programs write them. */

#include "probe/bpf/bpf_session.h"

#include <bpf/bpf.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/bpf_session_state.h"

#define TRIES 4

/* What of a slot is needed here; the limiters and names in between are most of it. */
struct glance {
    uint64_t stamp, on_cpu_ns, runnable_ns;
    uint64_t blocked_ns[WAIT_KIND_COUNT];
    struct wire_live_wait wait;
    unsigned int state;
    bool process;
};

static void copy_slot(const struct slot *slot, struct glance *ret_glance)
{
    ret_glance->on_cpu_ns = slot->on_cpu_ns;
    ret_glance->runnable_ns = slot->runnable_ns;
    memcpy(ret_glance->blocked_ns, slot->blocked_ns, sizeof(ret_glance->blocked_ns));
    ret_glance->wait = (struct wire_live_wait){
        .since = slot->stamp,
        .tgid = slot->tgid,
        .address_low = (uint32_t)slot->address,
        .stack_id = slot->stack_id,
        .kind = slot->kind,
        .stack_shift = (uint16_t)slot->stack_shift,
    };
    ret_glance->state = slot->state;
    ret_glance->process = slot->is_process;
}

/* A switch in between changes the stamp: look again. Where it never keeps still, the last look has to do. */
static void look_at(const struct slot *slot, struct glance *ret_glance)
{
    for (int i = 0; i < TRIES; i++) {
        ret_glance->stamp = __atomic_load_n(&slot->stamp, __ATOMIC_ACQUIRE);
        copy_slot(slot, ret_glance);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&slot->stamp, __ATOMIC_ACQUIRE) == ret_glance->stamp)
            return;
    }
}

/* The stretch since the last transition belongs to the state that the thread is in. */
static void add_glance(struct wire_live *live, const struct glance *glance, uint32_t waits)
{
    uint64_t rest = live->now_ns > glance->stamp ? live->now_ns - glance->stamp : 0;

    live->on_cpu_ns += glance->on_cpu_ns;
    live->runnable_ns += glance->runnable_ns;
    for (size_t kind = 0; kind < WAIT_KIND_COUNT; kind++)
        live->blocked_ns[kind] += glance->blocked_ns[kind];
    live->processes += glance->process;
    if (glance->state == SLOT_RUNNING) {
        live->on_cpu_ns += rest;
        live->running++;
    } else if (glance->state == SLOT_BLOCKED && glance->wait.kind < WAIT_KIND_COUNT) {
        live->blocked_ns[glance->wait.kind] += rest;
        live->blocked[glance->wait.kind]++;
        if (live->n_waits < waits)
            live->waits[live->n_waits++] = glance->wait;
    } else {
        live->runnable_ns += rest;
        live->runnable++;
    }
}

static void add_the_dead(struct bpf_session *session, struct wire_live *live)
{
    struct grave grave;

    if (bpf_session_graves(session, &grave) < 0)
        return;
    live->on_cpu_ns += grave.on_cpu_ns;
    live->runnable_ns += grave.runnable_ns;
    for (size_t kind = 0; kind < WAIT_KIND_COUNT; kind++)
        live->blocked_ns[kind] += grave.blocked_ns[kind];
}

int bpf_session_emit_live(struct bpf_session *session, uint32_t waits, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    AUTO_FREE struct wire_live *live = NULL;

    waits = waits < WIRE_LIVE_WAITS ? waits : WIRE_LIVE_WAITS;
    live = calloc(1, sizeof(*live) + waits * sizeof(live->waits[0]));
    if (!live)
        return -ENOMEM;
    live->now_ns = bpf_session_clock(CLOCK_MONOTONIC);
    for (uint64_t i = 1; i < totals->fresh && i < session->max_threads; i++) {
        const struct slot *slot = (const struct slot *)(const void *)(session->slots.data + i * session->slots.stride);
        struct glance glance;

        if (slot->state == SLOT_FREE || slot->state == SLOT_NEW || slot->state == SLOT_HELD)
            continue;
        look_at(slot, &glance);
        if (glance.state != SLOT_FREE)
            add_glance(live, &glance, waits);
    }
    add_the_dead(session, live);
    return emit(WIRE_LIVE, live, sizeof(*live) + live->n_waits * sizeof(live->waits[0]), userdata);
}
