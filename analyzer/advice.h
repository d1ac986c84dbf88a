/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * advice: the contract between whoever judges (analyzer/) and whoever words and renders it (report/).
 *
 * Plain data, a pure function of a measurement and a tree. It carries ids, numbers and short facts, not prose: prose
 * per id lives in report/wording. Times are nanoseconds, shares are 0..1, speedups are ratios (2.0: twice as fast).
 *
 * Ownership: an advice owns everything its pointers reach, copies included: it outlives the measurement. Strings that
 * came from the target are raw bytes; whoever prints them escapes them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/sketch.h"
#include "probe/measurement.h"

enum change {
    CHANGE_KEEP,   /* "keep": leave the program as it is */
    CHANGE_FIX,    /* "fix": same model, mend a finding */
    CHANGE_SWITCH, /* "switch": another model */
};

enum confidence {
    CONFIDENCE_NONE,   /* "none": no verdict */
    CONFIDENCE_LOW,    /* "low" */
    CONFIDENCE_MEDIUM, /* "medium" */
    CONFIDENCE_HIGH,   /* "high" */
};

enum severity {
    SEVERITY_INFO,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
};

/* Where the numbers of a model row come from. */
enum evidence_source {
    SOURCE_FORECAST, /* "forecast": simulated only */
    SOURCE_REPLAY,   /* "replay": really executed here */
    SOURCE_MEASURED, /* "measured": the run itself */
};

/* What keeps the advised number of workers from being larger. */
enum worker_bound {
    BOUND_NONE,        /* "knee": more would gain less than they are worth, or there is just one */
    BOUND_ITEMS,       /* "items": there is no more work to do at once */
    BOUND_OUTSTANDING, /* "outstanding": no more waits were ever outstanding at once */
    BOUND_CPUS,        /* "cpus" */
    BOUND_CPU_QUOTA,   /* "cpu_quota": of the cgroup */
    BOUND_MEMORY,      /* "memory": of the machine or the cgroup */
};

/* A step on the path through the tree. Strings are copies. */
struct decision_step {
    char *id;
    char *question;
    char *metric;
    double value;
    char *unit; /* "share", "ns", "count", "ratio", "bool" */
    double limit;
    char *comparison; /* ">=", "<", ... */
    char *reason;     /* why the limit is where it is; from the tree */
    bool answer;
};

struct scaling_point {
    uint32_t workers;
    double speedup;
};

/* One row of the evidence table: one model with its best worker count. */
struct model_evidence {
    enum model model;
    uint32_t workers;
    enum worker_bound bound; /* of workers, or of in_flight where the model has but one process */
    bool current;            /* the program as it is now */
    uint32_t in_flight;      /* waits outstanding at once in each event loop; 0: no event loop in this model */
    bool available;          /* false: this runtime or program can't do it, or no forecast can be made; all numbers 0 */
    uint64_t median_ns;      /* whole program under this model: what to bet on; now_ns / speedup */
    uint64_t interval_ns[2]; /* 95 % interval of it, the error of the forecast included */
    double speedup;          /* against the program as it is now */
    double speedup_interval[2];
    double scatter[2];       /* 95 % interval of the speedup by the scatter of the replays alone: to compare rows */
    double cores;            /* mean CPUs busy */
    uint64_t peak_rss_bytes; /* additional; 0: not known */
    uint64_t worker_bytes;   /* memory of one more worker; 0: not known */
    enum evidence_source source;
    uint64_t forecast_ns; /* what the simulation says, uncorrected, also where a replay exists; 0: none */
    uint64_t replay_ns;   /* median of the replays, uncorrected but for a bound of the workers; 0: none */
    double agreement;     /* replay_ns / forecast_ns; 0: not both */
    bool disagreement;    /* they differ by more than the replays scatter, and by more than a small share */
    size_t runs;
    struct scaling_point *scaling; /* simulated, by workers (in flight per process with event loops); may be NULL */
    size_t n_scaling;
    char **assumptions;
    size_t n_assumptions;
};

/* What was seen that speaks against items being independent; zeroes: nothing was. */
struct item_dependence {
    uint64_t items;
    uint64_t hand_offs;  /* waits inside items that another worker ended */
    uint64_t lock_waits; /* waits for mutexes that items share */
    uint64_t passed_on;  /* items that began when another one handed something on */
    double locked_share; /* of the work: ran under such a mutex */
};

struct evidence {
    size_t runs;              /* replays per model (smallest); 0: not replayed */
    uint64_t replayed_now_ns; /* median replay of the program as it is now */
    double fidelity;          /* of that replay to the measurement: 1 - |error|, from 0; known if replayed_now_ns is */
    double forecast_fidelity; /* the same of the simulation; known if forecast_now_ns is */
    uint32_t cpus;            /* that the rows are for */
    struct item_dependence dependence;
    bool replays_distrusted; /* the simulation is so much closer to the run that it counts instead of them */
    bool long_calls;         /* one event loop hands calls to threads behind it; its row rests on that */
    bool nothing_to_await;   /* an event loop would be a loop around threads: disks, long calls */
    bool waits_unknown;      /* of an event loop: how many overlapped; serial, threads and processes have no forecast */
    bool serves;             /* a process listens: an event loop is there for its clients, whatever it waits for */
    bool tasks_held_up; /* tasks of an event loop wait for each other: more of them, or other workers, may not help */
    struct model_evidence models[MODEL_COUNT]; /* index = enum model */
    enum model ties[MODEL_COUNT];              /* models that tie with the recommended one */
    size_t n_ties;
    bool disagrees;            /* the tree's model and the measured best differ: the replay won */
    double mended_speedup;     /* the current model with its flaws mended or its best worker count; 0: not known */
    double mended_interval[2]; /* 95 % interval of it */
    double mended_by_itself;   /* the same, against what its source says of the program as it is now; 0: not known */
    uint32_t mended_workers;   /* 0: not known */
    enum worker_bound mended_bound;
    uint32_t mended_in_flight; /* 0: no event loop */
    enum evidence_source mended_source;
    uint64_t forecast_now_ns; /* what the forecast says of the program as it is now; 0: no forecast */
};

struct finding {
    int id; /* 2001: printed as CA2001; see analyzer/findings/findings.h */
    enum severity severity;
    uint64_t time_ns;   /* thread time it concerns */
    double share;       /* of thread time (idle excluded), 0..1 */
    char *detail;       /* facts for the title line: "8 threads; held by parse()" ; never NULL */
    struct site *sites; /* copies, largest first, at most 5 */
    size_t n_sites;
    uint32_t batch; /* items per message that would do; 0: no matter of messages */
    double gain;    /* forecast speedup of mending it; 0: not forecast */
    char *remedy;   /* what to do about just this one, with the place: "asyncio.sleep() instead of time.sleep: fetch()
                       at app.py:20"; NULL: the wording of its id says all */
};

struct recommendation {
    enum model model; /* MODEL_NONE: the data carry no verdict, `why_id` says what is missing */
    enum change change;
    uint32_t workers;        /* 0: not applicable */
    enum worker_bound bound; /* of workers */
    char *construct;         /* "concurrent.futures.ProcessPoolExecutor(max_workers=4)"; may be NULL */
    double expected_speedup; /* 1.0: none */
    double interval[2];
    uint64_t now_ns;      /* wall time now */
    bool stretch;         /* of a part of the run (target.attached): a rate, not a total */
    uint64_t expected_ns; /* wall time then */
    bool replayed;        /* expected_* come from a replay, not from the forecast alone */
    bool long_calls;      /* they rest on an event loop that hands long calls to threads */
    enum confidence confidence;
    char *why_id;              /* wording id of the tree's leaf: "gil_processes" */
    char **confidence_reasons; /* what lowered the confidence, short facts */
    size_t n_confidence_reasons;
    char **assumptions; /* sentences */
    size_t n_assumptions;
    char **flips_if; /* sentences */
    size_t n_flips_if;
    char **not_seen; /* sentences */
    size_t n_not_seen;
    char **actions; /* what to do, most valuable first */
    size_t n_actions;
    struct sketch *sketches; /* of a Python program: the code that shows it; most valuable first */
    size_t n_sketches;
};

/* What a thread did on a stretch of the critical path. */
enum path_state {
    PATH_ON_CPU,
    PATH_RUN_QUEUE, /* ready, waiting for a CPU */
    PATH_BLOCKED,   /* on a cause that no thread of the target ended */
    PATH_UNKNOWN,   /* nothing recorded says what happened there */
};

/* All stretches of the critical path that one thread, or one group of threads, spent in one state. */
struct path_part {
    char *who; /* "main", "worker-3", "worker-* (8)"; "" for PATH_UNKNOWN outside all threads; raw bytes */
    enum path_state state;
    enum cause cause; /* of PATH_BLOCKED; else CAUSE_OTHER */
    uint64_t time_ns; /* > 0 */
    double share;     /* of wall_ns */
    int32_t pid;      /* of the thread with most of it; 0: outside all threads */
    int32_t tid;
    uint32_t threads;     /* threads on the path in this state */
    struct frame *frames; /* where those threads spent most time in that state, innermost first; NULL: not known */
    size_t n_frames;
};

/* The path stayed on one thread from here to there. */
struct path_stay {
    char *who;
    int32_t pid;
    int32_t tid;
    uint64_t from_ns;
    uint64_t to_ns;
    enum path_state state; /* what it did for most of it */
    enum cause cause;
    uint64_t state_ns;
};

/*
 * The longest chain of waits behind the wall time: followed backwards from the end, from each wait that a thread of the
 * target ended to that thread. Shortening anything else does not shorten the run. See analyzer/critical_path.h.
 */
struct critical_path {
    uint64_t wall_ns;        /* = sum of the parts + rest_ns; 0: not computed */
    bool approximate;        /* slices were merged or lost, or more than a hundredth of the time has no record */
    uint64_t hops;           /* times it went from one thread to another */
    struct path_part *parts; /* by time_ns, largest first, at most 64 */
    size_t n_parts;
    uint64_t rest_ns;        /* parts beyond those */
    struct path_stay *stays; /* the longest, in order of time, at most 10 */
    size_t n_stays;
};

/* Waits of one group of threads that another one, or the same, ended (measurement.wakers by group). */
struct wait_for {
    char *waiter; /* as path_part.who */
    char *waker;
    bool one_another; /* waiters and wakers are the same group of several threads */
    enum cause cause;
    uint64_t time_ns;
    uint64_t count;
    double share;                /* of thread time, idle excluded */
    struct frame *waiter_frames; /* where most of it was waited, innermost first; NULL: not known */
    size_t n_waiter_frames;
    struct frame *waker_frames; /* where most of it was ended */
    size_t n_waker_frames;
};

struct advice {
    enum model current_model;
    uint32_t current_workers;
    struct recommendation recommendation;
    struct decision_step *path;
    size_t n_path;
    struct evidence evidence;
    struct finding *findings; /* ranked: severity, then time_ns */
    size_t n_findings;
    struct critical_path critical_path;
    struct wait_for *waits; /* by time_ns, largest first, at most 32 */
    size_t n_waits;
};

struct advice *advice_new(void);    /* zeroed, models marked with their index, or NULL */
void advice_free(struct advice *a); /* NULL-safe, half-built objects allowed */
void advice_freep(struct advice **a);

/* Free what one finding owns, not the finding itself; leaves it zeroed. */
void finding_clear(struct finding *finding);

/* Free what the object owns, not the object itself; leave it zeroed. */
void critical_path_clear(struct critical_path *path);
void wait_for_clear(struct wait_for *wait);

/* @return 0 (ret_frames: a heap copy, frames_free(); NULL for none) or -ENOMEM */
int advice_copy_frames(const struct frame *frames, size_t n, struct frame **ret_frames);

/*
 * The frame a person would look at: the innermost one of their own code, with a file and line; neither the
 * interpreter's nor an installed library's. NULL: none.
 */
const struct frame *advice_own_frame_in(const struct frame *frames, size_t n);
const struct frame *advice_own_frame(const struct site *site);

/* Is this module the C library, the dynamic linker or the vdso, by its name? */
bool advice_is_c_library(const char *module);

/*
 * The frame of the program that a stack belongs to: as above, else the innermost with a name outside libraries and the
 * runtime (a stripped program's functions have no file). NULL: none.
 */
const struct frame *advice_program_frame_in(const struct frame *frames, size_t n);

/*
 * The frame that says most about where a stack is: as above, else the innermost with a name that is not the C library's
 * (PQexec() tells more than poll()), else the innermost with a source file, else the innermost
 * with a name, else the innermost. NULL: none.
 */
const struct frame *advice_near_frame_in(const struct frame *frames, size_t n);

/* Order by file, line, function and module. @return < 0, 0 (the same line of code), > 0; NULL sorts first */
int advice_compare_frames(const struct frame *a, const struct frame *b);

const char *path_state_to_str(enum path_state state); /* "on_cpu", "run_queue", "blocked", "unknown" */

const char *change_to_str(enum change change);
const char *confidence_to_str(enum confidence confidence);
const char *severity_to_str(enum severity severity); /* "info", "low", "medium", "high" */
const char *evidence_source_to_str(enum evidence_source source);
const char *worker_bound_to_str(enum worker_bound bound);
