/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Frames go through three stages, 150, 350 and 100 us of computing: decode, filter, encode.
 *
 * models: serial threads processes
 * workers: threads=3 processes=3
 *
 * Threads hand frames on through bounded queues, processes through pipes. A worker for each stage; more than three
 * filter. One or two are no pipeline: they take whole frames.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES 4000
#define DECODE_ROUNDS 90000
#define FILTER_ROUNDS 210000
#define ENCODE_ROUNDS 60000
#define QUEUE_LENGTH 16

struct frame {
    uint32_t number; /* FRAMES: no more */
    uint64_t value;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct frame frames[QUEUE_LENGTH];
    unsigned first;
    unsigned length;
};

#define QUEUE_INIT                                                             \
    {                                                                          \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
    }

static struct queue decoded = QUEUE_INIT, filtered = QUEUE_INIT;
static unsigned filters;

static struct frame decode(uint32_t number)
{
    return (struct frame){number, corpus_work(number + 1, DECODE_ROUNDS)};
}

static struct frame filter(struct frame frame)
{
    return (struct frame){frame.number, corpus_work(frame.value, FILTER_ROUNDS)};
}

static uint64_t encode(struct frame frame)
{
    return (corpus_work(frame.value, ENCODE_ROUNDS) & 0xFFFFFF) * (frame.number % 7 + 1);
}

static void put(struct queue *queue, struct frame frame)
{
    (void)pthread_mutex_lock(&queue->lock);
    while (queue->length == QUEUE_LENGTH)
        (void)pthread_cond_wait(&queue->changed, &queue->lock);
    queue->frames[(queue->first + queue->length++) % QUEUE_LENGTH] = frame;
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->lock);
}

static struct frame get(struct queue *queue)
{
    struct frame frame;

    (void)pthread_mutex_lock(&queue->lock);
    while (queue->length == 0)
        (void)pthread_cond_wait(&queue->changed, &queue->lock);
    frame = queue->frames[queue->first];
    queue->first = (queue->first + 1) % QUEUE_LENGTH;
    queue->length--;
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->lock);
    return frame;
}

static void *decode_thread(void *arg)
{
    (void)arg;
    for (uint32_t number = 0; number < FRAMES; number++)
        put(&decoded, decode(number));
    for (unsigned i = 0; i < filters; i++)
        put(&decoded, (struct frame){FRAMES, 0});
    return NULL;
}

static void *filter_thread(void *arg)
{
    struct frame frame;

    (void)arg;
    while ((frame = get(&decoded)).number < FRAMES)
        put(&filtered, filter(frame));
    put(&filtered, frame);
    return NULL;
}

static uint64_t whole_frames(unsigned first, unsigned step)
{
    uint64_t sum = 0;

    for (uint32_t number = first; number < FRAMES; number += step)
        sum += encode(filter(decode(number)));
    return sum;
}

/* The second of two threads. */
static void *second_half(void *arg)
{
    *(uint64_t *)arg = whole_frames(1, 2);
    return NULL;
}

static uint64_t in_two_threads(void)
{
    pthread_t thread;
    uint64_t sum, other = 0;

    if (pthread_create(&thread, NULL, second_half, &other))
        exit(1);
    sum = whole_frames(0, 2);
    (void)pthread_join(thread, NULL);
    return sum + other;
}

static uint64_t in_two_processes(void)
{
    uint64_t sum, other = 0;
    int ends[2];

    if (pipe(ends) < 0)
        exit(1);
    if (fork() == 0) {
        sum = whole_frames(1, 2);
        _exit(write(ends[1], &sum, sizeof(sum)) != sizeof(sum));
    }
    sum = whole_frames(0, 2);
    if (read(ends[0], &other, sizeof(other)) != sizeof(other))
        exit(1);
    (void)wait(NULL);
    return sum + other;
}

static uint64_t in_threads(void)
{
    pthread_t threads[CORPUS_MAX_WORKERS + 1];
    uint64_t sum = 0;
    unsigned running = filters;

    for (unsigned i = 0; i <= filters; i++)
        if (pthread_create(&threads[i], NULL, i == 0 ? decode_thread : filter_thread, NULL))
            exit(1);
    while (running > 0) {
        struct frame frame = get(&filtered);

        if (frame.number < FRAMES)
            sum += encode(frame);
        else
            running--;
    }
    for (unsigned i = 0; i <= filters; i++)
        (void)pthread_join(threads[i], NULL);
    return sum;
}

/* Frames are smaller than PIPE_BUF: each is written and read whole. */
static bool send_frame(int fd, struct frame frame)
{
    return write(fd, &frame, sizeof(frame)) == sizeof(frame);
}

static bool receive_frame(int fd, struct frame *ret_frame)
{
    return read(fd, ret_frame, sizeof(*ret_frame)) == sizeof(*ret_frame);
}

static uint64_t in_processes(void)
{
    int first[2], second[2];
    struct frame frame = {0};
    uint64_t sum = 0;

    if (pipe(first) < 0 || pipe(second) < 0)
        exit(1);
    if (fork() == 0) {
        for (uint32_t number = 0; number < FRAMES; number++)
            if (!send_frame(first[1], decode(number)))
                _exit(1);
        _exit(0);
    }
    (void)close(first[1]);
    for (unsigned i = 0; i < filters; i++) {
        if (fork() == 0) {
            while (receive_frame(first[0], &frame))
                if (!send_frame(second[1], filter(frame)))
                    _exit(1);
            _exit(0);
        }
    }
    (void)close(first[0]);
    (void)close(second[1]);
    while (receive_frame(second[0], &frame))
        sum += encode(frame);
    while (wait(NULL) > 0)
        ;
    return sum;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    uint64_t sum = 0;

    filters = args.workers > 3 ? args.workers - 2 : 1;
    if (!strcmp(args.model, "serial"))
        sum = whole_frames(0, 1);
    else if (!strcmp(args.model, "threads"))
        sum = args.workers == 1 ? whole_frames(0, 1) : args.workers == 2 ? in_two_threads() : in_threads();
    else if (!strcmp(args.model, "processes"))
        sum = args.workers == 1 ? whole_frames(0, 1) : args.workers == 2 ? in_two_processes() : in_processes();
    else
        return corpus_unknown(&args);
    (void)printf("%" PRIu64 "\n", sum);
    return 0;
}
