/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fifteen hundred jobs that wait 4 ms for something slow (a timer here) and compute for about a millisecond.
 *
 * models: serial threads coroutines processes processes+coroutines
 * workers: threads=16 coroutines=64 processes=8 processes+coroutines=cpusx32
 *
 * Threads take jobs from a list under a mutex; coroutines are state machines in an epoll loop with a timerfd each;
 * processes have their share from the start.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS 1500
#define WAIT_US 4000
#define ROUNDS 600000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned next_job;
static uint64_t result;

static uint64_t job(unsigned number)
{
    return corpus_work(number + 1, ROUNDS) & 0xFFFFFFFF;
}

static void *thread(void *arg)
{
    uint64_t sum = 0;

    (void)arg;
    for (;;) {
        unsigned number;

        (void)pthread_mutex_lock(&lock);
        number = next_job++;
        (void)pthread_mutex_unlock(&lock);
        if (number >= JOBS)
            break;
        corpus_sleep_us(WAIT_US);
        sum += job(number);
    }
    (void)pthread_mutex_lock(&lock);
    result += sum;
    (void)pthread_mutex_unlock(&lock);
    return NULL;
}

static int in_threads(unsigned workers)
{
    pthread_t threads[CORPUS_MAX_WORKERS];

    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, thread, NULL))
            return 1;
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}

static bool arm(int timer)
{
    const struct itimerspec spec = {.it_value = {.tv_nsec = WAIT_US * 1000L}};

    return timerfd_settime(timer, 0, &spec, NULL) == 0;
}

/* The jobs first, first + step, ... with at most in_flight timers running. */
static int loop(unsigned first, unsigned step, unsigned in_flight)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC), timers[CORPUS_MAX_WORKERS];
    unsigned jobs[CORPUS_MAX_WORKERS], next = first, running = 0;

    for (; running < in_flight && next < JOBS; running++, next += step) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = running};

        jobs[running] = next;
        timers[running] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timers[running], &event) < 0 || !arm(timers[running]))
            return 1;
    }
    while (running > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, -1);

        for (int i = 0; i < n; i++) {
            unsigned slot = events[i].data.u32;
            uint64_t ticks;

            if (read(timers[slot], &ticks, sizeof(ticks)) != sizeof(ticks))
                continue;
            result += job(jobs[slot]);
            if (next < JOBS) {
                jobs[slot] = next;
                next += step;
                if (!arm(timers[slot]))
                    return 1;
            } else {
                (void)close(timers[slot]);
                running--;
            }
        }
    }
    (void)close(epoll_fd);
    return 0;
}

/* in_flight 0: each process waits for one job after the other. */
static int in_processes(unsigned workers, unsigned in_flight)
{
    uint64_t sum;
    int ends[2];

    if (pipe(ends) < 0)
        return 1;
    for (unsigned i = 0; i < workers; i++) {
        if (fork() == 0) {
            if (in_flight > 0) {
                if (loop(i, workers, in_flight))
                    _exit(1);
            } else {
                for (unsigned number = i; number < JOBS; number += workers) {
                    corpus_sleep_us(WAIT_US);
                    result += job(number);
                }
            }
            _exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
        }
    }
    (void)close(ends[1]);
    while (read(ends[0], &sum, sizeof(sum)) == sizeof(sum))
        result += sum;
    while (wait(NULL) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    int status = 0;

    if (!strcmp(args.model, "serial"))
        (void)thread(NULL);
    else if (!strcmp(args.model, "threads"))
        status = in_threads(args.workers);
    else if (!strcmp(args.model, "coroutines"))
        status = loop(0, 1, args.workers);
    else if (!strcmp(args.model, "processes"))
        status = in_processes(args.workers, 0);
    else if (!strcmp(args.model, "processes+coroutines"))
        status = in_processes(args.workers, args.in_flight);
    else
        return corpus_unknown(&args);
    (void)printf("%" PRIu64 "\n", result);
    return status;
}
