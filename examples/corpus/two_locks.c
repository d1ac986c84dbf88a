/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Moves goods between two stores with a lock each: 60 us of planning, 40 us in the one store, 40 us in the other.
 *
 * models: serial threads
 * workers: threads=4
 *
 * No processes: the stores are full of pointers.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#define MOVES 14000
#define PLAN_ROUNDS 36000
#define STORE_ROUNDS 24000
#define SHELVES 64

struct shelf {
    struct shelf *next;
    uint64_t goods;
};

struct store {
    pthread_mutex_t lock;
    struct shelf *shelves;
};

static struct store stores[2] = {{.lock = PTHREAD_MUTEX_INITIALIZER}, {.lock = PTHREAD_MUTEX_INITIALIZER}};
static atomic_uint next_move;

static void carry(struct store *store, uint64_t number, uint64_t goods)
{
    struct shelf *shelf = store->shelves;

    (void)pthread_mutex_lock(&store->lock);
    for (uint64_t i = number % SHELVES; i > 0; i--)
        shelf = shelf->next;
    shelf->goods += corpus_work(goods | 1, STORE_ROUNDS) & 0xFFFFFFFF;
    (void)pthread_mutex_unlock(&store->lock);
}

static void *mover(void *arg)
{
    unsigned number;

    (void)arg;
    while ((number = atomic_fetch_add(&next_move, 1)) < MOVES) {
        uint64_t goods = corpus_work(number + 1, PLAN_ROUNDS);

        carry(&stores[number % 2], number, goods);
        carry(&stores[(number + 1) % 2], number, goods >> 3);
    }
    return NULL;
}

static int build(struct store *store)
{
    for (unsigned i = 0; i < SHELVES; i++) {
        struct shelf *shelf = calloc(1, sizeof(struct shelf));

        if (!shelf)
            return -1;
        shelf->next = store->shelves;
        store->shelves = shelf;
    }
    return 0;
}

static uint64_t clear(struct store *store)
{
    uint64_t sum = 0;

    while (store->shelves) {
        struct shelf *next = store->shelves->next;

        sum += store->shelves->goods;
        free(store->shelves);
        store->shelves = next;
    }
    return sum;
}

int main(int argc, char **argv)
{
    struct corpus_args args = corpus_parse(argc, argv);
    pthread_t threads[CORPUS_MAX_WORKERS];

    if (build(&stores[0]) || build(&stores[1]))
        return 1;
    if (!strcmp(args.model, "serial")) {
        (void)mover(NULL);
    } else if (!strcmp(args.model, "threads")) {
        for (unsigned i = 0; i < args.workers; i++)
            if (pthread_create(&threads[i], NULL, mover, NULL))
                return 1;
        for (unsigned i = 0; i < args.workers; i++)
            (void)pthread_join(threads[i], NULL);
    } else {
        return corpus_unknown(&args);
    }
    (void)printf("%" PRIu64 "\n", clear(&stores[0]) + clear(&stores[1]));
    return 0;
}
