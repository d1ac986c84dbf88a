/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/loops.h"

#include <math.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/cause.h"
#include "probe/follow/loop_stalls.h"
#include "probe/follow/run_state.h"
#include "probe/measurement.h"

#define EVENTS_MAX 1024u /* the older half of these is final: a round of the helper brings far fewer */
#define SAMPLE_NS (NSEC_PER_SEC / 249)

/* Between samples of a step. What is longer was spent in the run queue, which is not the step's doing; and steps that
   are too short to be sampled may hide in it. */
#define GAP_MAX (4 * SAMPLE_NS)

#define FDS_MAX 4
#define RUNS_MAX 64 /* longest stretches of samples without a system call */

/* Short callbacks that do I/O spend at least so much of their CPU time in system calls: see the header. */
#define CALLS_MIN 0.2
#define LOOP_CODE_MIN 0.05 /* likewise in asyncio's own code: some 20 us a callback */
#define CHANCE_MAX 0.1     /* stalls that may be due to chance, in a run */
#define RUN_MIN 12         /* samples; shorter stretches say how much the usual callbacks are in system calls */

enum event_type {
    EVENT_SELECTOR,    /* a wait of the loop itself */
    EVENT_TURN_WAIT,   /* a wait inside a turn, by its stack */
    EVENT_WAIT,        /* some other blocking call of a loop without such stacks */
    EVENT_PY_SELECTOR, /* samples: in the loop's own code, */
    EVENT_PY_TURN,     /* inside a turn, */
    EVENT_PY_OUTSIDE,  /* neither; */
    EVENT_NATIVE,      /* without Python: in user mode, */
    EVENT_NATIVE_CALL, /* inside a system call */
};

struct event {
    uint64_t begin, end;
    uint64_t step;   /* samples without Python: reads and writes so far */
    uint64_t weight; /* waits that this one stands for */
    uint32_t fd;
    enum event_type type;
    enum event_type otherwise; /* what it is where `foreign` is no turn */
    bool foreign;              /* in a coroutine that asyncio does not run: a turn of uvloop, if of anybody */
};

/* One step of a coroutine as far as seen, or samples without a system call. */
struct chain {
    bool open;
    bool exact_begin, exact_end; /* a wait, not a sample */
    uint64_t step, end, ns, samples;
};

struct run {
    uint64_t samples, ns;
};

struct loop_track {
    struct event events[EVENTS_MAX];
    size_t n_events;
    bool asyncio; /* or uvloop */
    bool foreign;
    uint64_t turn_samples, foreign_samples, stack_samples;
    struct chain chain;
    struct waits waits;   /* inside turns */
    struct waits pending; /* since the last wait of the selector: a turn has two ends */
    struct waits nested;  /* on other descriptors */
    struct waits pending_nested;
    bool began; /* the selector has waited once */
    struct {
        uint32_t fd;
        uint64_t waits;
    } fds[FDS_MAX];
    uint64_t calls, in_short_runs, samples, callbacks, callback_samples;
    struct run runs[RUNS_MAX]; /* of samples that chance may have put in a row: the longest, in no order */
    size_t n_runs;
    double timed_ns, timers_ns, sleepers_ns; /* waits of known timers; the products of both */
    uint32_t timers_max;
};

void loops_free(struct loop_track *track)
{
    free(track);
}

/* A sample stands for the time around it: half a period to each side. */
static uint64_t chain_ns(const struct chain *chain)
{
    return chain->ns + (chain->exact_begin ? 0 : SAMPLE_NS / 2) + (chain->exact_end ? 0 : SAMPLE_NS / 2);
}

/* On to the next sample or wait. */
static void chain_extend(struct chain *chain, const struct event *event)
{
    uint64_t gap = event->begin > chain->end ? event->begin - chain->end : 0;

    chain->ns += (gap < GAP_MAX ? gap : GAP_MAX) + (event->end - event->begin);
    chain->end = event->end;
}

static void keep_run(struct loop_track *track, struct run run)
{
    size_t shortest = 0;

    if (run.samples < RUN_MIN) {
        track->in_short_runs += run.samples;
        return;
    }
    if (track->n_runs < RUNS_MAX) {
        track->runs[track->n_runs++] = run;
        return;
    }
    for (size_t i = 1; i < track->n_runs; i++)
        if (track->runs[i].samples < track->runs[shortest].samples)
            shortest = i;
    if (track->runs[shortest].samples < run.samples)
        track->runs[shortest] = run;
}

/*
 * One sample alone says nothing about how long the step took. Plain callbacks can't be told apart by their frames: many
 * in a row are one only if that is no chance.
 */
static void close_step(struct loop_track *track)
{
    struct chain *chain = &track->chain;

    if (chain->open && chain->step & STACK_STEP_PLAIN && !chain->exact_begin && !chain->exact_end)
        keep_run(track, (struct run){chain->samples, chain_ns(chain)});
    else if (chain->open && (chain->samples > 1 || chain->exact_begin || chain->exact_end))
        stalls_add(&track->waits.stalls, chain_ns(chain));
    chain->open = false;
}

/* The stretch without a system call ends; it counts when it has two ends inside the loop. */
static void close_run(struct loop_track *track)
{
    if (track->chain.open && track->began)
        keep_run(track, (struct run){track->chain.samples, chain_ns(&track->chain)});
    track->chain.open = false;
}

static void chain_step(struct loop_track *track, const struct event *event)
{
    struct chain *chain = &track->chain;
    bool wait = event->type == EVENT_TURN_WAIT;

    if (!chain->open || !event->step || event->step != chain->step) {
        close_step(track);
        *chain = (struct chain){.open = true, .exact_begin = wait, .step = event->step, .end = event->begin};
    }
    chain_extend(chain, event);
    chain->exact_end = wait;
    chain->samples += !wait;
    track->callback_samples += !wait;
    track->callbacks += !wait && chain->samples == 1;
}

static void take_native_sample(struct loop_track *track, const struct event *event)
{
    struct chain *chain = &track->chain;

    if (!track->began)
        return;
    track->samples++;
    if (event->type == EVENT_NATIVE_CALL) {
        track->calls++;
        close_run(track);
        return;
    }
    if (chain->open && chain->step != event->step)
        close_run(track);
    if (!chain->open)
        *chain = (struct chain){.open = true, .step = event->step, .end = event->begin};
    chain_extend(chain, event);
    chain->samples++;
    track->callback_samples++;
    track->callbacks += chain->samples == 1;
}

/* The descriptor that the thread waits on most is its loop. */
static bool is_main_fd(struct loop_track *track, uint32_t fd)
{
    size_t main = 0, at = FDS_MAX;

    for (size_t i = 0; i < FDS_MAX && at == FDS_MAX; i++)
        if (track->fds[i].fd == fd || !track->fds[i].waits)
            at = i;
    if (at == FDS_MAX)
        return false;
    track->fds[at].fd = fd;
    track->fds[at].waits++;
    for (size_t i = 1; i < FDS_MAX; i++)
        if (track->fds[i].waits > track->fds[main].waits)
            main = i;
    return at == main;
}

static void take_selector(struct loop_track *track, const struct event *event)
{
    if (track->asyncio)
        close_step(track);
    else
        close_run(track);
    if (!is_main_fd(track, event->fd) && track->began) {
        waits_add(&track->pending_nested, event->end - event->begin);
        return;
    }
    waits_commit(&track->waits, &track->pending);
    waits_commit(&track->nested, &track->pending_nested);
    track->began = true;
}

static void take_event(struct loop_track *track, const struct event *event, bool uvloop)
{
    uint64_t ns = event->end - event->begin;

    switch (event->foreign && !uvloop ? event->otherwise : event->type) {
    case EVENT_SELECTOR:
        take_selector(track, event);
        break;
    case EVENT_TURN_WAIT:
        track->waits.ns += ns * event->weight;
        track->waits.count += event->weight;
        chain_step(track, event);
        break;
    case EVENT_WAIT:
        if (track->asyncio)
            break;
        close_run(track);
        if (track->began)
            waits_add(&track->pending, ns);
        break;
    case EVENT_PY_TURN:
        track->samples += track->asyncio;
        chain_step(track, event);
        break;
    case EVENT_PY_SELECTOR:
    case EVENT_PY_OUTSIDE:
        if (track->asyncio)
            close_step(track);
        break;
    case EVENT_NATIVE:
    case EVENT_NATIVE_CALL:
        if (!track->asyncio)
            take_native_sample(track, event);
        break;
    }
}

static int by_end(const void *left, const void *right)
{
    const struct event *a = left, *b = right;

    return (a->end > b->end) - (a->end < b->end);
}

/* Take in the oldest `n` events. */
static void settle(struct loop_track *track, size_t n, bool uvloop)
{
    track->asyncio |= track->foreign && uvloop;
    qsort(track->events, track->n_events, sizeof(*track->events), by_end);
    for (size_t i = 0; i < n; i++)
        take_event(track, &track->events[i], uvloop);
    track->n_events -= n;
    memmove(track->events, track->events + n, track->n_events * sizeof(*track->events));
}

static void add_event(struct run_thread *thread, const struct event *event)
{
    struct loop_track *track = thread->loop;

    if (track->n_events == EVENTS_MAX)
        settle(track, EVENTS_MAX / 2, thread->uvloop);
    track->events[track->n_events++] = *event;
}

static struct loop_track *track_of(struct run_thread *thread)
{
    if (!thread->loop)
        thread->loop = calloc(1, sizeof(*thread->loop));
    return thread->loop;
}

/*
 * Without stacks, what a loop's thread waits for outside its selector is taken for blocking inside a turn: a timer, a
 * single socket or pipe, a file. Locks and hand-offs are left out: a runtime's own helpers use them.
 */
static bool is_blocking_call(uint8_t kind)
{
    switch (kind) {
    case WAIT_SLEEP:
    case WAIT_INET_OUTSIDE:
    case WAIT_INET_TIMEOUT:
    case WAIT_INET_TARGET:
    case WAIT_UNIX_OUTSIDE:
    case WAIT_UNIX_TARGET:
    case WAIT_PIPE_OUTSIDE:
    case WAIT_PIPE_TARGET:
    case WAIT_CHILD:
    case WAIT_FILE:
        return true;
    default:
        return false;
    }
}

void loops_take_slice(struct run_thread *thread, const struct record *slice)
{
    bool epoll = cause_is_epoll(slice->kind) && slice->blocked_ns;
    struct loop_track *track = epoll ? track_of(thread) : thread->loop;
    struct event event = {
        .begin = slice->time - slice->blocked_ns, .end = slice->time, .fd = slice->address_low, .weight = 1};

    if (!thread->last_epoll_end)
        thread->setup_cpu_ns += slice->on_cpu_ns;
    if (!track || !slice->blocked_ns || (!epoll && !is_blocking_call(slice->kind)))
        return;
    event.type = epoll ? EVENT_SELECTOR : EVENT_WAIT;
    add_event(thread, &event);
    if (!epoll)
        return;
    thread->last_epoll_end = slice->time;
    thread->epoll_fd = slice->address_low;
}

static bool is_no_call(uint8_t kind)
{
    return kind == WAIT_FAULT || kind == WAIT_MEMORY || kind == WAIT_STOPPED || kind == WAIT_UNKNOWN ||
           kind == WAIT_INTERPRETER_LOCK;
}

/* The slice of this wait has just come, and is an event already where it looked like one: now it is known better. */
static struct event *event_of(struct loop_track *track, const struct event *event)
{
    struct event *last = track->n_events ? &track->events[track->n_events - 1] : NULL;

    return last && last->end == event->end && last->begin == event->begin ? last : NULL;
}

void loops_take_wait(struct run_thread *thread, const struct record *slice, enum stack_place place, uint64_t weight,
                     uint64_t step)
{
    struct event event = {.begin = slice->time - slice->blocked_ns,
                          .end = slice->time,
                          .fd = slice->address_low,
                          .step = step,
                          .weight = weight,
                          .type = place == STACK_IN_SELECTOR ? EVENT_SELECTOR : EVENT_TURN_WAIT,
                          .otherwise = EVENT_PY_OUTSIDE,
                          .foreign = place == STACK_IN_COROUTINE};
    struct event *known;

    if (place == STACK_OUTSIDE_LOOP || is_no_call(slice->kind) || !track_of(thread))
        return;
    thread->loop->asyncio |= !event.foreign;
    thread->loop->foreign |= event.foreign;
    known = event_of(thread->loop, &event);
    if (!known) {
        add_event(thread, &event);
        return;
    }
    event.otherwise = known->type;
    *known = event;
}

void loops_take_timers(struct run_thread *thread, uint64_t ns, uint32_t timers, double sleepers)
{
    struct loop_track *track = track_of(thread);

    if (!track)
        return;
    track->timed_ns += (double)ns;
    track->timers_ns += (double)ns * timers;
    track->sleepers_ns += (double)ns * sleepers;
    if (timers > track->timers_max)
        track->timers_max = timers;
}

void loops_take_sample(struct run_thread *thread, uint64_t time, enum stack_place place, uint64_t step)
{
    struct event event = {.begin = time,
                          .end = time,
                          .step = step,
                          .type = EVENT_PY_TURN,
                          .otherwise = EVENT_PY_OUTSIDE,
                          .foreign = place == STACK_IN_COROUTINE};
    struct loop_track *track = place == STACK_OUTSIDE_LOOP ? thread->loop : track_of(thread);

    if (!track) {
        thread->early_samples++;
        return;
    }
    track->stack_samples++;
    track->turn_samples += place == STACK_IN_TURN;
    track->foreign_samples += event.foreign;
    track->asyncio |= place == STACK_IN_TURN || place == STACK_IN_SELECTOR;
    track->foreign |= event.foreign;
    if (place == STACK_OUTSIDE_LOOP || place == STACK_IN_SELECTOR)
        event.type = place == STACK_IN_SELECTOR ? EVENT_PY_SELECTOR : EVENT_PY_OUTSIDE;
    add_event(thread, &event);
}

void loops_take_native_sample(struct run_thread *thread, uint64_t time, bool in_call, uint32_t transfers)
{
    struct event event = {
        .begin = time, .end = time, .step = transfers, .type = in_call ? EVENT_NATIVE_CALL : EVENT_NATIVE};

    if (thread->loop)
        add_event(thread, &event);
}

/*
 * Stretches of samples that can't well be many callbacks, each of which would have been caught in a system call, or
 * in asyncio's own code, now and then.
 */
static void judge_runs(struct loop_track *track)
{
    uint64_t usual = track->calls + track->in_short_runs;
    double share = usual ? (double)track->calls / (double)usual : 0.0;

    share = track->asyncio ? LOOP_CODE_MIN : fmin(fmax(share, CALLS_MIN), 0.99);
    for (size_t i = 0; i < track->n_runs; i++)
        if (pow(1.0 - share, (double)track->runs[i].samples) * (double)track->samples < CHANCE_MAX)
            stalls_add(&track->waits.stalls, track->runs[i].ns);
}

/*
 * Of callbacks that are caught in two samples or more on average, that many periods. Those that were hardly ever caught
 * twice are somewhere below one: half of it. Between the two some of the steps caught twice are two that had the same
 * address by chance.
 */
static uint64_t callback_ns(const struct loop_track *track)
{
    double each = track->callbacks ? (double)track->callback_samples / (double)track->callbacks : 0.0;

    if (each <= 0.0)
        return 0;
    return base_to_u64((double)SAMPLE_NS * (each >= 2.0 ? each : 0.5 + 1.5 * (each - 1.0)));
}

void loops_finish(const struct run_thread *thread, struct loop_facts *ret_facts)
{
    struct loop_track *track = thread->loop;

    *ret_facts = (struct loop_facts){.setup_cpu_ns = thread->setup_cpu_ns};
    if (!track)
        return;
    settle(track, track->n_events, thread->uvloop);
    if (track->asyncio)
        close_step(track);
    judge_runs(track);
    ret_facts->asyncio = track->asyncio;
    ret_facts->sampled = track->stack_samples > 0;
    if (ret_facts->sampled)
        ret_facts->busy_share = (double)(track->turn_samples + (thread->uvloop ? track->foreign_samples : 0)) /
                                (double)(track->stack_samples + thread->early_samples);
    if (track->timed_ns > 0) {
        ret_facts->timers_mean = track->timers_ns / track->timed_ns;
        ret_facts->sleepers_mean = track->sleepers_ns / track->timed_ns;
    }
    ret_facts->timers_max = track->timers_max;
    ret_facts->blocked_ns = track->waits.ns;
    ret_facts->blocked_count = track->waits.count;
    ret_facts->nested_ns = track->nested.ns;
    ret_facts->nested_count = track->nested.count;
    ret_facts->longest_stall_ns = track->waits.stalls.longest_ns;
    ret_facts->stalls = track->waits.stalls.count;
    ret_facts->stall_ns = track->waits.stalls.sum_ns;
    ret_facts->callback_ns = callback_ns(track);
    ret_facts->longest_nested_ns = track->nested.stalls.longest_ns;
    ret_facts->nested_stalls = track->nested.stalls.count;
    ret_facts->nested_stall_ns = track->nested.stalls.sum_ns;
}
