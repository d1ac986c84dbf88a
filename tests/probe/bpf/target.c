/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * target: a program with one kind of wait per mode, for test_bpf_probe.c. Every mode makes its thread (or one of its
 * threads) wait about 200 ms in one way and little else.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"

extern char **environ;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static bool ready;
static int descriptors[2];

static uint64_t now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

/* Burn CPU without a system call; sibling threads that must not count as waiting use this instead of sleeping. */
static void burn_ms(uint64_t ms)
{
    uint64_t end = now() + ms * NSEC_PER_MSEC;

    while (now() < end)
        ;
}

static pthread_t start(void *(*function)(void *))
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, function, NULL) != 0)
        abort();
    return thread;
}

static void *lock_and_burn(void *unused)
{
    (void)pthread_mutex_lock(&mutex);
    burn_ms(200);
    (void)pthread_mutex_unlock(&mutex);
    return unused;
}

static void wait_mutex(void)
{
    pthread_t thread = start(lock_and_burn);

    burn_ms(50);
    (void)pthread_mutex_lock(&mutex);
    (void)pthread_mutex_unlock(&mutex);
    (void)pthread_join(thread, NULL);
}

static void *burn_and_signal(void *unused)
{
    burn_ms(200);
    (void)pthread_mutex_lock(&mutex);
    ready = true;
    (void)pthread_cond_signal(&condition);
    (void)pthread_mutex_unlock(&mutex);
    return unused;
}

static void wait_condition(void)
{
    pthread_t thread = start(burn_and_signal);

    (void)pthread_mutex_lock(&mutex);
    while (!ready)
        (void)pthread_cond_wait(&condition, &mutex);
    (void)pthread_mutex_unlock(&mutex);
    (void)pthread_join(thread, NULL);
}

static void *burn_and_post(void *unused)
{
    burn_ms(200);
    (void)sem_post(&semaphore);
    return unused;
}

static void wait_semaphore(void)
{
    pthread_t thread;

    (void)sem_init(&semaphore, 0, 0);
    thread = start(burn_and_post);
    (void)sem_wait(&semaphore);
    (void)pthread_join(thread, NULL);
}

static void *burn(void *unused)
{
    burn_ms(200);
    return unused;
}

static void wait_join(void)
{
    (void)pthread_join(start(burn), NULL);
}

static void wait_child(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        burn_ms(200);
        _exit(0);
    }
    (void)waitpid(pid, NULL, 0);
}

static void wait_vfork(void)
{
    pid_t pid;
    char *const argv[] = {(char *)"sleep", (char *)"0.2", NULL};

    if (posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ) == 0)
        (void)waitpid(pid, NULL, 0);
}

static void wait_sleep(void)
{
    pause_ms(200);
}

static void wait_select(void)
{
    struct timeval time = {.tv_usec = 200000};

    (void)select(0, NULL, NULL, NULL, &time);
}

static void wait_poll_timeout(void)
{
    struct pollfd sources[2];
    int a[2], b[2];

    if (pipe(a) < 0 || pipe(b) < 0)
        abort();
    sources[0] = (struct pollfd){.fd = a[0], .events = POLLIN};
    sources[1] = (struct pollfd){.fd = b[0], .events = POLLIN};
    (void)poll(sources, 2, 200);
}

static int epoll_over(int fd)
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        abort();
    return epoll;
}

static void wait_epoll_timeout(void)
{
    struct epoll_event event;
    int epoll;

    if (pipe(descriptors) < 0)
        abort();
    epoll = epoll_over(descriptors[0]);
    for (int i = 0; i < 4; i++)
        (void)epoll_wait(epoll, &event, 1, 50);
}

static void *burn_and_write(void *unused)
{
    burn_ms(200);
    if (write(descriptors[1], "12345678", 8) != 8)
        abort();
    return unused;
}

static void wait_epoll_sibling(void)
{
    struct epoll_event event;
    pthread_t thread;

    if (pipe(descriptors) < 0)
        abort();
    thread = start(burn_and_write);
    (void)epoll_wait(epoll_over(descriptors[0]), &event, 1, -1);
    (void)pthread_join(thread, NULL);
}

static void wait_pipe(void)
{
    char byte[8];
    pid_t pid;

    if (pipe(descriptors) < 0)
        abort();
    pid = fork();
    if (pid == 0) {
        (void)burn_and_write(NULL);
        _exit(0);
    }
    if (read(descriptors[0], byte, sizeof(byte)) < 0)
        abort();
    (void)waitpid(pid, NULL, 0);
}

static void wait_unix(void)
{
    char byte[8];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, descriptors) < 0)
        abort();
    pid = fork();
    if (pid == 0) {
        (void)burn_and_write(NULL);
        _exit(0);
    }
    if (read(descriptors[0], byte, sizeof(byte)) < 0)
        abort();
    (void)waitpid(pid, NULL, 0);
}

static void wait_eventfd(void)
{
    uint64_t value;
    pthread_t thread;

    descriptors[0] = descriptors[1] = eventfd(0, 0);
    thread = start(burn_and_write);
    if (read(descriptors[0], &value, sizeof(value)) < 0)
        abort();
    (void)pthread_join(thread, NULL);
}

/* Standard input is a pipe whose writer is outside. */
static void wait_stdin(void)
{
    char byte;

    (void)!read(STDIN_FILENO, &byte, 1);
}

static int connect_to(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        abort();
    return fd;
}

/* The peer outside answers after 200 ms. */
static void wait_network(void)
{
    char byte;

    if (recv(connect_to(getenv("TARGET_PORT")), &byte, 1, 0) != 1)
        abort();
}

static void wait_poll_socket(void)
{
    struct pollfd source = {.fd = connect_to(getenv("TARGET_PORT")), .events = POLLIN};

    if (poll(&source, 1, 5000) != 1)
        abort();
}

static void wait_epoll_network(void)
{
    struct epoll_event event;

    if (epoll_wait(epoll_over(connect_to(getenv("TARGET_PORT"))), &event, 1, 5000) != 1)
        abort();
}

static void on_alarm(int number)
{
    (void)number;
}

static void wait_accept(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sigaction action = {.sa_handler = on_alarm};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        abort();
    (void)sigaction(SIGALRM, &action, NULL);
    (void)ualarm(200000, 0);
    (void)accept(fd, NULL, NULL);
}

static void wait_stopped(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        burn_ms(200);
        (void)kill(getppid(), SIGCONT);
        _exit(0);
    }
    (void)raise(SIGSTOP);
    (void)waitpid(pid, NULL, 0);
}

/* Two threads that never wait and one that is done at once: a life with stamps of its own. */
static void *stamp_life(void *unused)
{
    uint64_t begin = now();

    pause_ms(30);
    burn_ms(30);
    (void)printf("inside %d %llu %llu\n", gettid(), (unsigned long long)begin, (unsigned long long)now());
    return unused;
}

static void stamps(void)
{
    for (int i = 0; i < 3; i++) {
        uint64_t begin = now();

        (void)pthread_join(start(stamp_life), NULL);
        (void)printf("outside %llu %llu\n", (unsigned long long)begin, (unsigned long long)now());
    }
}

static void *nothing(void *unused)
{
    return unused;
}

static void thread_storm(void)
{
    for (int i = 0; i < 3000; i++)
        (void)pthread_join(start(nothing), NULL);
}

static void fork_storm(void)
{
    for (int i = 0; i < 1000; i++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        (void)waitpid(pid, NULL, 0);
    }
}

static void crowd(void)
{
    enum { MEMBERS = 200 };
    pthread_t threads[MEMBERS];

    (void)pthread_mutex_lock(&mutex);
    for (int i = 0; i < MEMBERS; i++)
        threads[i] = start(burn_and_signal);
    pause_ms(50);
    (void)pthread_mutex_unlock(&mutex);
    for (int i = 0; i < MEMBERS; i++)
        (void)pthread_join(threads[i], NULL);
}

static void *exec_from_thread(void *unused)
{
    (void)execlp("sleep", "sleep", "0.1", (char *)NULL);
    return unused;
}

static void thread_exec(void)
{
    (void)pthread_join(start(exec_from_thread), NULL);
}

/* What a version manager's script does: helpers first, then exec of the real program, which has children of its own. */
static void wrapper(void)
{
    wait_child();
    (void)execlp("sh", "sh", "-c", "sleep 0.1; :", (char *)NULL);
}

static void ping_pong(void)
{
    int to[2], from[2];
    char byte = 0;

    if (pipe(to) < 0 || pipe(from) < 0)
        abort();
    if (fork() == 0) {
        for (int i = 0; i < 20000; i++)
            if (read(to[0], &byte, 1) != 1 || write(from[1], &byte, 1) != 1)
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 20000; i++)
        if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1)
            abort();
    (void)wait(NULL);
}

static void daemonize(void)
{
    if (fork() == 0) {
        (void)setsid();
        if (fork() == 0) {
            burn_ms(200);
            _exit(0);
        }
        _exit(0);
    }
    (void)wait(NULL);
}

static void busy(void)
{
    burn_ms(300);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {
        {"mutex", wait_mutex},
        {"condition", wait_condition},
        {"semaphore", wait_semaphore},
        {"join", wait_join},
        {"child", wait_child},
        {"vfork", wait_vfork},
        {"sleep", wait_sleep},
        {"select", wait_select},
        {"poll-timeout", wait_poll_timeout},
        {"epoll-timeout", wait_epoll_timeout},
        {"epoll-sibling", wait_epoll_sibling},
        {"pipe", wait_pipe},
        {"unix", wait_unix},
        {"eventfd", wait_eventfd},
        {"stdin", wait_stdin},
        {"network", wait_network},
        {"poll-socket", wait_poll_socket},
        {"epoll-network", wait_epoll_network},
        {"accept", wait_accept},
        {"stopped", wait_stopped},
        {"stamps", stamps},
        {"thread-storm", thread_storm},
        {"fork-storm", fork_storm},
        {"crowd", crowd},
        {"thread-exec", thread_exec},
        {"wrapper", wrapper},
        {"ping-pong", ping_pong},
        {"daemon", daemonize},
        {"busy", busy},
    };

    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(modes); i++) {
        if (strcmp(modes[i].name, argv[1]) != 0)
            continue;
        modes[i].run();
        return 0;
    }
    return 2;
}
