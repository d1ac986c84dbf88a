/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * sketch: which ten lines of Python show what the advice means, for a target that is a Python program.
 *
 * Knows which sketch fits a recommendation or a finding, the numbers in it, and the function and line where it goes.
 * Refuses to know its words: the code per id lives in report/wording_sketches.c.
 */

#include <stddef.h>
#include <stdint.h>

struct advice;
struct measurement;

/* X(symbol, name): what the code shows. */
#define SKETCH_LIST(X)                                                                                           \
    X(SKETCH_PROCESSES, "process-pool")                  /* items to a pool of processes */                      \
    X(SKETCH_THREADS, "thread-pool")                     /* items to a pool of threads */                        \
    X(SKETCH_LOOP, "plain-loop")                         /* items one after another, in one thread */            \
    X(SKETCH_GATHER_HTTP, "gather-http")                 /* blocking HTTP requests as coroutines */              \
    X(SKETCH_GATHER_CLIENT, "gather-client")             /* other blocking calls as coroutines */                \
    X(SKETCH_GATHER, "gather")                           /* awaits one by one, awaited together */               \
    X(SKETCH_GATHER_PER_PROCESS, "gather-per-process")   /* coroutines, in several processes */                  \
    X(SKETCH_LOOP_PER_PROCESS, "event-loop-per-process") /* the coroutines there are, in several processes */    \
    X(SKETCH_SERVER_WORKERS, "server-workers")           /* an ASGI server with several processes */             \
    X(SKETCH_ASYNC_SLEEP, "async-sleep")                 /* a sleep that blocks the loop, as one that doesn't */ \
    X(SKETCH_ASYNC_HTTP, "async-http")                   /* a request that blocks the loop, likewise */          \
    X(SKETCH_THREADS_IN_LOOP, "executor-threads")        /* other blocking calls: to threads, bounded */         \
    X(SKETCH_PROCESSES_IN_LOOP, "executor-processes")    /* computing in the loop: to processes */               \
    X(SKETCH_KEPT_SESSION, "kept-session")               /* one requests.Session for all */                      \
    X(SKETCH_SESSION_PER_THREAD, "session-per-thread")   /* one for each thread of a pool */                     \
    X(SKETCH_ASYNC_SESSION, "async-session")             /* one aiohttp.ClientSession for all */                 \
    X(SKETCH_KEPT_CONNECTION, "kept-connection")         /* one connection of any other client */                \
    X(SKETCH_CHUNKS, "chunks")                           /* many items per message of a pool */                  \
    X(SKETCH_QUEUE_BATCHES, "queue-batches")             /* many items per message of a queue */                 \
    X(SKETCH_LOCAL_COUNTS, "local-counts")               /* results instead of a Manager's objects */            \
    X(SKETCH_WAIT_OUTSIDE_LOCK, "wait-outside-lock")     /* the slow call before the lock is taken */            \
    X(SKETCH_MERGE_AT_END, "merge-at-end")               /* a result per thread, merged under the lock once */   \
    X(SKETCH_POOL_SIZE, "pool-size")                     /* the same pool with another number of workers */

enum sketch_id {
    SKETCH_NONE,
#define X(symbol, name) symbol,
    SKETCH_LIST(X)
#undef X
        SKETCH_COUNT
};

/* How the program does its items now, as far as its stacks tell: many sketches begin there. */
enum sketch_from {
    SKETCH_FROM_LOOP,         /* one after another */
    SKETCH_FROM_THREADS,      /* threading.Thread */
    SKETCH_FROM_QUEUE,        /* threads that take items from a queue */
    SKETCH_FROM_THREAD_POOL,  /* concurrent.futures.ThreadPoolExecutor */
    SKETCH_FROM_PROCESSES,    /* multiprocessing.Process */
    SKETCH_FROM_PROCESS_POOL, /* concurrent.futures.ProcessPoolExecutor */
    SKETCH_FROM_POOL,         /* multiprocessing.Pool */
    SKETCH_FROM_COROUTINES,   /* an event loop */
    SKETCH_FROM_COUNT
};

/* One sketch. Strings are raw bytes of the target: what is no plain identifier must not get into code. */
struct sketch {
    enum sketch_id id;
    enum sketch_from from;
    int finding;          /* that it mends; 0: it shows the recommendation */
    uint32_t workers;     /* to have: threads or processes; 0: not known */
    uint32_t workers_now; /* 0: not known */
    uint32_t in_flight;   /* waits outstanding at once, of one event loop; 0: not known */
    uint32_t batch;       /* items per message; 0: not known */
    char *function;       /* that does an item, the blocking call, the computing; without its class; NULL: not known */
    char *coroutine;      /* that calls it, in an event loop; NULL: not known */
    char *file;           /* where it was seen; NULL: not known */
    uint32_t line;        /* 0: not known */
    const char *library;  /* blocking one that it replaces, as in async_twins.json (static); NULL: none that is known */
};

/*
 * The sketches for an advice whose recommendation and findings are filled, most valuable first, at most three; none for
 * a target that is no Python program, and none where there is no verdict.
 *
 * @param in_flight  waits outstanding per event loop; 0: not known
 * @return 0 (recommendation.sketches is filled) or -ENOMEM
 */
int sketches_fill(const struct measurement *m, uint32_t in_flight, struct advice *advice);

/* The sketch that shows in general how a finding is mended: no names, no numbers. id is SKETCH_NONE where none does. */
struct sketch sketch_of_finding(int finding);

/* Free what a sketch owns, not the sketch itself; leaves it zeroed. */
void sketch_clear(struct sketch *sketch);

const char *sketch_id_to_str(enum sketch_id id); /* "process-pool" */
