/* SPDX-License-Identifier: BSD-2-Clause */

/* Native stacks of this process, captured where a function waits in C, unwound and named afterwards. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/uio.h>

#include "base/base.h"
#include "probe/sites/frames.h"
#include "probe/measurement.h"
#include "probe/sites/natives.h"
#include "probe/follow/run_state.h"
#include "probe/sites/spaces.h"
#include "probe/sites/stacks.h"
#include "probe/symbols/mappings.h"
#include "probe/wire.h"

#define COPY STACK_COPY

struct capture {
    union {
        struct wire_native native;
        uint8_t bytes[sizeof(struct wire_native) + 8 + COPY];
    };
};

static struct run_state run;
static struct run_space *space;

static int set_up(void **state)
{
    struct run_process *process;

    (void)state;
    if (run_state_init(&run, 100) < 0)
        return -1;
    process = run_state_new_process(&run, (uint32_t)getpid(), 0, 1);
    space = process ? spaces_of(&run, process) : NULL;
    return space && mappings_read(space->mappings, getpid()) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    run_state_clear(&run);
    return 0;
}

/* As the kernel does: as far as the stack goes, whoever's frames these are. @return bytes */
static uint32_t copy_stack(void *to, uint64_t sp)
{
    struct iovec local = {to, COPY}, remote = {(void *)(uintptr_t)sp, COPY}; /* NOLINT */
    ssize_t n = -1;

    for (; n < 0 && remote.iov_len >= 1024; remote.iov_len -= 512)
        n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    assert_true(n > 0);
    return (uint32_t)n & ~7U;
}

/* What the kernel side would send had this thread entered it here. */
__attribute__((noinline)) static void block_in_c(struct capture *capture)
{
    struct user_registers *at = &capture->native.registers;
    uint64_t chain;

    memset(capture, 0, sizeof(*capture));
    __asm__ volatile("lea 0(%%rip), %%rax\n\tmov %%rax, %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2\n\tmov %%rbx, %3\n\t"
                     "mov %%r12, %4\n\tmov %%r13, %5\n\tmov %%r14, %6\n\tmov %%r15, %7"
                     : "=m"(at->ip), "=m"(at->sp), "=m"(at->bp), "=m"(at->bx), "=m"(at->r12), "=m"(at->r13),
                       "=m"(at->r14), "=m"(at->r15)
                     :
                     : "rax", "memory");
    chain = at->ip;
    capture->native.size = sizeof(capture->bytes);
    capture->native.id = 1;
    capture->native.tgid = capture->native.tid = (uint32_t)getpid();
    capture->native.n_chain = 1;
    memcpy(capture->bytes + sizeof(struct wire_native), &chain, sizeof(chain));
    capture->native.n_copy = copy_stack(capture->bytes + sizeof(struct wire_native) + sizeof(chain), at->sp);
}

__attribute__((noinline)) static void wrapper(struct capture *capture)
{
    block_in_c(capture);
    __asm__ volatile("" ::: "memory");
}

/* Named like CPython's, for the test of what lies inside of a Python call. */
__attribute__((noinline)) void _PyEval_EvalFrameDefault(struct capture *capture); /* NOLINT */
__attribute__((noinline)) void _PyEval_EvalFrameDefault(struct capture *capture)  /* NOLINT */
{
    wrapper(capture);
    __asm__ volatile("" ::: "memory");
}

static size_t position_of(const struct frame *frames, size_t n, const char *function)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(frames[i].function, function) == 0)
            return i;
    fail_msg("%s is not on the stack", function);
    return 0;
}

static void stacks_are_named_down_to_main(void **state)
{
    struct natives *natives = natives_new();
    struct frame_table *table = frame_table_new(NULL, natives);
    static struct capture capture;
    uint32_t index, merged;
    const struct frame *frames;
    struct natives_counts counts;
    size_t n, at;

    (void)state;
    wrapper(&capture);
    assert_int_equal(natives_add(natives, space, &capture.native, &index), 0);
    natives_weigh(natives, index, 1);
    assert_int_equal(natives_name(natives, NATIVES_BUDGET_NS), 0);
    assert_int_equal(frame_table_merge(table, (struct join_stack){JOIN_NONE, index}, &merged), 0);
    frames = frame_table_frames(table, merged, &n);
    assert_string_equal(frames[0].function, "block_in_c");
    assert_non_null(strstr(frames[0].file, "test_natives.c"));
    assert_true(frames[0].line > 0);
    assert_non_null(strstr(frames[0].module, "test_natives"));
    at = position_of(frames, n, "wrapper");
    assert_int_equal(at, 1);
    assert_true(position_of(frames, n, "stacks_are_named_down_to_main") == 2);
    assert_string_equal(frames[n - 1].function, "main"); /* without _start and __libc_start_main */
    assert_true(frame_table_is_named(table, merged));
    natives_count(natives, &counts);
    assert_int_equal(counts.distinct, 1);
    assert_int_equal(counts.unnamed, 0);
    frame_table_free(table);
    natives_free(natives);
}

/* Two calls from two lines are two stacks; one from the same place is the same. */
static void equal_stacks_are_kept_once(void **state)
{
    struct natives *natives = natives_new();
    static struct capture capture[3];
    uint32_t index[3];

    (void)state;
    for (size_t i = 0; i < 2; i++)
        wrapper(&capture[0]);
    for (size_t i = 1; i < 3; i++)
        memcpy(&capture[i], &capture[0], sizeof(capture[0]));
    capture[2].native.registers.ip++;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(natives_add(natives, space, &capture[i].native, &index[i]), 0);
    assert_int_equal(index[0], index[1]);
    assert_int_not_equal(index[0], index[2]);
    natives_free(natives);
}

static void a_budget_leaves_the_rest_unnamed_and_says_so(void **state)
{
    struct natives *natives = natives_new();
    struct natives_counts counts;
    static struct capture capture;
    uint32_t index;

    (void)state;
    wrapper(&capture);
    assert_int_equal(natives_add(natives, space, &capture.native, &index), 0);
    natives_weigh(natives, index, 1);
    assert_int_equal(natives_name(natives, 0), 0);
    assert_int_equal(natives_depth(natives, index), 0);
    natives_count(natives, &counts);
    assert_int_equal(counts.unnamed, 1);
    natives_free(natives);
}

/* Those seen often stay, whatever comes by once; memory is bounded all the while. */
static void a_flood_of_stacks_pushes_out_the_rare_ones(void **state)
{
    struct natives *natives = natives_new();
    struct natives_counts counts;
    static struct capture capture;
    uint32_t usual, index;
    uint64_t ip;

    (void)state;
    wrapper(&capture);
    ip = capture.native.registers.ip;
    for (uint32_t i = 0; i < 5 * NATIVES_MAX; i++) {
        capture.native.registers.ip = ip + 1 + i;
        assert_int_equal(natives_add(natives, space, &capture.native, &index), 0);
        capture.native.registers.ip = ip;
        if (i % 8 == 0)
            assert_int_equal(natives_add(natives, space, &capture.native, &usual), 0);
    }
    natives_weigh(natives, usual, 1);
    natives_count(natives, &counts);
    assert_true(counts.dropped >= 4 * NATIVES_MAX && counts.dropped <= 5 * NATIVES_MAX);
    assert_int_equal(natives_name(natives, NATIVES_BUDGET_NS), 0);
    assert_true(natives_depth(natives, usual) > 3);
    assert_string_equal(natives_frame(natives, usual, 0)->function, "block_in_c");
    natives_free(natives);
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
    struct natives *natives = natives_new();
    static struct capture capture;
    uint32_t index = 7;

    (void)state;
    wrapper(&capture);
    capture.native.n_copy = COPY + 8;
    assert_int_equal(natives_add(natives, space, &capture.native, &index), -EBADMSG);
    capture.native.n_copy = 0;
    capture.native.n_chain = CHAIN_DEPTH + 1;
    assert_int_equal(natives_add(natives, space, &capture.native, &index), -EBADMSG);
    assert_int_equal(index, 7);
    assert_int_equal(natives_depth(natives, 12345), 0);
    natives_free(natives);
    natives_free(NULL);
}

static void the_interpreters_own_frames_are_known(void **state)
{
    (void)state;
    assert_true(frames_is_interpreter("?", "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0", ""));
    assert_true(frames_is_interpreter("pymain_run", "/usr/bin/python3.11", ""));
    assert_true(frames_is_interpreter("sock_recv", "/usr/lib/python3.11/lib-dynload/_socket.cpython-311.so", ""));
    assert_true(frames_is_interpreter("_PyEval_EvalFrameDefault", "/opt/app/embeds-it", ""));
    assert_true(frames_is_interpreter("?", "/opt/my-interpreter", "/opt/my-interpreter"));
    assert_false(frames_is_interpreter("PyFoo_method", "/app/foo.so", "/usr/bin/python3.11"));
    assert_false(frames_is_interpreter("PQexec", "/usr/lib/x86_64-linux-gnu/libpq.so.5", "/usr/bin/python3.11"));
    assert_false(frames_is_interpreter("?", NULL, "/usr/bin/python3.11"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stacks_are_named_down_to_main, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_stacks_are_kept_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_budget_leaves_the_rest_unnamed_and_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_stacks_pushes_out_the_rare_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_that_make_no_sense_are_refused, set_up, tear_down),
        cmocka_unit_test(the_interpreters_own_frames_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
