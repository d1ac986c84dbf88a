/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/text.h"

#include "report/command.h"
#include "report/escape.h"
#include "report/format.h"
#include "report/wording.h"

/* @param short_names  only the last part of paths */
static void add_command(struct text *t, struct buffer *b, bool short_names)
{
    AUTO_BUFFER raw = {0};

    command_add(&raw, &t->m->target, short_names);
    escape_terminal(b, buffer_text(&raw), t->layout.utf8);
    text_check(t, &raw);
}

static void add_lanes(struct buffer *b, const struct measurement *m)
{
    buffer_format(b, "%spid %d, %s thread%s", m->target.attached ? "attached to " : "", m->target.pid,
                  format_count(m->threads_total).text, m->threads_total == 1 ? "" : "s");
    if (m->processes_total > 1)
        buffer_format(b, " in %s processes", format_count(m->processes_total).text);
}

/* Tool, command, lanes, time, ending: the command gives way when the line gets too long. */
static void first_line(struct text *t)
{
    AUTO_BUFFER tool = {0}, command = {0}, lanes = {0}, ending = {0}, cut = {0};
    struct format_text wall = format_duration_fine(t->m->wall_ns);
    size_t others, columns;

    buffer_add(&tool, "concadvise ");
    escape_terminal_field(&tool, t->m->tool_version, sizeof(t->m->tool_version), t->layout.utf8);
    add_command(t, &command, false);
    add_lanes(&lanes, t->m);
    command_add_ending(&ending, &t->m->target);

    others = escape_columns(buffer_text(&tool)) + escape_columns(buffer_text(&lanes)) + strlen(wall.text) +
             escape_columns(buffer_text(&ending)) + 4 * strlen(" | ");
    columns = t->layout.width > others + 16 ? t->layout.width - others : t->layout.width;
    if (escape_columns(buffer_text(&command)) > columns) {
        buffer_reset(&command);
        add_command(t, &command, true);
    }
    if (escape_columns(buffer_text(&command)) > columns) {
        buffer_add_bytes(&cut, buffer_text(&command), escape_fit(buffer_text(&command), columns - 3, NULL));
        buffer_add(&cut, "...");
    } else {
        buffer_add(&cut, buffer_text(&command));
    }
    layout_fields(&t->layout,
                  (const char *const[]){buffer_text(&tool), buffer_text(&cut), buffer_text(&lanes), wall.text,
                                        buffer_text(&ending)},
                  5);
    text_check(t, &tool);
    text_check(t, &command);
    text_check(t, &cut);
}

static void add_machine(struct text *t, struct buffer *b)
{
    const struct machine *machine = &t->m->machine;
    /* "Linux 6.1.0-18-amd64": the version says enough here, the JSON report has it all. */
    size_t kernel = strnlen(machine->kernel, sizeof(machine->kernel));
    const char *dash = memchr(machine->kernel, '-', kernel);

    escape_terminal_field(b, machine->kernel, dash ? (size_t)(dash - machine->kernel) : kernel, t->layout.utf8);
    buffer_format(b, "%s%u CPU%s", machine->kernel[0] ? ", " : "", machine->cpus, machine->cpus == 1 ? "" : "s");
    if (machine->cpus_allowed < machine->cpus)
        buffer_format(b, " (%u allowed)", machine->cpus_allowed);
    if (machine->cpu_quota > 0.0)
        buffer_format(b, " (quota %s)", format_number(machine->cpu_quota).text);
}

static void add_runtime(struct text *t, struct buffer *b)
{
    const struct runtime *runtime = &t->m->target.runtime;

    buffer_add(b, runtime_name(runtime->kind));
    if (runtime->version[0]) {
        buffer_add(b, " ");
        escape_terminal_field(b, runtime->version, sizeof(runtime->version), t->layout.utf8);
    }
    if (runtime->interpreter_lock == INTERPRETER_LOCK_PRESENT)
        buffer_format(b, ", %s", wording_interpreter_lock(runtime->kind));
    else if (runtime->interpreter_lock == INTERPRETER_LOCK_UNKNOWN)
        buffer_format(b, ", %s not located", wording_interpreter_lock(runtime->kind));
    if (runtime->free_threaded ||
        (runtime->kind == RUNTIME_CPYTHON && runtime->interpreter_lock == INTERPRETER_LOCK_NONE))
        buffer_add(b, ", free-threaded");
    if (runtime->interpreters > 1)
        buffer_format(b, ", %u interpreters", runtime->interpreters);
}

/* With -v: the loops at a glance; their rows stand under EVENT LOOPS. */
static void add_loops(struct text *t, struct buffer *b)
{
    uint64_t longest_ns = 0, stalls = 0;
    const struct measurement *m = t->m;

    for (size_t i = 0; i < m->n_loops; i++) {
        longest_ns = m->loops[i].longest_stall_ns > longest_ns ? m->loops[i].longest_stall_ns : longest_ns;
        stalls += m->loops[i].stalls;
    }
    if (m->n_loops == 0)
        return;
    buffer_format(b, "%zu event loop%s (", m->n_loops, m->n_loops == 1 ? "" : "s");
    escape_terminal_field(b, m->loops[0].kind, sizeof(m->loops[0].kind), t->layout.utf8);
    buffer_add(b, ")");
    if (longest_ns > 0)
        buffer_format(b, ", longest stall %s", format_duration(longest_ns).text);
    if (stalls > 0)
        buffer_format(b, ", %s stalls", format_count(stalls).text);
}

static void add_quality(struct text *t, struct buffer *b)
{
    const struct loss *loss = &t->m->loss;

    if (loss->stacks_taken > 0)
        buffer_format(
            b, "stacks %s, ",
            format_share_of(loss->stacks_taken -
                                (loss->stacks_failed < loss->stacks_taken ? loss->stacks_failed : loss->stacks_taken),
                            loss->stacks_taken)
                .text);
    buffer_format(b, "lost %s", format_count(loss->slices_dropped + loss->threads_dropped).text);
    if (loss->decimation > 1)
        buffer_format(b, ", 1 slice of %u kept", loss->decimation);
    if (strncmp(t->m->probe, "procfs", sizeof(t->m->probe)) == 0)
        buffer_add(b, ", sampled from /proc");
}

static void second_line(struct text *t)
{
    AUTO_BUFFER machine = {0}, runtime = {0}, quality = {0}, loops = {0};

    add_machine(t, &machine);
    add_runtime(t, &runtime);
    add_quality(t, &quality);
    if (t->verbose)
        add_loops(t, &loops);
    layout_fields(
        &t->layout,
        (const char *const[]){buffer_text(&machine), buffer_text(&runtime), buffer_text(&quality), buffer_text(&loops)},
        loops.length > 0 ? 4 : 3);
    text_check(t, &loops);
    text_check(t, &machine);
    text_check(t, &runtime);
    text_check(t, &quality);
}

/* A program that failed may have done another thing than its work: say so before any advice. */
static void failure_note(struct text *t)
{
    const struct target *target = &t->m->target;
    AUTO_BUFFER b = {0};

    if (target->attached) {
        buffer_format(&b, "What follows is about these %s of a program that had been running for %s and %s.",
                      format_duration(t->m->wall_ns).text, format_duration(target->ran_before_ns).text,
                      target->exited ? "ended then" : "goes on");
    } else if (target->exited && target->signal) {
        const char *name = sigdescr_np(target->signal);

        buffer_format(&b, "The program was ended by signal %d (%s). What follows describes the run up to then.",
                      target->signal, name ? name : "unknown");
    } else if (target->exited && target->exit_status != 0) {
        buffer_format(&b,
                      "The program ended with exit status %d. If that is a failure, what follows describes the way to "
                      "it rather than the work.",
                      target->exit_status);
    } else if (!target->exited && !target->attached) {
        buffer_add(&b, "The program was still running when the measurement ended.");
    }
    if (b.length > 0)
        layout_paragraph(&t->layout, "NOTE", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

/* With -r: all runs in a line, and which of them the rest is about. */
static void runs_line(struct text *t)
{
    const struct measurement *m = t->m;
    uint64_t range_ns[2] = {UINT64_MAX, 0};
    AUTO_BUFFER b = {0};

    if (m->n_repeats < 2)
        return;
    for (size_t i = 0; i < m->n_repeats; i++) {
        range_ns[0] = m->repeats[i].wall_ns < range_ns[0] ? m->repeats[i].wall_ns : range_ns[0];
        range_ns[1] = m->repeats[i].wall_ns > range_ns[1] ? m->repeats[i].wall_ns : range_ns[1];
    }
    buffer_format(&b, "%s runs, %s; this is the middle one", format_count(m->n_repeats).text,
                  format_duration_range(range_ns).text);
    layout_paragraph(&t->layout, "RUNS", TEXT_INDENT, 0, buffer_text(&b));
    text_check(t, &b);
}

void text_header(struct text *t)
{
    first_line(t);
    second_line(t);
    runs_line(t);
    failure_note(t);
    for (size_t i = 0; i < t->m->n_notes; i++) {
        AUTO_BUFFER b = {0};

        escape_terminal(&b, t->m->notes[i], t->layout.utf8);
        layout_paragraph(&t->layout, "NOTE", TEXT_INDENT, 0, buffer_text(&b));
        text_check(t, &b);
    }
}
