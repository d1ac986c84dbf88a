/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Multiplies two matrices of 1152 x 1152 doubles, tile by tile.
 *
 * models: serial threads processes
 * workers: threads=cpus processes=cpus
 *
 * Threads and processes take the next tile of the product from a counter; that of the processes, and the product, lie
 * in memory which all of them share.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 1152U
#define TILE 96U
#define TILES (SIZE / TILE)

struct shared {
    atomic_uint next_tile;
    double product[SIZE][SIZE];
};

static double left[SIZE][SIZE], right[SIZE][SIZE];
static struct shared *shared;

static void fill(void)
{
    for (unsigned i = 0; i < SIZE; i++) {
        for (unsigned j = 0; j < SIZE; j++) {
            left[i][j] = (double)((i * 31 + j * 17) % 101) - 50;
            right[i][j] = (double)((i * 13 + j * 7) % 89) - 44;
        }
    }
}

static void multiply_tile(unsigned row, unsigned column)
{
    for (unsigned depth = 0; depth < SIZE; depth += TILE) {
        for (unsigned i = row; i < row + TILE; i++) {
            for (unsigned k = depth; k < depth + TILE; k++) {
                double factor = left[i][k];

                for (unsigned j = column; j < column + TILE; j++)
                    shared->product[i][j] += factor * right[k][j];
            }
        }
    }
}

static void *multiply(void *arg)
{
    unsigned tile;

    (void)arg;
    while ((tile = atomic_fetch_add(&shared->next_tile, 1)) < TILES * TILES)
        multiply_tile(tile / TILES * TILE, tile % TILES * TILE);
    return NULL;
}

static int in_threads(unsigned workers)
{
    pthread_t threads[CORPUS_MAX_WORKERS];

    /* The main thread is one of the workers. */
    for (unsigned i = 1; i < workers; i++)
        if (pthread_create(&threads[i], NULL, multiply, NULL))
            return 1;
    (void)multiply(NULL);
    for (unsigned i = 1; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}

static int in_processes(unsigned workers)
{
    pid_t children[CORPUS_MAX_WORKERS];
    int status, failed = 0;

    for (unsigned i = 0; i < workers; i++) {
        children[i] = fork();
        if (children[i] < 0)
            return 1;
        if (children[i] == 0) {
            (void)multiply(NULL);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < workers; i++)
        failed |= waitpid(children[i], &status, 0) < 0 || status != 0;
    return failed;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    int64_t sum = 0;
    int status = 0;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    fill();
    if (!strcmp(args.model, "serial"))
        (void)multiply(NULL);
    else if (!strcmp(args.model, "threads"))
        status = in_threads(args.workers);
    else if (!strcmp(args.model, "processes"))
        status = in_processes(args.workers);
    else
        return corpus_unknown(&args);
    for (unsigned i = 0; i < SIZE; i++)
        for (unsigned j = 0; j < SIZE; j++)
            sum += (int64_t)shared->product[i][j] * ((i + j) % 7 + 1);
    (void)printf("%" PRId64 "\n", sum);
    return status;
}
