/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/simulate/simulate_heap.h"

#define IDS 500

static double keys[IDS];

/* Ids come out by key, those taken out in between do not come at all. */
static void the_smallest_comes_first(void **state)
{
    static struct simulate_heap_entry entries[IDS];
    static uint32_t slots[IDS];
    struct simulate_heap h = {entries, slots, 0};
    uint64_t seed = 11;

    (void)state;
    for (uint32_t i = 0; i < IDS; i++)
        slots[i] = SIMULATE_NO_SLOT;
    for (int round = 0; round < 20; round++) {
        uint32_t in = 0;
        double last = -1;

        for (uint32_t i = 0; i < IDS; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            keys[i] = (double)(seed >> 56); /* many are equal */
            simulate_heap_push(&h, i, keys[i]);
        }
        for (uint32_t i = (uint32_t)round; i < IDS; i += 3) {
            simulate_heap_remove(&h, i);
            simulate_heap_remove(&h, i); /* outside: nothing happens */
            assert_int_equal(slots[i], SIMULATE_NO_SLOT);
            in++;
        }
        for (in = IDS - in; in > 0; in--) {
            uint32_t id = simulate_heap_pop(&h);

            assert_true(keys[id] >= last);
            assert_true(id < (uint32_t)round || (id - (uint32_t)round) % 3 != 0);
            last = keys[id];
        }
        assert_int_equal(h.size, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_comes_first),
    };

    return cmocka_run_group_tests_name("analyzer/simulate_heap", tests, NULL, NULL);
}
