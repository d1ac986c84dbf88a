/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The rows of a Mandelbrot picture. Rows near the middle take much longer than those at the edge.
 *
 * models: serial threads processes
 * workers: threads=cpus processes=cpus
 *
 * Threads take the next row from a counter; each process has every Nth row from the start and sends its sum through a
 * pipe.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS 1200
#define COLUMNS 1600
#define MAX_ROUNDS 2000

static atomic_uint next_row;
static atomic_ullong result;

static uint64_t row_sum(unsigned row)
{
    uint64_t sum = 0;

    for (unsigned column = 0; column < COLUMNS; column++) {
        double re = -2.2 + 3.0 * column / COLUMNS, im = -1.5 + 3.0 * row / ROWS, x = 0, y = 0;
        unsigned rounds = 0;

        while (x * x + y * y < 4 && rounds < MAX_ROUNDS) {
            double next = x * x - y * y + re;

            y = 2 * x * y + im;
            x = next;
            rounds++;
        }
        sum += rounds;
    }
    return sum;
}

static void *thread(void *arg)
{
    unsigned row;

    (void)arg;
    while ((row = atomic_fetch_add(&next_row, 1)) < ROWS)
        (void)atomic_fetch_add(&result, row_sum(row));
    return NULL;
}

static int in_threads(unsigned workers)
{
    pthread_t threads[CORPUS_MAX_WORKERS];

    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, thread, NULL))
            return 1;
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}

static int in_processes(unsigned workers)
{
    uint64_t sum;
    int ends[2];

    if (pipe(ends) < 0)
        return 1;
    for (unsigned i = 0; i < workers; i++) {
        if (fork() == 0) {
            sum = 0;
            for (unsigned row = i; row < ROWS; row += workers)
                sum += row_sum(row);
            _exit(write(ends[1], &sum, sizeof(sum)) != sizeof(sum));
        }
    }
    (void)close(ends[1]);
    while (read(ends[0], &sum, sizeof(sum)) == sizeof(sum))
        (void)atomic_fetch_add(&result, sum);
    while (wait(NULL) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    int status = 0;

    if (!strcmp(args.model, "serial"))
        (void)thread(NULL);
    else if (!strcmp(args.model, "threads"))
        status = in_threads(args.workers);
    else if (!strcmp(args.model, "processes"))
        status = in_processes(args.workers);
    else
        return corpus_unknown(&args);
    (void)printf("%" PRIu64 "\n", (uint64_t)result);
    return status;
}
