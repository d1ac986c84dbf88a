/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * wording_findings: the part of the findings' prose that is in a file of its own. Shared by wording_findings*.c only;
 * wording_finding() in wording.h is the way in.
 */

#include "report/wording.h"

/* CA4xxx and up, in the order of analyzer/findings/findings.h. */
extern const struct wording_finding wording_findings_workers[];
extern const size_t n_wording_findings_workers;
