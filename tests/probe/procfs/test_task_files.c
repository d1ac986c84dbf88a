/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/procfs/task_files.h"

static void the_schedstat_line_is_read(void **state)
{
    struct task_times times;

    (void)state;
    assert_int_equal(task_parse_schedstat("890323 17 4\n", &times), 0);
    assert_int_equal(times.on_cpu_ns, 890323);
    assert_int_equal(times.runnable_ns, 17);
    assert_int_equal(times.switch_ins, 4);
    assert_int_equal(task_parse_schedstat("890323 17\n", &times), -EBADMSG);
    assert_int_equal(task_parse_schedstat("", &times), -EBADMSG);
}

static void the_syscall_line_says_what_a_thread_does(void **state)
{
    struct task_call call;

    (void)state;
    assert_int_equal(task_parse_syscall("running\n", &call), 0);
    assert_int_equal(call.doing, TASK_RUNS);
    assert_int_equal(task_parse_syscall("202 0x7f01 0x189 0x0 0x7f02 0x0 0xffffffff 0x7ffe 0x7f03\n", &call), 0);
    assert_int_equal(call.doing, TASK_IN_CALL);
    assert_int_equal(call.number, 202);
    assert_int_equal(call.arguments[0], 0x7f01);
    assert_int_equal(call.arguments[5], 0xffffffff);
    assert_int_equal(call.sp, 0x7ffe);
    assert_int_equal(call.pc, 0x7f03);
    assert_int_equal(task_parse_syscall("-1 0x7ffe 0x7f03\n", &call), 0);
    assert_int_equal(call.doing, TASK_FAULTS);
    assert_int_equal(task_parse_syscall("-1 0x0 0x0\n", &call), 0);
    assert_int_equal(call.doing, TASK_ENDED);
    assert_int_equal(task_parse_syscall("202 0x7f01\n", &call), -EBADMSG);
    assert_int_equal(task_parse_syscall("", &call), -EBADMSG);
}

static void a_name_may_hold_anything(void **state)
{
    struct task_stat stat;

    (void)state;
    assert_int_equal(task_parse_stat("12 (a) R 1 (\n) S 1 2 3 4 5 6 7 8 9 10 123 45 0 0\n", &stat), 0);
    assert_int_equal(stat.state, 'S');
    assert_string_equal(stat.name, "a) R 1 (\n");
    assert_int_equal(stat.user_ticks, 123);
    assert_int_equal(stat.system_ticks, 45);
    assert_int_equal(task_parse_stat("12 (a", &stat), -EBADMSG);
    assert_int_equal(task_parse_stat(")(", &stat), -EBADMSG);
}

static void voluntary_switches_are_not_the_others(void **state)
{
    uint64_t voluntary;

    (void)state;
    assert_int_equal(
        task_parse_voluntary("Name:\tx\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n", &voluntary), 0);
    assert_int_equal(voluntary, 7);
    assert_int_equal(task_parse_voluntary("Name:\tx\nnonvoluntary_ctxt_switches:\t9\n", &voluntary), -EBADMSG);
}

/* A child that sleeps: its call is shown, with descriptors to keep and without; and its end is -ESRCH. */
static void a_live_thread_is_read_until_it_is_gone(void **state)
{
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a test fails, too */
        (void)pause();
        _exit(0);
    }
    for (int kept = 0; kept < 2; kept++) {
        struct task_files files;
        struct task_call call = {0};
        int spare = kept ? 8 : 0;
        char text[4096];

        task_files_init(&files, child, child, &spare);
        for (int i = 0; i < 1000 && call.number != 34; i++) { /* until it is in pause(2) */
            assert_true(task_files_read(&files, TASK_SYSCALL, text, sizeof(text)) > 0);
            assert_int_equal(task_parse_syscall(text, &call), 0);
            (void)usleep(1000);
        }
        assert_int_equal(call.doing, TASK_IN_CALL);
        assert_true(task_files_read(&files, TASK_STATUS, text, sizeof(text)) > 0);
        assert_int_equal(spare, kept ? 7 : 0);
        if (kept) {
            (void)kill(child, SIGKILL);
            assert_int_equal(waitpid(child, NULL, 0), child);
            assert_int_equal(task_files_read(&files, TASK_SYSCALL, text, sizeof(text)), -ESRCH);
            assert_int_equal(task_files_read(&files, TASK_SCHEDSTAT, text, sizeof(text)), -ESRCH);
        }
        task_files_clear(&files);
        assert_int_equal(spare, kept ? 8 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schedstat_line_is_read),
        cmocka_unit_test(the_syscall_line_says_what_a_thread_does),
        cmocka_unit_test(a_name_may_hold_anything),
        cmocka_unit_test(voluntary_switches_are_not_the_others),
        cmocka_unit_test(a_live_thread_is_read_until_it_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
