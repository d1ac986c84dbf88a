/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Heat in a plate, step by step: every step needs the whole of the one before, and a serial look at the border.
 *
 * models: serial threads processes
 * workers: threads=cpus processes=cpus
 *
 * Threads and processes meet at a barrier twice in each step; processes share the plate's memory.
 */

#include "examples/corpus/corpus.h"

#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDE 1024
#define STEPS 1200

struct plate {
    pthread_barrier_t barrier;
    double border;
    double heat[2][SIDE][SIDE];
};

struct share {
    struct plate *plate;
    unsigned first_row;
    unsigned end_row;
    unsigned workers;
};

static void rows(struct plate *plate, unsigned step, unsigned first, unsigned end)
{
    double(*from)[SIDE] = plate->heat[step % 2], (*to)[SIDE] = plate->heat[(step + 1) % 2];

    for (unsigned row = first; row < end; row++)
        for (unsigned column = 1; column < SIDE - 1; column++)
            to[row][column] =
                from[row][column] + 0.2 * (from[row - 1][column] + from[row + 1][column] + from[row][column - 1] +
                                           from[row][column + 1] - 4.0 * from[row][column]);
}

/* Serial: the heat that leaves through the border warms it. */
static void look_at_border(struct plate *plate, unsigned step)
{
    double(*heat)[SIDE] = plate->heat[(step + 1) % 2];

    for (unsigned i = 0; i < SIDE; i++) {
        plate->border += 1e-6 * sqrt(fabs(heat[1][i] + heat[SIDE - 2][i] + heat[i][1] + heat[i][SIDE - 2]));
        heat[0][i] = heat[i][0] = plate->border;
    }
}

static void *work(void *arg)
{
    const struct share *share = arg;

    for (unsigned step = 0; step < STEPS; step++) {
        rows(share->plate, step, share->first_row, share->end_row);
        if (share->workers > 1)
            (void)pthread_barrier_wait(&share->plate->barrier);
        if (share->first_row == 1)
            look_at_border(share->plate, step);
        if (share->workers > 1)
            (void)pthread_barrier_wait(&share->plate->barrier);
    }
    return NULL;
}

static int in_threads(struct share *shares, unsigned workers)
{
    pthread_t threads[CORPUS_MAX_WORKERS];

    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, work, &shares[i]))
            return 1;
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}

static int in_processes(struct share *shares, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++) {
        if (fork() == 0) {
            (void)work(&shares[i]);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    unsigned workers = !strcmp(args.model, "serial") ? 1 : args.workers;
    struct plate *plate = mmap(NULL, sizeof(struct plate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct share shares[CORPUS_MAX_WORKERS];
    pthread_barrierattr_t attributes;
    double sum = 0;
    int status = 0;

    if (plate == MAP_FAILED)
        return 1;
    (void)pthread_barrierattr_init(&attributes);
    (void)pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_barrier_init(&plate->barrier, &attributes, workers);
    for (unsigned row = 0; row < SIDE; row++)
        for (unsigned column = 0; column < SIDE; column++)
            plate->heat[0][row][column] = plate->heat[1][row][column] = (row * 31 + column * 17) % 101;
    for (unsigned i = 0; i < workers; i++)
        shares[i] = (struct share){plate, 1 + i * (SIDE - 2) / workers, 1 + (i + 1) * (SIDE - 2) / workers, workers};
    if (!strcmp(args.model, "serial"))
        (void)work(&shares[0]);
    else if (!strcmp(args.model, "threads"))
        status = in_threads(shares, workers);
    else if (!strcmp(args.model, "processes"))
        status = in_processes(shares, workers);
    else
        return corpus_unknown(&args);
    for (unsigned row = 0; row < SIDE; row++)
        for (unsigned column = 0; column < SIDE; column++)
            sum += plate->heat[STEPS % 2][row][column];
    (void)printf("%.3f\n", sum);
    return status;
}
