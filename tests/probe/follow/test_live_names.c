/* SPDX-License-Identifier: BSD-2-Clause */

/* Names for native stacks of this process, asked for while it goes on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "base/base.h"
#include "probe/follow/live_names.h"
#include "probe/follow/run_state.h"
#include "probe/measurement.h"
#include "probe/sites/natives.h"
#include "probe/sites/spaces.h"
#include "probe/symbols/mappings.h"
#include "probe/wire.h"

struct world {
    struct run_state state;
    struct run_space *space;
    struct natives *natives;
    struct live_names *names;
};

__attribute__((noinline)) static int somewhere(int n)
{
    __asm__ volatile(".skip 64, 0x90" : "+r"(n)); /* room for more addresses than one */
    return n + 1;
}

__attribute__((noinline)) static int elsewhere(int n)
{
    __asm__ volatile("" : "+r"(n));
    return n - 1;
}

static void begin(struct world *world)
{
    struct run_process *process;

    assert_int_equal(run_state_init(&world->state, 100), 0);
    process = run_state_new_process(&world->state, (uint32_t)getpid(), 0, 1);
    world->space = process ? spaces_of(&world->state, process) : NULL;
    assert_non_null(world->space);
    assert_int_equal(mappings_read(world->space->mappings, getpid()), 0);
    world->natives = natives_new();
    world->names = live_names_new();
    assert_non_null(world->natives);
    assert_non_null(world->names);
}

static void end(struct world *world)
{
    live_names_free(world->names);
    natives_free(world->natives);
    run_state_clear(&world->state);
}

/* A stack of nothing but this address. */
static uint32_t stack_at(struct world *world, uint64_t address)
{
    struct wire_native native = {.size = sizeof(native),
                                 .id = 1,
                                 .tid = (uint32_t)getpid(),
                                 .tgid = (uint32_t)getpid(),
                                 .registers.ip = address};
    uint32_t index = UINT32_MAX;

    assert_int_equal(natives_add(world->natives, world->space, &native, &index), 0);
    return index;
}

/* Ask until there is an answer, as the views do. */
static size_t frames_of(struct world *world, uint32_t index, const struct frame **ret_frames)
{
    for (int i = 0; i < 3000; i++) {
        size_t n = live_names_of(world->names, world->natives, index, ret_frames);

        if (n)
            return n;
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * (long)NSEC_PER_MSEC}, NULL);
        live_names_collect(world->names);
    }
    return 0;
}

static void stacks_are_named_while_the_run_goes_on(void **state)
{
    const uint32_t first = 0, second = 1;
    const struct frame *frames = NULL;
    struct world world;

    (void)state;
    begin(&world);
    assert_int_equal(stack_at(&world, (uintptr_t)somewhere + 1), first);
    assert_int_equal(stack_at(&world, (uintptr_t)elsewhere + 1), second);
    assert_int_equal(live_names_of(world.names, world.natives, first, &frames), 0); /* it takes its time */
    assert_true(frames_of(&world, first, &frames) >= 1);
    assert_string_equal(frames[0].function, "somewhere");
    assert_non_null(strstr(frames[0].file, "test_live_names.c"));
    assert_true(frames_of(&world, second, &frames) >= 1);
    assert_string_equal(frames[0].function, "elsewhere");
    assert_true(live_names_of(world.names, world.natives, first, &frames) >= 1); /* and is kept */
    assert_string_equal(frames[0].function, "somewhere");
    end(&world);
    assert_int_equal(somewhere(1) + elsewhere(1), 2);
}

/* More than there is room for, and what nobody ever collects. */
static void what_finds_no_room_can_ask_again(void **state)
{
    const struct frame *frames = NULL;
    struct world world;
    uint32_t last = 0;

    (void)state;
    begin(&world);
    for (uint32_t i = 0; i < 3 * LIVE_NAMES_AHEAD; i++) {
        last = stack_at(&world, (uintptr_t)somewhere + i);
        (void)live_names_of(world.names, world.natives, last, &frames);
    }
    assert_true(frames_of(&world, last, &frames) >= 1);
    (void)live_names_of(world.names, world.natives, stack_at(&world, (uintptr_t)elsewhere), &frames);
    end(&world);
}

static void nobody_there_names_nothing(void **state)
{
    const struct frame *frames = NULL;
    struct world world;

    (void)state;
    begin(&world);
    assert_int_equal(live_names_of(NULL, world.natives, stack_at(&world, (uintptr_t)somewhere), &frames), 0);
    assert_int_equal(live_names_of(world.names, world.natives, 17, &frames), 0);
    live_names_collect(NULL);
    live_names_free(NULL);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_are_named_while_the_run_goes_on),
        cmocka_unit_test(what_finds_no_room_can_ask_again),
        cmocka_unit_test(nobody_there_names_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
