/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Asks a server seven hundred and twenty times for an answer that takes 10 ms, over kept connections, and checks each
 * answer for a third of a millisecond.
 *
 * models: serial threads coroutines processes processes+coroutines
 * workers: threads=12 coroutines=24 processes=8 processes+coroutines=cpusx12
 * server: delay
 *
 * Threads and processes have a connection and a share each; coroutines are connections in an epoll loop.
 */

#include "examples/corpus/corpus.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUESTS 720
#define ROUNDS 180000

static uint16_t port;

static int connect_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void ask(int fd)
{
    static const char request[] = "GET /delay/10/64 HTTP/1.1\r\nHost: localhost\r\n\r\n";

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
        exit(1);
}

/* The answer is small enough to come in one piece. */
static uint64_t check(int fd, unsigned number)
{
    char answer[1024];

    if (recv(fd, answer, sizeof(answer), 0) <= 0)
        exit(1);
    return corpus_work((uint64_t)answer[9] + number, ROUNDS) & 0xFFFFFFFF;
}

static uint64_t one_by_one(unsigned first, unsigned step)
{
    uint64_t sum = 0;
    int fd = connect_server();

    for (unsigned number = first; number < REQUESTS; number += step) {
        ask(fd);
        sum += check(fd, number);
    }
    (void)close(fd);
    return sum;
}

static uint64_t loop(unsigned first, unsigned step, unsigned in_flight)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fds[CORPUS_MAX_WORKERS];
    unsigned numbers[CORPUS_MAX_WORKERS], next = first, running = 0;
    uint64_t sum = 0;

    for (; running < in_flight && next < REQUESTS; running++, next += step) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = running};

        fds[running] = connect_server();
        numbers[running] = next;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[running], &event) < 0)
            exit(1);
        ask(fds[running]);
    }
    while (running > 0) {
        struct epoll_event events[32];
        int n = epoll_wait(epoll_fd, events, 32, -1);

        for (int i = 0; i < n; i++) {
            unsigned slot = events[i].data.u32, answered = numbers[slot];

            sum += check(fds[slot], answered);
            if (next < REQUESTS) {
                numbers[slot] = next;
                next += step;
                ask(fds[slot]);
            } else {
                (void)close(fds[slot]);
                running--;
            }
        }
    }
    (void)close(epoll_fd);
    return sum;
}

struct share {
    unsigned first;
    unsigned step;
    uint64_t sum;
};

static void *thread(void *arg)
{
    struct share *share = arg;

    share->sum = one_by_one(share->first, share->step);
    return NULL;
}

static uint64_t in_threads(unsigned workers)
{
    pthread_t threads[CORPUS_MAX_WORKERS];
    struct share shares[CORPUS_MAX_WORKERS];
    uint64_t sum = 0;

    for (unsigned i = 0; i < workers; i++) {
        shares[i] = (struct share){i, workers, 0};
        if (pthread_create(&threads[i], NULL, thread, &shares[i]))
            exit(1);
    }
    for (unsigned i = 0; i < workers; i++) {
        (void)pthread_join(threads[i], NULL);
        sum += shares[i].sum;
    }
    return sum;
}

/* in_flight 0: no loop in the processes. */
static uint64_t in_processes(unsigned workers, unsigned in_flight)
{
    uint64_t sum, total = 0;
    int ends[2];

    if (pipe(ends) < 0)
        exit(1);
    for (unsigned i = 0; i < workers; i++) {
        if (fork() == 0) {
            sum = in_flight > 0 ? loop(i, workers, in_flight) : one_by_one(i, workers);
            _exit(write(ends[1], &sum, sizeof(sum)) != sizeof(sum));
        }
    }
    (void)close(ends[1]);
    while (read(ends[0], &sum, sizeof(sum)) == sizeof(sum))
        total += sum;
    while (wait(NULL) > 0)
        ;
    return total;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    const char *url = getenv("CONCADVISE_DELAY_URL"), *colon = url ? strrchr(url, ':') : NULL;
    uint64_t total;

    if (!colon) {
        (void)fprintf(stderr, "needs the delay server: run examples/with_server ...\n");
        return 2;
    }
    port = (uint16_t)strtoul(colon + 1, NULL, 10);
    if (!strcmp(args.model, "serial"))
        total = one_by_one(0, 1);
    else if (!strcmp(args.model, "threads"))
        total = in_threads(args.workers);
    else if (!strcmp(args.model, "coroutines"))
        total = loop(0, 1, args.workers);
    else if (!strcmp(args.model, "processes"))
        total = in_processes(args.workers, 0);
    else if (!strcmp(args.model, "processes+coroutines"))
        total = in_processes(args.workers, args.in_flight);
    else
        return corpus_unknown(&args);
    (void)printf("%" PRIu64 "\n", total);
    return 0;
}
