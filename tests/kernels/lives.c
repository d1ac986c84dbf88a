/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * lives: threads and processes that stamp their own birth and death, say what they waited for, and read the kernel's
 * bill: the yardstick that the probe's account is held against on every kernel.
 *
 *   lives waits MS [BLOCK-DEVICE]   one thread per kind of wait; each waits about MS milliseconds
 *   lives burn MS                   three threads, then two processes, each burns MS milliseconds of CPU
 *   lives storm N                   N threads, N forks, N/4 vfork+exec, N/4 exec from a thread that is not the first
 *
 * Prints one JSON object. A thread's life lies between `created_ns` (its creator, before pthread_create) and
 * `joined_ns` (after its burial), and comprises `first_ns` to `last_ns` (its own first and last act);
 * CLOCK_MONOTONIC. `exec_ns` and `delay_ns` are /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst):
 * se.sum_exec_runtime and sched_info.run_delay, read while the thread is off its CPU for good but for its exit.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BURNERS 3
#define CHILDREN 2
#define FIRST_ENDED 1
#define LAST_ENDED 7
#define SETTLE_MS 20 /* how long schedstat must stand still to be taken for final */

struct life {
    const char *role;
    int (*wait)(void);
    pthread_t thread;
    pid_t tid;
    uint64_t created_ns, first_ns, last_ns, joined_ns, released_ns;
    uint64_t exec_ns, delay_ns;
};

static uint64_t wait_ms, burn_ns;
static const char *device;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, pi_mutex, condition_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool signalled;
static int pipe_fds[2], poll_fds[2], unix_fds[2], tcp_fds[2], gate[2];

static uint64_t now_ns(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

static void nap(uint64_t ms)
{
    struct timespec ts = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&ts, NULL);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int read_one(int fd)
{
    char byte;

    return read(fd, &byte, 1) == 1 ? 0 : -1;
}

static void write_one(int fd)
{
    if (write(fd, "x", 1) != 1)
        fail("write");
}

static int wait_sleep(void)
{
    nap(wait_ms);
    return 0;
}

static int wait_mutex(void)
{
    return pthread_mutex_lock(&mutex) || pthread_mutex_unlock(&mutex);
}

static int wait_pi_mutex(void)
{
    return pthread_mutex_lock(&pi_mutex) || pthread_mutex_unlock(&pi_mutex);
}

static int wait_condition(void)
{
    int r = pthread_mutex_lock(&condition_mutex);

    while (r == 0 && !signalled)
        r = pthread_cond_wait(&condition, &condition_mutex);
    return r || pthread_mutex_unlock(&condition_mutex);
}

static int wait_pipe(void)
{
    return read_one(pipe_fds[0]);
}

static int wait_unix(void)
{
    return read_one(unix_fds[0]);
}

static int wait_tcp(void)
{
    return read_one(tcp_fds[0]);
}

static int wait_poll(void)
{
    struct pollfd both[] = {{.fd = poll_fds[0], .events = POLLIN}, {.fd = poll_fds[1], .events = POLLERR}};

    return poll(both, 2, -1) == 1 ? 0 : -1;
}

static int wait_timer(void)
{
    return poll(NULL, 0, (int)wait_ms);
}

static int wait_child(void)
{
    pid_t child = fork();

    if (child == 0) {
        nap(wait_ms);
        _exit(0);
    }
    return child > 0 && waitpid(child, NULL, 0) == child ? 0 : -1;
}

static int wait_disk(void)
{
    uint64_t end = now_ns(CLOCK_MONOTONIC) + wait_ms * 1000000U;
    void *block = NULL;
    int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC), r = -1;

    if (fd >= 0 && posix_memalign(&block, 4096, 4096) == 0)
        do
            r = pread(fd, block, 4096, 0) == 4096 ? 0 : -1;
        while (r == 0 && now_ns(CLOCK_MONOTONIC) < end);
    free(block);
    return r;
}

static void *live(void *arg)
{
    struct life *life = arg;

    life->first_ns = now_ns(CLOCK_MONOTONIC);
    __atomic_store_n(&life->tid, gettid(), __ATOMIC_RELEASE);
    if (life->wait() != 0)
        fail(life->role);
    life->last_ns = now_ns(CLOCK_MONOTONIC);
    return NULL;
}

static void create(struct life *life)
{
    life->created_ns = now_ns(CLOCK_MONOTONIC);
    if (pthread_create(&life->thread, NULL, live, life) != 0)
        fail("pthread_create");
}

static void join(struct life *life)
{
    char path[64];

    if (pthread_join(life->thread, NULL) != 0)
        fail("pthread_join");
    /* The thread is told to be over before the kernel has buried it. */
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d", (int)life->tid);
    while (access(path, F_OK) == 0)
        nap(1);
    life->joined_ns = now_ns(CLOCK_MONOTONIC);
}

static void print_lives(const char *name, const struct life *lives, size_t n)
{
    (void)printf("\"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        (void)printf("%s{\"role\": \"%s\", \"tid\": %d, \"created_ns\": %" PRIu64 ", \"first_ns\": %" PRIu64
                     ", \"last_ns\": %" PRIu64 ", \"released_ns\": %" PRIu64 ", \"joined_ns\": %" PRIu64
                     ", \"exec_ns\": %" PRIu64 ", \"delay_ns\": %" PRIu64 "}",
                     i ? ", " : "", lives[i].role, (int)lives[i].tid, lives[i].created_ns, lives[i].first_ns,
                     lives[i].last_ns, lives[i].released_ns, lives[i].joined_ns, lives[i].exec_ns, lives[i].delay_ns);
    (void)printf("]");
}

/* Two ends of a TCP connection over the loopback device. */
static void connect_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail("listen");
    tcp_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (tcp_fds[0] < 0 || connect(tcp_fds[0], (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("connect");
    tcp_fds[1] = accept(listener, NULL, NULL);
    if (tcp_fds[1] < 0)
        fail("accept");
}

static void prepare_waits(void)
{
    pthread_mutexattr_t attributes;

    (void)pthread_mutexattr_init(&attributes);
    if (pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) || pthread_mutex_init(&pi_mutex, &attributes))
        fail("priority inheritance");
    if (pipe(pipe_fds) < 0 || pipe(poll_fds) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, unix_fds) < 0)
        fail("pipe");
    connect_tcp();
    (void)pthread_mutex_lock(&mutex);
    (void)pthread_mutex_lock(&pi_mutex);
}

/* Whoever has not begun to wait yet would find its wait over. */
static void until_asleep(const struct life *life)
{
    char path[64], state = 'R';
    FILE *file;

    while (__atomic_load_n(&life->tid, __ATOMIC_ACQUIRE) == 0)
        nap(1);
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)life->tid);
    do {
        nap(1);
        file = fopen(path, "re");
        if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            fail(path);
        (void)fclose(file);
    } while (state != 'S');
}

static void end_waits(void)
{
    (void)pthread_mutex_unlock(&mutex);
    (void)pthread_mutex_unlock(&pi_mutex);
    (void)pthread_mutex_lock(&condition_mutex);
    signalled = true;
    (void)pthread_cond_signal(&condition);
    (void)pthread_mutex_unlock(&condition_mutex);
    write_one(pipe_fds[1]);
    write_one(unix_fds[1]);
    write_one(tcp_fds[1]);
    write_one(poll_fds[1]);
}

static void run_waits(void)
{
    struct life lives[] = {
        /* FIRST_ENDED to LAST_ENDED are those that end_waits() ends */
        {.role = "sleep", .wait = wait_sleep}, {.role = "mutex", .wait = wait_mutex},
        {.role = "pi", .wait = wait_pi_mutex}, {.role = "condition", .wait = wait_condition},
        {.role = "pipe", .wait = wait_pipe},   {.role = "unix", .wait = wait_unix},
        {.role = "tcp", .wait = wait_tcp},     {.role = "poll", .wait = wait_poll},
        {.role = "timer", .wait = wait_timer}, {.role = "child", .wait = wait_child},
        {.role = "disk", .wait = wait_disk},
    };
    size_t n = sizeof(lives) / sizeof(lives[0]) - (device ? 0 : 1);

    prepare_waits();
    for (size_t i = 0; i < n; i++)
        create(&lives[i]);
    nap(wait_ms);
    for (size_t i = FIRST_ENDED; i <= LAST_ENDED; i++)
        until_asleep(&lives[i]);
    end_waits();
    for (size_t i = 0; i < n; i++)
        join(&lives[i]);
    print_lives("threads", lives, n);
}

static int burn(void)
{
    uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    volatile uint64_t value = 1;

    while (now_ns(CLOCK_THREAD_CPUTIME_ID) - start < burn_ns)
        for (int i = 0; i < 10000; i++)
            value = value * 6364136223846793005U + 1442695040888963407U;
    return 0;
}

/* Burn, then stay off the CPU until the bill has been read. */
static int burn_and_wait(void)
{
    return burn() || read_one(gate[0]);
}

static void read_schedstat(const char *path, uint64_t *ret_exec_ns, uint64_t *ret_delay_ns)
{
    FILE *file = fopen(path, "re");

    if (!file || fscanf(file, "%" SCNu64 " %" SCNu64, ret_exec_ns, ret_delay_ns) != 2)
        fail(path);
    (void)fclose(file);
}

/* The kernel's bill once it no longer changes: whoever burns, or is about to leave its CPU, is still being billed. */
static void read_final_schedstat(const char *path, struct life *life, uint64_t at_least_ns)
{
    uint64_t exec_ns = 0, delay_ns = 0;

    do {
        life->exec_ns = exec_ns;
        life->delay_ns = delay_ns;
        nap(SETTLE_MS);
        read_schedstat(path, &exec_ns, &delay_ns);
    } while (exec_ns < at_least_ns || exec_ns != life->exec_ns || delay_ns != life->delay_ns);
}

static void burn_in_threads(struct life *lives)
{
    char path[64];

    if (pipe(gate) < 0)
        fail("pipe");
    for (int i = 0; i < BURNERS; i++)
        create(&lives[i]);
    nap(burn_ns / 1000000U);
    for (int i = 0; i < BURNERS; i++) {
        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)lives[i].tid);
        read_final_schedstat(path, &lives[i], burn_ns);
    }
    for (int i = 0; i < BURNERS; i++) {
        lives[i].released_ns = now_ns(CLOCK_MONOTONIC);
        write_one(gate[1]);
    }
    for (int i = 0; i < BURNERS; i++)
        join(&lives[i]);
}

/* A zombie keeps its bill until it is reaped: that of its whole life. */
static void burn_in_processes(struct life *children)
{
    char path[64];

    for (int i = 0; i < CHILDREN; i++) {
        children[i].created_ns = now_ns(CLOCK_MONOTONIC);
        children[i].tid = fork();
        if (children[i].tid == 0)
            _exit(burn());
        if (children[i].tid < 0)
            fail("fork");
    }
    for (int i = 0; i < CHILDREN; i++) {
        siginfo_t info;

        if (waitid(P_PID, (id_t)children[i].tid, &info, WEXITED | WNOWAIT) < 0)
            fail("waitid");
        (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)children[i].tid);
        read_final_schedstat(path, &children[i], burn_ns);
        if (waitpid(children[i].tid, NULL, 0) != children[i].tid)
            fail("waitpid");
        children[i].joined_ns = now_ns(CLOCK_MONOTONIC);
    }
}

static void run_burn(void)
{
    struct life threads[BURNERS] = {0}, children[CHILDREN] = {0};

    for (int i = 0; i < BURNERS; i++)
        threads[i] = (struct life){.role = "burner", .wait = burn_and_wait};
    for (int i = 0; i < CHILDREN; i++)
        children[i].role = "process";
    burn_in_threads(threads);
    burn_in_processes(children);
    print_lives("threads", threads, BURNERS);
    (void)printf(", ");
    print_lives("children", children, CHILDREN);
}

static void *nothing(void *arg)
{
    return arg;
}

static void *exec_from_thread(void *arg)
{
    (void)execl("/proc/self/exe", "lives", "end", (char *)NULL);
    return arg;
}

static void reap(pid_t child)
{
    int status;

    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        fail("a child of the storm");
}

static void exec_in_child(bool from_thread)
{
    pid_t child = from_thread ? fork() : vfork();
    pthread_t thread;

    if (child == 0 && from_thread) {
        if (pthread_create(&thread, NULL, exec_from_thread, NULL) == 0)
            (void)pause();
        _exit(1);
    }
    if (child == 0) {
        (void)execl("/proc/self/exe", "lives", "end", (char *)NULL);
        _exit(1);
    }
    reap(child);
}

static void run_storm(int n)
{
    for (int i = 0; i < n; i++) {
        pthread_t thread;
        pid_t child;

        if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
            fail("a thread of the storm");
        child = fork();
        if (child == 0)
            _exit(0);
        reap(child);
        if (i % 4 == 0) {
            exec_in_child(false);
            exec_in_child(true);
        }
    }
    /* Of the threads that exec, the first of their process is a thread more. */
    (void)printf("\"processes_made\": %d, \"threads_made\": %d", n + 2 * ((n + 3) / 4), n + (n + 3) / 4);
}

int main(int argc, char **argv)
{
    uint64_t first_ns = now_ns(CLOCK_MONOTONIC);
    const char *what = argc > 1 ? argv[1] : "";
    int number = argc > 2 ? atoi(argv[2]) : 0;

    if (!strcmp(what, "end"))
        return 0;
    if (number <= 0)
        return 2;
    wait_ms = (uint64_t)number;
    burn_ns = (uint64_t)number * 1000000U;
    device = argc > 3 ? argv[3] : NULL;
    (void)printf("{");
    if (!strcmp(what, "waits"))
        run_waits();
    else if (!strcmp(what, "burn"))
        run_burn();
    else
        run_storm(number);
    (void)printf(", \"first_ns\": %" PRIu64 ", \"last_ns\": %" PRIu64 "}\n", first_ns, now_ns(CLOCK_MONOTONIC));
    return 0;
}
