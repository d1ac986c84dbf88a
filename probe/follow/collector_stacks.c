/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/collector_stacks.h"

#include <sys/uio.h>

#include "base/base.h"
#include "probe/follow/collector.h"
#include "probe/follow/live.h"
#include "probe/sites/joins.h"
#include "probe/follow/loops.h"
#include "probe/sites/natives.h"
#include "probe/sites/spaces.h"
#include "probe/sites/tally.h"

#define CONNECTS_MAX 16384u

/* Rings are read one CPU after the other: news of a process may come before its birth. NULL: no more rows. */
static struct run_process *process_of(struct run_state *state, uint32_t tgid, uint64_t time)
{
    struct run_process *process = run_state_find_process(state, tgid);

    return process ? process : run_state_new_process(state, tgid, 0, time);
}

/* Is there a whole element of at least `least` bytes that says it has `claimed`? */
static bool fits(size_t claimed, size_t least, size_t left)
{
    return claimed >= least && claimed <= left && claimed % sizeof(uint64_t) == 0;
}

int collector_take_mappings(struct collector *collector, const void *payload, size_t size)
{
    struct run_state *state = &collector->state;

    for (size_t at = 0; at < size;) {
        const struct wire_mapping *mapping = (const struct wire_mapping *)((const char *)payload + at);
        struct run_process *process;

        if (size - at < sizeof(*mapping) || !fits(mapping->size, sizeof(*mapping), size - at))
            return -EPROTO;
        process = process_of(state, mapping->tgid, mapping->time);
        if (process && spaces_add(state, process, mapping) == -EBADMSG)
            return -EPROTO;
        at += mapping->size;
    }
    return 0;
}

static void note_connect(struct collector *collector, uint32_t id, uint32_t python, uint32_t native)
{
    uint32_t known = hash_index_find(&collector->connect_index, hash_mix(HASH_START, id)), *place;
    struct connect_stack *connect;

    if (!known) {
        if (collector->n_connects >= CONNECTS_MAX || base_grow(&collector->connects, &collector->connects_capacity,
                                                               collector->n_connects + 1, sizeof(*connect)) < 0)
            return;
        place = hash_index_place(&collector->connect_index, hash_mix(HASH_START, id));
        if (!place)
            return;
        collector->connects[collector->n_connects] = (struct connect_stack){.id = id, .stack = {JOIN_NONE, JOIN_NONE}};
        known = *place = (uint32_t)++collector->n_connects;
    }
    connect = &collector->connects[known - 1];
    if (python != JOIN_NONE)
        connect->stack.python = python;
    if (native != JOIN_NONE)
        connect->stack.native = native;
}

/* The stack that a record of this role is a half of; NULL: of none that is kept here. */
static struct join_stack *half_of(struct collector *collector, struct join *join, unsigned int role, uint32_t tid,
                                  uint32_t tgid, uint64_t time)
{
    switch (role) {
    case STACK_SAMPLE:
        if (joins_note_sample(collector->joins, join) < 0)
            return NULL;
        /* fallthrough */
    case STACK_WAIT:
        join->taken = true;
        join->tid = tid;
        join->time = time;
        join->tgid = tgid;
        return &join->stack;
    case STACK_WAKER:
        join->waker_tid = tid;
        return &join->waker;
    case STACK_HOLDER:
        return &join->holder;
    default:
        return NULL;
    }
}

static void take_wait_facts(struct join *join, const struct stack_record *record, uint64_t step)
{
    const struct loop_timers *timers = &record->timers;

    join->step = step;
    join->timers_known = timers->known;
    join->timers = timers->n;
    join->sleepers = timers->looked ? (double)timers->n * timers->sleeps / timers->looked : 0;
}

void collector_join_python(struct collector *collector, const struct stack_record *record, uint32_t stack,
                           uint64_t step)
{
    struct join_stack *half;
    struct join *join;

    if (!record->id)
        return;
    if (record->role == STACK_CONNECT) {
        note_connect(collector, record->id, stack, JOIN_NONE);
        return;
    }
    join = joins_get(collector->joins, record->id);
    half = half_of(collector, join, record->role, record->tid, record->tgid, record->time);
    if (!half)
        return;
    half->python = stack;
    if (record->role == STACK_WAIT)
        take_wait_facts(join, record, step);
    if (record->role == STACK_SAMPLE)
        join->lock_held = record->lock_held;
}

/* Was the thread inside of a system call? Its saved instruction pointer is then behind a `syscall` (0f 05). */
static bool in_call(const struct wire_native *native)
{
    uint8_t code[2] = {0};
    struct iovec local = {code, sizeof(code)};
    struct iovec remote = {(void *)(uintptr_t)(native->registers.ip - sizeof(code)), sizeof(code)}; /* NOLINT: theirs */

    return process_vm_readv((pid_t)native->tgid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(code) &&
           code[0] == 0x0f && code[1] == 0x05;
}

static void take_native(struct collector *collector, const struct wire_native *native)
{
    struct run_state *state = &collector->state;
    struct run_process *process = process_of(state, native->tgid, native->time);
    struct run_space *space = process ? spaces_of(state, process) : NULL;
    uint32_t index = JOIN_NONE;
    struct join_stack *half;
    struct join *join;

    if (!space || natives_add(collector->natives, space, native, &index) < 0)
        index = JOIN_NONE;
    if (!native->id)
        return;
    if (native->role == STACK_CONNECT) {
        note_connect(collector, native->id, JOIN_NONE, index);
        return;
    }
    join = joins_get(collector->joins, native->id);
    half = half_of(collector, join, native->role, native->tid, native->tgid, native->time);
    if (!half)
        return;
    half->native = index;
    if (native->role == STACK_SAMPLE) {
        struct run_thread *thread = run_state_find_thread(state, native->tid);

        if (thread && thread->loop)
            loops_take_native_sample(thread, native->time, in_call(native), native->transfers);
    }
    if (native->role == STACK_WAIT)
        join->owner_tid = native->owner_tid;
}

int collector_take_natives(struct collector *collector, const void *payload, size_t size)
{
    for (size_t at = 0; at < size;) {
        const struct wire_native *native = (const struct wire_native *)((const char *)payload + at);

        if (size - at < sizeof(*native) || !fits(native->size, sizeof(*native), size - at))
            return -EPROTO;
        take_native(collector, native);
        at += native->size;
    }
    return 0;
}

/* The row of the newest thread with that tid. */
static uint32_t row_of(const struct run_state *state, uint32_t tid)
{
    const struct run_thread *thread = tid ? run_state_find_thread(state, tid) : NULL;

    return thread ? (uint32_t)(thread - state->threads) : TALLY_NO_ROW;
}

int collector_tally_wait(struct collector *collector, const struct run_thread *thread, const struct record *r,
                         const struct join *join, bool interpreter_lock)
{
    const struct run_state *state = &collector->state;
    const struct tally_wait wait = {
        .tgid = thread->tgid,
        .row = (uint32_t)(thread - state->threads),
        .waker_row = row_of(state, r->other_tid),
        .owner_row = row_of(state, join ? join->owner_tid : 0),
        .kind = r->kind,
        .interpreter_lock = interpreter_lock,
        .shift = r->stack_shift,
        .ns = r->blocked_ns,
        .join = join,
    };

    return r->blocked_ns && r->kind < WAIT_KIND_COUNT ? tally_wait(&collector->tally, &wait) : 0;
}

static void count_sample(const struct join *join, void *userdata)
{
    struct collector *collector = userdata;
    uint32_t row = row_of(&collector->state, join->tid);

    live_take_sample(collector->live, join);
    if (row != TALLY_NO_ROW)
        (void)tally_sample(&collector->tally, join->tgid, row, join);
}

void collector_flush_samples(struct collector *collector, bool all)
{
    joins_flush(collector->joins, all, count_sample, collector);
}
