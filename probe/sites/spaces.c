/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sites/spaces.h"

#include "base/base.h"
#include "probe/follow/run_state.h"
#include "probe/symbols/mappings.h"
#include "probe/wire.h"

#define SPACES_MAX 16384u
#define EXEC_LEAD_NS (50 * NSEC_PER_MSEC) /* an exec maps the program this much before it is reported, at most */
#define READS_A_LOOK 16u
#define READS 2u
#define FIRST_READ_NS (2 * NSEC_PER_MSEC)        /* the loader maps the libraries meanwhile */
#define FIRST_LAZY_READ_NS (100 * NSEC_PER_MSEC) /* where the kernel tells of mappings, only those who live longer */
#define NEXT_READ_NS NSEC_PER_SEC

static struct run_space *new_space(struct run_state *state, uint32_t tgid, const struct mappings *parent)
{
    AUTO_FREE struct run_space *space = NULL;

    if (state->n_spaces >= SPACES_MAX || !state->pins ||
        base_grow(&state->spaces, &state->spaces_capacity, state->n_spaces + 1, sizeof(space)) < 0)
        return NULL;
    space = calloc(1, sizeof(*space));
    if (!space)
        return NULL;
    space->tgid = tgid;
    space->mappings = parent ? mappings_fork(parent) : mappings_new(state->pins);
    if (!space->mappings)
        return NULL;
    state->spaces[state->n_spaces++] = space;
    state->next_map_read = 0;
    return TAKE_PTR(space);
}

void spaces_clear(struct run_state *state)
{
    for (size_t i = 0; i < state->n_spaces; i++) {
        mappings_free(state->spaces[i]->mappings);
        free(state->spaces[i]);
    }
    free(state->spaces);
    state->spaces = NULL;
    state->n_spaces = state->spaces_capacity = 0;
}

struct run_space *spaces_of(struct run_state *state, struct run_process *process)
{
    if (!process->space)
        process->space = new_space(state, process->tgid, NULL);
    return process->space;
}

/* What it shares with its parent becomes its own before it changes. */
static struct run_space *own_space(struct run_state *state, struct run_process *process)
{
    const struct run_space *shared = process->space;
    struct run_space *space;

    if (!shared || shared->tgid == process->tgid)
        return spaces_of(state, process);
    space = new_space(state, process->tgid, shared->mappings);
    if (!space)
        return NULL;
    space->image = shared->image;
    process->space = space;
    return space;
}

static void remember(struct run_space *space, uint64_t time, uint64_t start)
{
    uint32_t at = space->next_recent++ % ARRAY_SIZE(space->recent);

    space->recent[at].time = time;
    space->recent[at].start = start;
    space->told = true;
}

/* The program is replaced: what is mapped from now on is the new one's. */
static int begin_exec(struct run_state *state, struct run_process *process, uint64_t time)
{
    struct run_space *space = new_space(state, process->tgid, NULL);

    if (!space)
        return -ENOMEM;
    if (process->space && process->image && !process->space->image)
        process->space->image = process->image;
    space->told = true;
    space->marked = time;
    space->next_read = time + FIRST_LAZY_READ_NS;
    process->space = space;
    return 0;
}

int spaces_add(struct run_state *state, struct run_process *process, const struct wire_mapping *mapping)
{
    struct run_space *space;
    int r;

    if (mapping->size <= sizeof(*mapping) || mapping->start + mapping->length < mapping->start ||
        !memchr(mapping->path, '\0', mapping->size - sizeof(*mapping)))
        return -EBADMSG;
    if (!mapping->length)
        return begin_exec(state, process, mapping->time);
    space = own_space(state, process);
    if (!space)
        return -ENOMEM;
    r = mappings_add(space->mappings, (pid_t)process->tgid, mapping->start, mapping->start + mapping->length,
                     mapping->offset, mapping->major, mapping->minor, mapping->inode, mapping->path);
    if (r == 0)
        remember(space, mapping->time, mapping->start);
    return r;
}

/* What the process itself was told to have mapped since `time` is the new space's. */
static void carry_over(const struct run_space *from, struct run_space *to, uint64_t time)
{
    size_t n = from->next_recent < ARRAY_SIZE(from->recent) ? from->next_recent : ARRAY_SIZE(from->recent);

    for (size_t i = 0; i < n; i++) {
        const struct mapping *mapping = mappings_find(from->mappings, from->recent[i].start);
        const struct pinned_file *file = mapping ? mapping->file : NULL;

        if (!mapping || mapping->start != from->recent[i].start || from->recent[i].time < time)
            continue;
        if (mappings_add(to->mappings, (pid_t)to->tgid, mapping->start, mapping->end, mapping->offset,
                         file ? file->major : 0, file ? file->minor : 0, file ? file->inode : 0,
                         file ? file->path : NULL) == 0)
            remember(to, from->recent[i].time, mapping->start);
    }
}

void spaces_fork(struct run_state *state, struct run_process *child, struct run_process *parent,
                 const struct run_space *before, uint64_t time)
{
    struct run_space *space;

    child->space = spaces_of(state, parent);
    if (!before || before->tgid != child->tgid || !before->told)
        return;
    space = own_space(state, child);
    if (space)
        carry_over(before, space, time);
}

void spaces_exec(struct run_state *state, struct run_process *process, uint64_t time)
{
    const struct run_space *before = process->space;
    struct run_space *space;

    /* The mappings of this exec, or of one after it that is in the same message, have begun a new space already. */
    if (before && before->tgid == process->tgid && before->marked &&
        (before->marked >= time || time - before->marked < NSEC_PER_SEC))
        return;
    space = new_space(state, process->tgid, NULL);
    if (process->space && process->image && !process->space->image)
        process->space->image = process->image;
    process->space = space;
    if (!space)
        return;
    if (before && before->tgid == process->tgid)
        carry_over(before, space, time > EXEC_LEAD_NS ? time - EXEC_LEAD_NS : 0);
    space->next_read = time + (space->told ? FIRST_LAZY_READ_NS : FIRST_READ_NS);
}

void spaces_read(struct run_state *state, uint64_t now)
{
    uint64_t earliest = UINT64_MAX;
    size_t reads = 0;

    if (state->next_map_read > now)
        return;
    for (size_t i = 0; i < state->n_processes; i++) {
        struct run_process *process = &state->processes[i];
        struct run_space *space = process->space;

        if (!process->alive || !space || space->tgid != process->tgid || space->reads >= READS)
            continue;
        if (space->next_read <= now && reads < READS_A_LOOK) {
            reads++;
            space->reads++;
            space->next_read = now + NEXT_READ_NS;
            (void)mappings_read(space->mappings, (pid_t)process->tgid);
        }
        if (space->reads < READS && space->next_read < earliest)
            earliest = space->next_read;
    }
    state->next_map_read = earliest;
}

void spaces_name_images(struct run_state *state)
{
    for (size_t i = 0; i < state->n_processes; i++) {
        const struct run_process *process = &state->processes[i];

        if (process->space && process->image && !process->space->image)
            process->space->image = process->image;
    }
}
