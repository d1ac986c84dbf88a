/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * load: saved measurements and JSON reports from the command line's files. Says what is wrong with one.
 */

struct advice;
struct measurement;
struct options;
struct tree;

/* @return 0 (ret_m: measurement_free()) or -errno (said) */
int load_measurement(const char *path, struct measurement **ret_m);

/* What the advice of a file is: judged now where it is a saved measurement, as it was where it is a JSON report. */
struct load_judged {
    struct measurement *m;
    struct advice *a;
};

/* @return 0 (load_judged_clear()) or -errno (said) */
int load_judged(const struct options *options, const char *path, const struct tree *tree, struct load_judged *ret);
void load_judged_clear(struct load_judged *input); /* accepts a zeroed struct */
