/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/habits.h"

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/follow/collector.h"
#include "probe/sites/joins.h"
#include "probe/follow/run_state.h"
#include "probe/sites/stacks.h"

static const unsigned int kinds_before[2] = {WAIT_FUTEX_OTHER, WAIT_FUTEX_TIMEOUT};
static const unsigned int kinds_after[2] = {WAIT_FUTEX_JOIN, WAIT_POOL};

static bool is_in(const struct stack_frame *frame, const char *file)
{
    return frame->file && base_ends_with(frame->file, file);
}

/* Thread._wait_for_tstate_lock (threading.py, up to 3.12); Thread.join itself from 3.13 on. */
static bool is_join(const struct stack_frame *leaf)
{
    return is_in(leaf, "/threading.py") &&
           (base_ends_with(leaf->function, "_wait_for_tstate_lock") || base_ends_with(leaf->function, "Thread.join"));
}

unsigned int habits_kind(const struct stack_table *stacks, uint32_t stack, unsigned int kind)
{
    size_t depth = stack_table_depth(stacks, stack);

    if (kind != kinds_before[0] && kind != kinds_before[1])
        return kind;
    for (size_t i = 0; i < depth; i++) {
        struct stack_frame frame = stack_table_frame(stacks, stack, i);

        if (i == 0 && is_join(&frame))
            return WAIT_FUTEX_JOIN;
        if (is_in(&frame, "/concurrent/futures/thread.py"))
            return strcmp(frame.function, "_worker") == 0 ? WAIT_POOL : kind;
        /* Before 3.7 the queue is one of Python's own. */
        if (!is_in(&frame, "/queue.py") && !is_in(&frame, "/threading.py"))
            return kind;
    }
    return kind;
}

static size_t find_place(const struct habit_places *places, uint32_t address)
{
    size_t at = 0;

    while (at < HABIT_PLACES && places->address[at] != address)
        at++;
    return at;
}

/* Addresses are used again: what has no habit any more is forgotten. */
static void remember(struct habit_places *places, uint32_t address, unsigned int before, unsigned int kind)
{
    size_t at = find_place(places, address);

    if (kind == before) {
        if (at < HABIT_PLACES)
            places->address[at] = 0;
        return;
    }
    if (at == HABIT_PLACES)
        at = places->next++ % HABIT_PLACES;
    places->address[at] = address;
    places->kind[at] = (uint8_t)kind;
}

static unsigned int kind_of_place(const struct run_process *process, const struct record *slice)
{
    size_t at = process && slice->address_low ? find_place(&process->habit_places, slice->address_low) : HABIT_PLACES;

    return at < HABIT_PLACES ? process->habit_places.kind[at] : slice->kind;
}

void habits_take_wait(const struct stack_table *stacks, uint32_t stack, struct run_process *process,
                      struct run_thread *thread, struct record *slice)
{
    unsigned int kind = slice->kind;
    size_t before = slice->kind == kinds_before[1], after;

    if (kind != kinds_before[0] && kind != kinds_before[1])
        return;
    if (stack == JOIN_NONE) {
        kind = kind_of_place(process, slice);
    } else {
        kind = habits_kind(stacks, stack, kind);
        if (process && slice->address_low)
            remember(&process->habit_places, slice->address_low, slice->kind, kind);
    }
    if (kind == slice->kind)
        return;
    after = kind == kinds_after[1];
    thread->habits.ns[before][after] += slice->blocked_ns;
    thread->habits.count[before][after]++;
    slice->kind = (uint8_t)kind;
}

static void move(__u64 *from, __u64 *to, uint64_t amount)
{
    if (amount > *from)
        amount = *from;
    *from -= amount;
    *to += amount;
}

static void settle_thread(struct run_thread *thread, struct grave *grave)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++) {
            unsigned int from = kinds_before[i], to = kinds_after[k];
            uint64_t ns = thread->habits.ns[i][k], counted = thread->account.blocked_count[from];
            uint64_t count = thread->habits.count[i][k] < counted ? thread->habits.count[i][k] : counted;

            if (ns > thread->account.blocked_ns[from])
                ns = thread->account.blocked_ns[from];
            move(&thread->account.blocked_ns[from], &thread->account.blocked_ns[to], ns);
            thread->account.blocked_count[from] -= (uint32_t)count;
            thread->account.blocked_count[to] += (uint32_t)count;
            if (thread->alive)
                continue;
            move(&grave->blocked_ns[from], &grave->blocked_ns[to], ns);
            move(&grave->blocked_count[from], &grave->blocked_count[to], count);
        }
}

void habits_settle(struct collector *collector)
{
    for (size_t i = 0; i < collector->state.n_threads; i++)
        if (collector->state.threads[i].closed)
            settle_thread(&collector->state.threads[i], &collector->final.grave);
}
