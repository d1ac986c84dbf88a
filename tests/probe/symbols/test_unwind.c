/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/auxv.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"
#include "tests/probe/symbols/stopped.h"

static bool is_in(const struct stopped *stopped, const char *module)
{
    const struct mapping *mapping = mappings_find(stopped->mappings, stopped->registers.ip);

    return mapping && mapping->file && strstr(mapping->file->path, module);
}

/* Caught, ended, and only then unwound and named. */
static char *trace_of(const char *program, const char *how, const char *depth, size_t n_copy)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    pid_t pid;

    stopped_start(&stopped, program, how, depth, strcmp(how, "spin") != 0);
    do
        stopped_look(&stopped);
    while (strcmp(how, "spin") == 0 && !is_in(&stopped, program)); /* still on the way back from write() */
    pid = stopped.pid;
    stopped_kill(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, pid, &symbols), 0);
    return stopped_trace(&stopped, symbols, n_copy);
}

static size_t count(const char *trace, const char *function)
{
    size_t n = 0;

    for (const char *at = trace; (at = strstr(at, function)); at++)
        n++;
    return n;
}

static void expect_chain(const char *program, const char *how, const char *function)
{
    AUTO_FREE char *trace = trace_of(program, how, "0", SIZE_MAX);
    char blocked[64], choose[64];
    const char *const expected[] = {
        blocked,         choose, "inner at: inner", "recurse at: bottom", "middle at: middle", "outer at: outer",
        "main at: main", NULL};

    (void)snprintf(blocked, sizeof(blocked), "%s at: %s", function, how);
    (void)snprintf(choose, sizeof(choose), "choose at: choose %s", how);
    stopped_expect(trace, "deep.c", expected);
}

static void every_caller_has_function_and_line(void **state)
{
    static const char *const programs[] = {"deep_fp", "deep_nofp"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        expect_chain(programs[i], "sleep", "block_in_sleep");
        expect_chain(programs[i], "read", "block_in_read");
        expect_chain(programs[i], "cond", "block_in_cond");
        expect_chain(programs[i], "spin", "spin");
    }
}

/* Libc by its CFI, then the program by its frame pointers. What is inlined can't be known without debug information. */
static void frame_pointers_serve_where_there_is_no_cfi(void **state)
{
    static const char *const expected[] = {"block_in_sleep", "inner", "recurse", "recurse",
                                           "middle",         "outer", "main",    NULL};
    AUTO_FREE char *trace = trace_of("deep_nocfi", "sleep", "1", SIZE_MAX);

    (void)state;
    stopped_expect(trace, "deep.c", expected);
}

/* Through a signal handler: what it interrupted is no return address. */
static void what_a_signal_interrupted_is_named_exactly(void **state)
{
    static const char *const handler[] = {"block_in_read at: read", "on_signal at: handler", NULL};
    static const char *const interrupted[] = {"trap at: trap", "choose at: choose trap", "inner at: inner", NULL};
    static const char *const programs[] = {"deep_fp", "deep_nofp"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        AUTO_FREE char *trace = trace_of(programs[i], "trap", "0", SIZE_MAX);

        stopped_expect(trace, "deep.c", handler);
        stopped_expect(trace, "deep.c", interrupted);
    }
}

#ifdef WITH_CPP
static void cpp_names_are_readable(void **state)
{
    static const char *const sell[] = {"market::Stall<unsigned long>::sell at: sell",
                                       "market::(anonymous namespace)::Customer::visit at: visit", NULL};
    static const char *const call[] = {"market::call at: call", "main at: main", NULL};
    AUTO_FREE char *trace = trace_of("deep_cpp", "sleep", "0", SIZE_MAX);
    char lambda[32];

    (void)state;
    stopped_expect(trace, "deep.cpp", sell);
    stopped_expect(trace, "deep.cpp", call);
    (void)snprintf(lambda, sizeof(lambda), "operator():%u,", stopped_line("deep.cpp", "lambda"));
    assert_non_null(strstr(trace, lambda));
}
#endif

/* 30 frames of more than 64 bytes each: the copy ends in the middle, the kernel's chain does not. */
static void the_chain_goes_on_where_the_copy_ends(void **state)
{
    static const char *const expected[] = {"recurse at: recurse", "middle at: middle", "outer at: outer",
                                           "main at: main", NULL};
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    AUTO_FREE char *whole = NULL;

    (void)state;
    stopped_start(&stopped, "deep_fp", "read", "30", true);
    stopped_look(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, 1, &symbols), 0);
    whole = stopped_trace(&stopped, symbols, SIZE_MAX);
    assert_int_equal(count(whole, "recurse:"), 31);
    for (size_t n_copy = 0; n_copy < stopped.n_copy; n_copy += 4) {
        AUTO_FREE char *trace = stopped_trace(&stopped, symbols, n_copy);

        stopped_expect(trace, "deep.c", expected);
        assert_int_equal(count(trace, "recurse:"), 31);
        /* Libc has no frame pointers: its wrapper's caller is found with the copy only, main()'s callers are not. */
        if (n_copy >= 256)
            assert_memory_equal(trace, whole, (size_t)(strstr(whole, "main:") - whole));
    }
}

/* Without frame pointers there is nothing behind the copy; what there is is true all the same. */
static void a_short_copy_gives_the_inner_part(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    AUTO_FREE char *whole = NULL;

    (void)state;
    stopped_start(&stopped, "deep_nofp", "read", "30", true);
    stopped_look(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, 1, &symbols), 0);
    whole = stopped_trace(&stopped, symbols, SIZE_MAX);
    assert_int_equal(count(whole, "recurse:"), 31);
    for (size_t n_copy = 0; n_copy < stopped.n_copy; n_copy += 4) {
        AUTO_FREE char *trace = stopped_trace(&stopped, symbols, n_copy);
        size_t length = strlen(trace);

        assert_true(length <= strlen(whole));
        assert_memory_equal(trace, whole, length);
        assert_true(n_copy < 528 || n_copy > 4096 || count(trace, "recurse:") >= n_copy / 264);
    }
}

/* The frame pointer's register leads to what looks like a frame, below where the copy ends: it is not one. */
static void what_looks_like_a_frame_is_none(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    uint64_t pcs[64], *words = (uint64_t *)stopped.copy;
    size_t n, at = 0;

    (void)state;
    stopped_start(&stopped, "deep_nofp", "read", "0", true);
    stopped_look(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, 1, &symbols), 0);
    n = symbols_unwind(symbols, &stopped.registers, stopped.copy, stopped.n_copy, NULL, 0, pcs, 64);
    assert_in_range(n, 6, 64);
    /* inner() has 100 bytes of its own below its return address; what it calls leaves the register alone. */
    while (words[at] != pcs[3])
        at++;
    assert_true(at > 10);
    words[at - 8] = 0;
    words[at - 7] = stopped.registers.ip;
    stopped.registers.bp = stopped.registers.sp + (at - 8) * 8;
    n = symbols_unwind(symbols, &stopped.registers, stopped.copy, at * 8, NULL, 0, pcs, 64);
    assert_int_equal(n, 3);
}

static void the_result_fits_its_room(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    uint64_t all[128], some[128];
    size_t n;

    (void)state;
    stopped_start(&stopped, "deep_fp", "read", "50", true);
    stopped_look(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, stopped.pid, &symbols), 0);
    n = symbols_unwind(symbols, &stopped.registers, stopped.copy, stopped.n_copy, stopped.chain, stopped.n_chain, all,
                       ARRAY_SIZE(all));
    assert_in_range(n, 55, ARRAY_SIZE(all));
    for (size_t max = 0; max <= n; max++) {
        memset(some, 0xee, sizeof(some));
        assert_int_equal(symbols_unwind(symbols, &stopped.registers, stopped.copy, stopped.n_copy, stopped.chain,
                                        stopped.n_chain, some, max),
                         max);
        assert_memory_equal(some, all, max * sizeof(*all));
        assert_int_equal(some[max], UINT64_C(0xeeeeeeeeeeeeeeee));
    }
}

/* Stopped inside the kernel's own shared object: by its own CFI to the caller. */
static void the_vdso_is_known(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    AUTO_FREE char *trace = NULL;
    char caller[64];

    (void)state;
    stopped_start(&stopped, "deep_nofp", "vdso", "0", false);
    do
        stopped_look(&stopped);
    while (!is_in(&stopped, "[vdso]"));
    stopped_kill(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, 1, &symbols), 0);
    trace = stopped_trace(&stopped, symbols, SIZE_MAX);
    (void)snprintf(caller, sizeof(caller), "ask_the_time:%u,", stopped_line("deep.c", "vdso"));
    assert_non_null(strstr(trace, caller));
    assert_non_null(strstr(strstr(trace, caller), "main:"));
    assert_non_null(strstr(trace, "clock_gettime"));
}

static void a_program_that_deleted_itself_is_named(void **state)
{
    static const char *const expected[] = {"block_in_read at: read", "choose at: choose read", NULL};
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    char path[] = "/tmp/concadvise-test-XXXXXX";
    AUTO_FREE char *command = NULL, *trace = NULL;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0 && close(fd) == 0);
    assert_true(asprintf(&command, "cp %s/deep_nofp %s && chmod 700 %s", TARGETS, path, path) > 0);
    assert_int_equal(system(command), 0);
    stopped_start(&stopped, path, "read", "0", true);
    assert_int_equal(unlink(path), 0);
    stopped_look(&stopped);
    stopped_kill(&stopped);
    assert_int_equal(symbols_new(stopped.mappings, 1, &symbols), 0);
    trace = stopped_trace(&stopped, symbols, SIZE_MAX);
    stopped_expect(trace, "deep.c", expected);
}

/* One of: a stack address, an address of code, a small number, any number. */
static uint64_t random_word(const struct stopped *stopped)
{
    const struct mapping *code = mappings_at(stopped->mappings, (size_t)random() % mappings_count(stopped->mappings));
    uint64_t any = (uint64_t)random() << 33 ^ (uint64_t)random() << 16 ^ (uint64_t)random();

    switch (random() % 6) {
    case 0:
    case 1:
        return stopped->registers.sp + (uint64_t)random() % 9000 / 8 * 8;
    case 2:
    case 3:
        return code->start + any % (code->end - code->start);
    case 4:
        return any % 100;
    default:
        return any;
    }
}

/* Nothing of what the target's stack may hold does harm, or keeps the unwinder for ever. */
static void garbage_does_no_harm(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    CLEANUP(symbols_freep) struct symbols *symbols = NULL;
    struct user_registers first;
    uint64_t pcs[128];

    (void)state;
    srandom(11);
    stopped_start(&stopped, "deep_nofp", "cond", "3", true);
    stopped_look(&stopped);
    stopped_kill(&stopped);
    first = stopped.registers;
    assert_int_equal(symbols_new(stopped.mappings, 1, &symbols), 0);
    for (int round = 0; round < 20000; round++) {
        uint64_t *words = (uint64_t *)stopped.copy, *registers = (uint64_t *)&stopped.registers;
        size_t n_copy = (size_t)random() % (sizeof(stopped.copy) + 1), n;

        for (int i = 0; i < 100; i++)
            words[(size_t)random() % (sizeof(stopped.copy) / 8)] = random_word(&stopped);
        stopped.registers = first;
        for (size_t i = 0; round % 3 != 0 && i < sizeof(first) / 8; i++)
            registers[i] = random() % 3 && i != 1 ? random_word(&stopped) : registers[i];
        if (round % 50 == 0)
            stopped.registers.sp = random_word(&stopped);
        stopped.n_chain = (size_t)random() % (CHAIN_DEPTH + 1);
        for (size_t i = 0; i < stopped.n_chain; i++)
            stopped.chain[i] = random_word(&stopped);
        n = symbols_unwind(symbols, &stopped.registers, stopped.copy, n_copy, stopped.chain, stopped.n_chain, pcs,
                           ARRAY_SIZE(pcs));
        assert_in_range(n, 1, ARRAY_SIZE(pcs));
        assert_int_equal(pcs[0], stopped.registers.ip);
    }
}

static uint64_t hash_of(const struct stopped *stopped)
{
    return symbols_stack_hash(stopped->mappings, &stopped->registers, stopped->copy, stopped->n_copy);
}

static void a_stack_is_known_again_by_its_hash(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped, other;
    uint64_t hash, *words = (uint64_t *)stopped.copy;

    (void)state;
    stopped_start(&stopped, "deep_nofp", "read", "3", true);
    stopped_look(&stopped);
    hash = hash_of(&stopped);
    stopped_look(&stopped);
    assert_int_equal(hash_of(&stopped), hash);
    /* Data does not count. */
    for (size_t i = 0; i < stopped.n_copy / 8; i++)
        if (!mappings_find(stopped.mappings, words[i]))
            words[i] = words[i] ^ 5;
    assert_int_equal(hash_of(&stopped), hash);
    /* Every return address does, and where it is. */
    for (size_t i = 0; i < stopped.n_copy / 8; i++) {
        if (!mappings_find(stopped.mappings, words[i]))
            continue;
        words[i] ^= 1;
        assert_int_not_equal(hash_of(&stopped), hash);
        words[i] ^= 1;
    }
    assert_int_equal(hash_of(&stopped), hash);
    memmove(stopped.copy + 8, stopped.copy, stopped.n_copy - 8);
    assert_int_not_equal(hash_of(&stopped), hash);
    stopped_look(&stopped);
    stopped.registers.ip++;
    assert_int_not_equal(hash_of(&stopped), hash);
    stopped_start(&other, "deep_nofp", "read", "4", true);
    stopped_look(&other);
    assert_int_not_equal(hash_of(&other), hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_caller_has_function_and_line),
        cmocka_unit_test(frame_pointers_serve_where_there_is_no_cfi),
        cmocka_unit_test(what_a_signal_interrupted_is_named_exactly),
#ifdef WITH_CPP
        cmocka_unit_test(cpp_names_are_readable),
#endif
        cmocka_unit_test(the_chain_goes_on_where_the_copy_ends),
        cmocka_unit_test(a_short_copy_gives_the_inner_part),
        cmocka_unit_test(what_looks_like_a_frame_is_none),
        cmocka_unit_test(the_result_fits_its_room),
        cmocka_unit_test(the_vdso_is_known),
        cmocka_unit_test(a_program_that_deleted_itself_is_named),
        cmocka_unit_test(garbage_does_no_harm),
        cmocka_unit_test(a_stack_is_known_again_by_its_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
