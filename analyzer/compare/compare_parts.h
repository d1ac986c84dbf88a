/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * compare_parts: the steps of compare(), one file each. Shared by those files only.
 */

#include "analyzer/compare/compare.h"

/* Wall times, their spread, and the verdict. @return 0, -EINVAL, -ENOMEM */
int compare_wall_fill(const struct compare_side sides[COMPARE_SIDES], struct compare_wall *wall);

/* What two numbers of single runs may differ by, as a share of the larger. */
double compare_noise(const struct compare_wall *wall);

/* Pair up the findings. @return 0 or -ENOMEM */
int compare_findings_fill(const struct compare_side sides[COMPARE_SIDES], double noise, struct comparison *c);

/* BEFORE's forecast against AFTER's median; c->wall is filled. */
void compare_forecast_fill(const struct compare_side sides[COMPARE_SIDES], struct comparison *c);
