/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * deliver: from a measurement to reports where they were asked for.
 *
 * The part that `run`, `report`, `replay` and `diff` share: analyze, render into memory, put each report into its
 * place. Says what went wrong.
 */

#include <stdbool.h>
#include <stddef.h>

struct advice;
struct measurement;
struct options;
struct report_diff;
struct tree;

/*
 * Load options->tree.
 * @param aftermath  said after the reason: "The program was not started."
 * @return 0 (ret_tree: tree_free(); NULL when none was asked for), or -errno (said)
 */
int deliver_load_tree(const struct options *options, const char *aftermath, struct tree **ret_tree);

/* Are all -o and --save places writable? @return 0 or -errno (said) */
int deliver_check_places(const struct options *options, const char *aftermath);

/* @return 0 (ret_advice: advice_free()) or -errno (said) */
int deliver_analyze(const struct options *options, const struct measurement *m, const struct tree *tree,
                    struct advice **ret_advice);

/* Write the measurement to --save, if that was asked for. @return 0 or -errno (said) */
int deliver_save(const struct options *options, const struct measurement *m);

/*
 * Write every report: to each -o, else JSON to stdout, else text to `default_fd`. SIGPIPE must be ignored; a reader
 * that went away is not an error.
 * @return 0, or the first -errno (said)
 */
int deliver_reports(const struct options *options, const struct measurement *m, const struct advice *a,
                    const struct tree *tree, int default_fd);

/* The same for a comparison; text goes to stdout. @return 0, or the first -errno (said) */
int deliver_diff(const struct options *options, const struct report_diff *diff);

/*
 * Text to stdout; a reader that went away is not an error.
 * @return 0 or -errno (said)
 */
int deliver_text(const char *text, size_t n);
