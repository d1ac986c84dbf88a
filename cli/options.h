/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * options: what the command line asks for.
 *
 * One table holds every option: it parses, and it prints --help. Refuses to act: nothing is opened, started or printed
 * here (but for --help).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "probe/probe.h"
#include "report/report.h"

enum command {
    COMMAND_RUN,
    COMMAND_REPORT,
    COMMAND_DIFF,
    COMMAND_REPLAY,
    COMMAND_EXPLAIN,
    COMMAND_DOCTOR,
    COMMAND_EXPORT,
    COMMAND_HELP,    /* -h */
    COMMAND_VERSION, /* -V */
};

enum color_choice {
    COLOR_AUTO, /* on a terminal, unless NO_COLOR is set or TERM is "dumb" */
    COLOR_ALWAYS,
    COLOR_NEVER,
};

/* One -o. */
struct output_request {
    const char *path; /* "-": stdout; borrowed from argv */
    enum report_format format;
};

struct options {
    enum command command;
    char **operands; /* the target's argv (run), or the sub-command's operands; NULL-terminated, borrowed */
    size_t n_operands;
    enum report_format format;
    bool format_given;
    struct output_request *outputs;
    size_t n_outputs;
    uint32_t runs;        /* 1..OPTIONS_MOST_RUNS */
    uint64_t duration_ns; /* 0: until the target ends */
    uint32_t cpus;        /* 0: as many as the target may use */
    bool live;            /* a table while measuring */
    bool light;           /* implies no evidence */
    bool evidence;
    uint64_t evidence_ns;
    enum probe_kind probe;
    const char *tree; /* file; NULL: built in */
    const char *save; /* file; NULL: none */
    enum report_export export_to;
    bool export_given;
    const char *user; /* NULL: the invoking one */
    uint32_t pid;     /* measure this running process; 0: run operands */
    int *ignored;     /* finding ids */
    size_t n_ignored;
    int *fail_on; /* finding ids */
    size_t n_fail_on;
    int fail_severity;    /* enum severity from which on the gate closes; -1: none */
    const char *baseline; /* file; NULL: none */
    int error_exitcode;
    enum color_choice color;
    bool quiet;
    bool verbose;
};

#define OPTIONS_MESSAGE 512

/* Half of the runs are kept until the middle one is known; a run can take some 10 MB. */
#define OPTIONS_MOST_RUNS 100

/* Exit statuses for wrong use (DESIGN 6). */
#define STATUS_USAGE 2    /* sub-commands, no arguments at all */
#define STATUS_FAILED 125 /* concadvise itself failed; the target's own statuses stay below */

/*
 * @param ret_options  owned by the caller: options_clear(), also after a failure
 * @param message      OPTIONS_MESSAGE bytes; what is wrong and what to do, when not 0
 * @return 0, or the exit status for wrong use
 */
int options_parse(int argc, char **argv, struct options *ret_options, char *message);
void options_clear(struct options *options);

/* "auto", "bpf", ...; NULL: there is no such probe */
const char *options_probe_name(enum probe_kind kind);

void options_print_help(FILE *out);
void options_print_usage(FILE *out); /* a few lines */
