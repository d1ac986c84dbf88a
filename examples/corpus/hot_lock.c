/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Books twelve thousand orders: 100 us of arithmetic each, and 45 us in the ledger that all share under one lock.
 *
 * models: serial threads processes
 * workers: threads=4 processes=cpus
 * flawed: threads
 *
 * Threads have a fixed share each. Processes keep the ledger in shared memory, under a mutex that is shared as well.
 * Flawed threads do all of it inside the lock.
 */

#include "examples/corpus/corpus.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORDERS 12000
#define ORDER_ROUNDS 60000
#define LEDGER_ROUNDS 27000

struct ledger {
    pthread_mutex_t lock;
    uint64_t sum;
};

struct share {
    struct ledger *ledger;
    unsigned first;
    unsigned step;
    bool all_inside; /* of the lock */
};

static void *book(void *arg)
{
    const struct share *share = arg;

    for (unsigned order = share->first; order < ORDERS; order += share->step) {
        uint64_t value = share->all_inside ? 0 : corpus_work(order + 1, ORDER_ROUNDS);

        (void)pthread_mutex_lock(&share->ledger->lock);
        if (share->all_inside)
            value = corpus_work(order + 1, ORDER_ROUNDS);
        share->ledger->sum += corpus_work(value, LEDGER_ROUNDS) & 0xFFFFFFFF;
        (void)pthread_mutex_unlock(&share->ledger->lock);
    }
    return NULL;
}

static int in_threads(struct ledger *ledger, unsigned workers, bool all_inside)
{
    pthread_t threads[CORPUS_MAX_WORKERS];
    struct share shares[CORPUS_MAX_WORKERS];

    for (unsigned i = 0; i < workers; i++) {
        shares[i] = (struct share){ledger, i, workers, all_inside};
        if (pthread_create(&threads[i], NULL, book, &shares[i]))
            return 1;
    }
    for (unsigned i = 0; i < workers; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}

static int in_processes(struct ledger *ledger, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++) {
        if (fork() == 0) {
            struct share share = {ledger, i, workers, false};

            (void)book(&share);
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
    struct ledger *ledger =
        mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct share whole = {ledger, 0, 1, false};
    pthread_mutexattr_t attributes;
    int status = 0;

    if (ledger == MAP_FAILED)
        return 1;
    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutex_init(&ledger->lock, &attributes);
    if (!strcmp(args.model, "serial"))
        (void)book(&whole);
    else if (!strcmp(args.model, "threads"))
        status = in_threads(ledger, args.workers, args.flawed);
    else if (!strcmp(args.model, "processes"))
        status = in_processes(ledger, args.workers);
    else
        return corpus_unknown(&args);
    (void)printf("%" PRIu64 "\n", ledger->sum);
    return status;
}
