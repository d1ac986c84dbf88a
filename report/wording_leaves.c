/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/wording.h"

#include "base/base.h"

/* Ids are the wording ids of analyzer/tree.json, in its order. */
static const struct wording_leaf leaves[] = {
    {
        .id = "too_short",
        .why = "The run ended before it did enough to judge: start-up is most of it.",
        .how = "Run it again with more work: larger input, more rounds, or the real data. A second of work is enough.",
    },
    {
        .id = "data_lost",
        .why = "More than a tenth of the thread time is not accounted for, so no share of it can be trusted.",
        .how =
            "Run it again on a less loaded machine, or for a shorter time (-d 10s); concadvise doctor says what this "
            "machine can measure.",
    },
    {
        .id = "idle",
        .why = "The program mostly waited for work, so the run says how it idles, not how it works.",
        .how = "Run it again and drive load meanwhile: start it with -d 30s and send it the requests it is made for.",
    },
    {
        .id = "small_gain",
        .why = "Even a perfect rearrangement would save only a fraction of a second per run. Plain code is worth more.",
        .how = "Leave it as it is. If it runs thousands of times a day, measure the whole batch instead of one run.",
    },
    {
        .id = "nothing_to_gain",
        .why =
            "The work is arranged about as well as this machine allows: no model could make the run a tenth shorter.",
        .how = "Make the code itself faster: profile the CPU time, look at the slowest peer, ask for less.",
    },
    {
        .id = "beyond_machine",
        .why = "This machine is used up already, and the job still takes long or fills the memory. No model makes it "
               "faster here.",
        .how =
            "Make the code itself faster first; then spread independent parts over several machines (Dask or Ray for "
            "Python, a job queue for anything else).",
    },
    {
        .id = "oversubscribed",
        .fix = "Shrink the pool",
        .why = "Many more threads want to compute than there are CPUs for them. They wait in the run queue, and each "
               "adds switches and memory, not speed.",
        .how =
            "Start as many workers as the program may use CPUs: affinity and cgroup quota count, not os.cpu_count().",
    },
    {
        .id = "process_pool",
        .fix = "Keep the processes in a pool",
        .why = "Starting processes is a large part of the run: each does little work and ends.",
        .how = "Start the workers once and hand them batches: ProcessPoolExecutor or multiprocessing.Pool with a "
               "chunksize; for external programs, many files per call.",
    },
    {
        .id = "bound_threads",
        .fix = "Bound the number of threads",
        .why = "A thread is started for each item, and nothing bounds how many are alive: more input means more "
               "threads, until memory or the peer gives out.",
        .how =
            "Use a pool of a fixed size with a bounded queue in front (in Python ThreadPoolExecutor with max_workers, "
            "a semaphore around submit).",
    },
    {
        .id = "thread_pool",
        .fix = "Keep the threads in a pool",
        .why = "Starting and ending threads is a large part of the run: each does little work and ends.",
        .how = "Start the threads once and hand them items over a queue (ThreadPoolExecutor in Python, worker loops in "
               "C).",
    },
    {
        .id = "ipc_serial",
        .why = "The processes exchange messages that cost more than the work they carry: one process alone would be "
               "done sooner.",
        .how = "Do the work in one process. Split it again only in pieces that are large against a message.",
    },
    {
        .id = "ipc_batch",
        .fix = "Send less, in larger pieces",
        .why = "The processes mostly wait for each other's messages, and there is little work per message.",
        .how = "Batch items (chunksize), keep state local and merge at the end, replace Manager objects by return "
               "values, pass large arrays by shared memory.",
    },
    {
        .id = "gil_hybrid",
        .why = "Threads queue for the interpreter lock, and they also wait for others: processes give each CPU an "
               "interpreter, an event loop in each overlaps the waits.",
        .how = "Run one event loop per process, a process per CPU, and split the items among them.",
    },
    {
        .id = "gil_processes",
        .why = "More threads will not help: bytecode is serialised by the interpreter lock. Each process has a lock of "
               "its own.",
        .how = "Move the work to a pool of processes, one per CPU; send each worker whole items.",
    },
    {
        .id = "gil_pool",
        .why = "More threads will not help: bytecode is serialised by the interpreter lock. The items are small, so a "
               "pool must keep its processes alive and take them in batches.",
        .how = "Move the work to a pool of processes, one per CPU, and send items in batches (chunksize in Python's "
               "map()).",
    },
    {
        .id = "lock_fix",
        .fix = "Mend the lock",
        .why = "Threads queue for a mutex: the lock sets the pace, and no other model changes that.",
        .how =
            "Hold the lock for less: move work and waits out of it, split it by key, merge per-thread results at the "
            "end.",
    },
    {
        .id = "loop_unblock",
        .fix = "Unblock the event loop",
        .why = "Calls inside the event loop put its thread to sleep; meanwhile every other task stands still.",
        .how = "Use the async twin of the call, or hand it to an executor of bounded size "
               "(await loop.run_in_executor(executor, call)).",
    },
    {
        .id = "loop_processes",
        .why = "The event loop computes: callbacks hold it for long stretches, and one loop uses one CPU.",
        .how = "Hand the computation to a process pool (await loop.run_in_executor(process_pool, function, item)).",
    },
    {
        .id = "loop_hybrid",
        .why =
            "The event loop computes for long stretches and waits for others, too: processes use the CPUs, a loop in "
            "each overlaps the waits.",
        .how = "Run one event loop per process (gunicorn with async workers, or a process pool fed by coroutines).",
    },
    {
        .id = "loop_per_cpu",
        .why = "One event loop keeps one CPU full with short callbacks; a further loop on a further CPU is what helps.",
        .how = "Run one event loop per process, a process per CPU, and share the load among them.",
    },
    {
        .id = "loop_gather",
        .fix = "Await together",
        .why = "The event loop never has two waits outstanding: awaits one after another are a serial program in "
               "disguise.",
        .how = "Start the tasks together and bound them: asyncio.gather or TaskGroup, with a Semaphore.",
    },
    {
        .id = "loop_keep",
        .why = "The event loop does what it is made for: it has waits outstanding, its turns are short, and it has CPU "
               "time to spare.",
        .how = "Leave the concurrency as it is.",
    },
    {
        .id = "few_waits",
        .why = "There are only a few waits to overlap: plain code is worth more than the seconds to win.",
        .how = "Leave it as it is. With many more items, a small pool of threads is the first step.",
    },
    {
        .id = "waits_overlapped",
        .why = "The program waits for others, and it has enough waits outstanding already.",
        .how = "Leave the concurrency alone; look at the peer (how long does one request take?) and ask it for less.",
    },
    {
        .id = "other_workers", /* no leaf of the tree: the evidence says so (recommend.c) */
        .fix = "Change the number of workers",
        .why = "The model is right, but with another number of workers the same program takes much less time.",
        .how = "Change the size of the pool (or the bound of the semaphore) step by step, and measure: peers that are "
               "asked for more at once may answer later.",
    },
    {
        .id = "waits_coroutines",
        .why =
            "The time goes into waiting for others. Coroutines have hundreds of waits outstanding for little memory, "
            "and there is an async library for what it waits on.",
        .how =
            "Use asyncio with the async twin of the library, asyncio.gather and a Semaphore that bounds how many run "
            "at once.",
    },
    {
        .id = "waits_threads",
        .why = "The time goes into waiting for others, and no async library for it was seen: threads wait as well, and "
               "the code stays as it is.",
        .how = "Use a pool of threads; size it by how many requests the peer bears at once.",
    },
    {
        .id = "waits_pool",
        .why = "The time goes into waiting for others, and there are few enough waits for a small pool of threads.",
        .how = "Use a pool of threads, and hand it the items.",
    },
    {
        .id = "waits_cpu_hybrid",
        .why =
            "The program waits for others, and it computes under the interpreter lock in between: coroutines overlap "
            "the waits, processes use the CPUs.",
        .how = "Feed a pool of processes from coroutines, or run one event loop per process.",
    },
    {
        .id = "waits_cpu_threads",
        .why = "The program waits for others, and computes outside any interpreter lock: threads overlap the waits and "
               "use every CPU.",
        .how = "Use a pool of threads, larger than the number of CPUs by as much as the workers wait.",
    },
    {
        .id = "cpu_parallel",
        .why = "The program computes, and it uses the CPUs already.",
        .how = "Leave the concurrency as it is; make the code itself faster.",
    },
    {
        .id = "cpu_partly",
        .why =
            "The program computes in parallel already, but not all the time: a serial part or an uneven split leaves "
            "CPUs without work.",
        .how = "Look at the serial part, and cut the work into smaller pieces so that the last ones end together.",
    },
    {
        .id = "cpu_released",
        .why = "The program computes, but mostly outside the interpreter lock, as measured: threads can use every CPU.",
        .how = "Use a pool of threads, one per CPU; processes would only add copies.",
    },
    {
        .id = "cpu_processes",
        .why = "The program computes under the interpreter lock on one CPU: only processes can use the others.",
        .how = "Cut the work into independent items and hand them to a pool of processes, one per CPU.",
    },
    {
        .id = "cpu_pool",
        .why =
            "The program computes under the interpreter lock, in small items: only processes can use the other CPUs, "
            "and only a pool that takes items in batches pays.",
        .how = "Use a pool of processes, one per CPU, and send batches that last 10 ms or more (chunksize in Python).",
    },
    {
        .id = "cpu_threads",
        .why = "The program computes on one CPU, and no interpreter lock is in the way: threads share memory and use "
               "every CPU.",
        .how = "Cut the work into independent items and hand them to a pool of threads, one per CPU.",
    },
    {
        .id = "handoff_serial",
        .why = "Threads hand each other less work than the hand-over costs: one thread alone would be done sooner.",
        .how = "Do both sides in one thread, or hand over large batches.",
    },
};

const struct wording_leaf *wording_leaf(const char *id)
{
    for (size_t i = 0; id && i < ARRAY_SIZE(leaves); i++)
        if (strcmp(leaves[i].id, id) == 0)
            return &leaves[i];
    return NULL;
}
