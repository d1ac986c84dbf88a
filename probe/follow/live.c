/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/live.h"

#include "base/base.h"
#include "probe/assemble/assemble_parts.h"
#include "probe/cause.h"
#include "probe/follow/collector.h"
#include "probe/follow/live_names.h"
#include "probe/live_view.h"
#include "probe/runtime/detect.h"
#include "probe/sites/joins.h"
#include "probe/sites/stacks.h"

#define FRAMES 16 /* innermost ones of a stack */

/* Indices of live_view.states. */
#define ON_CPU 0
#define RUNNABLE 1
#define FIRST_CAUSE 2
#define UNATTRIBUTED (LIVE_STATES - 1)

struct live {
    bool sites;
    bool fresh; /* the answer has not been shown */
    struct wire_live *answer;
    size_t capacity;                       /* of it, bytes */
    uint64_t ended_ns[LIVE_STATES];        /* of waits that are over, by what they were for, */
    uint64_t told_ns[WAIT_KIND_COUNT];     /* and by the kind that the helper counts them as */
    uint64_t shown_ns[LIVE_STATES];        /* in the last view */
    uint64_t shown_at;                     /* its now_ns; 0: none yet */
    struct tally_top tops[LIVE_STATES];    /* since then */
    struct join_stack places[LIVE_STATES]; /* the heaviest of an interval, the last where nothing came */
    struct frame frames[LIVE_STATES][FRAMES];
    struct live_names *names; /* NULL: none, or it could not be started */
};

static const struct join_stack nowhere = {JOIN_NONE, JOIN_NONE};

static void clear_tops(struct live *live)
{
    for (size_t i = 0; i < LIVE_STATES; i++)
        live->tops[i] = (struct tally_top){.stack = {nowhere, nowhere, nowhere}};
}

struct live *live_new(bool sites)
{
    struct live *live = calloc(1, sizeof(*live));

    if (!live)
        return NULL;
    live->sites = sites;
    live->names = sites ? live_names_new() : NULL;
    clear_tops(live);
    for (size_t i = 0; i < LIVE_STATES; i++)
        live->places[i] = nowhere;
    return live;
}

void live_free(struct live *live)
{
    if (!live)
        return;
    live_names_free(live->names);
    free(live->answer);
    free(live);
}

uint32_t live_waits(const struct live *live)
{
    return live->sites ? WIRE_LIVE_WAITS : 0;
}

/* The state of a thread that is in such a wait. */
static size_t state_of(const struct run_process *process, unsigned int kind, bool interpreter_lock)
{
    struct wait_context context = assemble_context(process, interpreter_lock);
    enum cause cause = cause_of_wait(kind, &context);

    return cause == CAUSE_COUNT ? UNATTRIBUTED : FIRST_CAUSE + (size_t)cause;
}

static void weigh(struct live *live, size_t state, struct join_stack stack, uint64_t ns, unsigned int shift)
{
    if (stack.python != JOIN_NONE || stack.native != JOIN_NONE)
        tally_add_top(&live->tops[state], stack, (double)ns * (double)(UINT64_C(1) << (shift & 63)));
}

void live_take_wait(struct live *live, const struct run_process *process, unsigned int kind,
                    const struct record *record, bool interpreter_lock, const struct join *join)
{
    uint64_t recent;
    size_t state;

    if (!live || !live->sites || kind >= WAIT_KIND_COUNT)
        return;
    state = state_of(process, record->kind, interpreter_lock);
    live->ended_ns[state] += record->blocked_ns;
    live->told_ns[kind] += record->blocked_ns;
    recent = live->shown_at && record->time > live->shown_at ? record->time - live->shown_at : record->blocked_ns;
    if (join)
        weigh(live, state, join->stack, recent < record->blocked_ns ? recent : record->blocked_ns, record->stack_shift);
}

void live_take_sample(struct live *live, const struct join *join)
{
    if (live && live->sites)
        weigh(live, ON_CPU, join->stack, 1, 0);
}

int live_take_answer(struct live *live, const void *payload, size_t size)
{
    const struct wire_live *answer = payload;

    if (!live || size < sizeof(*answer) || size != sizeof(*answer) + (size_t)answer->n_waits * sizeof(answer->waits[0]))
        return -EPROTO;
    if (base_grow(&live->answer, &live->capacity, size, 1) < 0)
        return -ENOMEM;
    memcpy(live->answer, payload, size);
    live->fresh = true;
    return 0;
}

/* Waits in progress that are told one by one: each in its own process' circumstances. */
static void add_open_waits(struct live *live, const struct collector *c, struct wire_live *rest, struct live_view *view)
{
    for (size_t i = 0; i < live->answer->n_waits; i++) {
        const struct wire_live_wait *wait = &live->answer->waits[i];
        const struct run_process *process = run_state_find_process(&c->state, wait->tgid);
        uint64_t ns = live->answer->now_ns > wait->since ? live->answer->now_ns - wait->since : 0;
        uint64_t recent = ns < view->interval_ns ? ns : view->interval_ns;
        const struct join *join = joins_find(c->joins, wait->stack_id);
        size_t state;

        if (wait->kind >= WAIT_KIND_COUNT || !rest->blocked[wait->kind] || rest->blocked_ns[wait->kind] < ns)
            continue;
        state = state_of(process, wait->kind,
                         cause_is_futex(wait->kind) && run_state_is_interpreter_lock(process, wait->address_low));
        view->states[state].threads++;
        view->states[state].time_ns += ns;
        rest->blocked[wait->kind]--;
        rest->blocked_ns[wait->kind] -= ns;
        if (join)
            weigh(live, state, join->stack, recent, wait->stack_shift);
    }
}

/*
 * What the helper counted and no slice told of (they were lost, or none are sent at all), and what the answer had no
 * room for: as if it were of the first process.
 */
static void add_rest(const struct live *live, const struct collector *c, const struct wire_live *rest,
                     struct live_view *view)
{
    const struct run_process *process = run_state_find_process(&c->state, c->root);

    for (unsigned int kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        struct live_state *state = &view->states[state_of(process, kind, false)];

        state->threads += rest->blocked[kind];
        if (rest->blocked_ns[kind] > live->told_ns[kind])
            state->time_ns += rest->blocked_ns[kind] - live->told_ns[kind];
    }
}

static size_t python_frames(const struct collector *c, uint32_t stack, struct frame frames[FRAMES])
{
    size_t depth = stack_table_depth(c->stacks, stack), n;

    for (n = 0; n < depth && n < FRAMES; n++) {
        struct stack_frame from = stack_table_frame(c->stacks, stack, n);

        frames[n] = (struct frame){
            .function = (char *)from.function,
            .file = (char *)from.file,
            .line = from.line,
            .coroutine = from.coroutine,
        };
    }
    return n;
}

/*
 * Where the heaviest stack of a state is. Python's frames are text already; native ones are asked for, and until they
 * have come, or where this interval has none, the last ones stay.
 */
static void place(struct live *live, const struct collector *c, size_t i, struct live_state *state)
{
    struct join_stack heaviest = tally_heaviest(&live->tops[i]);
    const struct frame *frames;

    if (heaviest.python != JOIN_NONE ||
        (heaviest.native != JOIN_NONE && live_names_of(live->names, c->natives, heaviest.native, &frames)))
        live->places[i] = heaviest;
    if (live->places[i].python != JOIN_NONE) {
        state->n_frames = python_frames(c, live->places[i].python, live->frames[i]);
        state->frames = live->frames[i];
    } else if (live->places[i].native != JOIN_NONE) {
        state->n_frames = live_names_of(live->names, c->natives, live->places[i].native, &state->frames);
    }
}

static enum runtime_kind runtime_of(const struct collector *c)
{
    for (size_t i = 0; i < c->state.n_processes; i++) {
        const struct image *image = c->state.processes[i].image;

        if (image && image->runtime.kind != RUNTIME_NATIVE)
            return image->runtime.kind;
    }
    return RUNTIME_NATIVE;
}

static void begin_view(const struct live *live, const struct collector *c, struct live_view *view)
{
    const struct wire_live *answer = live->answer;
    uint64_t before = live->shown_at ? live->shown_at : c->released_ns;

    *view = (struct live_view){
        .elapsed_ns = answer->now_ns > c->released_ns ? answer->now_ns - c->released_ns : 0,
        .interval_ns = answer->now_ns > before ? answer->now_ns - before : 0,
        .threads = answer->running + answer->runnable,
        .processes = answer->processes,
        .runtime = runtime_of(c),
    };
    for (size_t kind = 0; kind < WAIT_KIND_COUNT; kind++)
        view->threads += answer->blocked[kind];
    for (size_t i = FIRST_CAUSE; i < UNATTRIBUTED; i++)
        view->states[i] = (struct live_state){.kind = LIVE_BLOCKED, .cause = (enum cause)(i - FIRST_CAUSE)};
    view->states[ON_CPU] =
        (struct live_state){.kind = LIVE_ON_CPU, .threads = answer->running, .time_ns = answer->on_cpu_ns};
    view->states[RUNNABLE] =
        (struct live_state){.kind = LIVE_RUNNABLE, .threads = answer->runnable, .time_ns = answer->runnable_ns};
    view->states[UNATTRIBUTED].kind = LIVE_UNATTRIBUTED;
}

bool live_next_view(struct live *live, const struct collector *c, struct live_view *view)
{
    struct wire_live rest;

    if (!live->fresh)
        return false;
    live->fresh = false;
    rest = *live->answer;
    live_names_collect(live->names);
    begin_view(live, c, view);
    add_open_waits(live, c, &rest, view);
    add_rest(live, c, &rest, view);
    for (size_t i = 0; i < LIVE_STATES; i++) {
        struct live_state *state = &view->states[i];

        state->time_ns += live->ended_ns[i];
        state->recent_ns = state->time_ns > live->shown_ns[i] ? state->time_ns - live->shown_ns[i] : 0;
        live->shown_ns[i] = state->time_ns;
        if (live->sites)
            place(live, c, i, state);
    }
    live->shown_at = live->answer->now_ns;
    clear_tops(live);
    return true;
}
