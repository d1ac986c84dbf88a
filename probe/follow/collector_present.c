/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/collector_present.h"

#include "base/base.h"
#include "probe/follow/collector.h"
#include "probe/procfs/peek.h"
#include "probe/sites/spaces.h"

static void take_thread(struct run_state *state, const struct slot *slot)
{
    struct run_thread *thread = run_state_find_thread(state, slot->tid);

    if (!thread)
        thread = run_state_new_thread(state, slot->tid, slot->tgid, slot->parent_tid, slot->birth);
    if (!thread) {
        state->threads_omitted++;
        return;
    }
    thread->serial = slot->serial;
    thread->tgid = slot->tgid;
    thread->parent_tid = slot->parent_tid;
    thread->birth = slot->birth;
}

/* What its threads have read and written before is none of this measurement's. */
static void remember_io(struct run_process *process)
{
    struct peek_io io;

    if (peek_io((pid_t)process->tgid, &io) == 0)
        process->io_before = (struct run_io){io.read_bytes, io.written_bytes, io.reads, io.writes};
}

static void take_process(struct collector *collector, const struct slot *slot)
{
    struct run_state *state = &collector->state;
    struct run_process *process = run_state_find_process(state, slot->tgid);
    const struct run_thread *parent = run_state_find_thread(state, slot->parent_tid);

    if (!process)
        process = run_state_new_process(state, slot->tgid, 0, slot->birth);
    if (!process)
        return;
    if (slot->tgid == collector->root)
        process->threads = 0; /* it was taken for one with a single thread */
    process->birth = slot->birth;
    process->parent_tgid = parent && parent->tgid != slot->tgid ? parent->tgid : 0;
    remember_io(process);
    (void)spaces_of(state, process);
    watch_new_image(state, process, slot->birth);
}

void collector_take_present(struct collector *collector, const struct slot *slots, size_t n)
{
    collector->released_ns = slots[0].birth; /* of all alike */
    for (size_t i = 0; i < n; i++)
        take_thread(&collector->state, &slots[i]);
    for (size_t i = 0; i < n; i++)
        if (slots[i].is_process)
            take_process(collector, &slots[i]);
    for (size_t i = 0; i < n; i++) {
        struct run_process *process = run_state_find_process(&collector->state, slots[i].tgid);

        if (process)
            process->threads++;
    }
}
