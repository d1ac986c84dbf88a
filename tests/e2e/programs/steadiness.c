/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How long this machine's CPUs stood still: a thread for each, of a priority above all others, wakes a hundred times a
 * second and adds up how much too late it was. What makes it late is no program of this machine, but whoever else is on
 * the host (and now and then the kernel, for some milliseconds). For each line on standard input the sum so far goes to
 * standard output, nanoseconds. Ends with its input.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define PERIOD_NS 10000000
#define LATE_NS 5000000 /* less is the kernel's own doing */
#define SECOND_NS 1000000000

static atomic_uint_least64_t lost_ns;

static void *watch(void *argument)
{
    struct sched_param priority = {.sched_priority = 50};
    struct timespec next, now;
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET((int)(intptr_t)argument, &cpus);
    if (pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) ||
        pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority))
        return argument;
    (void)clock_gettime(CLOCK_MONOTONIC, &next);
    for (;;) {
        int64_t late_ns;

        next.tv_nsec += PERIOD_NS;
        if (next.tv_nsec >= SECOND_NS) {
            next.tv_sec++;
            next.tv_nsec -= SECOND_NS;
        }
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL))
            ;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        late_ns = (now.tv_sec - next.tv_sec) * SECOND_NS + now.tv_nsec - next.tv_nsec;
        if (late_ns < LATE_NS)
            continue;
        atomic_fetch_add(&lost_ns, (uint64_t)late_ns);
        next = now;
    }
    return NULL;
}

int main(void)
{
    char line[16];
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
        return 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        pthread_t thread;

        if (CPU_ISSET(cpu, &cpus) && pthread_create(&thread, NULL, watch, (void *)(intptr_t)cpu))
            return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        if (printf("%llu\n", (unsigned long long)atomic_load(&lost_ns)) < 0 || fflush(stdout))
            return 1;
    }
    return 0;
}
