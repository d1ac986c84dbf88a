/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings about processes and their messages, memory, scale, and the data themselves. */
#include "report/wording_findings.h"

#include "base/base.h"

const struct wording_finding wording_findings_workers[] = {
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
        .id = 4102,
        .title = "items smaller than their transfer",
        .seen = "Items were handed to worker processes one by one, and carrying them there and back took more "
                "than the work on them.",
        .why = "Each item is pickled, written to a pipe, read, unpickled, and so is its result; workers sleep "
               "and are woken in between. For small items that is most of the work, and more workers only carry "
               "more.",
        .action = "Hand over many items at once: a chunksize for Pool.map and executor.map, lists instead of single"
                  " values in queues, files or shared memory for large data. Or compute small items where they are.",
        .check = "Run concadvise again: the CPU time for messages should fall and the wall time with it.",
    },
    {
        .id = 4201,
        .title = "memory copied after the fork",
        .seen = "Forked workers began with the memory of their parent and then came to own copies of a good part "
                "of it, although they allocated little.",
        .why = "After a fork both sides share pages until one writes. Reference counts and collector marks are "
               "writes: merely looking at objects copies their pages, one page fault each, and the memory is "
               "needed once per worker.",
        .action =
            "Keep big data in arrays or shared memory (few objects, few counts), or load it after the fork and only "
            "the part a worker needs, or use threads where the lock is not in the way. gc.freeze() right before the "
            "fork saves the copies that the collector causes, not those of reference counts.",
        .check = "Run concadvise again and compare the memory that each worker keeps for itself.",
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
        .id = 5002,
        .title = "memory grows steadily",
        .seen = "The resident memory of a process kept growing after its warm-up, steadily and to the end of the "
                "run.",
        .why = "What grows without a bound ends at the limit of the machine or the cgroup, in swap or with a "
               "kill: a leak, a cache or queue without a bound, or results that are kept until the end. "
               "Producers that are faster than consumers look like this, too.",
        .action = "Bound queues (maxsize) and caches (lru_cache with a size), write results out as they come, look "
                  "for what keeps references (tracemalloc, heaptrack), or have workers replaced after a number of "
                  "tasks (maxtasksperchild, max_requests) until it is found.",
        .check = "Run concadvise again, for longer: after the warm-up the memory should stay level.",
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
    {
        .id = 9005,
        .title = "stacks without names",
        .seen = "For many of the stacks that were taken no function could be named: stripped binaries, no frame "
                "pointers, code made at run time, processes that ended before they were looked at.",
        .why = "The times are right all the same, but the report can't say which line they belong to.",
        .action = "Build with -g and -fno-omit-frame-pointer, do not strip, or install the debug packages (-dbgsym,"
                  " -debuginfo). Runtimes with a compiler of their own can write /tmp/perf-PID.map: node --perf-"
                  "basic-prof, java -XX:+DumpPerfMapAtExit.",
        .check = "Run concadvise -v again: sites should show functions and lines.",
    },
    {
        .id = 9006,
        .title = "measured without privileges",
        .seen = "The run was sampled from /proc, because the eBPF probe could not be used or was not wanted.",
        .why = "CPU time, run-queue waits and the sum of all waits are the kernel's own, but waits are only looked at "
               "now and then: short ones share what was seen before and after them, nobody is named as the one who "
               "ended a wait, and native code has no places.",
        .action = "Run it as root or through sudo (the program still runs as you), or give the helper concadvise-"
                  "probe its capabilities; `concadvise doctor` says what is missing.",
        .check = "Run concadvise again: the second line of the report should not say procfs.",
    },
};
const size_t n_wording_findings_workers = ARRAY_SIZE(wording_findings_workers);
