/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * runs: measures the program once, or N times with -r, and says how the last of it ended.
 *
 * Only the first run gets our stdin, the others /dev/null. A run that fails, or that was interrupted, is the last one;
 * where others went well before it, it is left out of what is analysed.
 */

#include "cli/status.h"

struct measurement;
struct options;
struct progress;

/*
 * @param ret_m       the run to analyse (the middle one), owned by the caller
 * @param ret_status  how the target ended: that of the first run that failed, else success
 * @return 0, or the exit status when nothing was measured (said)
 */
int runs_measure(const struct options *options, struct progress *progress, struct measurement **ret_m,
                 struct status *ret_status);
