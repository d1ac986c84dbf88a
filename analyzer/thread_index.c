/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/thread_index.h"

#include "base/base.h"
#include "probe/measurement.h"

struct entry {
    int32_t number;
    uint64_t birth_ns;
    size_t row;
};

struct thread_index {
    const struct measurement *m;
    struct entry *threads;
    struct entry *processes;
};

static int by_number(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    if (a->birth_ns != b->birth_ns)
        return a->birth_ns < b->birth_ns ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

int thread_index_new(const struct measurement *m, struct thread_index **ret_index)
{
    CLEANUP(thread_index_freep) struct thread_index *index = calloc(1, sizeof(*index));

    if (!index)
        return -ENOMEM;
    index->m = m;
    index->threads = calloc(m->n_threads + 1, sizeof(*index->threads));
    index->processes = calloc(m->n_processes + 1, sizeof(*index->processes));
    if (!index->threads || !index->processes)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++)
        index->threads[i] = (struct entry){m->threads[i].tid, m->threads[i].birth_ns, i};
    for (size_t i = 0; i < m->n_processes; i++)
        index->processes[i] = (struct entry){m->processes[i].pid, m->processes[i].birth_ns, i};
    qsort(index->threads, m->n_threads, sizeof(*index->threads), by_number);
    qsort(index->processes, m->n_processes, sizeof(*index->processes), by_number);
    *ret_index = TAKE_PTR(index);
    return 0;
}

void thread_index_free(struct thread_index *index)
{
    if (!index)
        return;
    free(index->threads);
    free(index->processes);
    free(index);
}

void thread_index_freep(struct thread_index **index)
{
    thread_index_free(*index);
    *index = NULL;
}

/* The last entry with that number that was born by then, else the first with that number. */
static size_t find(const struct entry *entries, size_t n, int32_t number, uint64_t at_ns)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *e = &entries[middle];

        if (e->number < number || (e->number == number && e->birth_ns <= at_ns))
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && entries[low - 1].number == number)
        return entries[low - 1].row;
    return low < n && entries[low].number == number ? entries[low].row : THREAD_INDEX_NONE;
}

size_t thread_index_find(const struct thread_index *index, int32_t tid, uint64_t at_ns)
{
    return find(index->threads, index->m->n_threads, tid, at_ns);
}

const struct process *thread_index_process(const struct thread_index *index, int32_t pid, uint64_t at_ns)
{
    size_t row = find(index->processes, index->m->n_processes, pid, at_ns);

    return row == THREAD_INDEX_NONE ? NULL : &index->m->processes[row];
}
