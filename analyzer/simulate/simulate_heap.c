/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/simulate/simulate_heap.h"

static void put(struct simulate_heap *h, uint32_t slot, struct simulate_heap_entry entry)
{
    h->entries[slot] = entry;
    h->slots[entry.id] = slot;
}

static void sift_up(struct simulate_heap *h, uint32_t slot, struct simulate_heap_entry entry)
{
    while (slot > 0 && h->entries[(slot - 1) / 2].key > entry.key) {
        put(h, slot, h->entries[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    put(h, slot, entry);
}

static void sift_down(struct simulate_heap *h, uint32_t slot, struct simulate_heap_entry entry)
{
    while (2 * slot + 1 < h->size) {
        uint32_t child = 2 * slot + 1;

        if (child + 1 < h->size && h->entries[child + 1].key < h->entries[child].key)
            child++;
        if (h->entries[child].key >= entry.key)
            break;
        put(h, slot, h->entries[child]);
        slot = child;
    }
    put(h, slot, entry);
}

void simulate_heap_push(struct simulate_heap *h, uint32_t id, double key)
{
    sift_up(h, h->size++, (struct simulate_heap_entry){key, id});
}

uint32_t simulate_heap_pop(struct simulate_heap *h)
{
    uint32_t id = h->entries[0].id;

    simulate_heap_remove(h, id);
    return id;
}

void simulate_heap_remove(struct simulate_heap *h, uint32_t id)
{
    uint32_t slot = h->slots[id];
    struct simulate_heap_entry last;

    if (slot == SIMULATE_NO_SLOT)
        return;
    h->slots[id] = SIMULATE_NO_SLOT;
    last = h->entries[--h->size];
    if (slot == h->size)
        return;
    if (slot > 0 && h->entries[(slot - 1) / 2].key > last.key)
        sift_up(h, slot, last);
    else
        sift_down(h, slot, last);
}
