/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * measurement: the contract between whoever measures (probe/) and whoever judges (analyzer/, report/).
 *
 * Plain data: what one run of one target did, where every nanosecond of every thread went, and what replaying it
 * took. Every time is in nanoseconds and, where it is a point in time, counted from `start` (the moment the held
 * target was released; the target's first thread may have been born up to a few microseconds earlier: then 0).
 * Knows nothing of BPF, of trees or of wording, and depends on nothing above it.
 *
 * Ownership: a measurement owns everything its pointers reach. Strings are NUL-terminated, never NULL unless the
 * field says so, and are raw bytes from the target: whoever prints them escapes them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Causes a thread is blocked on (DESIGN 2). X(symbol, id): the id is used in JSON and never changes.
 */
#define CAUSE_LIST(X)                                                                                                  \
    X(CAUSE_INTERPRETER_LOCK, "interpreter_lock") /* GIL/GVL wait */                                                   \
    X(CAUSE_LOCK, "lock")                         /* mutex */                                                          \
    X(CAUSE_HANDOFF, "handoff")                   /* condition, semaphore, queue: waits for a thread of the target */  \
    X(CAUSE_JOIN, "join")                         /* thread or child process to end */                                 \
    X(CAUSE_NETWORK, "network")                   /* a peer outside the target, over a socket; work was outstanding */ \
    X(CAUSE_DISK, "disk")                         /* block I/O, file systems */                                        \
    X(CAUSE_IPC, "ipc")                           /* pipe or socket whose other end is in the target */                \
    X(CAUSE_PIPE, "pipe")                         /* pipe or local socket whose other end is outside the target */     \
    X(CAUSE_SLEEP, "sleep")                       /* a timer the target asked for */                                   \
    X(CAUSE_IDLE, "idle")                         /* event loop, server or pool with nothing to do */                  \
    X(CAUSE_MEMORY, "memory")                     /* page fault, swap-in */                                            \
    X(CAUSE_TERMINAL, "terminal")                 /* waits for a person */                                             \
    X(CAUSE_STOPPED, "stopped")                   /* SIGSTOP, ptrace */                                                \
    X(CAUSE_OTHER, "other")                       /* a known wait that fits nowhere above */

enum cause {
#define X(symbol, id) symbol,
    CAUSE_LIST(X)
#undef X
        CAUSE_COUNT
};

/* Concurrency models (DESIGN 2), in order of simplicity: a tie goes to the smaller value. X(symbol, id). */
#define MODEL_LIST(X)                 \
    X(MODEL_SERIAL, "serial")         \
    X(MODEL_THREADS, "threads")       \
    X(MODEL_COROUTINES, "coroutines") \
    X(MODEL_PROCESSES, "processes")   \
    X(MODEL_PROCESSES_COROUTINES, "processes+coroutines")

enum model {
#define X(symbol, id) symbol,
    MODEL_LIST(X)
#undef X
        MODEL_COUNT,
    MODEL_NONE = -1 /* no verdict, or not known */
};

/* Runtimes. X(symbol, id, name for people). */
#define RUNTIME_LIST(X)                        \
    X(RUNTIME_NATIVE, "native", "native code") \
    X(RUNTIME_CPYTHON, "cpython", "CPython")   \
    X(RUNTIME_PYPY, "pypy", "PyPy")            \
    X(RUNTIME_RUBY, "ruby", "Ruby")            \
    X(RUNTIME_NODE, "node", "Node.js")         \
    X(RUNTIME_JVM, "jvm", "JVM")               \
    X(RUNTIME_GO, "go", "Go")

enum runtime_kind {
#define X(symbol, id, name) symbol,
    RUNTIME_LIST(X)
#undef X
        RUNTIME_COUNT
};

/* Does the runtime serialise its bytecode behind one lock? */
enum interpreter_lock {
    INTERPRETER_LOCK_NONE,    /* native, Go, JVM, free-threaded CPython */
    INTERPRETER_LOCK_PRESENT, /* CPython's GIL, Ruby's GVL, PyPy; waits for it are told apart */
    INTERPRETER_LOCK_UNKNOWN, /* the runtime has one, but it could not be located: its waits are within `handoff` */
};

struct runtime {
    enum runtime_kind kind;
    char version[32]; /* "3.11.2"; empty: not known */
    enum interpreter_lock interpreter_lock;
    char executable[256]; /* interpreter binary, absolute; empty: not known. Replays start this program. */
    bool free_threaded;   /* CPython built without the GIL */
    uint32_t
        interpreters; /* most CPython interpreters seen at once in a process, the main one included; 0: not known */
};

/* The machine, as the target could use it. */
struct machine {
    uint32_t cpus;               /* online CPUs */
    uint32_t cpus_allowed;       /* CPUs in the target's affinity mask; >= 1 */
    double cpu_quota;            /* CPUs granted by the cgroup (cpu.max quota / period); 0: no quota */
    uint64_t memory_bytes;       /* MemTotal */
    uint64_t memory_limit_bytes; /* tightest cgroup memory.max; 0: none */
    char kernel[128];            /* uname -s -r */
    char cpu_name[128];          /* /proc/cpuinfo "model name"; may be empty */
};

/* One function on a stack. */
struct frame {
    char *function; /* never NULL; "?" where it could not be named */
    char *file;     /* source file, or NULL */
    uint32_t line;  /* 0: not known */
    char *module;   /* shared object, executable or Python module path; or NULL */
    bool coroutine; /* a Python frame whose code is a coroutine or async generator */
};

/* Where time went: all waits of one cause, or all on-CPU samples, that share a stack. */
struct site {
    bool on_cpu;          /* true: on-CPU time; `cause` is then without meaning */
    enum cause cause;     /* what the thread waited for */
    uint64_t time_ns;     /* weighted so that a thread's sites add up to what the thread spent */
    uint64_t count;       /* waits (estimated where stacks were rate-limited), or samples */
    uint64_t longest_ns;  /* longest single wait seen here; 0 for on-CPU samples */
    int32_t pid;          /* process */
    int32_t tid;          /* thread that spent the most here */
    uint32_t threads;     /* distinct threads that contributed */
    bool in_event_loop;   /* the stack runs inside a turn of an event loop (not in the loop's own wait) */
    struct frame *frames; /* innermost first; may be NULL when n_frames is 0 */
    size_t n_frames;
};

/*
 * Who ended whose waits (lock, hand-off, ipc, join, interpreter lock), added up over one pair of threads and one cause.
 * A waiter that many siblings serve (a pool) has one row for each.
 */
struct waker {
    int32_t waiter_pid;
    int32_t waiter_tid;
    int32_t waker_pid;
    int32_t waker_tid;
    enum cause cause;
    uint64_t time_ns; /* waited; exact as far as slices were kept (loss) */
    uint64_t count;
    struct frame *waiter_frames; /* where most of that was waited, innermost first; NULL: not known */
    size_t n_waiter_frames;
    struct frame *waker_frames; /* where the waker was when it ended most of it; NULL: not known */
    size_t n_waker_frames;
};

/* A TCP peer that a process opened connections to. */
struct peer {
    int32_t pid;
    char address[64];      /* "192.0.2.1:5432", "[2001:db8::1]:443" */
    uint64_t connects;     /* connections opened */
    uint64_t established;  /* of these, answered */
    uint64_t handshake_ns; /* sum over those: from the first packet to the answer */
    uint64_t first_ns;     /* when the first and the last were opened */
    uint64_t last_ns;
    struct frame *frames; /* where most of them were opened, innermost first; NULL: not known */
    size_t n_frames;
};

/* A look at the memory of a process. */
struct memory_point {
    uint64_t at_ns;
    uint64_t rss_bytes;
    uint64_t private_bytes; /* of it, not shared with another process; 0: not looked at (it costs more) */
};

/* One stretch on CPU and the wait after it. Preemptions do not end a slice; their wait is in runnable_ns. */
struct slice {
    uint64_t on_cpu_ns;       /* CPU time before the wait */
    uint64_t runnable_ns;     /* ready but not running, within this slice and after the wait */
    uint64_t blocked_ns;      /* the wait; 0 for the last slice of a thread */
    enum cause cause;         /* of the wait; CAUSE_OTHER when blocked_ns is 0 */
    int32_t waker_tid;        /* thread of the target that ended the wait; 0: none of the target */
    uint64_t waker_on_cpu_ns; /* CPU time the waker had used up in its life when it did; 0 when waker_tid is 0 */
    uint64_t address;         /* futex address for lock causes; 0: none */
};

/* One thread, dead or alive at the end. on_cpu + runnable + sum(blocked) + unattributed = death - birth, exactly. */
struct thread {
    int32_t tid;
    int32_t pid;
    int32_t parent_tid; /* the thread that created it; 0: outside the target */
    char name[16];      /* comm at death; raw bytes */
    uint64_t birth_ns;  /* first runnable */
    uint64_t death_ns;  /* TASK_DEAD switch, or the end of the measurement */
    bool alive;         /* still there when the measurement ended */
    uint64_t on_cpu_ns;
    uint64_t user_ns;   /* user part of on_cpu_ns as the kernel accounts it; 0 with system_ns 0: not known */
    uint64_t system_ns; /* system part */
    uint64_t runnable_ns;
    uint64_t blocked_ns[CAUSE_COUNT];
    uint64_t blocked_count[CAUSE_COUNT];
    uint64_t unattributed_ns; /* lifetime that no event explains */
    uint64_t voluntary_switches;
    uint64_t involuntary_switches;
    uint64_t cpu_samples;       /* on-CPU samples taken in this thread */
    uint64_t lock_held_samples; /* of these, samples in which it held the interpreter lock */
    uint64_t poll_ns;           /* part of blocked time spent in epoll_wait/poll/select with descriptors to watch */
    uint64_t poll_count;        /* number of those waits */
    bool runtime_internal;      /* GC, compiler, signal dispatcher, a wrapper script's helper: not the program's own
                                   concurrency */
    struct slice *slices;       /* in time order; may be fewer than happened, see loss.decimation */
    size_t n_slices;
};

/* One process (thread group) of the target. */
struct process {
    int32_t pid;
    int32_t parent_pid; /* 0: outside the target */
    uint64_t birth_ns;
    uint64_t death_ns;
    bool alive;
    char name[16]; /* comm; raw bytes */
    bool execed;   /* it ran a program of its own (exec after fork); false: a forked copy of its parent */
    bool launcher; /* ended before an ancestor of its became the program by exec: a wrapper script's helper */
    enum runtime_kind runtime;
    uint64_t peak_rss_bytes;  /* 0: not known (ended before it could be read) */
    uint64_t private_bytes;   /* resident memory not shared with another process, at its last reading; 0: not known */
    uint32_t threads;         /* threads it ever had, >= 1 */
    bool listens;             /* had a listening socket at some time */
    uint32_t max_connections; /* most established outbound inet connections seen at once */
    /* All read- and write-like calls on files, pipes and sockets (proc_pid_io(5): rchar, wchar, syscr, syscw), of
       threads that had ended or were there at the end; 0: not known. */
    uint64_t read_bytes;
    uint64_t written_bytes;
    uint64_t reads;
    uint64_t writes;
    struct memory_point *memory; /* in order of time, thinned out; may be NULL */
    size_t n_memory;
};

/* From here on a turn is a stall: asyncio's slow_callback_duration. */
#define EVENT_LOOP_STALL_NS 100000000ULL

/* An event loop: a thread that waits for many descriptors at once, again and again. */
struct event_loop {
    int32_t tid;
    int32_t pid;
    char kind[16];        /* "asyncio", "uvloop", "libuv", "epoll" */
    uint64_t turns;       /* waits in the selector that blocked */
    uint64_t wait_ns;     /* time in the selector */
    uint64_t busy_cpu_ns; /* CPU time between selector waits: callbacks */
    uint64_t
        blocked_in_turn_ns; /* blocked on something else than the selector, inside a turn: stalls every other task */
    uint64_t blocked_in_turn_count;
    uint64_t longest_stall_ns; /* longest time in one callback or step of a coroutine, as far as seen */
    uint64_t stalls;           /* of those, EVENT_LOOP_STALL_NS and longer */
    uint64_t stall_ns;         /* their sum */
    uint64_t callback_ns;  /* mean CPU time of callbacks and steps, as samples tell them apart, by 4 ms; 0: not known */
    int32_t epoll_fd;      /* descriptor of its selector; 0: not known */
    uint32_t pool_threads; /* libuv: threads of its pool; 0: none seen */
    uint64_t pool_full_ns; /* wall time with all of them busy */
    double outstanding_mean; /* mean number of outbound connections, and of timerfds that run out once, in its
                                selector; from the first on; 0: none seen */
    uint32_t outstanding_max;
    double timers_mean; /* mean number of timers scheduled in the loop while it waited; 0: not known, or none */
    uint32_t timers_max;
    double
        sleepers_mean; /* of these, those that end an asyncio.sleep(): tasks that wait for nothing else; 0: likewise */
    uint64_t sent_segments; /* TCP segments with data over its outbound connection, while it had one at a time and as */
    uint64_t received_segments; /* far as seen: requests and answers, or just news; 0, 0: not known */
};

/* A futex that threads queued on. */
struct lock_site {
    int32_t pid;
    uint64_t address;
    enum cause cause; /* CAUSE_INTERPRETER_LOCK, CAUSE_LOCK or CAUSE_HANDOFF */
    uint64_t wait_ns;
    uint64_t waits;
    uint32_t waiters; /* distinct threads that waited */
};

/* Loss is data (DESIGN 2): what the numbers above do not contain, or had to be mended. */
struct loss {
    uint64_t slices_dropped;  /* slices overwritten in the ring before they were read */
    uint64_t threads_dropped; /* threads without a slot: their time is not in the totals */
    uint64_t threads_omitted; /* threads in the totals but without a row in `threads` */
    uint64_t futexes_unnamed; /* futex waits that found the address table full: classified by operation only */
    uint64_t repaired;        /* impossible transitions mended from the kernel's own counters */
    uint64_t repaired_ns;     /* time moved between buckets while mending */
    uint64_t stacks_failed;   /* of stacks_taken: could not be walked, or nothing on them has a name */
    uint64_t stacks_taken;
    uint64_t stacks_lost; /* overwritten before they were read */
    uint32_t decimation;  /* slices that happened per slice kept; 1: all kept */
};

/* Real executions of the measured profile under one model (analyzer/replay/ appends them). */
struct replay_result {
    enum model model;
    uint32_t workers;
    uint64_t *runs_ns; /* wall time of each run, scaled to the whole profile; interleaved with other models */
    size_t n_runs;
    uint64_t cpu_ns;         /* median CPU time per run, all processes, scaled likewise */
    uint64_t peak_rss_bytes; /* above the replayer's own baseline; largest over the runs */
    double share;            /* share of the profile that was really executed: (0, 1] */
    bool current;            /* replays the program as it is now: compare with wall_ns for the fidelity */
};

/* One of several runs of the same command (-r N): its totals. */
struct repeat {
    uint64_t wall_ns;
    uint64_t thread_time_ns;
    uint64_t on_cpu_ns;
    uint64_t runnable_ns;
    uint64_t blocked_ns[CAUSE_COUNT];
    uint64_t unattributed_ns;
};

struct target {
    char **argv; /* n_argv strings */
    size_t n_argv;
    char *exe; /* absolute path of the program started; may be NULL */
    int32_t pid;
    struct runtime runtime; /* of the process that did most of the work */
    bool exited;            /* false: still running when the measurement ended */
    int32_t exit_status;    /* when exited and signal is 0, and not attached */
    int32_t signal;         /* terminating signal, or 0 */
    bool attached;          /* it was running already: measured from some time on; how it ended nobody told us */
    uint64_t ran_before_ns; /* attached: age of the process when the measurement began */
};

struct measurement {
    char tool_version[32];
    char probe[16]; /* "bpf" or "procfs" */
    struct machine machine;
    struct target target;

    uint64_t wall_ns; /* release of the target to its exit (descendants that outlive it: to the last) */

    /* Sums over all threads ever, exact even where rows or slices were dropped. */
    uint64_t thread_time_ns; /* sum of lifetimes = on_cpu + runnable + sum(blocked) + unattributed */
    uint64_t on_cpu_ns;
    uint64_t user_ns;
    uint64_t system_ns;
    uint64_t runnable_ns;
    uint64_t blocked_ns[CAUSE_COUNT];
    uint64_t blocked_count[CAUSE_COUNT];
    uint64_t unattributed_ns;
    uint64_t voluntary_switches;
    uint64_t involuntary_switches;

    uint64_t threads_total;   /* threads ever, main threads of processes included */
    uint64_t processes_total; /* processes ever */
    uint64_t max_live_threads;
    uint64_t max_live_processes;

    /* parallelism_ns[k]: time during which exactly k threads of the target were on a CPU; sums to wall_ns. */
    uint64_t *parallelism_ns;
    size_t n_parallelism; /* cpus + 1 */

    uint64_t cpu_samples; /* sums of the thread fields */
    uint64_t lock_held_samples;
    uint64_t external_wait_union_ns; /* wall time with at least one thread blocked on network, disk, pipe or sleep */

    struct thread *threads; /* in order of birth */
    size_t n_threads;
    struct process *processes; /* in order of birth */
    size_t n_processes;
    struct event_loop *loops;
    size_t n_loops;
    struct lock_site *locks; /* by wait_ns, largest first */
    size_t n_locks;
    struct site *sites; /* by time_ns, largest first */
    size_t n_sites;
    /* Where the holder of a lock was while others waited for it: cause interpreter_lock (frames of the holder) or lock
       (frames may be missing, tid is the owner). time_ns is what others waited, count their waits. Largest first. */
    struct site *holders;
    size_t n_holders;
    struct waker *wakers; /* by time_ns, largest first */
    size_t n_wakers;
    struct peer *peers; /* by connects, most first */
    size_t n_peers;
    char **modules; /* libraries of interest loaded by the target: shared objects and Python packages seen
                       on stacks ("requests", "psycopg2", "libpq.so.5") */
    size_t n_modules;

    struct loss loss;
    uint64_t overhead_ns; /* CPU time concadvise itself used while the target ran */
    char **notes;         /* sentences about what could not be measured, for people */
    size_t n_notes;

    struct replay_result *replays; /* empty until replayed */
    size_t n_replays;
    uint64_t replay_process_start_ns; /* measured cost of starting one worker process of this runtime; 0: unknown */
    uint64_t replay_thread_start_ns;
    uint64_t replay_ipc_item_ns;      /* measured cost of handing one item to a worker process and back */
    uint64_t replay_ipc_byte_ps;      /* picoseconds that each byte of it adds */
    uint64_t replay_loop_turn_ns;     /* CPU of an event loop's turn around one wait */
    uint64_t replay_thread_switch_ns; /* CPU of a thread's going to sleep and waking up around one wait */
    uint64_t replay_threads_setup_ns; /* once per program: the model's modules imported, its workers ended at last; */
    uint64_t replay_coroutines_setup_ns; /* 0: nothing, or unknown */
    uint64_t replay_processes_setup_ns;
    uint64_t replay_hybrid_setup_ns; /* processes+coroutines */
    double replay_slowdown;          /* CPU time of the same work with every CPU busy / with one busy; 0: unknown */

    struct repeat *repeats; /* the runs of `-r N`, this one included, in the order they were made; empty for one run */
    size_t n_repeats;
};

/* @return a zeroed measurement with loss.decimation 1, or NULL (out of memory); free with measurement_free() */
struct measurement *measurement_new(void);
void measurement_free(struct measurement *m);   /* NULL-safe; accepts half-built objects; returns nothing */
void measurement_freep(struct measurement **m); /* for CLEANUP() */

/* Free what one element owns, not the element itself. */
void site_clear(struct site *site);
void frames_free(struct frame *frames, size_t n); /* the array as well; NULL-safe */

/* Recompute the sums from the thread rows (tests and probes that have every row). */
void measurement_sum_threads(struct measurement *m);

/* @return the row with that tid, or NULL */
const struct thread *measurement_find_thread(const struct measurement *m, int32_t tid);

/* The CPUs the target may keep busy: min(allowed, quota rounded up); >= 1. */
uint32_t measurement_cpus(const struct measurement *m);

/*
 * Check the invariants: conservation per thread and in total, array/pointer agreement, enums in range.
 * @param ret_problem  set to a static string naming the first violation; may be NULL
 * @return 0, or -EBADMSG
 */
int measurement_check(const struct measurement *m, const char **ret_problem);

/*
 * Append a copy of `text` to the notes (duplicates are dropped).
 * @return 0 or -ENOMEM
 */
int measurement_note(struct measurement *m, const char *text);

const char *cause_to_str(enum cause cause);          /* id; "?" when out of range */
int cause_from_str(const char *id, enum cause *ret); /* 0 or -EINVAL */
const char *model_to_str(enum model model);          /* id; "none" for MODEL_NONE */
int model_from_str(const char *id, enum model *ret);
const char *runtime_to_str(enum runtime_kind kind); /* id */
const char *runtime_name(enum runtime_kind kind);   /* for people */
int runtime_from_str(const char *id, enum runtime_kind *ret);
