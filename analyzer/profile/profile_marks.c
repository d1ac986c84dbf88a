/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_marks.h"

#include "base/base.h"

static struct piece_at place(const struct piece *piece, const struct piece *end)
{
    if (piece >= end)
        return (struct piece_at){0};
    return (struct piece_at){piece, piece->start_ns + piece->cpu_ns, end};
}

struct piece_at pieces_seek(const struct pieces *pieces, uint64_t at_ns)
{
    size_t low = 0, high = pieces->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct piece *piece = &pieces->list[middle];

        if (piece->start_ns + piece->cpu_ns + piece->wait_ns <= at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return place(pieces->list + low, pieces->list + pieces->count);
}

struct piece_at pieces_next(const struct piece_at *at)
{
    return place(at->piece + 1, at->end);
}

int pieces_clock_fill(struct pieces_clock *clock, const struct pieces *pieces)
{
    uint64_t sum_ns = 0;

    if (clock->pieces)
        return 0;
    clock->cpu_ns = calloc(pieces->count + 1, sizeof(*clock->cpu_ns));
    if (!clock->cpu_ns)
        return -ENOMEM;
    clock->pieces = pieces;
    for (size_t i = 0; i < pieces->count; i++)
        clock->cpu_ns[i] = sum_ns += pieces->list[i].cpu_ns;
    return 0;
}

void pieces_clock_clear(struct pieces_clock *clock)
{
    free(clock->cpu_ns);
    *clock = (struct pieces_clock){0};
}

uint64_t pieces_clock_time(const struct pieces_clock *clock, uint64_t cpu_ns)
{
    size_t low = 0, high = clock->pieces->count;
    const struct piece *piece;
    uint64_t before_ns;

    if (!high)
        return 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (clock->cpu_ns[middle] < cpu_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == clock->pieces->count)
        low--;
    piece = &clock->pieces->list[low];
    before_ns = clock->cpu_ns[low] - piece->cpu_ns;
    cpu_ns = cpu_ns > before_ns ? cpu_ns - before_ns : 0;
    return piece->start_ns + (cpu_ns < piece->cpu_ns ? cpu_ns : piece->cpu_ns);
}

int pieces_apply_marks(struct pieces *pieces, const struct piece_mark *marks, size_t n)
{
    struct piece *list = calloc(pieces->count + n + 1, sizeof(*list));
    size_t count = 0, next = 0;
    bool locks = n && !marks[0].ends_item;
    uint16_t lock = 0;

    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece rest = pieces->list[i];

        if (!locks)
            lock = rest.lock;
        for (; next < n && marks[next].at_ns <= rest.start_ns + rest.cpu_ns; next++) {
            uint64_t part_ns = marks[next].at_ns > rest.start_ns ? marks[next].at_ns - rest.start_ns : 0;

            if (part_ns || (marks[next].ends_item && count == 0)) {
                struct piece part = {.start_ns = rest.start_ns, .cpu_ns = part_ns, .cause = CAUSE_OTHER, .lock = lock};

                rest.start_ns += part_ns;
                rest.cpu_ns -= part_ns;
                list[count++] = part;
            }
            if (marks[next].ends_item && count)
                list[count - 1].ends_item = true;
            else if (!marks[next].ends_item)
                lock = marks[next].lock;
        }
        rest.lock = lock;
        list[count++] = rest;
    }
    free(pieces->list);
    pieces->list = list;
    pieces->count = count;
    return 0;
}
