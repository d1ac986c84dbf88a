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
    bool current;            /* the program as it is now */
    uint32_t in_flight;      /* waits outstanding at once in each event loop; 0: no event loop in this model */
    bool available;          /* false: this runtime or program can't do it; all numbers 0 */
    uint64_t median_ns;      /* whole program under this model */
    uint64_t interval_ns[2]; /* 95 % interval of the median; both equal median_ns for a forecast */
    double speedup;          /* against the program as it is now */
    double speedup_interval[2];
    double cores;            /* mean CPUs busy */
    uint64_t peak_rss_bytes; /* additional; 0: not known */
    enum evidence_source source;
    uint64_t forecast_ns; /* what the simulation says, also where a replay exists; 0: none */
    size_t runs;
    struct scaling_point *scaling; /* forecast over workers; may be NULL */
    size_t n_scaling;
    char **assumptions;
    size_t n_assumptions;
};

struct evidence {
    size_t runs;              /* replays per model (smallest); 0: not replayed */
    uint64_t replayed_now_ns; /* median replay of the program as it is now */
    double fidelity;          /* of that replay to the measurement: 1 - |error|, from 0; known if replayed_now_ns is */
    struct model_evidence models[MODEL_COUNT]; /* index = enum model */
    enum model ties[MODEL_COUNT];              /* models that tie with the recommended one */
    size_t n_ties;
    bool disagrees;            /* the tree's model and the measured best differ: the replay won */
    double mended_speedup;     /* the current model with its flaws mended or its best worker count; 0: not known */
    double mended_interval[2]; /* 95 % interval of it */
    uint32_t mended_workers;   /* 0: not known */
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
    double gain;  /* forecast speedup of mending it; 0: not forecast */
    char *remedy; /* what to do about just this one, with the place: "asyncio.sleep() instead of time.sleep: fetch()
                     at app.py:20"; NULL: the wording of its id says all */
};

struct recommendation {
    enum model model; /* MODEL_NONE: the data carry no verdict, `why_id` says what is missing */
    enum change change;
    uint32_t workers;        /* 0: not applicable */
    char *construct;         /* "concurrent.futures.ProcessPoolExecutor(max_workers=4)"; may be NULL */
    double expected_speedup; /* 1.0: none */
    double interval[2];
    uint64_t now_ns;      /* wall time now */
    uint64_t expected_ns; /* wall time then */
    bool replayed;        /* expected_* come from a replay, not from the forecast alone */
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
};

struct advice *advice_new(void);    /* zeroed, models marked with their index, or NULL */
void advice_free(struct advice *a); /* NULL-safe, half-built objects allowed */
void advice_freep(struct advice **a);

/* Free what one finding owns, not the finding itself; leaves it zeroed. */
void finding_clear(struct finding *finding);

/*
 * The frame a person would look at: the innermost one of their own code, with a file and line; neither the
 * interpreter's nor an installed library's. NULL: none.
 */
const struct frame *advice_own_frame(const struct site *site);

const char *change_to_str(enum change change);
const char *confidence_to_str(enum confidence confidence);
const char *severity_to_str(enum severity severity); /* "info", "low", "medium", "high" */
const char *evidence_source_to_str(enum evidence_source source);
