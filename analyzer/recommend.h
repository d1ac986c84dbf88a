/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * recommend: the tree gives the reason, the evidence checks it (DESIGN 4).
 *
 * Knows how a leaf and the evidence become one recommendation. Refuses to word it.
 */

#include "analyzer/advice.h"
#include "analyzer/tree.h"

/*
 * Fill model, change, workers, expected times and why_id, the evidence's ties and `disagrees`.
 *
 * Of the models that tie with the best one the simplest wins; except that an event loop the tree asks for is not given
 * up for as many threads or for more processes than loops (memory and switching are its reason, and wall time does not
 * show them), and that nothing is changed for a tie with the program as it is.
 *
 * @param advice        current model, evidence and findings are filled
 * @param cpus          CPUs to plan for
 * @param ret_in_flight waits outstanding per event loop; 0: no event loop, or not known
 * @return 0 or -ENOMEM
 */
int recommend(const struct measurement *m, const struct tree_leaf *leaf, uint32_t cpus, struct advice *advice,
              uint32_t *ret_in_flight);

/* Time that another model has to save before a verdict to keep or mend is given up for it: plain serial code for more.
 */
double recommend_worth_ns(enum model current);
