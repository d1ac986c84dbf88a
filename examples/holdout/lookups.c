/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Six hundred lookups at a server that takes 8 ms for each, over a connection of its own, and 1.2 ms of work on the
 * answer.
 *
 * models: serial threads coroutines processes processes+coroutines
 * workers: threads=12 coroutines=24 processes=8 processes+coroutines=cpusx12
 * server: delay
 *
 * All workers take the next number from one counter, in shared memory; coroutines are non-blocking sockets in an epoll
 * loop.
 */

#include "examples/corpus/corpus.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOKUPS 600
#define ROUNDS 650000

/* What workers share, processes as well. */
struct shared {
    atomic_uint next;
    _Atomic uint64_t sum;
};

static struct shared *shared;
static struct sockaddr_in server;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int open_socket(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0 || (connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0 && errno != EINPROGRESS))
        fail("connect");
    return fd;
}

static void ask(int fd)
{
    static const char request[] = "GET /delay/8/200 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
        fail("send");
}

static void work(unsigned number)
{
    atomic_fetch_add(&shared->sum, corpus_work(number + 1, ROUNDS) & 0xFFFFFFFF);
}

/* @return 1: all of the answer is there, 0: more is to come */
static int receive(int fd)
{
    char answer[4096];

    for (;;) {
        ssize_t n = recv(fd, answer, sizeof(answer), 0);

        if (n == 0)
            return 1;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            fail("recv");
    }
}

static void one_by_one(void)
{
    unsigned number;

    while ((number = atomic_fetch_add(&shared->next, 1)) < LOOKUPS) {
        int fd = open_socket(0);

        ask(fd);
        (void)receive(fd);
        (void)close(fd);
        work(number);
    }
}

struct task {
    int fd;
    unsigned number;
    bool asked;
};

/* @return false: there is no further number */
static bool begin(int epoll_fd, struct task *task)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = task};

    task->number = atomic_fetch_add(&shared->next, 1);
    if (task->number >= LOOKUPS)
        return false;
    task->asked = false;
    task->fd = open_socket(SOCK_NONBLOCK);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, task->fd, &event) < 0)
        fail("epoll_ctl");
    return true;
}

/* @return true: its answer was worked on, the next may begin */
static bool proceed(int epoll_fd, struct task *task)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = task};

    if (!task->asked) {
        ask(task->fd);
        task->asked = true;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, task->fd, &event) < 0)
            fail("epoll_ctl");
        return false;
    }
    if (!receive(task->fd))
        return false;
    (void)close(task->fd);
    work(task->number);
    return true;
}

static void loop(unsigned in_flight)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    static struct task tasks[CORPUS_MAX_WORKERS];
    unsigned running = 0;

    while (running < in_flight && begin(epoll_fd, &tasks[running]))
        running++;
    while (running > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, -1);

        for (int i = 0; i < n; i++)
            if (proceed(epoll_fd, events[i].data.ptr) && !begin(epoll_fd, events[i].data.ptr))
                running--;
    }
    (void)close(epoll_fd);
}

static void *thread(void *arg)
{
    (void)arg;
    one_by_one();
    return NULL;
}

static void in_threads(unsigned workers)
{
    pthread_t threads[CORPUS_MAX_WORKERS];

    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, thread, NULL))
            fail("pthread_create");
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
}

/* in_flight 0: no loop in the processes. */
static void in_processes(unsigned workers, unsigned in_flight)
{
    int status;

    for (unsigned i = 0; i < workers; i++) {
        pid_t child = fork();

        if (child < 0)
            fail("fork");
        if (child == 0) {
            in_flight > 0 ? loop(in_flight) : one_by_one();
            _exit(0);
        }
    }
    while (wait(&status) > 0)
        if (status != 0)
            exit(1);
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    const char *url = getenv("CONCADVISE_DELAY_URL"), *colon = url ? strrchr(url, ':') : NULL;

    if (!colon) {
        (void)fprintf(stderr, "needs the delay server: run examples/with_server ...\n");
        return 2;
    }
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("mmap");
    if (!strcmp(args.model, "serial"))
        one_by_one();
    else if (!strcmp(args.model, "threads"))
        in_threads(args.workers);
    else if (!strcmp(args.model, "coroutines"))
        loop(args.workers);
    else if (!strcmp(args.model, "processes"))
        in_processes(args.workers, 0);
    else if (!strcmp(args.model, "processes+coroutines"))
        in_processes(args.workers, args.in_flight);
    else
        return corpus_unknown(&args);
    (void)printf("%" PRIu64 "\n", shared->sum);
    return 0;
}
