/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_shapes.h"

#include "base/base.h"

#define CHUNKS 64                            /* a serial CPU burst is assumed to fall into this many parts... */
#define MIN_CHUNK_NS NSEC_PER_MSEC           /* ...none shorter than this */
#define LONG_BURST 4                         /* a burst above 1/4 of all CPU is divided, too... */
#define WORTH_DIVIDING 10                    /* ...if it is 1/10 of all time: not a program's last breath */
#define PYTHON_START_NS (15 * NSEC_PER_MSEC) /* CPython to its first line, where no sample tells */

/* CPU samples that stand on the import machinery: start-up, not work. */
static uint64_t import_cpu(const struct measurement *m, int32_t pid)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *site = &m->sites[i];
        bool import = false;

        for (size_t f = 0; f < site->n_frames && !import; f++)
            import = (site->frames[f].file && strstr(site->frames[f].file, "importlib._bootstrap")) ||
                     (site->frames[f].module && strstr(site->frames[f].module, "importlib._bootstrap"));
        if (site->on_cpu && site->pid == pid && import)
            sum += site->time_ns;
    }
    return sum;
}

uint64_t profile_start_up_cpu(const struct measurement *m, const struct work_lane *lane)
{
    uint64_t start_ns = m->target.runtime.kind == RUNTIME_CPYTHON ? PYTHON_START_NS : 0;
    uint64_t import_ns = import_cpu(m, lane->thread->pid);

    if (import_ns > start_ns)
        start_ns = import_ns;
    return start_ns < lane->thread->on_cpu_ns / 2 ? start_ns : lane->thread->on_cpu_ns / 2;
}

/* Take `ns` of CPU off the front of the lane: it is start-up and goes to the head. */
void profile_take_start_up(struct profile *p, struct pieces *pieces, uint64_t ns)
{
    p->serial_cpu_ns += ns;
    p->head_ns += ns;
    for (size_t i = 0; i < pieces->count && ns; i++) {
        struct piece *piece = &pieces->list[i];
        uint64_t part = piece->cpu_ns < ns ? piece->cpu_ns : ns;

        piece->cpu_ns -= part;
        ns -= part;
    }
}

uint64_t profile_total_cpu(const struct profile *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        sum += p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns;
    return sum;
}

uint64_t profile_total_wait(const struct profile *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        sum += p->steps[i].wait_ns;
    return sum;
}

/* Chunk length for a program with that much CPU in one lane. */
static uint64_t chunk_length(uint64_t cpu_ns)
{
    return cpu_ns / CHUNKS > MIN_CHUNK_NS ? cpu_ns / CHUNKS + 1 : MIN_CHUNK_NS;
}

/* Divide where one burst outweighs the rest: its boundaries are then an assumption, and marked as one. */
int profile_divide_long_bursts(struct profile_builder *b)
{
    const struct profile *p = b->profile;
    uint64_t cpu_ns = profile_total_cpu(p), longest_ns = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns > longest_ns && !p->steps[i].lock)
            longest_ns = p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns;
    if (longest_ns * LONG_BURST <= cpu_ns || longest_ns * WORTH_DIVIDING <= cpu_ns + profile_total_wait(p) ||
        longest_ns <= chunk_length(cpu_ns))
        return 0;
    return builder_divide(b, chunk_length(cpu_ns));
}

/*
 * Everything before the first wait that counts is the head of a serial lane (DESIGN 2), short waits included.
 * @return index of the piece that begins with that wait; its CPU has been moved to the head
 */
size_t profile_take_head(struct profile *p, struct pieces *pieces, uint64_t min_wait)
{
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->list[i];

        p->head_ns += piece->cpu_ns;
        p->serial_cpu_ns += piece->cpu_ns;
        piece->cpu_ns = 0;
        if ((piece_waits_outside(piece) && piece->wait_ns && piece->wait_ns >= min_wait) || piece->cause == CAUSE_IDLE)
            return i;
        if (piece_waits_outside(piece))
            p->head_ns += piece->wait_ns;
    }
    return pieces->count;
}

bool profile_any_wait(const struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++)
        if ((piece_waits_outside(&pieces->list[i]) || pieces->list[i].cause == CAUSE_IDLE) && pieces->list[i].wait_ns)
            return true;
    return false;
}

/* One lane does the work: a wait and the burst after it are an item; a mere burst is divided. */
int profile_serial_items(const struct measurement *m, struct work_lanes *lanes, struct profile_builder *b)
{
    struct work_lane *lane = &lanes->list[0];
    struct profile *p = b->profile;
    struct cut_options options = {
        .cut = CUT_WAITS,
        .locked = work_lane_locked_share(m, lanes, lane),
        .min_wait = pieces_min_wait(&lane->pieces),
        .wait_factor = 1,
    };
    uint64_t start_ns = profile_start_up_cpu(m, lane), burst_ns = 0;
    const struct pieces *pieces = &lane->pieces;
    struct pattern pattern = {.period = 1};
    size_t first = 0;
    int r;

    p->current_model = MODEL_SERIAL;
    p->current_workers = 1;
    p->head_ns += lane->thread->birth_ns;
    p->tail_ns += m->wall_ns > lane->thread->death_ns ? m->wall_ns - lane->thread->death_ns : 0;
    for (size_t i = 0; i < lane->pieces.count; i++) {
        burst_ns += lane->pieces.list[i].cpu_ns;
        if (piece_waits_outside(&lane->pieces.list[i]) && lane->pieces.list[i].wait_ns >= options.min_wait)
            break;
    }
    /* The first burst is the head, unless it is most of the work: then only its start-up is. */
    if (profile_any_wait(&lane->pieces) && burst_ns * 2 < lane->work_ns)
        first = profile_take_head(p, &lane->pieces, options.min_wait);
    else
        profile_take_start_up(p, &lane->pieces, start_ns);
    r = pattern_find(m, &pieces, &first, &options.min_wait, 1, &pattern);
    if (r < 0)
        return r;
    options.period = pattern.period;
    options.offset = pattern.offset;
    r = builder_cut(b, &lane->pieces, first, &options);
    return r < 0 ? r : profile_divide_long_bursts(b);
}
