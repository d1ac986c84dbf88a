/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/native_models.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "analyzer/replay/native_work.h"
#include "base/base.h"

#define NO_TASK UINT32_MAX

/* One item in flight. Its timer stands for the descriptor that a real task would wait on. */
struct task {
    int timer;
    size_t step, end;
    uint32_t next; /* in the queue for the loop's mutex */
};

struct loop {
    const struct native_job *job;
    bool own_process; /* others run loops, too: the critical mutex is shared with them */
    int epoll;
    struct task *tasks;
    uint32_t n_tasks;
    uint32_t live;
    uint32_t mutex_holder, queue_head, queue_tail;
};

/* @return true: held by this task; false: queued */
static bool acquire(struct loop *l, uint32_t id)
{
    if (l->mutex_holder != NO_TASK) {
        l->tasks[id].next = NO_TASK;
        if (l->queue_head == NO_TASK)
            l->queue_head = id;
        else
            l->tasks[l->queue_tail].next = id;
        l->queue_tail = id;
        return false;
    }
    l->mutex_holder = id;
    if (l->own_process)
        native_lock(&l->job->shared->mutex);
    return true;
}

/* @return the task that holds the mutex now, or NO_TASK */
static uint32_t release(struct loop *l)
{
    uint32_t next = l->queue_head;

    if (next != NO_TASK)
        l->queue_head = l->tasks[next].next;
    else if (l->own_process)
        (void)pthread_mutex_unlock(&l->job->shared->mutex);
    l->mutex_holder = next;
    return next;
}

static int arm(struct task *task, uint64_t ns)
{
    struct itimerspec when = {.it_value = {(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)}};

    if (!ns)
        when.it_value.tv_nsec = 1;
    return timerfd_settime(task->timer, 0, &when, NULL) < 0 ? -errno : 0;
}

/* Leave the step that has just ended; a task that waited for the mutex goes on in `*ret_woken`. */
static void finish_step(struct loop *l, uint32_t id, uint32_t *ret_woken)
{
    if (l->job->steps[l->tasks[id].step].critical)
        *ret_woken = release(l);
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
            if (!native_take(l->job, &item)) {
                l->live--;
                return 0;
            }
            task->step = l->job->plan->items[item].first;
            task->end = task->step + l->job->plan->items[item].count;
            continue;
        }

        const struct native_step *step = &l->job->steps[task->step];

        if (step->critical && !granted && !acquire(l, id))
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
    l->live = in_flight;
    for (uint32_t i = 0; i < in_flight && r == 0; i++)
        r = advance(l, i, false);
    return r;
}

int native_loop_run(const struct native_job *job, uint32_t in_flight, bool own_process)
{
    AUTO_FREE struct task *tasks = calloc(in_flight, sizeof(*tasks));
    struct loop l = {
        .job = job,
        .own_process = own_process,
        .epoll = -1,
        .tasks = tasks,
        .n_tasks = in_flight,
        .mutex_holder = NO_TASK,
        .queue_head = NO_TASK,
    };
    int r;

    if (!tasks)
        return -ENOMEM;
    r = loop_start(&l, in_flight);
    while (r == 0 && l.live)
        r = turn(&l);
    for (uint32_t i = 0; i < in_flight; i++)
        if (tasks[i].timer >= 0)
            (void)close(tasks[i].timer);
    if (l.epoll >= 0)
        (void)close(l.epoll);
    return r;
}
