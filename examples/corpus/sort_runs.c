/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sorts twelve runs of 64 MB each, in memory that is taken and given back for each run, and merges the medians.
 *
 * models: serial threads processes
 * workers: threads=cpus processes=cpus
 *
 * A thread for each worker, with the runs dealt out from the start; processes report through shared memory.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS 12
#define RUN_LENGTH (1U << 23)
#define BUCKETS 65536

static uint64_t *medians; /* of each run; shared between processes */
static unsigned step;

/* Two passes of a radix sort over 32-bit keys, in 64 MB. */
static uint64_t sort_run(unsigned run)
{
    uint32_t *keys = malloc(RUN_LENGTH * sizeof(uint32_t)), *other = malloc(RUN_LENGTH * sizeof(uint32_t)), *swap;
    uint32_t *starts = malloc(BUCKETS * sizeof(uint32_t)), value = run + 1;
    uint64_t median;

    if (!keys || !other || !starts)
        exit(1);
    for (unsigned i = 0; i < RUN_LENGTH; i++)
        keys[i] = value = value * 1664525U + 1013904223U;
    for (unsigned shift = 0; shift < 32; shift += 16) {
        uint32_t position = 0;

        memset(starts, 0, BUCKETS * sizeof(uint32_t));
        for (unsigned i = 0; i < RUN_LENGTH; i++)
            starts[keys[i] >> shift & 0xFFFF]++;
        for (unsigned i = 0; i < BUCKETS; i++) {
            uint32_t length = starts[i];

            starts[i] = position;
            position += length;
        }
        for (unsigned i = 0; i < RUN_LENGTH; i++)
            other[starts[keys[i] >> shift & 0xFFFF]++] = keys[i];
        swap = keys;
        keys = other;
        other = swap;
    }
    median = keys[RUN_LENGTH / 2];
    free(keys);
    free(other);
    free(starts);
    return median;
}

static void sort_share(unsigned first)
{
    for (unsigned run = first; run < RUNS; run += step)
        medians[run] = sort_run(run);
}

static void *thread(void *arg)
{
    sort_share((unsigned)(uintptr_t)arg);
    return NULL;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    pthread_t threads[CORPUS_MAX_WORKERS];
    uint64_t sum = 0;

    medians = mmap(NULL, RUNS * sizeof(*medians), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (medians == MAP_FAILED)
        return 1;
    step = args.workers;
    if (!strcmp(args.model, "serial")) {
        step = 1;
        sort_share(0);
    } else if (!strcmp(args.model, "threads")) {
        for (unsigned i = 0; i < step; i++)
            if (pthread_create(&threads[i], NULL, thread, (void *)(uintptr_t)i))
                return 1;
        for (unsigned i = 0; i < step; i++)
            (void)pthread_join(threads[i], NULL);
    } else if (!strcmp(args.model, "processes")) {
        for (unsigned i = 0; i < step; i++) {
            if (fork() == 0) {
                sort_share(i);
                _exit(0);
            }
        }
        while (wait(NULL) > 0)
            ;
    } else {
        return corpus_unknown(&args);
    }
    for (unsigned run = 0; run < RUNS; run++)
        sum += medians[run] * (run + 1);
    (void)printf("%" PRIu64 "\n", sum);
    return 0;
}
