/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_roles.h"

#include "analyzer/external.h"
#include "analyzer/profile/profile_handover.h"
#include "base/base.h"

#define MINOR_LANE 10                 /* a lane with less than 1/10 of the work-weighted mean lane's is a helper... */
#define HELPERS_SHARE 20              /* ...if all helpers together did no more than 1/20 of the work */
#define SERIAL_SHARE 10               /* all others together did less than 1/10: the program is serial */
#define TICKER_CPU 100                /* sleeps only, with CPU below 1/100 of them: a ticker */
#define TICKER_SLEEPS 10              /* and fewer hand-overs than one in so many sleeps */
#define MIN_FEEDS 50                  /* waits for others, before a thread can be told to feed them... */
#define FEED_NS (200 * NSEC_PER_USEC) /* ...after less work than this each time */
#define HANDOVER_MATTERS 4            /* handing over takes 1/4 of all CPU */

static uint64_t waits_outside(const struct thread *t)
{
    uint64_t sum_ns = 0;

    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        if (cause_is_external((enum cause)cause))
            sum_ns += t->blocked_ns[cause];
    return sum_ns;
}

/* Does it take something over, or hand something on, as often as once in ten sleeps? A stage of a pipeline does. */
static bool passes_on(const struct measurement *m, const struct thread *t)
{
    uint64_t passed = t->blocked_count[CAUSE_HANDOFF] + t->blocked_count[CAUSE_IPC];

    for (size_t i = 0; i < m->n_wakers; i++)
        if (m->wakers[i].waker_tid == t->tid &&
            (m->wakers[i].cause == CAUSE_HANDOFF || m->wakers[i].cause == CAUSE_IPC))
            passed += m->wakers[i].count;
    return passed * TICKER_SLEEPS >= t->blocked_count[CAUSE_SLEEP] && passed > 1;
}

bool thread_is_ticker(const struct measurement *m, const struct thread *t)
{
    return t->blocked_ns[CAUSE_SLEEP] && !t->blocked_count[CAUSE_IDLE] &&
           waits_outside(t) == t->blocked_ns[CAUSE_SLEEP] && t->on_cpu_ns * TICKER_CPU < t->blocked_ns[CAUSE_SLEEP] &&
           !passes_on(m, t);
}

/* Rows by tid, so that programs with thousands of threads are looked up fast. */
struct tid_row {
    int32_t tid;
    size_t row;
};

static int compare_tids(const void *a, const void *b)
{
    const struct tid_row *x = a, *y = b;

    if (x->tid != y->tid)
        return x->tid < y->tid ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static struct tid_row *sort_tids(const struct measurement *m)
{
    struct tid_row *rows = calloc(m->n_threads + 1, sizeof(*rows));

    for (size_t i = 0; rows && i < m->n_threads; i++)
        rows[i] = (struct tid_row){m->threads[i].tid, i};
    if (rows)
        qsort(rows, m->n_threads, sizeof(*rows), compare_tids);
    return rows;
}

/* The last row with that tid born before `row` (tids are used again); SIZE_MAX: none. */
static size_t find_row(const struct tid_row *rows, size_t n, int32_t tid, size_t row)
{
    const struct tid_row key = {tid, row};
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_tids(&rows[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && rows[low - 1].tid == tid ? rows[low - 1].row : SIZE_MAX;
}

static uint64_t own_cpu(const struct thread *t, double handover)
{
    return (uint64_t)((1 - handover) * (double)t->on_cpu_ns);
}

static uint64_t *thread_works(const struct measurement *m, const double *handover)
{
    uint64_t *works = calloc(m->n_threads + 1, sizeof(*works)), plain = 0;

    if (!works)
        return NULL;
    for (size_t i = 0; i < m->n_threads; i++) {
        const struct thread *t = &m->threads[i];

        works[i] = t->runtime_internal ? 0 : own_cpu(t, handover[i]) + waits_outside(t);
        if (works[i] && !thread_is_ticker(m, t))
            plain += works[i];
    }
    /* Tickers count only where sleeping is what the program does. */
    for (size_t i = 0; i < m->n_threads; i++)
        if (works[i] && thread_is_ticker(m, &m->threads[i]) && plain * 5 > m->wall_ns)
            works[i] = 0;
    return works;
}

/* Mark creators: threads with a child (thread or process) whose subtree works. */
static bool *find_creators(const struct measurement *m, const uint64_t *works)
{
    bool *creators = calloc(m->n_threads + 1, sizeof(*creators));
    AUTO_FREE bool *busy = calloc(m->n_threads + 1, sizeof(*busy));
    AUTO_FREE struct tid_row *rows = sort_tids(m);
    uint64_t total = 0;

    if (!creators || !busy || !rows) {
        free(creators);
        return NULL;
    }
    for (size_t i = 0; i < m->n_threads; i++)
        total += works[i];
    /* Rows are in order of birth, so children come after their creators. */
    for (size_t i = m->n_threads; i-- > 0;) {
        size_t parent = m->threads[i].parent_tid ? find_row(rows, m->n_threads, m->threads[i].parent_tid, i) : SIZE_MAX;
        bool works_itself = works[i] * MINOR_LANE * (m->n_threads + 1) > total;

        busy[i] |= works_itself || creators[i];
        if (busy[i] && parent != SIZE_MAX) {
            creators[parent] = true;
            busy[parent] = true;
        }
    }
    return creators;
}

static int compare_works(const void *a, const void *b)
{
    uint64_t x = **(const uint64_t *const *)a, y = **(const uint64_t *const *)b;

    return (x > y) - (x < y);
}

/*
 * Drop the smallest lanes, as long as each is minor next to where the work is and all of them together are little:
 * feeders and collectors go, a long tail of small items stays.
 */
static int drop_helpers(uint64_t *works, size_t n, uint64_t total_ns)
{
    AUTO_FREE uint64_t **sorted = calloc(n + 1, sizeof(*sorted));
    uint64_t dropped_ns = 0;
    double weighted_ns = 0;

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &works[i];
        weighted_ns += (double)works[i] * (double)works[i] / (double)(total_ns ? total_ns : 1);
    }
    qsort(sorted, n, sizeof(*sorted), compare_works);
    for (size_t i = 0; i < n; i++) {
        dropped_ns += *sorted[i];
        if ((double)*sorted[i] * MINOR_LANE > weighted_ns || dropped_ns * HELPERS_SHARE > total_ns)
            break;
        *sorted[i] = 0;
    }
    return 0;
}

bool thread_feeds(const struct measurement *m, const struct thread *t)
{
    uint64_t count = t->blocked_count[CAUSE_IPC] + t->blocked_count[CAUSE_HANDOFF];

    if (count < MIN_FEEDS || t->on_cpu_ns / count > FEED_NS || waits_outside(t) * MINOR_LANE > t->on_cpu_ns)
        return false;
    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].parent_pid == t->pid)
            return true;
    return false;
}

/*
 * Keep the lanes that matter; with a serial program the one that does the work. With an executor those behind the loop.
 * @return 0 or -ENOMEM
 */
static int choose_workers(const struct measurement *m, const struct executor *executor, uint64_t *works,
                          const bool *creators)
{
    uint64_t workers_ns = 0, total_ns = 0;
    size_t largest = 0;

    for (size_t i = 0; i < m->n_threads && executor->loop; i++)
        if (&m->threads[i] == executor->thread)
            works[i] = 0;

    for (size_t i = 0; i < m->n_threads; i++) {
        if (works[i] && !creators[i] && m->threads[i].tid != m->threads[i].pid && thread_feeds(m, &m->threads[i]))
            works[i] = 0;
        total_ns += works[i];
        if (works[i] > works[largest])
            largest = i;
        if (!creators[i])
            workers_ns += works[i];
    }
    bool serial = workers_ns * SERIAL_SHARE < total_ns;

    for (size_t i = 0; i < m->n_threads; i++)
        if (serial ? i != largest : creators[i])
            works[i] = 0;
    return serial ? 0 : drop_helpers(works, m->n_threads, workers_ns);
}

/* Whoever pays for it: those who feed stand in the way of those who work, on the CPUs or at the interpreter lock. */
static bool handover_matters(const struct measurement *m, const double *handover)
{
    double handover_ns = 0;

    for (size_t i = 0; i < m->n_threads; i++)
        handover_ns += handover[i] * (double)m->threads[i].on_cpu_ns;
    return handover_ns * HANDOVER_MATTERS > (double)m->on_cpu_ns;
}

static bool any_works(const struct measurement *m, const uint64_t *works)
{
    for (size_t i = 0; i < m->n_threads; i++)
        if (works[i])
            return true;
    return false;
}

/*
 * Items so small that the samples hit none of them: they are somewhere in the CPU time of the processes that were made
 * for them, as the rest that the samples leave open. @return whether there are such processes
 */
static bool leave_work_to_children(const struct measurement *m, double *handover)
{
    bool found = false;

    for (size_t i = 0; i < m->n_threads; i++) {
        bool child = false;

        for (size_t k = 0; k < m->n_processes && !child; k++)
            child = m->processes[k].pid == m->threads[i].pid && m->processes[k].parent_pid;
        if (child && handover[i] > HANDOVER_NEARLY_ALL)
            handover[i] = HANDOVER_NEARLY_ALL;
        found = found || child;
    }
    return found;
}

int thread_roles_find(const struct measurement *m, const struct executor *executor, struct thread_roles *ret_roles)
{
    CLEANUP(thread_roles_clear) struct thread_roles roles = {0};
    int r = handover_shares(m, &roles.handover);

    if (r < 0)
        return r;
    roles.works = thread_works(m, roles.handover);
    if (roles.works && !any_works(m, roles.works) && leave_work_to_children(m, roles.handover)) {
        free(roles.works);
        roles.works = thread_works(m, roles.handover);
    }
    roles.creators = roles.works ? find_creators(m, roles.works) : NULL;
    if (!roles.creators)
        return -ENOMEM;
    r = choose_workers(m, executor, roles.works, roles.creators);
    if (r < 0)
        return r;
    roles.handover_matters = handover_matters(m, roles.handover);
    *ret_roles = roles;
    roles = (struct thread_roles){0};
    return 0;
}

void thread_roles_clear(struct thread_roles *roles)
{
    free(roles->works);
    free(roles->creators);
    free(roles->handover);
    *roles = (struct thread_roles){0};
}
