/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * lives: threads and processes that come and go in every way Linux knows, each stamping its own life (stamps.h).
 *
 *   lives STAMPS MODE [COUNT]
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stamps.h"

#define LIFE_MS 120
#define SMALL_STACK (64U << 10)

extern char **environ;

static const char *stamps_path;
static const char *own_path;

static void die(const char *what)
{
    perror(what);
    _exit(1);
}

static void pause_ms(uint64_t ms)
{
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};

    while (nanosleep(&time, &time) != 0)
        ;
}

static void burn_ms(uint64_t ms)
{
    uint64_t end = stamps_now() + ms * 1000000U;

    while (stamps_now() < end)
        ;
}

/* A life that is on a CPU, runnable and blocked by turns. */
static void live(struct stamp *stamp, uint64_t ms)
{
    uint64_t end;

    stamps_begin(stamp);
    end = stamp->inner_begin + ms * 1000000U;
    while (stamps_now() < end) {
        burn_ms(3);
        pause_ms(3);
    }
    stamps_end(stamp);
}

static void *live_in_thread(void *stamp)
{
    live(stamp, LIFE_MS);
    return NULL;
}

static void *live_short(void *stamp)
{
    stamps_begin(stamp);
    stamps_end(stamp);
    return NULL;
}

static pthread_t start(void *(*function)(void *), struct stamp *stamp)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, SMALL_STACK);
    error = pthread_create(&thread, &attributes, function, stamp);
    if (error) {
        (void)fprintf(stderr, "pthread_create: %s\n", strerror(error));
        _exit(1);
    }
    return thread;
}

static void join(pthread_t thread, struct stamp *stamp)
{
    (void)pthread_join(thread, NULL);
    stamps_gone(stamp);
}

static void threads(uint32_t count)
{
    struct stamp *stamps[256];
    pthread_t all[256];

    for (uint32_t i = 0; i < count && i < 256; i++) {
        stamps[i] = stamps_claim("thread");
        all[i] = start(live_in_thread, stamps[i]);
    }
    for (uint32_t i = 0; i < count && i < 256; i++)
        join(all[i], stamps[i]);
}

static void thread_storm(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct stamp *stamp = stamps_claim("thread");

        join(start(live_short, stamp), stamp);
    }
}

static pthread_barrier_t everybody;

static void *live_in_crowd(void *stamp)
{
    stamps_begin(stamp);
    (void)pthread_barrier_wait(&everybody);
    stamps_end(stamp);
    return NULL;
}

static void *live_in_gang(void *stamp)
{
    (void)pthread_barrier_wait(&everybody);
    live(stamp, LIFE_MS);
    return NULL;
}

/* All of them are alive at once: nobody passes the barrier before the last one came. */
static void gather(uint32_t count, void *(*member)(void *))
{
    pthread_t *all = calloc(count, sizeof(*all));
    uint32_t first = 0;

    (void)pthread_barrier_init(&everybody, NULL, count);
    for (uint32_t i = 0; i < count; i++) {
        struct stamp *stamp = stamps_claim("thread");

        first = i ? first : stamps_index(stamp);
        all[i] = start(member, stamp);
    }
    for (uint32_t i = 0; i < count; i++)
        join(all[i], stamps_at(first + i));
    free(all);
}

static void crowd(uint32_t count)
{
    gather(count, live_in_crowd);
}

static void gang(uint32_t count)
{
    gather(count, live_in_gang);
}

static void wait_for(pid_t pid, struct stamp *stamp)
{
    if (pid < 0)
        die("fork");
    if (waitpid(pid, NULL, 0) != pid)
        die("waitpid");
    stamps_gone(stamp);
}

static void forks(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct stamp *stamp = stamps_claim("fork");
        pid_t pid = fork();

        if (pid == 0) {
            live(stamp, LIFE_MS);
            _exit(0);
        }
        wait_for(pid, stamp);
    }
}

static void fork_storm(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct stamp *stamp = stamps_claim("fork");
        pid_t pid = fork();

        if (pid == 0) {
            (void)live_short(stamp);
            _exit(0);
        }
        wait_for(pid, stamp);
    }
}

/* Arguments that make this program live a stamp that exists already. */
static char **arguments_for(const struct stamp *stamp)
{
    static char index[16];
    static char *arguments[6];

    (void)snprintf(index, sizeof(index), "%u", stamps_index(stamp));
    arguments[0] = (char *)(uintptr_t)own_path;
    arguments[1] = (char *)(uintptr_t)stamps_path;
    arguments[2] = (char *)"child";
    arguments[3] = index;
    return arguments;
}

/* The child of an exec: a life that began before the program did keeps its first stamp. */
static void child(uint32_t index)
{
    struct stamp *stamp = stamps_at(index);
    uint64_t began = stamp->inner_begin;

    live(stamp, LIFE_MS);
    if (began)
        stamp->inner_begin = began;
}

/* A function of its own: the child of a vfork() shares its caller's variables. */
static pid_t vfork_and_exec(char *const *arguments)
{
    pid_t pid = vfork();

    if (pid == 0) {
        (void)execv(own_path, arguments);
        _exit(1);
    }
    return pid;
}

static void vfork_exec(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct stamp *stamp = stamps_claim("vfork");

        wait_for(vfork_and_exec(arguments_for(stamp)), stamp);
    }
}

static void spawn(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct stamp *stamp = stamps_claim("spawn");
        pid_t pid = -1;

        if (posix_spawn(&pid, own_path, NULL, NULL, arguments_for(stamp), environ) != 0)
            die("posix_spawn");
        wait_for(pid, stamp);
    }
}

/* Own session, parent gone: init's child before it does its work, which goes on after the program's end. */
static void daemonize(uint32_t count)
{
    (void)count;
    if (fork() == 0) {
        struct stamp *stamp = stamps_claim("daemon");

        (void)setsid();
        if (fork() == 0) {
            live(stamp, 3 * LIFE_MS);
            _exit(0);
        }
        _exit(0);
    }
    (void)wait(NULL);
}

static void *end_the_process(void *stamp)
{
    live(stamp, 3 * LIFE_MS);
    exit(0);
}

/* The first thread is gone long before its process. */
static void leader_first(uint32_t count)
{
    (void)count;
    (void)start(end_the_process, stamps_claim("thread"));
    pthread_exit(NULL);
}

/* The same in a daemon: when the program has ended, nothing but a thread without its leader is left. */
static void leaderless_daemon(uint32_t count)
{
    if (fork() == 0)
        leader_first(count);
    pause_ms(LIFE_MS);
}

static void *exec_in_thread(void *stamp)
{
    stamps_begin(stamp);
    pause_ms(20);
    (void)execv(own_path, arguments_for(stamp));
    die("execv");
    return NULL;
}

/* The thread that calls exec takes the first thread's place, and its id, while siblings of both are killed. */
static void thread_exec(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            struct stamp *leader = stamps_claim("leader");

            stamps_begin(leader);
            (void)start(live_in_thread, stamps_claim("victim"));
            (void)start(exec_in_thread, stamps_claim("exec"));
            for (;;)
                stamps_end(leader);
        }
        if (waitpid(pid, NULL, 0) != pid)
            die("waitpid");
    }
}

static void *exec_alone(void *stamp)
{
    pause_ms(20);
    return exec_in_thread(stamp);
}

/* The same where the first thread is long gone and nobody else is there. */
static void orphan_exec(uint32_t count)
{
    (void)count;
    (void)start(exec_alone, stamps_claim("exec"));
    pthread_exit(NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(uint32_t count);
        bool stamps_itself;
    } modes[] = {
        {"threads", threads, true},
        {"thread-storm", thread_storm, true},
        {"crowd", crowd, true},
        {"gang", gang, true},
        {"forks", forks, true},
        {"fork-storm", fork_storm, true},
        {"vfork-exec", vfork_exec, true},
        {"spawn", spawn, true},
        {"daemon", daemonize, false},
        {"leader-first", leader_first, false},
        {"leaderless-daemon", leaderless_daemon, false},
        {"thread-exec", thread_exec, true},
        {"orphan-exec", orphan_exec, false},
        {"child", child, false},
    };

    if (argc < 3)
        return 2;
    own_path = argv[0];
    stamps_path = argv[1];
    stamps_open(stamps_path);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct stamp *stamp;

        if (strcmp(modes[i].name, argv[2]) != 0)
            continue;
        stamp = modes[i].stamps_itself ? stamps_claim("main") : NULL;
        if (stamp)
            stamps_begin(stamp);
        modes[i].run(argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1);
        if (stamp)
            stamps_end(stamp);
        return 0;
    }
    return 2;
}
