/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/parked.h"

#include "base/base.h"
#include "probe/cause.h"
#include "probe/collector.h"
#include "probe/joins.h"
#include "probe/stacks.h"
#include "probe/tally.h"

/* The innermost Python frame: the wait itself is in C, in queue.SimpleQueue.get() (3.7 and later). */
static const struct {
    const char *file, *function;
} places[] = {
    {"concurrent/futures/thread.py", "_worker"},
    {"multiprocessing/pool.py", "_handle_tasks"},
};

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);

    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

bool parked_is_place(const struct stack_table *table, uint32_t stack)
{
    struct stack_frame frame;

    if (stack == JOIN_NONE || stack_table_depth(table, stack) == 0)
        return false;
    frame = stack_table_frame(table, stack, 0);
    for (size_t i = 0; frame.file && i < ARRAY_SIZE(places); i++)
        if (ends_with(frame.function, places[i].function) && ends_with(frame.file, places[i].file))
            return true;
    return false;
}

bool parked_has(const struct run_process *process, uint32_t address_low)
{
    for (uint32_t i = 0; process && i < process->n_parked; i++)
        if (process->parked[i] == address_low)
            return true;
    return false;
}

void parked_note(struct run_process *process, uint32_t address_low)
{
    if (process && process->n_parked < PARKED_MAX && !parked_has(process, address_low))
        process->parked[process->n_parked++] = address_low;
}

bool parked_pair(const struct collector *c, const struct tally_pair *pair)
{
    return cause_is_futex(pair->kind) && !pair->interpreter_lock &&
           parked_is_place(c->stacks, tally_heaviest(&pair->waiter_at).python);
}

void parked_sum(struct collector *c)
{
    for (size_t i = 0; i < c->n_futexes; i++) {
        const struct wire_futex *futex = &c->futexes[i];
        struct run_thread *thread = run_state_find_thread(&c->state, futex->key.tid);

        if (!thread || thread->tgid != futex->value.tgid ||
            !parked_has(run_state_find_process(&c->state, futex->value.tgid), (uint32_t)futex->key.address))
            continue;
        thread->pool_idle_ns += futex->value.wait_ns;
        thread->pool_idle_count += futex->value.waits;
    }
}
