/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/export/stacks.h"

#include "base/base.h"
#include "probe/measurement.h"
#include "report/buffer.h"
#include "report/escape.h"
#include "report/wording.h"

const char *stacks_state(const struct measurement *m, const struct site *site)
{
    return site->on_cpu ? "on-CPU" : wording_cause(site->cause, m->target.runtime.kind);
}

void stacks_process(struct buffer *b, const struct measurement *m, int32_t pid)
{
    for (size_t i = 0; i < m->n_processes; i++) {
        if (m->processes[i].pid != pid || m->processes[i].name[0] == '\0')
            continue;
        escape_terminal_field(b, m->processes[i].name, sizeof(m->processes[i].name), true);
        return;
    }
    buffer_format(b, "pid %d", (int)pid);
}

void stacks_frame(struct buffer *b, const struct frame *frame)
{
    escape_terminal(b, frame->function, true);
    if (frame->file) {
        buffer_add(b, " (");
        escape_terminal(b, base_last_part(frame->file), true);
        if (frame->line > 0)
            buffer_format(b, ":%u", frame->line);
        buffer_add(b, ")");
    } else if (frame->module) {
        buffer_add(b, " (");
        escape_terminal(b, base_last_part(frame->module), true);
        buffer_add(b, ")");
    }
}
