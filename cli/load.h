/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * load: saved measurements from the command line's files. Says what is wrong with one.
 */

struct measurement;

/* @return 0 (ret_m: measurement_free()) or -errno (said) */
int load_measurement(const char *path, struct measurement **ret_m);
