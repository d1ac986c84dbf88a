/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/run_state.h"

#include "base/base.h"
#include "probe/follow/loops.h"
#include "probe/runtime/detect.h"
#include "probe/sites/spaces.h"
#include "probe/symbols/mappings.h"

#define ROWS_MAX 16384u
#define INDEX_SIZE 65536u /* at least twice the rows, so that probing ends soon */

int run_state_init(struct run_state *state, size_t max_slices)
{
    memset(state, 0, sizeof(*state));
    state->index_size = INDEX_SIZE;
    state->max_threads = ROWS_MAX;
    state->max_slices = max_slices;
    state->decimation = 1;
    state->thread_index = calloc(INDEX_SIZE, sizeof(uint32_t));
    state->process_index = calloc(INDEX_SIZE, sizeof(uint32_t));
    state->pins = pin_table_new();
    if (!state->thread_index || !state->process_index || !state->pins) {
        run_state_clear(state);
        return -ENOMEM;
    }
    return 0;
}

void run_state_clear(struct run_state *state)
{
    for (size_t i = 0; i < state->n_threads; i++) {
        free(state->threads[i].slices);
        loops_free(state->threads[i].loop);
    }
    for (size_t i = 0; i < state->n_images; i++)
        free(state->images[i]);
    for (size_t i = 0; i < state->n_processes; i++)
        free(state->processes[i].memory);
    free(state->threads);
    free(state->processes);
    free(state->images);
    spaces_clear(state);
    pin_table_free(state->pins);
    free(state->thread_index);
    free(state->process_index);
    memset(state, 0, sizeof(*state));
}

static size_t hash(const struct run_state *state, uint32_t id)
{
    return (id * 2654435761u) & (state->index_size - 1);
}

/* Where `tid` is, or the empty place where it would go. A place keeps its tid for ever; only the row it names changes.
 */
static uint32_t *thread_place(const struct run_state *state, uint32_t tid)
{
    size_t at = hash(state, tid);

    while (state->thread_index[at] && state->threads[state->thread_index[at] - 1].tid != tid)
        at = (at + 1) & (state->index_size - 1);
    return &state->thread_index[at];
}

static uint32_t *process_place(const struct run_state *state, uint32_t tgid)
{
    size_t at = hash(state, tgid);

    while (state->process_index[at] && state->processes[state->process_index[at] - 1].tgid != tgid)
        at = (at + 1) & (state->index_size - 1);
    return &state->process_index[at];
}

struct run_thread *run_state_find_thread(const struct run_state *state, uint32_t tid)
{
    uint32_t number = *thread_place(state, tid);

    return number ? &state->threads[number - 1] : NULL;
}

struct run_process *run_state_find_process(const struct run_state *state, uint32_t tgid)
{
    uint32_t number = *process_place(state, tgid);

    return number ? &state->processes[number - 1] : NULL;
}

struct run_thread *run_state_new_thread(struct run_state *state, uint32_t tid, uint32_t tgid, uint32_t parent,
                                        uint64_t time)
{
    uint32_t *place = thread_place(state, tid);
    struct run_thread *thread;

    if (state->n_threads >= state->max_threads)
        return NULL;
    if (base_grow(&state->threads, &state->threads_capacity, state->n_threads + 1, sizeof(*thread)) < 0)
        return NULL;
    thread = &state->threads[state->n_threads++];
    memset(thread, 0, sizeof(*thread));
    thread->tid = tid;
    thread->tgid = tgid;
    thread->parent_tid = parent;
    thread->previous = *place;
    thread->birth = time;
    *place = (uint32_t)state->n_threads;
    return thread;
}

struct run_thread *run_state_thread(struct run_state *state, uint32_t tid, uint32_t tgid, uint64_t time)
{
    struct run_thread *thread = run_state_find_thread(state, tid);

    return thread ? thread : run_state_new_thread(state, tid, tgid, 0, time);
}

static struct run_thread *row_at(const struct run_state *state, uint32_t number)
{
    return number ? &state->threads[number - 1] : NULL;
}

struct run_thread *run_state_thread_of_slice(struct run_state *state, const struct record *slice)
{
    struct run_thread *row = row_at(state, *thread_place(state, slice->tid));

    while (row && row->serial && (uint8_t)row->serial != slice->serial_low)
        row = row_at(state, row->previous);
    while (row && row->goes_on)
        row = row_at(state, row->goes_on);
    return row ? row : run_state_new_thread(state, slice->tid, slice->tgid, 0, slice->time);
}

struct run_thread *run_state_find_serial(const struct run_state *state, uint32_t tid, uint32_t serial)
{
    struct run_thread *nameless = NULL;

    for (uint32_t number = *thread_place(state, tid); number; number = state->threads[number - 1].previous) {
        struct run_thread *thread = &state->threads[number - 1];

        if (thread->serial == serial)
            return thread;
        if (!nameless && !thread->serial && !thread->closed)
            nameless = thread;
    }
    if (nameless)
        nameless->serial = serial;
    return nameless;
}

/* What came for the successor before the news that it is one. */
static struct run_thread *row_of_successor(struct run_state *state, uint32_t tid, uint32_t tgid)
{
    struct run_thread *row = run_state_find_thread(state, tid);

    return row && !row->serial && !row->closed && !row->parent_tid ? row : run_state_new_thread(state, tid, tgid, 0, 0);
}

int run_state_take_over(struct run_state *state, uint32_t tid, uint32_t new_tid, uint32_t serial)
{
    struct run_thread *from = run_state_find_serial(state, tid, serial), *to;
    size_t row = from ? (size_t)(from - state->threads) : 0;
    AUTO_FREE struct run_slice *late = NULL;
    struct run_thread successor;
    int r = 0;

    to = from ? row_of_successor(state, new_tid, from->tgid) : NULL;
    if (!to)
        return 0;
    from = &state->threads[row]; /* the rows may have moved */
    successor = *to;
    late = successor.slices;
    *to = *from;
    to->tid = new_tid;
    to->previous = successor.previous;
    /* What is left never gets an account. */
    from->slices = NULL;
    from->n_slices = from->capacity = 0;
    from->loop = NULL;
    from->goes_on = (uint32_t)(to - state->threads) + 1;
    loops_free(successor.loop);
    state->slices -= successor.n_slices;
    for (size_t i = 0; r == 0 && i < successor.n_slices; i++)
        r = run_state_add_slice(state, to, &late[i]);
    return r;
}

struct run_process *run_state_new_process(struct run_state *state, uint32_t tgid, uint32_t parent, uint64_t time)
{
    uint32_t *place = process_place(state, tgid);
    struct run_process *process;

    if (state->n_processes >= state->max_threads)
        return NULL;
    if (base_grow(&state->processes, &state->processes_capacity, state->n_processes + 1, sizeof(*process)) < 0)
        return NULL;
    process = &state->processes[state->n_processes++];
    memset(process, 0, sizeof(*process));
    process->tgid = tgid;
    process->parent_tgid = parent;
    process->birth = time;
    process->alive = true;
    *place = (uint32_t)state->n_processes;
    return process;
}

static int by_time(const void *left, const void *right)
{
    const struct run_slice *a = left, *b = right;

    return (a->time > b->time) - (a->time < b->time);
}

/* Two neighbours become one: sums stay exact, the wait is named after the longer one. */
static void merge_pair(struct run_slice *into, const struct run_slice *next)
{
    if (next->blocked_ns >= into->blocked_ns) {
        into->kind = next->kind;
        into->address_low = next->address_low;
        into->waker_tid = next->waker_tid;
        into->waker_on_cpu_ns = next->waker_on_cpu_ns;
    }
    into->time = next->time;
    into->on_cpu_ns += next->on_cpu_ns;
    into->runnable_ns += next->runnable_ns;
    into->blocked_ns += next->blocked_ns;
}

void run_thread_sort_slices(struct run_thread *thread)
{
    if (thread->n_slices)
        qsort(thread->slices, thread->n_slices, sizeof(*thread->slices), by_time);
}

/* Halve every lane; from now on twice as many slices go into one. */
static void merge_neighbours(struct run_state *state)
{
    state->slices = 0;
    for (size_t i = 0; i < state->n_threads; i++) {
        struct run_thread *thread = &state->threads[i];
        size_t n = thread->n_slices, kept = 0;

        run_thread_sort_slices(thread);
        for (size_t k = 0; k < n; k += 2) {
            thread->slices[kept] = thread->slices[k];
            if (k + 1 < n)
                merge_pair(&thread->slices[kept], &thread->slices[k + 1]);
            kept++;
        }
        /* The last one is full when it was made of two full ones. */
        if (n % 2 == 0)
            thread->last_merged += state->decimation;
        thread->n_slices = kept;
        state->slices += kept;
    }
    state->decimation *= 2;
}

int run_state_add_slice(struct run_state *state, struct run_thread *thread, const struct run_slice *slice)
{
    if (thread->n_slices && thread->last_merged < state->decimation) {
        merge_pair(&thread->slices[thread->n_slices - 1], slice);
        thread->last_merged++;
        return 0;
    }
    if (base_grow(&thread->slices, &thread->capacity, thread->n_slices + 1, sizeof(*slice)) < 0)
        return -ENOMEM;
    thread->slices[thread->n_slices++] = *slice;
    thread->last_merged = 1;
    /* Lanes of one slice can't be halved: with more threads than room there is nothing left to merge. */
    if (++state->slices > state->max_slices && state->slices > 2 * state->n_threads)
        merge_neighbours(state);
    return 0;
}

bool run_state_is_interpreter_lock(const struct run_process *process, uint32_t address_low)
{
    const struct image *image = process ? process->image : NULL;

    /* Unsigned differences of the low halves: right wherever the range lies, as it is smaller than 4 GiB. */
    return image && image->gil_end > image->gil_start &&
           address_low - (uint32_t)image->gil_start < (uint32_t)(image->gil_end - image->gil_start);
}
