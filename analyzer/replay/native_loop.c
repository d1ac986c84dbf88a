/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/native_models.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "analyzer/replay/native_work.h"
#include "base/base.h"

#define NO_TASK UINT32_MAX
#define RETRY_NS (100 * NSEC_PER_USEC) /* until a mutex that another process holds is tried again */

/* One item in flight. Its timer stands for the descriptor that a real task would wait on. */
struct task {
    int timer;
    size_t step, end;
    uint32_t next; /* in the queue for a mutex */
    bool retries;  /* the mutex is its own in this loop, but another process holds it */
};

/* A mutex, as tasks of one loop see it. */
struct loop_lock {
    uint32_t holder, head, tail; /* tasks; NO_TASK: none */
};

struct loop {
    const struct native_job *job;
    bool own_process; /* others run loops, too: mutexes are shared with them */
    int epoll;
    struct task *tasks;
    uint32_t n_tasks;
    uint32_t live;
    uint32_t first_lane; /* of the first task; the others follow */
    size_t phase;
    struct loop_lock *locks;
};

static int arm(struct task *task, uint64_t ns)
{
    struct itimerspec when = {.it_value = {(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)}};

    if (!ns)
        when.it_value.tv_nsec = 1;
    return timerfd_settime(task->timer, 0, &when, NULL) < 0 ? -errno : 0;
}

/* Try for the mutex among processes. The loop must not block in it: the holder may wait for one that this loop holds.
 */
static bool lock_shared(struct loop *l, uint32_t id, uint16_t lock)
{
    int r = pthread_mutex_trylock(&l->job->shared->locks[lock - 1]);

    if (r == EOWNERDEAD)
        (void)pthread_mutex_consistent(&l->job->shared->locks[lock - 1]);
    l->tasks[id].retries = r != 0 && r != EOWNERDEAD;
    if (l->tasks[id].retries)
        (void)arm(&l->tasks[id], RETRY_NS);
    return !l->tasks[id].retries;
}

/* @param lock  from 1. @return true: held by this task; false: queued */
static bool acquire(struct loop *l, uint32_t id, uint16_t lock)
{
    struct loop_lock *mutex = &l->locks[lock - 1];

    if (mutex->holder != NO_TASK) {
        l->tasks[id].next = NO_TASK;
        if (mutex->head == NO_TASK)
            mutex->head = id;
        else
            l->tasks[mutex->tail].next = id;
        mutex->tail = id;
        return false;
    }
    mutex->holder = id;
    return !l->own_process || lock_shared(l, id, lock);
}

/* @return the task that holds the mutex now, or NO_TASK */
static uint32_t release(struct loop *l, uint16_t lock)
{
    struct loop_lock *mutex = &l->locks[lock - 1];
    uint32_t next = mutex->head;

    if (next != NO_TASK)
        mutex->head = l->tasks[next].next;
    else if (l->own_process)
        (void)pthread_mutex_unlock(&l->job->shared->locks[lock - 1]);
    mutex->holder = next;
    return next;
}

/* Leave the step that has just ended; a task that waited for the mutex goes on in `*ret_woken`. */
static void finish_step(struct loop *l, uint32_t id, uint32_t *ret_woken)
{
    uint16_t lock = l->job->steps[l->tasks[id].step].lock;

    if (lock)
        *ret_woken = release(l, lock);
    l->tasks[id].step++;
}

/* Run a task until it waits, queues or finds the bag empty. `granted`: it was just handed the mutex. */
static int advance(struct loop *l, uint32_t id, bool granted)
{
    while (id != NO_TASK) {
        struct task *task = &l->tasks[id];
        uint32_t woken = NO_TASK;
        size_t item;

        if (task->step == task->end) {
            if (!native_take(l->job, l->first_lane + id, l->phase, &item)) {
                l->live--;
                return 0;
            }
            task->step = l->job->plan->items[item].first;
            task->end = task->step + l->job->plan->items[item].count;
            continue;
        }

        const struct native_step *step = &l->job->steps[task->step];

        if (step->lock && !granted && !acquire(l, id, step->lock))
            return 0;
        granted = false;
        native_burn(l->job->shared, step);
        if (step->waits)
            return arm(task, step->wait_ns);
        finish_step(l, id, &woken);
        if (woken != NO_TASK) {
            int r = advance(l, woken, true);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* The task's timer went off: its wait is over. */
static int on_timer(struct loop *l, uint32_t id)
{
    uint32_t woken = NO_TASK;
    uint64_t expirations;
    int r = 0;

    if (read(l->tasks[id].timer, &expirations, sizeof(expirations)) < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (l->tasks[id].retries)
        return lock_shared(l, id, l->job->steps[l->tasks[id].step].lock) ? advance(l, id, true) : 0;
    finish_step(l, id, &woken);
    if (woken != NO_TASK)
        r = advance(l, woken, true);
    return r < 0 ? r : advance(l, id, false);
}

static int open_task(struct loop *l, uint32_t id)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = id};

    l->tasks[id].timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->tasks[id].timer < 0)
        return -errno;
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->tasks[id].timer, &event) < 0)
        return -errno;
    return 0;
}

static int turn(struct loop *l)
{
    struct epoll_event events[64];
    int n = epoll_wait(l->epoll, events, ARRAY_SIZE(events), -1);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        int r = on_timer(l, events[i].data.u32);

        if (r < 0)
            return r;
    }
    return 0;
}

static int loop_start(struct loop *l, uint32_t in_flight)
{
    int r = 0;

    for (uint32_t i = 0; i < in_flight; i++)
        l->tasks[i].timer = -1;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0)
        return -errno;
    for (uint32_t i = 0; i < in_flight && r == 0; i++)
        r = open_task(l, i);
    return r;
}

static int run_phase(struct loop *l)
{
    int r = 0;

    l->live = l->n_tasks;
    for (uint32_t i = 0; i < l->n_tasks && r == 0; i++)
        r = advance(l, i, false);
    while (r == 0 && l->live)
        r = turn(l);
    return r;
}

int native_loop_run(const struct native_job *job, uint32_t in_flight, uint32_t first_lane, bool own_process)
{
    AUTO_FREE struct task *tasks = calloc(in_flight, sizeof(*tasks));
    AUTO_FREE struct loop_lock *locks = calloc(job->plan->n_locks + 1U, sizeof(*locks));
    struct loop l = {
        .job = job,
        .own_process = own_process,
        .epoll = -1,
        .tasks = tasks,
        .n_tasks = in_flight,
        .first_lane = first_lane,
        .locks = locks,
    };
    int r;

    if (!tasks || !locks)
        return -ENOMEM;
    for (uint16_t i = 0; i < job->plan->n_locks; i++)
        locks[i] = (struct loop_lock){NO_TASK, NO_TASK, NO_TASK};
    r = loop_start(&l, in_flight);
    for (l.phase = 0; l.phase < job->plan->n_phases && r == 0; l.phase++) {
        if (l.phase && own_process)
            (void)pthread_barrier_wait(&job->shared->phase);
        r = run_phase(&l);
    }
    for (uint32_t i = 0; i < in_flight; i++)
        if (tasks[i].timer >= 0)
            (void)close(tasks[i].timer);
    if (l.epoll >= 0)
        (void)close(l.epoll);
    return r;
}
