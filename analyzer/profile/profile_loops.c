/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_shapes.h"

#include <math.h>

#include "analyzer/lanes.h"
#include "base/base.h"

#define BLOCKED_LOOP 5                       /* 1/5 of the loop's time blocked in turns: it runs its items one by one */
#define TELLING_AWAIT_NS (5 * NSEC_PER_MSEC) /* sleeps in a loop: shorter ones are the gaps between many timers */
#define TELLING_TURN_NS (300 * NSEC_PER_USEC) /* CPU between them: more than this wakes more than one task */
#define NEAR_PEAK 0.8                         /* of it: the difference is the ragged end */
#define MEAN_IS_OFF 0.05                      /* of one in flight: rounding, and a look just as one ended */
#define MIN_PEAK 4                            /* waits at once, before fewer say something */
#define HELD_UP 2                             /* less than 1/2 of the peak is under way while the loop waits */
#define LONG_TURN_NS (5 * NSEC_PER_MSEC)      /* of CPU: the tree's limit for a loop that computes */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Waits under way at once while the loop waited, on the average: connections, and sleeps. Other timers are timeouts. */
static double waits_at_once(const struct event_loop *loop)
{
    double at_once = loop->outstanding_mean + loop->sleepers_mean;

    return at_once > 1 ? at_once : 1;
}

/*
 * As a count. Towards the end of the work there is less, so that the mean lies below what was meant: in a round or two
 * it is the peak where that is near, else it is not rounded down.
 */
static uint32_t in_flight(const struct event_loop *loop)
{
    double at_once = waits_at_once(loop);
    uint32_t peak = lanes_loop_peak(loop);

    if (loop->turns < 2 * (uint64_t)peak && at_once >= NEAR_PEAK * peak && at_once <= peak)
        return peak;
    return (uint32_t)ceil(at_once - MEAN_IS_OFF);
}

/*
 * Waits that overlap stand for more waiting than the loop saw: so many at once, and they went on while the loop was
 * busy with others: where answers come one by one. Where all come at once nothing is under way meanwhile, and a loop
 * that hardly ever waits says little.
 */
static double loop_wait_factor(const struct event_loop *loop)
{
    double busy = loop->wait_ns ? (double)loop->busy_cpu_ns / (double)loop->wait_ns : 1, at_once = waits_at_once(loop);

    if (at_once <= 1)
        return 1;
    return (double)loop->turns >= 2 * at_once ? at_once * (1 + fmax(0, fmin(busy, 1 - busy))) : at_once;
}

/*
 * Rebuild the items of a loop with `at_once` waits outstanding: it is woken once for several answers, and one of its
 * waits stands for many. Equal items, as many as keep that number in flight for as long as the loop ran.
 */
static int rebuild_loop_items(struct profile_builder *b, size_t first_item, size_t first_step, size_t at_once)
{
    struct profile *p = b->profile;
    struct profile_step sum = {0};
    size_t have = p->n_items - first_item, want = (have + at_once / 2) / at_once * at_once;

    if (!have || at_once < 2)
        return 0;
    if (want < at_once)
        want = at_once;
    for (size_t i = first_step; i < p->n_steps; i++) {
        sum.locked_cpu_ns += p->steps[i].locked_cpu_ns;
        sum.free_cpu_ns += p->steps[i].free_cpu_ns;
        sum.wait_ns += p->steps[i].wait_ns;
    }
    p->n_items = first_item;
    p->n_steps = first_step;
    if (base_grow(&p->steps, &b->steps_capacity, first_step + 2 * want, sizeof(*p->steps)) < 0 ||
        base_grow(&p->items, &b->items_capacity, first_item + want, sizeof(*p->items)) < 0 ||
        base_grow(&b->starts, &b->starts_capacity, first_item + want, sizeof(*b->starts)) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < want; i++) {
        b->starts[p->n_items] = 0;
        p->items[p->n_items++] = (struct profile_item){.first_step = p->n_steps, .n_steps = 2};
        p->steps[p->n_steps++] = (struct profile_step){.wait_ns = sum.wait_ns / want};
        p->steps[p->n_steps++] =
            (struct profile_step){.locked_cpu_ns = sum.locked_cpu_ns / want, .free_cpu_ns = sum.free_cpu_ns / want};
    }
    b->open_first = p->n_steps;
    return 0;
}

static bool loop_blocked(const struct event_loop *loop)
{
    uint64_t all_ns = loop->wait_ns + loop->busy_cpu_ns + loop->blocked_in_turn_ns;

    return loop->blocked_in_turn_ns && loop->blocked_in_turn_ns * BLOCKED_LOOP >= all_ns;
}

/* CPU of the middle one of the turns that ended in a wait; the first is start-up. */
static uint64_t usual_turn(const struct pieces *pieces)
{
    AUTO_FREE uint64_t *turns = calloc(pieces->count + 1, sizeof(*turns));
    size_t n = 0;

    for (size_t i = 1; turns && i < pieces->count; i++)
        if (piece_waits_outside(&pieces->list[i]) && pieces->list[i].wait_ns)
            turns[n++] = pieces->list[i].cpu_ns;
    if (!n)
        return 0;
    qsort(turns, n, sizeof(*turns), compare_u64);
    return turns[n / 2];
}

/* How many waits were under way at once was seen: connections, or sleeps. */
static bool waits_known(const struct event_loop *loop)
{
    return loop->outstanding_max > 0 || loop->sleepers_mean > 0 || loop->turns == 0;
}

/*
 * Busy for most of the time: what was under way was over before the loop came to wait for it, or it was not. All waits
 * together are between so many times the wait seen and so many times that and the busy time: beyond a factor of two it
 * would be a guess.
 */
static bool hides_waits(const struct event_loop *loop)
{
    return waits_at_once(loop) > 1 && loop->busy_cpu_ns > loop->wait_ns;
}

/*
 * Hardly busy, and yet with less than half of its peak under way, on the average of many rounds: what limits it is
 * neither its CPU nor the number of tasks, but what these wait for within the program (a lock, a queue, a straggler).
 */
static bool holds_tasks_up(const struct event_loop *loop)
{
    uint32_t peak = lanes_loop_peak(loop);

    return peak >= MIN_PEAK && loop->busy_cpu_ns < loop->wait_ns && loop->turns >= 2 * (uint64_t)peak &&
           waits_at_once(loop) * HELD_UP < peak;
}

/*
 * Could these be awaits one after another? Where nobody knows how many there were, only sleeps long enough to be meant,
 * with turns short enough for one task, are taken for one by one.
 */
static bool awaits_countable(const struct work_lane *lane)
{
    const struct event_loop *loop = lane->loop;

    if (waits_known(loop))
        return true;
    return loop->wait_ns / loop->turns >= TELLING_AWAIT_NS && usual_turn(&lane->pieces) <= TELLING_TURN_NS;
}

/* Does the loop mostly compute, in turns that another CPU could take over whole? How many waits there were is then
 * moot. */
static bool computes_in_long_turns(const struct work_lane *lane)
{
    const struct event_loop *loop = lane->loop;

    return loop->turns > 0 && loop->busy_cpu_ns * 2 >= lane->work_ns && loop->busy_cpu_ns / loop->turns >= LONG_TURN_NS;
}

/* One event loop lane. Several waits overlapped already: rebuild each of them. */
static int loop_items(const struct measurement *m, struct work_lanes *lanes, struct work_lane *lane,
                      struct profile_builder *b)
{
    struct profile *p = b->profile;
    bool blocked = loop_blocked(lane->loop), countable = awaits_countable(lane);
    size_t first_item = p->n_items, first_step = p->n_steps, first;
    struct cut_options options = {
        .cut = blocked || countable || work_lane_serves(lane) || computes_in_long_turns(lane) ? CUT_WAITS : CUT_LANE,
        .locked = work_lane_locked_share(m, lanes, lane),
        .min_wait = pieces_min_wait(&lane->pieces),
        .wait_factor = blocked ? 1 : loop_wait_factor(lane->loop),
    };
    int r;

    p->event_loop_blocked |= blocked;
    p->waits_unknown |= !blocked && (!waits_known(lane->loop) || hides_waits(lane->loop)) && !work_lane_serves(lane) &&
                        profile_any_wait(&lane->pieces);
    p->tasks_held_up |= !blocked && holds_tasks_up(lane->loop) && !work_lane_serves(lane);
    p->current_workers += blocked ? 1 : in_flight(lane->loop);
    if (!blocked && hides_waits(lane->loop))
        p->busy_in_flight += in_flight(lane->loop);
    if (profile_any_wait(&lane->pieces) && lane->loop->busy_cpu_ns * 2 < lane->work_ns) {
        uint64_t before_ns = p->head_ns;

        first = profile_take_head(p, &lane->pieces, options.min_wait);
        /* Loops in several processes start side by side. */
        if (lane != &lanes->list[0])
            p->head_ns = before_ns;
    } else {
        profile_take_start_up(p, &lane->pieces, profile_start_up_cpu(m, lane));
        first = 0;
    }
    r = builder_cut(b, &lane->pieces, first, &options);
    if (r == 0 && !blocked && options.cut == CUT_WAITS)
        r = rebuild_loop_items(b, first_item, first_step, in_flight(lane->loop));
    return r;
}

int profile_loop_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    struct profile *p = b->profile;
    int r = 0;

    p->current_model = lanes->processes > 1 ? MODEL_PROCESSES_COROUTINES : MODEL_COROUTINES;
    p->current_workers = 0;
    p->head_ns += lanes->first_ns;
    p->tail_ns += m->wall_ns > lanes->last_ns ? m->wall_ns - lanes->last_ns : 0;
    for (size_t i = 0; i < lanes->count && r == 0; i++) {
        const struct cut_options whole = {
            .locked = work_lane_locked_share(m, lanes, &lanes->list[i]), .wait_factor = 1, .min_wait = 1};

        r = lanes->list[i].loop ? loop_items(m, lanes, &lanes->list[i], b)
                                : builder_cut(b, &lanes->list[i].pieces, 0, &whole);
    }
    return r < 0 ? r : profile_divide_long_bursts(b);
}
