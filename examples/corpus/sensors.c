/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reads sixty sensors behind a slow gateway, eighteen times each: 5 ms a reading, then half a millisecond of filtering.
 *
 * models: serial threads coroutines processes processes+coroutines
 * workers: threads=8 coroutines=10 processes=8 processes+coroutines=cpusx5
 * server: delay
 *
 * A sensor's readings follow one another, each filter starts from what the last one left. Coroutines are sensors in one
 * poll() loop; threads take a sensor at a time; processes send the state of each sensor through a socket when they are
 * through with it.
 */

#include "examples/corpus/corpus.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SENSORS 60
#define READINGS 18
#define ROUNDS 270000
#define ONE_BY_ONE 0

struct sensor {
    unsigned number;
    unsigned readings; /* so far */
    uint64_t state;
};

/* Sensors first, first + step, ... and where to report each to; -1: nowhere. */
struct range {
    unsigned first;
    unsigned step;
    int report_fd;
};

static struct sensor sensors[SENSORS];
static uint16_t port;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int open_line(void)
{
    struct sockaddr_in gateway = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&gateway, sizeof(gateway)) < 0)
        fail("gateway");
    return fd;
}

static void request(int fd)
{
    static const char text[] = "GET /delay/5/32 HTTP/1.1\r\nHost: gateway\r\n\r\n";

    if (write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1)
        fail("request");
}

/* An answer fits into one segment. */
static void filter(int fd, struct sensor *sensor)
{
    char answer[512];

    if (read(fd, answer, sizeof(answer)) <= 0)
        fail("answer");
    sensor->state = corpus_work(sensor->state ^ (uint64_t)answer[9], ROUNDS);
    sensor->readings++;
}

static void report(const struct range *range, const struct sensor *sensor)
{
    if (range->report_fd >= 0 && send(range->report_fd, sensor, sizeof(*sensor), 0) != (ssize_t)sizeof(*sensor))
        fail("report");
}

static void read_range(const struct range *range)
{
    int fd = open_line();

    for (unsigned i = range->first; i < SENSORS; i += range->step) {
        while (sensors[i].readings < READINGS) {
            request(fd);
            filter(fd, &sensors[i]);
        }
        report(range, &sensors[i]);
    }
    (void)close(fd);
}

/* The same with a line for each of so many sensors at once. */
static void poll_range(const struct range *range, unsigned in_flight)
{
    struct pollfd lines[CORPUS_MAX_WORKERS];
    struct sensor *on_line[CORPUS_MAX_WORKERS];
    unsigned next = range->first, used = 0, open = 0;

    for (; used < in_flight && next < SENSORS; used++, next += range->step) {
        lines[used] = (struct pollfd){.fd = open_line(), .events = POLLIN};
        on_line[used] = &sensors[next];
        request(lines[used].fd);
        open++;
    }
    while (open > 0) {
        if (poll(lines, used, -1) < 0)
            fail("poll");
        for (unsigned i = 0; i < used; i++) {
            if (lines[i].fd < 0 || !lines[i].revents)
                continue;
            filter(lines[i].fd, on_line[i]);
            if (on_line[i]->readings == READINGS) {
                report(range, on_line[i]);
                if (next >= SENSORS) {
                    (void)close(lines[i].fd);
                    lines[i].fd = -1; /* poll() passes it over */
                    open--;
                    continue;
                }
                on_line[i] = &sensors[next];
                next += range->step;
            }
            request(lines[i].fd);
        }
    }
}

static void *thread(void *arg)
{
    read_range(arg);
    return NULL;
}

static void in_threads(unsigned workers)
{
    struct range ranges[CORPUS_MAX_WORKERS];
    pthread_t threads[CORPUS_MAX_WORKERS];

    for (unsigned i = 0; i < workers; i++) {
        ranges[i] = (struct range){i, workers, -1};
        if (pthread_create(&threads[i], NULL, thread, &ranges[i]))
            exit(1);
    }
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
}

static void in_processes(unsigned workers, unsigned in_flight)
{
    struct sensor sensor;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        fail("socketpair");
    for (unsigned i = 0; i < workers; i++) {
        pid_t child = fork();

        if (child < 0)
            fail("fork");
        if (child == 0) {
            const struct range range = {i, workers, ends[1]};

            if (in_flight == ONE_BY_ONE)
                read_range(&range);
            else
                poll_range(&range, in_flight);
            _exit(0);
        }
    }
    (void)close(ends[1]);
    while (recv(ends[0], &sensor, sizeof(sensor), 0) == (ssize_t)sizeof(sensor))
        sensors[sensor.number] = sensor;
    while (wait(NULL) > 0)
        ;
}

int main(int argc, char **argv)
{
    const struct range all = {0, 1, -1};
    struct corpus_args args = corpus_parse(argc, argv);
    const char *url = getenv("CONCADVISE_DELAY_URL"), *colon = url ? strrchr(url, ':') : NULL;
    uint64_t sum = 0;

    if (!colon) {
        (void)fprintf(stderr, "needs the delay server: run examples/with_server ...\n");
        return 2;
    }
    port = (uint16_t)strtoul(colon + 1, NULL, 10);
    for (unsigned i = 0; i < SENSORS; i++)
        sensors[i] = (struct sensor){.number = i, .state = i + 1};
    if (!strcmp(args.model, "serial"))
        read_range(&all);
    else if (!strcmp(args.model, "threads"))
        in_threads(args.workers);
    else if (!strcmp(args.model, "coroutines"))
        poll_range(&all, args.workers);
    else if (!strcmp(args.model, "processes"))
        in_processes(args.workers, ONE_BY_ONE);
    else if (!strcmp(args.model, "processes+coroutines"))
        in_processes(args.workers, args.in_flight);
    else
        return corpus_unknown(&args);
    for (unsigned i = 0; i < SENSORS; i++)
        sum += sensors[i].readings == READINGS ? sensors[i].state >> 16 : 0;
    (void)printf("%" PRIu64 "\n", sum);
    return 0;
}
