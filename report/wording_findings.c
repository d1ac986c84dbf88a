/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/wording.h"

#include "base/base.h"

/* In the order of analyzer/findings/findings.h. */
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
        .id = 4001,
        .title = "a process for each small item",
        .seen = "Processes were started one after another that lived hardly longer than it takes to start them.",
        .why = "Starting a process of an interpreter costs tens of milliseconds of CPU: interpreter, imports, page "
               "tables. With small items the start is the work.",
        .action = "Start the workers once: multiprocessing.Pool or ProcessPoolExecutor with as many workers as CPUs, "
                  "and a chunksize that makes each hand-over worth it. For external programs: pass many files to one "
                  "call (xargs -n), or use a library in the process.",
        .check = "Run concadvise again: the number of processes should be the number of workers.",
    },
    {
        .id = 4002,
        .title = "a thread for each small item",
        .seen = "Threads were created in large numbers that lived for a short time each.",
        .why = "Creating, scheduling and joining a thread costs tens of microseconds and a stack; for tiny items "
               "that is more than the item.",
        .action = "Use a pool with a fixed number of threads and a queue in front "
                  "(concurrent.futures.ThreadPoolExecutor; a worker loop over a queue in C), and hand over "
                  "batches.",
        .check = "Run concadvise again: threads created should fall to the size of the pool.",
    },
    {
        .id = 4003,
        .title = "threads without a bound",
        .seen = "The number of live threads grew with the amount of work, far beyond what can run at once.",
        .why = "Each thread takes memory and a place in every queue. Nothing stops the growth when the input grows; "
               "then memory, file descriptors or the peer give out first.",
        .action = "Bound it: an executor with max_workers, a queue with maxsize, a semaphore around the requests.",
        .check = "Run concadvise again with twice the input: the most threads at once should not change.",
    },
    {
        .id = 4101,
        .title = "talking between processes dominates",
        .seen = "Processes or threads spent much of their time waiting for messages of each other: pipes, queues, "
                "manager proxies.",
        .why = "Each exchange costs serialisation, two copies, and two context switches. With small messages that is "
               "more than the work they carry; a Manager adds a round trip for every access.",
        .action = "Send less and in larger pieces: batch items (chunksize), keep state local and merge at the end, "
                  "pass large arrays by shared memory. Where no interpreter lock is in the way, threads share "
                  "memory for nothing; a token that goes round is fastest in one thread.",
        .check = "Run concadvise again: the IPC and hand-off rows should shrink and the wall time with them.",
    },
    {
        .id = 5001,
        .title = "memory of all workers exceeds the machine",
        .seen = "The memory that one worker keeps for itself, times the number of workers, does not fit into what the "
                "machine or the cgroup offers.",
        .why = "Beyond the limit the kernel swaps or kills. Fork does not help: memory that is written to (reference "
               "counts are writes) is copied after all.",
        .action = "Use fewer workers, load big data after the fork and only the part a worker needs, map read-only "
                  "files, put arrays into shared memory, or use threads where the lock is not in the way.",
        .check = "Run concadvise again and compare the peak memory of the processes with the limit.",
    },
    {
        .id = 6001,
        .title = "beyond one machine",
        .seen = "The CPU time or memory this job asks for is more than all CPUs of this machine can serve in "
                "reasonable time.",
        .why = "Once all CPUs are busy, no model makes it faster here.",
        .action = "Make the code itself faster first: it is the cheapest machine. Then spread independent parts over "
                  "machines: Dask or Ray for Python, a job queue for anything else.",
        .check = "Run one part on one machine under concadvise: it should keep all CPUs busy by itself.",
    },
    {
        .id = 9001,
        .title = "the run was too short",
        .seen = "The program ended before there was enough to measure.",
        .why = "Start-up dominates such a run: what it would do with real work can't be told from it.",
        .action = "Give it more work: larger input, more rounds, the real data.",
        .check = "Run concadvise again: a second of work is enough as a rule.",
    },
    {
        .id = 9002,
        .title = "events were lost",
        .seen = "Some threads, slices or stretches of time are missing from the measurement, or had to be mended.",
        .why = "Where the time went is known less well than usual. Exact totals are kept in the kernel and suffer "
               "last, the forecast first.",
        .action = "Measure on a less loaded machine, or for a shorter time (-d 10s).",
        .check = "`lost` in the second line of the report should be 0.",
    },
    {
        .id = 9003,
        .title = "mostly idle",
        .seen = "Nearly all the time the program waited for someone to give it work.",
        .why = "A server without requests says nothing about how it would bear them.",
        .action = "Drive load while measuring: start it under concadvise with -d 30s and run a load generator "
                  "(wrk, hey, ab, the real clients) against it.",
        .check = "Run concadvise again: the idle row should no longer dominate.",
    },
    {
        .id = 9004,
        .title = "the interpreter lock could not be told apart",
        .seen = "The runtime has an interpreter lock, but it could not be located in this build.",
        .why = "Waits for it are within `hand-off`. A queue for the lock and a wait for a sibling look alike then, and "
               "the confidence is lowered for it.",
        .action = "Use a build that exports _PyRuntime (every CPython since 3.7 does, unless stripped of its dynamic "
                  "symbols).",
        .check = "Run concadvise again: the second line should name the version and the lock.",
    },
};

const struct wording_finding *wording_finding(int id)
{
    for (size_t i = 0; i < ARRAY_SIZE(findings); i++)
        if (findings[i].id == id)
            return &findings[i];
    return NULL;
}
