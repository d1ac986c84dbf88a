/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * options_table: every option and sub-command there is, as data.
 *
 * options.c parses by it and --help prints it: a new option is a key here, a row in the table and a case in apply().
 */

#include "cli/options.h"

enum option_key {
    OPTION_FORMAT,
    OPTION_OUTPUT,
    OPTION_DURATION,
    OPTION_RUNS,
    OPTION_PID,
    OPTION_USER,
    OPTION_SAVE,
    OPTION_TO,
    OPTION_LIVE,
    OPTION_LIGHT,
    OPTION_NO_EVIDENCE,
    OPTION_EVIDENCE_TIME,
    OPTION_PROBE,
    OPTION_CPUS,
    OPTION_TREE,
    OPTION_IGNORE,
    OPTION_FAIL_ON,
    OPTION_BASELINE,
    OPTION_ERROR_EXITCODE,
    OPTION_COLOR,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_VERSION,
    OPTION_HELP,
    OPTION_COUNT
};

/* An option; the table's index is its enum option_key, its order that of --help. */
struct option_row {
    char letter;          /* 0: none */
    const char *name;     /* long */
    const char *argument; /* NULL: takes none */
    unsigned commands;    /* where it has a meaning: bits of enum command */
    const char *help;
};

/* A sub-command. */
struct command_row {
    const char *name;
    enum command command;
};

#define OPTION_COMMANDS 7

extern const struct option_row options_table[OPTION_COUNT];
extern const struct command_row options_commands[OPTION_COMMANDS];
