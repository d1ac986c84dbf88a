/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * compare: two runs of a program, before and after a change: what changed, beyond the noise or not, and how the
 * forecast of the first compares with what happened.
 *
 * Pure: two measurements with their advice in, plain data out. Knows times, causes, findings and forecasts. Refuses to
 * word or to print. Of a measurement it reads the totals, the parallelism, target, machine, probe, loss.threads_dropped
 * and the repeats; of the advice the current model, recommendation, evidence rows and findings: an input may lack the
 * rest (report_read() does).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/advice.h"

/* Index of everything that both sides have. */
enum { COMPARE_BEFORE, COMPARE_AFTER, COMPARE_SIDES };

/* Borrowed; must outlive the comparison. */
struct compare_side {
    const struct measurement *m;
    const struct advice *a;
};

/* From so many runs on both sides on, an interval says what is noise; below, a rule does. */
#define COMPARE_LEAST_RUNS 3

/* The rule: of single runs, differences up to this share are not told from noise. */
#define COMPARE_NOISE_SHARE 0.10

enum compare_verdict {
    COMPARE_TIE,    /* "tie" */
    COMPARE_FASTER, /* "faster": AFTER is */
    COMPARE_SLOWER, /* "slower" */
    /* "not_comparable": a side was measured for a while only (target.attached); its wall time is how long that was */
    COMPARE_NOT_COMPARABLE,
};

enum compare_method {
    COMPARE_BY_RANKS, /* "mann_whitney": interval of the ratio of medians, statistics_independent_ratio() */
    COMPARE_BY_RULE,  /* "rule": noise_share */
};

/* Wall time. */
struct compare_wall {
    enum compare_verdict verdict;
    enum compare_method method;
    double ratio;       /* median before / median after: 2.0: AFTER takes half the time */
    double interval[2]; /* of it; COMPARE_BY_RULE: both equal ratio */
    double confidence;  /* that the interval holds it, 0..1; COMPARE_BY_RULE: 0 */
    double noise_share; /* COMPARE_BY_RULE: a ratio within 1 +- this is a tie: COMPARE_NOISE_SHARE, or the spread of the
                           runs of a side, where that is more */
    bool small;         /* a tie although the interval excludes 1: it is within STATISTICS_TIE_SHARE */
    bool disturbed; /* a tie although there is a difference: what other programs took of the CPUs may be all of it */
    size_t runs[COMPARE_SIDES];
    uint64_t median_ns[COMPARE_SIDES];
    uint64_t range_ns[COMPARE_SIDES][2];
};

enum compare_bucket {
    COMPARE_ON_CPU,       /* "on_cpu" */
    COMPARE_RUNNABLE,     /* "runnable" */
    COMPARE_BLOCKED,      /* the id of the cause */
    COMPARE_UNATTRIBUTED, /* "unattributed" */
};

#define COMPARE_ROWS (CAUSE_COUNT + 3)

/*
 * One bucket of thread time; the rows of a side add up to its thread time. Times are those of the middle run. Where the
 * verdict is COMPARE_NOT_COMPARABLE the shares are what can be compared, and `tie` is about them.
 */
struct compare_row {
    enum compare_bucket bucket;
    enum cause cause; /* COMPARE_BLOCKED; else CAUSE_OTHER */
    uint64_t time_ns[COMPARE_SIDES];
    double share[COMPARE_SIDES]; /* of the side's thread time */
    bool tie;                    /* the difference is not told from noise */
};

enum compare_change {
    COMPARE_GONE,    /* "gone" */
    COMPARE_NEW,     /* "new" */
    COMPARE_CHANGED, /* "changed": its time (COMPARE_NOT_COMPARABLE: its time per second) differs beyond the noise */
    COMPARE_STILL,   /* "still" */
};

/* A finding of either side, or of both: same id, and of several with that id the nearest place. */
struct compare_finding {
    enum compare_change change;
    const struct finding *before; /* borrowed from the advice; NULL for COMPARE_NEW */
    const struct finding *after;  /* NULL for COMPARE_GONE */
    bool worse;                   /* COMPARE_CHANGED: towards more; else false */
};

/* What makes the two differ beside the change itself: bits. X(symbol, id). */
#define COMPARE_CAVEAT_LIST(X)                                                                 \
    X(COMPARE_OTHER_COMMAND, "command")       /* arguments differ */                           \
    X(COMPARE_OTHER_MACHINE, "machine")       /* CPU type or memory */                         \
    X(COMPARE_OTHER_KERNEL, "kernel")         /* release */                                    \
    X(COMPARE_OTHER_CPUS, "cpus")             /* number, affinity or quota */                  \
    X(COMPARE_OTHER_RUNTIME, "runtime")       /* kind, version, interpreter lock */            \
    X(COMPARE_OTHER_PROBE, "probe")           /* one is from /proc: fewer causes */            \
    X(COMPARE_BEFORE_FAILED, "before_failed") /* exit status or signal */                      \
    X(COMPARE_AFTER_FAILED, "after_failed")                                                    \
    X(COMPARE_UNFINISHED, "unfinished")     /* a run was cut short: wall times say little */   \
    X(COMPARE_INCOMPLETE, "incomplete")     /* threads found no slot: their time is missing */ \
    X(COMPARE_BUSY_MACHINE, "busy_machine") /* other programs took CPU time from a run */      \
    X(COMPARE_ATTACHED, "attached")         /* a side was measured for a while only */

enum compare_caveat {
#define X(symbol, id) symbol,
    COMPARE_CAVEAT_LIST(X)
#undef X
        COMPARE_CAVEATS
};

/* What BEFORE's report said about what AFTER is. X(symbol, id). */
#define COMPARE_FORECAST_LIST(X)                                                                                    \
    X(COMPARE_FORECAST_NONE, "none")                 /* BEFORE has no verdict, or no number in it */                \
    X(COMPARE_FORECAST_KEEP, "keep")                 /* the advice was to keep the model, and it was kept */        \
    X(COMPARE_FORECAST_RECOMMENDED, "recommended")   /* AFTER runs the recommended model */                         \
    X(COMPARE_FORECAST_OTHER_MODEL, "other_model")   /* AFTER runs another one, with a row in BEFORE's evidence */  \
    X(COMPARE_FORECAST_NOT_FOLLOWED, "not_followed") /* another model was advised, AFTER runs the same as BEFORE */ \
    X(COMPARE_FORECAST_NO_ROW, "no_row")             /* no number for AFTER's model, or the model is not known */   \
    X(COMPARE_FORECAST_ATTACHED, "attached")         /* a side was measured for a while: no time to hold it against */

enum compare_forecast_kind {
#define X(symbol, id) symbol,
    COMPARE_FORECAST_LIST(X)
#undef X
};

/* Numbers only for COMPARE_FORECAST_RECOMMENDED and _OTHER_MODEL; else 0. */
struct compare_forecast {
    enum compare_forecast_kind kind;
    enum model model;          /* AFTER's; MODEL_NONE: not known */
    uint32_t workers;          /* that the forecast was made for; 0: not applicable */
    uint32_t measured_workers; /* that AFTER runs; 0: not applicable */
    bool other_workers;        /* another number than `workers`, and threads or processes: no fair test */
    bool replayed;             /* the number comes from a replay, not from the simulation alone */
    bool interval_known;       /* false: a single number, `inside` is without meaning */
    uint64_t expected_ns;
    uint64_t interval_ns[2]; /* 95 % */
    uint64_t measured_ns;    /* AFTER's median */
    double error;            /* (expected - measured) / measured: 0.05: 5 % too long */
    bool inside;             /* measured is within the interval; false with other_workers */
};

struct comparison {
    struct compare_wall wall;
    struct compare_row rows[COMPARE_ROWS]; /* on-CPU, runnable, causes in their order, unattributed */
    double cores[COMPARE_SIDES];           /* mean CPUs busy */
    uint32_t peak[COMPARE_SIDES];          /* most CPUs busy at once; 0: not known */
    struct compare_finding *findings;      /* gone, new, changed, still; within each as ranked in its report */
    size_t n_findings;
    uint32_t caveats; /* bits: 1 << enum compare_caveat */
    struct compare_forecast forecast;
};

/*
 * @param ret  comparison_clear(); untouched on failure
 * @return 0, -EINVAL (a side without wall time), -ENOMEM
 */
int compare(const struct compare_side *before, const struct compare_side *after, struct comparison *ret);
void comparison_clear(struct comparison *c); /* accepts a zeroed struct */

const char *compare_verdict_to_str(enum compare_verdict verdict);
const char *compare_method_to_str(enum compare_method method);
const char *compare_change_to_str(enum compare_change change);
const char *compare_caveat_to_str(enum compare_caveat caveat);
const char *compare_forecast_to_str(enum compare_forecast_kind kind);
const char *compare_row_to_str(const struct compare_row *row); /* "on_cpu", "network", ... */
