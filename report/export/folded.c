/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base.h"
#include "probe/measurement.h"
#include "report/buffer.h"
#include "report/export/export.h"
#include "report/export/stacks.h"

/* A semicolon ends a frame: in a name it becomes a colon. */
static void add_frame(struct buffer *line, const struct buffer *name)
{
    const char *text = buffer_text(name);

    if (line->length > 0)
        buffer_add(line, ";");
    for (const char *end; (end = strchr(text, ';')); text = end + 1) {
        buffer_add_bytes(line, text, (size_t)(end - text));
        buffer_add(line, ":");
    }
    buffer_add(line, text);
}

static int write_site(FILE *out, const struct measurement *m, const struct site *site)
{
    AUTO_BUFFER line = {0}, name = {0};

    stacks_process(&name, m, site->pid);
    add_frame(&line, &name);
    buffer_reset(&name);
    buffer_add(&name, stacks_state(m, site));
    add_frame(&line, &name);
    for (size_t i = site->n_frames; i-- > 0;) {
        buffer_reset(&name);
        stacks_frame(&name, &site->frames[i]);
        add_frame(&line, &name);
    }
    if (line.error || name.error)
        return -ENOMEM;
    return fprintf(out, "%s %llu\n", buffer_text(&line), (unsigned long long)(site->time_ns / NSEC_PER_USEC)) < 0 ? -EIO
                                                                                                                  : 0;
}

int export_folded(FILE *out, const struct measurement *m, const struct advice *a)
{
    int r = 0;

    (void)a;
    for (size_t i = 0; r == 0 && i < m->n_sites; i++)
        if (m->sites[i].time_ns >= NSEC_PER_USEC)
            r = write_site(out, m, &m->sites[i]);
    return r;
}
