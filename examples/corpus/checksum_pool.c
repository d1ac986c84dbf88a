/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Eighty thousand packets of 20 us of work each, handed over in bundles of thirty-two.
 *
 * models: serial threads processes
 * workers: threads=cpus processes=cpus
 * flawed: threads
 *
 * Threads wait at a bounded queue under a mutex and two conditions; processes read numbers from a pipe, which the
 * kernel hands to one of them. Flawed threads hand over one by one.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACKETS 80000
#define ROUNDS 11000
#define BUNDLE 32
#define QUEUE_LENGTH 128

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static uint32_t queue[QUEUE_LENGTH];
static unsigned queued, first;
static bool closed;
static uint32_t bundle = BUNDLE;
static uint64_t result;

/* Of a bundle: the packets from this one on. */
static uint64_t checksum(uint32_t packet)
{
    uint64_t sum = 0;

    for (uint32_t end = packet + bundle; packet < end; packet++)
        sum += corpus_work(packet + 1, ROUNDS) & 0xFFFFFFFF;
    return sum;
}

static void put(uint32_t packet)
{
    (void)pthread_mutex_lock(&lock);
    while (queued == QUEUE_LENGTH)
        (void)pthread_cond_wait(&not_full, &lock);
    queue[(first + queued++) % QUEUE_LENGTH] = packet;
    (void)pthread_cond_signal(&not_empty);
    (void)pthread_mutex_unlock(&lock);
}

static bool take(uint32_t *ret_packet)
{
    bool any;

    (void)pthread_mutex_lock(&lock);
    while (queued == 0 && !closed)
        (void)pthread_cond_wait(&not_empty, &lock);
    any = queued > 0;
    if (any) {
        *ret_packet = queue[first];
        first = (first + 1) % QUEUE_LENGTH;
        queued--;
        (void)pthread_cond_signal(&not_full);
    }
    (void)pthread_mutex_unlock(&lock);
    return any;
}

static void *thread(void *arg)
{
    uint64_t sum = 0;
    uint32_t packet;

    (void)arg;
    while (take(&packet))
        sum += checksum(packet);
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
    for (uint32_t packet = 0; packet < PACKETS; packet += bundle)
        put(packet);
    (void)pthread_mutex_lock(&lock);
    closed = true;
    (void)pthread_cond_broadcast(&not_empty);
    (void)pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}

static int child(int in, int out)
{
    uint64_t sum = 0;
    uint32_t packet;

    while (read(in, &packet, sizeof(packet)) == sizeof(packet))
        sum += checksum(packet);
    return write(out, &sum, sizeof(sum)) != sizeof(sum);
}

static int in_processes(unsigned workers)
{
    int packets[2], sums[2];
    uint64_t sum;

    if (pipe(packets) < 0 || pipe(sums) < 0)
        return 1;
    for (unsigned i = 0; i < workers; i++) {
        if (fork() == 0) {
            (void)close(packets[1]);
            _exit(child(packets[0], sums[1]));
        }
    }
    (void)close(packets[0]);
    (void)close(sums[1]);
    for (uint32_t packet = 0; packet < PACKETS; packet += bundle)
        if (write(packets[1], &packet, sizeof(packet)) != sizeof(packet))
            return 1;
    (void)close(packets[1]);
    while (read(sums[0], &sum, sizeof(sum)) == sizeof(sum))
        result += sum;
    while (wait(NULL) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    int status = 0;

    if (args.flawed)
        bundle = 1;
    if (!strcmp(args.model, "serial"))
        for (uint32_t packet = 0; packet < PACKETS; packet += bundle)
            result += checksum(packet);
    else if (!strcmp(args.model, "threads"))
        status = in_threads(args.workers);
    else if (!strcmp(args.model, "processes"))
        status = in_processes(args.workers);
    else
        return corpus_unknown(&args);
    (void)printf("%" PRIu64 "\n", result);
    return status;
}
