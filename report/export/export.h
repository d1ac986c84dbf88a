/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * export: a measurement in the formats of other tools. One format a file; report.c has the table.
 *
 * Each is a pure function of what it is given and writes to `out`. Knows those formats and how they quote. Refuses to
 * judge, and to leave anything the target named unquoted. All return 0, -ENOMEM or -EIO.
 */

#include <stdio.h>

struct advice;
struct measurement;

/*
 * Folded stacks, one site a line: "process;state;outermost;...;innermost microseconds", as flamegraph.pl, inferno and
 * speedscope read them (github.com/brendangregg/FlameGraph). The second frame is "on-CPU" or the cause of the wait.
 */
int export_folded(FILE *out, const struct measurement *m, const struct advice *a);

/*
 * Trace events as chrome://tracing and ui.perfetto.dev read them ("Trace Event Format", JSON object form): a slice for
 * each state of each thread, an arrow from each waker to whom it woke. Times in microseconds with three decimals.
 */
int export_perfetto(FILE *out, const struct measurement *m, const struct advice *a);

/*
 * pprof's profile.proto, gzip: sample types samples/count, on_cpu/nanoseconds and off_cpu/nanoseconds; labels "state",
 * "process" and "threads".
 */
int export_pprof(FILE *out, const struct measurement *m, const struct advice *a);

/*
 * Firefox Profiler's processed profile, JSON: each thread's states as interval markers, and for each process a track of
 * its sites, as weighted samples with call trees. Later versions of profiler.firefox.com upgrade it when they load it.
 */
int export_firefox(FILE *out, const struct measurement *m, const struct advice *a);

/* SARIF 2.1.0 (OASIS): a rule for each kind of finding, a result for each finding at its first place in a file. */
int export_sarif(FILE *out, const struct measurement *m, const struct advice *a);

/* OpenMetrics 1.0 text for one run; a textfile of it is what node_exporter collects. */
int export_openmetrics(FILE *out, const struct measurement *m, const struct advice *a);
