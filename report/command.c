/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/command.h"

#include "base/utf8.h"
#include "probe/measurement.h"
#include "report/buffer.h"

/* One argument as a shell would take it. */
static void add_argument(struct buffer *b, const char *argument)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

    if (*argument && argument[strspn(argument, plain)] == '\0') {
        buffer_add(b, argument);
        return;
    }
    buffer_add(b, "'");
    while (*argument) {
        size_t n = strcspn(argument, "'");

        buffer_add_bytes(b, argument, n);
        argument += n;
        if (*argument) {
            buffer_add(b, "'\\''");
            argument++;
        }
    }
    buffer_add(b, "'");
}

void command_add(struct buffer *b, const struct target *target, bool short_names)
{
    for (size_t i = 0; i < target->n_argv; i++) {
        if (i > 0)
            buffer_add(b, " ");
        add_argument(b, short_names ? base_last_part(target->argv[i]) : target->argv[i]);
    }
}

void command_add_cut(struct buffer *b, const struct target *target, size_t most)
{
    AUTO_BUFFER whole = {0};
    size_t n;

    command_add(&whole, target, false);
    n = utf8_cut(buffer_text(&whole), most);
    buffer_add_bytes(b, buffer_text(&whole), n);
    if (n < whole.length)
        buffer_add(b, "...");
    if (whole.error && !b->error)
        b->error = whole.error;
}

void command_add_ending(struct buffer *b, const struct target *target)
{
    const char *name = target->signal ? sigabbrev_np(target->signal) : NULL;

    if (target->attached) /* how it ended is for its parent to know */
        buffer_add(b, target->exited ? "has ended" : "goes on");
    else if (!target->exited)
        buffer_add(b, "still running");
    else if (name)
        buffer_format(b, "killed by SIG%s", name);
    else if (target->signal)
        buffer_format(b, "killed by signal %d", target->signal);
    else
        buffer_format(b, "exit %d", target->exit_status);
}
