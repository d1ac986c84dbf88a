/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA9006: measured from /proc: right totals, fewer causes, no wakers, no native stacks. */
int find_no_privileges(const struct finding_context *c, struct finding_list *list)
{
    if (strcmp(c->m->probe, "procfs") != 0)
        return 0;
    return finding_add(
        list, c, (struct finding){.id = 9006, .severity = SEVERITY_INFO},
        words_format("sampled from /proc: fewer causes are told apart, and who ended a wait is not known"), NULL);
}
