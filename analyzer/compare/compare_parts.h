/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * compare_parts: the steps of compare(), one file each. Shared by those files only.
 */

#include "analyzer/compare/compare.h"

/* Wall times, their spread, and the verdict. @return 0, -EINVAL, -ENOMEM */
int compare_wall_fill(const struct compare_side sides[COMPARE_SIDES], struct compare_wall *wall);

/*
 * Did other programs take its CPUs? Threads that are no more than its CPUs need not wait for one on their own account:
 * then a tenth of the time they could run, and enough to be seen in the wall time, was taken from them.
 */
bool compare_disturbed(const struct measurement *m);

/* Was one of them measured for a while only (-p)? Then no time of theirs can be compared, but shares and rates can. */
bool compare_attached(const struct compare_side sides[COMPARE_SIDES]);

/* What two numbers of single runs may differ by, as a share of the larger. */
double compare_noise(const struct compare_wall *wall);

/* Pair up the findings. @return 0 or -ENOMEM */
int compare_findings_fill(const struct compare_side sides[COMPARE_SIDES], double noise, struct comparison *c);

/* BEFORE's forecast against AFTER's median; c->wall is filled. */
void compare_forecast_fill(const struct compare_side sides[COMPARE_SIDES], struct comparison *c);
