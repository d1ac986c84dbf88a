/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/critical_path.h"

#include "analyzer/bursts.h"
#include "analyzer/critical_path_parts.h"
#include "analyzer/thread_index.h"
#include "analyzer/timeline.h"
#include "base/base.h"

/* Clocks of two CPUs, and the moments at which a thread's events are stamped, differ by less. */
#define CLOCK_SLACK_NS (100 * NSEC_PER_USEC)

/* How late others may end after the target's first thread for the run to count as ended by it: it takes them along. */
#define TAIL_NS (10 * NSEC_PER_MSEC)
#define TAIL_DIVISOR 100 /* or this part of the wall time */

struct walk {
    const struct measurement *m;
    const struct thread_index *index;
    struct timeline *timelines; /* by place in m->threads */
    uint64_t *late_ns; /* by place: how much later its slices happened than its timeline says, as far as known */
    size_t *taken;     /* by place: waits from this slice on have been followed to their waker already */
    struct bursts *bursts;
    struct stretches stretches;
    size_t thread; /* where the path is: it leads backwards from here */
    size_t left;   /* slices of the thread before that point, which is the end of the last of them */
    bool placed;   /* `left` is valid; else only the time is known */
    uint64_t at_ns;
    uint64_t doubtful_ns; /* time without a record of its own */
};

static void free_walk(struct walk *w)
{
    for (size_t i = 0; w->timelines && i < w->m->n_threads; i++)
        timeline_clear(&w->timelines[i]);
    free(w->timelines);
    free(w->taken);
    free(w->late_ns);
    bursts_free(w->bursts);
    stretches_clear(&w->stretches);
}

/* What a thread's life lasted beyond its slices. */
static uint64_t gap_of(const struct timeline *t)
{
    return t->thread->death_ns - t->start_ns[t->thread->n_slices];
}

static int init_walk(struct walk *w, const struct measurement *m, const struct thread_index *index)
{
    w->m = m;
    w->index = index;
    w->timelines = calloc(m->n_threads, sizeof(*w->timelines));
    w->taken = calloc(m->n_threads, sizeof(*w->taken));
    w->late_ns = calloc(m->n_threads, sizeof(*w->late_ns));
    if (!w->timelines || !w->taken || !w->late_ns)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++) {
        w->taken[i] = SIZE_MAX;
        if (timeline_init(&w->timelines[i], &m->threads[i]) < 0)
            return -ENOMEM;
        /* The last slice of the dead ended with them: what is missing was before. The living have not ended theirs. */
        w->late_ns[i] = m->threads[i].alive ? 0 : gap_of(&w->timelines[i]);
    }
    if (bursts_new(m, w->timelines, w->late_ns, &w->bursts) < 0)
        return -ENOMEM;
    return stretches_init(&w->stretches, m);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Go back by `ns`, at most to `floor_ns`. @return what of `ns` is left */
static uint64_t spend(struct walk *w, enum stretch what, uint64_t ns, uint64_t floor_ns)
{
    uint64_t room = w->at_ns > floor_ns ? w->at_ns - floor_ns : 0;
    uint64_t spent = lesser(ns, room);

    stretches_add(&w->stretches, w->thread, what, w->at_ns - spent, w->at_ns);
    w->at_ns -= spent;
    return ns - spent;
}

static void doubt(struct walk *w, enum stretch what, uint64_t ns, uint64_t floor_ns)
{
    w->doubtful_ns += ns - spend(w, what, ns, floor_ns);
}

static void place(struct walk *w, size_t left)
{
    w->left = left;
    w->placed = true;
}

/*
 * From a point inside slice `i`, `span_ns` after its beginning, when the thread had used `cpu_ns` of the slice's CPU
 * time, back to that beginning. In a slice that is recorded as it happened what is beyond the CPU time was spent in the
 * run queue (preempted); in one that stands for several it may be the others' wait.
 */
static void leave_to_begin(struct walk *w, size_t i, uint64_t cpu_ns, uint64_t span_ns)
{
    const struct thread *thread = w->timelines[w->thread].thread;
    const struct slice *s = &thread->slices[i];
    uint64_t cpu = lesser(span_ns, cpu_ns);
    uint64_t ready = lesser(span_ns - cpu, s->runnable_ns);

    if (span_ns - cpu - ready > 0)
        doubt(w, s->blocked_ns > 0 ? (enum stretch)s->cause : STRETCH_UNKNOWN, span_ns - cpu - ready, thread->birth_ns);
    (void)spend(w, STRETCH_RUN_QUEUE, ready, thread->birth_ns);
    (void)spend(w, STRETCH_ON_CPU, cpu, thread->birth_ns);
    place(w, i);
}

/* Somebody ended it by giving work, a lock or a result: also a worker's wait for work, which is idle to its pool. */
static bool is_edge(enum cause cause)
{
    return cause == CAUSE_IDLE || cause == CAUSE_INTERPRETER_LOCK || cause == CAUSE_LOCK || cause == CAUSE_HANDOFF ||
           cause == CAUSE_JOIN || cause == CAUSE_IPC;
}

/*
 * Go on inside slice `k` of `waker`, at the point of its CPU time where it woke another. When that was in time is known
 * up to the time it was preempted before, and to slices of it that are missing. @return false: it can't have been then
 */
static bool land(struct walk *w, size_t waker, size_t k, uint64_t cpu_ns)
{
    const struct timeline *t = &w->timelines[waker];
    const struct slice *s = &t->thread->slices[k];
    uint64_t offset = cpu_ns - t->cpu_ns[k], raw = t->start_ns[k] + offset;
    uint64_t merged = w->m->loss.decimation > 1 ? s->blocked_ns : 0;
    uint64_t later = w->at_ns > raw ? w->at_ns - raw : 0;
    uint64_t known = lesser(later, gap_of(t));

    if (raw > w->at_ns + CLOCK_SLACK_NS || later - known > s->runnable_ns + merged + CLOCK_SLACK_NS)
        return false;
    /* Of what is missing, no more than was missing when the path came by last, and no less than explains the rest. */
    if (w->late_ns[waker] < known)
        known = later > s->runnable_ns + w->late_ns[waker] ? lesser(known, later - s->runnable_ns) : w->late_ns[waker];
    w->late_ns[waker] = known;
    w->thread = waker;
    leave_to_begin(w, k, offset, offset + lesser(later - known, s->runnable_ns + merged));
    return true;
}

/*
 * The waker was on a CPU when it ended the wait, at a known point of its CPU time: that says when. The wait ended at
 * some time within the `runnable_ns` before the end of the slice; the rest of that was before the wait.
 * @return true: the path is at the waker
 */
static bool follow_waker(struct walk *w, size_t i)
{
    const struct timeline *t = &w->timelines[w->thread];
    const struct slice *s = &t->thread->slices[i];
    uint64_t end = w->at_ns, early = end - lesser(s->runnable_ns, end), woken = early;
    const struct timeline *other;
    size_t waker, k;

    if (s->blocked_ns == 0 || !is_edge(s->cause) || s->waker_tid == 0 || i >= w->taken[w->thread])
        return false;
    waker = thread_index_find(w->index, s->waker_tid, end);
    if (waker == THREAD_INDEX_NONE || waker == w->thread)
        return false;
    other = &w->timelines[waker];
    if (other->thread->birth_ns >= end || other->thread->death_ns + s->blocked_ns <= early)
        return false;
    k = timeline_at_cpu(other, s->waker_on_cpu_ns);
    if (k != TIMELINE_NONE)
        woken = other->start_ns[k] + (s->waker_on_cpu_ns - other->cpu_ns[k]) + w->late_ns[waker];
    woken = woken < early ? early : lesser(woken, end);
    w->taken[w->thread] = i;
    (void)spend(w, STRETCH_RUN_QUEUE, end - woken, early);
    /* Between the waker's death and the wake-up nothing is on record but the wait itself. */
    if (other->thread->death_ns < w->at_ns)
        doubt(w, (enum stretch)s->cause, w->at_ns - other->thread->death_ns, other->thread->death_ns);
    if (k == TIMELINE_NONE || !land(w, waker, k, s->waker_on_cpu_ns)) {
        w->thread = waker;
        w->placed = false;
    }
    return true;
}

/*
 * A wait for the interpreter lock that nobody ended timed out when the lock was free: whoever ran before let it go.
 * @return true: the path is at that thread
 */
static bool follow_holder(struct walk *w, size_t i)
{
    const struct slice *s = &w->timelines[w->thread].thread->slices[i];
    uint64_t early = w->at_ns - lesser(s->runnable_ns, w->at_ns), begin = early - lesser(s->blocked_ns, early);
    struct burst_found found;

    if (s->cause != CAUSE_INTERPRETER_LOCK || s->blocked_ns == 0 || s->waker_tid != 0 || i >= w->taken[w->thread])
        return false;
    if (!bursts_before(w->bursts, w->thread, early, begin, &found))
        return false;
    w->taken[w->thread] = i;
    (void)spend(w, STRETCH_RUN_QUEUE, w->at_ns - early, early);
    if (found.end_ns < w->at_ns)
        (void)spend(w, (enum stretch)s->cause, w->at_ns - found.end_ns, found.end_ns);
    w->thread = found.thread;
    leave_to_begin(w, found.slice, w->timelines[found.thread].thread->slices[found.slice].on_cpu_ns,
                   w->at_ns - found.start_ns);
    return true;
}

/* From the end of slice `i` to the waker, or to the beginning of the slice. */
static void leave_slice(struct walk *w, size_t i)
{
    const struct thread *thread = w->timelines[w->thread].thread;
    const struct slice *s = &thread->slices[i];

    if (follow_waker(w, i) || follow_holder(w, i))
        return;
    (void)spend(w, STRETCH_RUN_QUEUE, s->runnable_ns, thread->birth_ns);
    if (s->blocked_ns > 0)
        (void)spend(w, (enum stretch)s->cause, s->blocked_ns, thread->birth_ns);
    (void)spend(w, STRETCH_ON_CPU, s->on_cpu_ns, thread->birth_ns);
    place(w, i);
}

/* What a thread's sums hold beyond its slices. @return their sum */
static uint64_t uncovered(const struct thread *thread, uint64_t ret_ns[STRETCH_COUNT])
{
    uint64_t seen[STRETCH_COUNT] = {0}, sum = 0;

    for (size_t i = 0; i < thread->n_slices; i++) {
        const struct slice *s = &thread->slices[i];

        seen[STRETCH_ON_CPU] += s->on_cpu_ns;
        seen[STRETCH_RUN_QUEUE] += s->runnable_ns;
        seen[s->cause] += s->blocked_ns;
    }
    memcpy(ret_ns, thread->blocked_ns, sizeof(thread->blocked_ns));
    ret_ns[STRETCH_ON_CPU] = thread->on_cpu_ns;
    ret_ns[STRETCH_RUN_QUEUE] = thread->runnable_ns;
    ret_ns[STRETCH_UNKNOWN] = thread->unattributed_ns;
    for (int what = 0; what < STRETCH_COUNT; what++) {
        ret_ns[what] -= lesser(seen[what], ret_ns[what]);
        sum += ret_ns[what];
    }
    return sum;
}

/*
 * What no slice covers: the one that the end of the measurement cut off, or what got lost. As long as one wait explains
 * it, it is one slice; else it is a mixture of which the order is not known.
 */
static void leave_gap(struct walk *w, uint64_t begin)
{
    uint64_t ns[STRETCH_COUNT], gap = w->at_ns - begin, sum = uncovered(w->timelines[w->thread].thread, ns);
    double scale = sum > gap ? (double)gap / (double)sum : 1.0;
    int most = 0, waits = 0;

    for (int what = 0; what < STRETCH_UNKNOWN; what++) {
        waits += what < CAUSE_COUNT && ns[what] > 0;
        most = ns[what] > ns[most] ? what : most;
    }
    if (sum != gap || waits > 1 || ns[STRETCH_UNKNOWN] > 0)
        w->doubtful_ns += gap;
    (void)spend(w, STRETCH_RUN_QUEUE, (uint64_t)((double)ns[STRETCH_RUN_QUEUE] * scale), begin);
    for (int what = 0; what < CAUSE_COUNT; what++)
        (void)spend(w, (enum stretch)what, (uint64_t)((double)ns[what] * scale), begin);
    (void)spend(w, STRETCH_UNKNOWN, (uint64_t)((double)ns[STRETCH_UNKNOWN] * scale), begin);
    (void)spend(w, STRETCH_ON_CPU, (uint64_t)((double)ns[STRETCH_ON_CPU] * scale), begin);
    /* What rounding left, or what no sum explains. */
    (void)spend(w, sum < gap ? STRETCH_UNKNOWN : (enum stretch)most, gap, begin);
}

/* To the thread that made this one. @return false: none of the target did, or it is not on record */
static bool follow_parent(struct walk *w)
{
    const struct thread *thread = &w->m->threads[w->thread];
    size_t parent = thread->parent_tid ? thread_index_find(w->index, thread->parent_tid, w->at_ns) : THREAD_INDEX_NONE;

    if (parent == THREAD_INDEX_NONE || parent == w->thread || w->m->threads[parent].birth_ns > w->at_ns)
        return false;
    if (w->m->threads[parent].death_ns < w->at_ns)
        doubt(w, STRETCH_UNKNOWN, w->at_ns - w->m->threads[parent].death_ns, w->m->threads[parent].death_ns);
    w->thread = parent;
    w->placed = false;
    return true;
}

/* Find the slice in which the thread was at that time, and leave it. */
static void locate(struct walk *w)
{
    const struct timeline *t = &w->timelines[w->thread];
    size_t n = t->thread->n_slices, i;
    uint64_t late = w->late_ns[w->thread], local;

    if (w->at_ns > t->start_ns[n] + late)
        leave_gap(w, t->start_ns[n] + late);
    local = w->at_ns - lesser(late, w->at_ns);
    i = timeline_at(t, local);
    if (i == TIMELINE_NONE)
        place(w, 0);
    else if (local == t->start_ns[i + 1])
        place(w, i + 1);
    else
        leave_to_begin(w, i, t->thread->slices[i].on_cpu_ns, local - t->start_ns[i]);
}

/* @return false: the path has left the target */
static bool go_back(struct walk *w)
{
    uint64_t birth = w->m->threads[w->thread].birth_ns;

    if (!w->placed) {
        locate(w);
        return true;
    }
    if (w->left > 0 && w->at_ns > birth) {
        leave_slice(w, w->left - 1);
        return true;
    }
    if (w->at_ns > birth)
        leave_gap(w, birth);
    return follow_parent(w);
}

/* An open wait for another thread at the end of a measurement leads nowhere. */
static bool ends_in_open_wait(const struct timeline *t)
{
    uint64_t ns[STRETCH_COUNT];
    uint64_t gap = gap_of(t), internal = 0;

    if (!t->thread->alive || gap == 0 || uncovered(t->thread, ns) == 0)
        return false;
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        if (is_edge((enum cause)cause))
            internal += ns[cause];
    return internal > gap / 2;
}

/*
 * Where the run ended: in the target's first thread, unless another one outlived it by more than moments, or it is
 * still waiting for others: then in the one that was last at work.
 */
static size_t last_thread(const struct walk *w)
{
    const struct measurement *m = w->m;
    size_t main_thread = thread_index_find(w->index, m->target.pid, 0), best = 0;
    uint64_t tail = m->wall_ns / TAIL_DIVISOR > TAIL_NS ? m->wall_ns / TAIL_DIVISOR : TAIL_NS;

    if (main_thread != THREAD_INDEX_NONE && m->threads[main_thread].death_ns + tail >= m->wall_ns &&
        !ends_in_open_wait(&w->timelines[main_thread]))
        return main_thread;
    for (size_t i = 1; i < m->n_threads; i++) {
        const struct timeline *a = &w->timelines[i], *b = &w->timelines[best];
        uint64_t worked = a->start_ns[a->thread->n_slices], before = b->start_ns[b->thread->n_slices];

        /* The dead have worked up to their end. */
        worked = a->thread->alive ? worked : a->thread->death_ns;
        before = b->thread->alive ? before : b->thread->death_ns;
        if (worked > before || (worked == before && a->thread->on_cpu_ns > b->thread->on_cpu_ns))
            best = i;
    }
    return best;
}

/* Every step goes back in time, or up to a parent, or marks a wait as followed; a file that loops is stopped. */
static uint64_t step_limit(const struct measurement *m)
{
    uint64_t slices = 0;

    for (size_t i = 0; i < m->n_threads; i++)
        slices += m->threads[i].n_slices;
    return 4 * (slices + m->n_threads) + 64;
}

static void follow(struct walk *w)
{
    uint64_t steps = step_limit(w->m), death;

    w->thread = last_thread(w);
    w->at_ns = w->m->wall_ns;
    death = w->m->threads[w->thread].death_ns;
    if (death < w->at_ns)
        doubt(w, STRETCH_UNKNOWN, w->at_ns - death, death);
    w->placed = false;
    while (w->at_ns > 0 && steps-- > 0)
        if (!go_back(w))
            break;
    w->thread = THREAD_INDEX_NONE;
    doubt(w, STRETCH_UNKNOWN, w->at_ns, 0);
}

static bool has_slices(const struct measurement *m)
{
    for (size_t i = 0; i < m->n_threads; i++)
        if (m->threads[i].n_slices > 0)
            return true;
    return false;
}

int critical_path_fill(const struct measurement *m, const struct thread_index *index,
                       const struct thread_groups *groups, struct critical_path *ret_path)
{
    CLEANUP(free_walk) struct walk w = {.m = m};
    struct critical_path path = {0};
    int r;

    if (m->wall_ns == 0 || !has_slices(m)) {
        *ret_path = path;
        return 0;
    }
    r = init_walk(&w, m, index);
    if (r < 0)
        return r;
    follow(&w);
    r = stretches_condense(&w.stretches, groups, index, &path);
    if (r < 0)
        return r;
    path.approximate = m->loss.decimation > 1 || m->loss.slices_dropped > 0 || m->loss.threads_dropped > 0 ||
                       m->loss.threads_omitted > 0 || w.doubtful_ns > m->wall_ns / 100;
    *ret_path = path;
    return 0;
}
