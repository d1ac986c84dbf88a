/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA9001: over before anything could be learned. The limit is that of the tree's first node. */
int find_too_short(const struct finding_context *c, struct finding_list *list)
{
    char text[WORDS_NUMBER];

    if (finding_metric(c, METRIC_WALL_NS) >= 100e6)
        return 0;
    return finding_add(list, c, (struct finding){.id = 9001, .severity = SEVERITY_INFO, .time_ns = c->m->wall_ns},
                       words_format("%s", words_ns((double)c->m->wall_ns, text)), NULL);
}
