/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "base/base.h"
#include "cli/status.h"
#include "probe/measurement.h"

static void expect_status(bool exited, int code, int signal_number, uint64_t wall_ns, uint64_t duration_ns,
                          struct status expected)
{
    struct measurement m = {.wall_ns = wall_ns,
                            .target = {.exited = exited, .exit_status = code, .signal = signal_number}};
    struct status status = status_of_target(&m, duration_ns);

    assert_int_equal(status.code, expected.code);
    assert_int_equal(status.signal, expected.signal);
}

static void the_targets_end_is_ours(void **state)
{
    (void)state;
    expect_status(true, 0, 0, 10, 0, (struct status){0});
    for (int code = 0; code < 256; code++)
        expect_status(true, code, 0, 10, 0, (struct status){.code = code});
    for (int number = 1; number < NSIG; number++)
        expect_status(true, 0, number, 10, 0, (struct status){.signal = number});
    expect_status(false, 0, 0, 10, 0, (struct status){.signal = SIGINT});
}

static void a_target_stopped_by_us_has_not_failed(void **state)
{
    (void)state;
    expect_status(true, 0, SIGTERM, 100, 100, (struct status){0});
    expect_status(true, 0, SIGKILL, 100, 100, (struct status){0});
    expect_status(false, 0, 0, 100, 100, (struct status){0});
    /* before its time was up the signal was not ours */
    expect_status(true, 0, SIGTERM, 99, 100, (struct status){.signal = SIGTERM});
    /* and these never are */
    expect_status(true, 0, SIGSEGV, 100, 100, (struct status){.signal = SIGSEGV});
    expect_status(true, 3, 0, 100, 100, (struct status){.code = 3});
}

static int wait_status_of(struct status status, bool ignored)
{
    pid_t pid = fork();
    int wait_status = 0;

    if (pid == 0) {
        sigset_t all;

        (void)sigfillset(&all);
        (void)sigprocmask(SIG_SETMASK, &all, NULL);
        if (ignored)
            (void)signal(status.signal, SIG_IGN);
        _exit(status_end(&status));
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    return wait_status;
}

static void signals_are_raised_again_without_a_core(void **state)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGSEGV, SIGABRT, SIGINT, SIGPIPE, SIGQUIT};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(signals) * 2; i++) {
        struct status status = {.signal = signals[i / 2]};
        int wait_status = wait_status_of(status, (i & 1) && status.signal != SIGKILL);

        assert_true(WIFSIGNALED(wait_status));
        assert_int_equal(WTERMSIG(wait_status), status.signal);
        assert_false(WCOREDUMP(wait_status));
    }
    assert_int_equal(WEXITSTATUS(wait_status_of((struct status){.code = 42}, false)), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_targets_end_is_ours),
        cmocka_unit_test(a_target_stopped_by_us_has_not_failed),
        cmocka_unit_test(signals_are_raised_again_without_a_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
