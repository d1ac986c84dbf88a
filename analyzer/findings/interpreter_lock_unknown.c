/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

/* CA9004: the runtime has an interpreter lock, but its waits could not be told from other hand-offs. */
int find_interpreter_lock_unknown(const struct finding_context *c, struct finding_list *list)
{
    double share = metrics_share((double)c->lanes->handoff_ns, (double)(c->lanes->handoff_ns + c->lanes->busy_ns));

    if (c->m->target.runtime.interpreter_lock != INTERPRETER_LOCK_UNKNOWN)
        return 0;
    return finding_add(list, c,
                       (struct finding){.id = 9004,
                                        .severity = share >= 0.1 ? SEVERITY_MEDIUM : SEVERITY_INFO,
                                        .time_ns = c->lanes->handoff_ns,
                                        .share = share},
                       words_format("%s %s", runtime_name(c->m->target.runtime.kind), c->m->target.runtime.version),
                       NULL);
}
