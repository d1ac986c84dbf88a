/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sites/joins.h"

#include "base/base.h"

#define WAYS 4u

/* Ids of samples in order of arrival. */
struct queue {
    uint32_t *ids;
    size_t n, capacity;
};

struct joins {
    struct join *entries; /* JOINS_MAX, in sets of WAYS */
    uint64_t age;
    struct queue fresh, older;
};

struct joins *joins_new(void)
{
    AUTO_FREE struct joins *joins = calloc(1, sizeof(*joins));

    if (!joins)
        return NULL;
    joins->entries = calloc(JOINS_MAX, sizeof(*joins->entries));
    return joins->entries ? TAKE_PTR(joins) : NULL;
}

void joins_free(struct joins *joins)
{
    if (!joins)
        return;
    free(joins->entries);
    free(joins->fresh.ids);
    free(joins->older.ids);
    free(joins);
}

static struct join *set_of(struct joins *joins, uint32_t id)
{
    uint32_t set = (id * 2654435761u >> 8) % (JOINS_MAX / WAYS);

    return &joins->entries[(size_t)set * WAYS];
}

struct join *joins_get(struct joins *joins, uint32_t id)
{
    static const struct join_stack none = {JOIN_NONE, JOIN_NONE};
    struct join *set = set_of(joins, id), *oldest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            return &set[i];
        if (!set[i].id || (oldest->id && set[i].age < oldest->age))
            oldest = &set[i];
    }
    *oldest = (struct join){.id = id, .stack = none, .waker = none, .holder = none, .age = ++joins->age};
    return oldest;
}

const struct join *joins_find(struct joins *joins, uint32_t id)
{
    const struct join *set = set_of(joins, id);

    for (size_t i = 0; id && i < WAYS; i++)
        if (set[i].id == id)
            return &set[i];
    return NULL;
}

bool joins_take(struct joins *joins, uint32_t id, struct join *ret_join)
{
    struct join *set = set_of(joins, id);

    for (size_t i = 0; id && i < WAYS; i++) {
        if (set[i].id != id)
            continue;
        *ret_join = set[i];
        set[i].id = 0;
        return true;
    }
    return false;
}

int joins_note_sample(struct joins *joins, struct join *join)
{
    struct queue *queue = &joins->fresh;

    if (join->sample)
        return 0;
    if (base_grow(&queue->ids, &queue->capacity, queue->n + 1, sizeof(*queue->ids)) < 0)
        return -ENOMEM;
    queue->ids[queue->n++] = join->id;
    join->sample = true;
    return 0;
}

static void pass_on(struct joins *joins, struct queue *queue, joins_sample_fn sample, void *userdata)
{
    for (size_t i = 0; i < queue->n; i++) {
        struct join join;

        if (joins_take(joins, queue->ids[i], &join))
            sample(&join, userdata);
    }
    queue->n = 0;
}

void joins_flush(struct joins *joins, bool all, joins_sample_fn sample, void *userdata)
{
    struct queue passed;

    pass_on(joins, &joins->older, sample, userdata);
    if (all)
        pass_on(joins, &joins->fresh, sample, userdata);
    passed = joins->older;
    joins->older = joins->fresh;
    joins->fresh = passed;
}
