/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/native_costs.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "analyzer/replay/native_models.h"
#include "analyzer/replay/native_work.h"
#include "base/base.h"

#define MAX_MEMORY (256 * 1024 * UINT64_C(1024))
#define MEMORY_LIMIT_NS (100 * NSEC_PER_MSEC)
#define CHUNK (1024 * 1024)
#define PAYLOAD 65536
#define WAIT_NS (100 * NSEC_PER_USEC)

void native_costs_take_memory(uint64_t bytes)
{
    static bool taken;
    uint64_t begin_ns = native_now_ns(), size = bytes < MAX_MEMORY ? bytes : MAX_MEMORY;
    char *memory;

    if (taken || !size)
        return;
    taken = true;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    /* A heap that grew little by little has small pages. */
    (void)madvise(memory, size, MADV_NOHUGEPAGE);
    for (uint64_t at = 0; at < size && native_now_ns() - begin_ns < MEMORY_LIMIT_NS; at += CHUNK)
        for (uint64_t page = at; page < size && page < at + CHUNK; page += 4096)
            memory[page] = 1;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t median(uint64_t *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), compare_u64);
    return values[n / 2] ? values[n / 2] : 1;
}

static void *nothing(void *userdata)
{
    return userdata;
}

static int thread_start(uint64_t *ret_ns)
{
    uint64_t took_ns[49];

    for (size_t i = 0; i < ARRAY_SIZE(took_ns); i++) {
        uint64_t begin_ns = native_now_ns();
        pthread_t thread;

        if (pthread_create(&thread, NULL, nothing, NULL) != 0)
            return -EAGAIN;
        (void)pthread_join(thread, NULL);
        took_ns[i] = native_now_ns() - begin_ns;
    }
    *ret_ns = median(took_ns, ARRAY_SIZE(took_ns));
    return 0;
}

/* Runs of hardly any work show what the arrangement takes. */
static int process_and_item(uint64_t *ret_start_ns, uint64_t *ret_item_ns)
{
    static struct native_item items[400];
    size_t end = 0;
    struct native_plan plan = {
        .model = "processes", .workers = 1, .processes = 1, .items = items, .phase_ends = &end, .n_phases = 1};
    struct native_times times;
    uint64_t starts_ns[9];
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(starts_ns) && r == 0; i++) {
        r = native_run(&plan, true, &times);
        starts_ns[i] = r == 0 ? times.start_ns : 0;
    }
    plan.n_items = end = ARRAY_SIZE(items);
    if (r == 0)
        r = native_run(&plan, true, &times);
    if (r < 0)
        return r;
    *ret_start_ns = median(starts_ns, ARRAY_SIZE(starts_ns));
    *ret_item_ns = (times.wall_ns - times.start_ns) / ARRAY_SIZE(items) + 1;
    return 0;
}

static int transfer(int fd, char *buffer, size_t size, bool out)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = out ? write(fd, buffer + at, size - at) : read(fd, buffer + at, size - at);

        if (n == 0)
            return -EPIPE;
        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Items of `size` bytes to a process, a byte back. @return 0 or -errno */
static int round_trips(int to, int from, char *buffer, size_t size, uint64_t *ret_ns)
{
    uint64_t took_ns[25];

    for (size_t i = 0; i < ARRAY_SIZE(took_ns); i++) {
        uint64_t begin_ns = native_now_ns();
        int r = transfer(to, (char *)&size, sizeof(size), true);

        if (r == 0)
            r = transfer(to, buffer, size, true);
        if (r == 0)
            r = transfer(from, buffer, 1, false);
        if (r < 0)
            return r;
        took_ns[i] = native_now_ns() - begin_ns;
    }
    *ret_ns = median(took_ns, ARRAY_SIZE(took_ns));
    return 0;
}

static void __attribute__((noreturn)) echo(int from, int to)
{
    static char buffer[PAYLOAD];
    size_t size;

    while (transfer(from, (char *)&size, sizeof(size), false) == 0 && size <= sizeof(buffer) &&
           transfer(from, buffer, size, false) == 0 && transfer(to, buffer, 1, true) == 0)
        ;
    _exit(0);
}

static int bytes(uint64_t *ret_ps)
{
    static char buffer[PAYLOAD];
    int to[2], from[2], r;
    uint64_t small_ns = 0, large_ns = 0;
    pid_t pid;

    if (pipe(to) < 0)
        return -errno;
    if (pipe(from) < 0) {
        r = -errno;
        (void)close(to[0]);
        (void)close(to[1]);
        return r;
    }
    pid = native_fork();
    if (pid == 0) {
        (void)close(to[1]);
        echo(to[0], from[1]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    r = pid < 0 ? (int)pid : round_trips(to[1], from[0], buffer, 8, &small_ns);
    if (r == 0)
        r = round_trips(to[1], from[0], buffer, PAYLOAD, &large_ns);
    (void)close(to[1]);
    (void)close(from[0]);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    if (r == 0)
        *ret_ps = large_ns > small_ns ? (large_ns - small_ns) * 1000 / PAYLOAD : 0;
    return r;
}

/* CPU per wait of many short ones. */
static int waits(const char *model, uint32_t workers, uint64_t *ret_ns)
{
    enum { WAITS = 200 };
    struct native_step steps[WAITS];
    struct native_item items[WAITS];
    size_t end = WAITS;
    struct native_plan plan = {.workers = workers,
                               .processes = 1,
                               .steps = steps,
                               .n_steps = WAITS,
                               .items = items,
                               .n_items = WAITS,
                               .phase_ends = &end,
                               .n_phases = 1};
    struct native_times times;
    int r;

    (void)snprintf(plan.model, sizeof(plan.model), "%s", model);
    for (size_t i = 0; i < WAITS; i++) {
        steps[i] = (struct native_step){.wait_ns = WAIT_NS, .waits = true};
        items[i] = (struct native_item){.first = i, .count = 1};
    }
    r = native_run(&plan, false, &times);
    if (r == 0)
        *ret_ns = times.cpu_ns / WAITS + 1;
    return r;
}

int native_costs_measure(struct native_costs *ret_costs)
{
    struct native_costs costs = {0};
    int r = process_and_item(&costs.process_start_ns, &costs.ipc_item_ns);

    if (r == 0)
        r = thread_start(&costs.thread_start_ns);
    if (r == 0)
        r = bytes(&costs.ipc_byte_ps);
    if (r == 0)
        r = waits("coroutines", 16, &costs.loop_turn_ns);
    if (r == 0)
        r = waits("serial", 1, &costs.thread_switch_ns);
    if (r == 0)
        *ret_costs = costs;
    return r;
}
