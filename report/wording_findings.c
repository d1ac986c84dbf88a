/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/wording_findings.h"

#include "base/base.h"

/* CPU, locks, waiting; in the order of analyzer/findings/findings.h. The rest is in wording_findings_workers.c. */
static const struct wording_finding findings[] = {
    {
        .id = 1001,
        .title = "one busy core of many",
        .seen = "One thread computed for most of the run while the other CPUs that the program may use had nothing to "
                "do for it.",
        .why = "A single thread can't be faster than a single core. Everything else the machine has is left unused.",
        .action = "Cut the work into independent items and hand them to a pool: threads where the work runs outside "
                  "an interpreter lock, processes where it runs under one. Make the algorithm faster first if that is "
                  "easy: it multiplies with everything after.",
        .check = "Run concadvise again: the number of cores busy should come close to the number of workers.",
    },
    {
        .id = 1203,
        .title = "more busy threads than CPUs",
        .seen = "More threads or processes wanted to compute at once than the program may use CPUs (affinity and "
                "cgroup quota counted), and they waited for a CPU in the run queue.",
        .why = "Waiting for a CPU is not work. Each further worker adds context switches, cold caches and memory, "
               "and under a cgroup quota the whole group is stopped until the next period.",
        .action = "Size the pool by the CPUs the program may use: len(os.sched_getaffinity(0)) and the cgroup's "
                  "cpu.max, not os.cpu_count() or a fixed number.",
        .check = "Run concadvise again: the run queue row should shrink, the wall time must not grow.",
    },
    {
        .id = 1301,
        .title = "all CPUs are busy already",
        .seen = "For most of the run all CPUs that the program may use were computing for it.",
        .why = "No arrangement of the same work can use more CPUs than there are. This is what a parallel program "
               "should look like.",
        .action = "Leave the concurrency alone. Faster code, more CPUs or more machines are what is left.",
        .check = "Profile the CPU time (perf record, py-spy) and run concadvise again after each improvement.",
    },
    {
        .id = 2001,
        .title = "interpreter-lock convoy",
        .seen = "Threads were ready to run but queued for the interpreter lock (CPython's GIL, Ruby's GVL), which one "
                "of them held while it executed bytecode.",
        .why = "Only the holder of the lock can execute bytecode. More threads do not add speed; they add hand-overs, "
               "5 ms apart in CPython, and a thread that returns from I/O queues behind those that compute.",
        .action = "Move the code that holds the lock into processes (concurrent.futures.ProcessPoolExecutor), or into "
                  "a library that releases the lock while it computes (hashlib, zlib, numpy, Pillow do in large "
                  "calls), or use a free-threaded build. Shrink the thread pool until the queue is gone.",
        .check = "Run concadvise again: the lock's row should nearly vanish and the cores busy should rise.",
    },
    {
        .id = 2101,
        .title = "mutex convoy",
        .seen = "Threads queued for the same mutex for a considerable part of their time.",
        .why = "What runs under a lock runs one thread at a time: with N threads queueing, N-1 of them are idle, and "
               "each hand-over costs a sleep and a wake-up.",
        .action = "Hold the lock for less: take work, allocation and I/O out of the critical section; split the "
                  "lock by key or shard; keep per-thread results and merge at the end; use atomics or a read-mostly "
                  "structure where that is all that is needed.",
        .check = "Run concadvise again: the lock row should shrink and the wall time with it.",
    },
    {
        .id = 2201,
        .title = "lock held across a wait",
        .seen = "A thread slept, or waited for disk or network, while others queued for a lock that it held.",
        .why = "The wait of one becomes the wait of all: operations that could overlap are strung one after another.",
        .action = "Release the lock before the wait: copy what is needed under the lock, do the slow thing outside, "
                  "take it again to store the result. Where the order matters, hand the work to one owner thread over "
                  "a queue.",
        .check = "Run concadvise again: several waits should now overlap and the lock row should be gone.",
    },
    {
        .id = 3001,
        .title = "waits one after another that could overlap",
        .seen = "The program waited for something outside (network, disk, a timer), again and again, never for two "
                "things at once.",
        .why = "A wait costs no CPU: many fit into the time of one. In a row their times add up.",
        .action = "Have several requests under way at once: asyncio.gather or a TaskGroup with a semaphore where an "
                  "async library exists, a ThreadPoolExecutor where none does. Ask the server for many things in one "
                  "request where it offers that.",
        .check = "Run concadvise again: the wall time should fall while the total time waited stays about the same.",
    },
    {
        .id = 3002,
        .title = "awaits one after another",
        .seen = "Coroutines ran in an event loop, but only one request at a time was outstanding.",
        .why = "`await` in a loop is serial code in disguise: the loop is free to do something else, and there is "
               "nothing else to do.",
        .action = "Start the tasks together and wait for them together: asyncio.gather(*tasks), or asyncio.TaskGroup, "
                  "with an asyncio.Semaphore that bounds how many run at once.",
        .check = "Run concadvise again: the outstanding waits should rise to the semaphore's bound.",
    },
    {
        .id = 3101,
        .title = "blocking call inside the event loop",
        .seen = "Inside a turn of the event loop the thread went to sleep in a call that is not the loop's own wait.",
        .why = "While it sleeps no other task, timer or connection of this loop is served.",
        .action = "Use the asynchronous twin (asyncio.sleep for time.sleep, aiohttp or httpx for requests, asyncpg or "
                  "an async driver for the database). Where there is none: await loop.run_in_executor() with an "
                  "executor of bounded size, or asyncio.to_thread().",
        .check = "Run concadvise again: time blocked within turns and the longest stall should fall to milliseconds.",
    },
    {
        .id = 3102,
        .title = "CPU work inside the event loop",
        .seen = "Callbacks computed for long stretches between two waits of the event loop.",
        .why = "The loop serves nothing while a callback computes, and `async` alone gives a second core to nobody.",
        .action = "Hand the computation to a process pool: await loop.run_in_executor(process_pool, function, data). "
                  "Threads are enough where the function releases the interpreter lock. Or run one loop per process, "
                  "behind a common port.",
        .check = "Run concadvise again: the longest stall should shrink and the cores busy should rise.",
    },
    {
        .id = 3103,
        .title = "the event loop's thread pool is full",
        .seen = "All threads of libuv's pool, which does file access, name look-ups and some cryptography for the"
                " event loop, were busy for a large part of the time.",
        .why = "With no thread idle the next operation queues, however fast the disk is. One slow name look-up, "
               "pipe or network file system holds back every other file.",
        .action = "Start the program with more threads (UV_THREADPOOL_SIZE, 4 by default, read once at start), "
                  "stream large files instead of reading them whole, and move computing to worker_threads.",
        .check = "Run concadvise again: the share of time with all of the pool's threads busy should fall.",
    },
    {
        .id = 3201,
        .title = "slow peer, not CPU work",
        .seen = "Long waits for the answer of a peer (a database, a service), with next to no CPU time around them.",
        .why = "The time is spent on the other side. More processes here ask the same peer more questions at once and "
               "may slow it down further.",
        .action = "Look at the peer: the query's plan, a missing index, a cache. Overlap independent requests with "
                  "threads or coroutines, as many as the peer bears. Do not add processes for it.",
        .check = "Time the request by itself, mend the peer, run concadvise again: the network row should shrink.",
    },
    {
        .id = 3301,
        .title = "a new connection for each request",
        .seen = "A process opened connections to the same peer again and again, many more than it ever had open "
                "at once.",
        .why = "Each connection costs a round trip before the first byte, one or two more with TLS, a new slow "
               "start of TCP, and on both sides a port, a descriptor and CPU time. It adds to the time of every "
               "request.",
        .action = "Keep connections open and use them again: one requests.Session or httpx.Client for all requests,"
                  " keep-alive, HTTP/2, an upstream with keepalive, a connection pool for a database.",
        .check = "Run concadvise again: connections should be as few as there are requests under way at once.",
    },
    {
        .id = 3401,
        .title = "a blocking library with an asynchronous twin",
        .seen = "Much of the time was waited in a library that blocks the calling thread, and for which a mature "
                "asynchronous counterpart exists.",
        .why = "With a blocking library each request under way needs a thread. A few dozen are fine; in a row, "
               "or by the hundreds, waits, memory and switches add up, and beside an event loop the threads are "
               "a detour.",
        .action = "Use the twin in coroutines where many requests should be under way at once, or where an event "
                  "loop runs anyway. For a few dozen requests a thread pool of that size does the same.",
        .check = "Run concadvise again: more waits should be outstanding at once, in fewer threads.",
    },
};

const struct wording_finding *wording_finding(int id)
{
    for (size_t i = 0; i < ARRAY_SIZE(findings); i++)
        if (findings[i].id == id)
            return &findings[i];
    for (size_t i = 0; i < n_wording_findings_workers; i++)
        if (wording_findings_workers[i].id == id)
            return &wording_findings_workers[i];
    return NULL;
}
