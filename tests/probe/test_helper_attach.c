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
#include "probe/helper_attach.h"

#define NOBODY 65534

/* A child that sleeps until it is killed; `prepare` runs in it first. */
static pid_t start(void (*prepare)(void))
{
    int fds[2];
    pid_t pid;
    char byte;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prepare)
            prepare();
        (void)!write(fds[1], "x", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(fds[0], &byte, 1), 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return pid;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void ones_own_process_is_granted_until_it_ends(void **state)
{
    char message[256] = "";
    pid_t pid = start(NULL);
    int pidfd = -1;

    (void)state;
    assert_int_equal(helper_attach_check(pid, &pidfd, message, sizeof(message)), 0);
    assert_int_equal(helper_attach_is_there(pidfd, message, sizeof(message)), 0);
    end(pid);
    assert_int_equal(helper_attach_is_there(pidfd, message, sizeof(message)), -ESRCH);
    assert_non_null(strstr(message, "has ended"));
    (void)close(pidfd);
    assert_int_equal(helper_attach_check(pid, &pidfd, message, sizeof(message)), -ESRCH);
}

/* In a child that is nobody. @return its exit status: 0 granted, 1 refused, 2 a wrong answer */
static int ask_as_nobody(pid_t target)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        char message[256] = "";
        int pidfd = -1, r;

        /* Effective rights are kept where file capabilities would give them: the real user is what counts. */
        if (setresuid(NOBODY, 0, 0) < 0)
            _exit(3);
        r = helper_attach_check(target, &pidfd, message, sizeof(message));
        _exit(r == 0 ? 0 : r == -EPERM && strstr(message, "may not be looked into") ? 1 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void be_nobody(void)
{
    if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
        _exit(1);
}

static void be_nobody_in_secret(void)
{
    be_nobody();
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        _exit(1);
}

static void be_nobody_for_a_while(void)
{
    if (setresuid(NOBODY, 0, 0) < 0)
        _exit(1);
}

/* It is the caller's real user who asks, whatever the helper may do itself. */
static void others_are_refused(void **state)
{
    pid_t roots = start(NULL), nobodys = start(be_nobody), secret = start(be_nobody_in_secret),
          privileged = start(be_nobody_for_a_while);

    (void)state;
    if (geteuid() != 0)
        skip(); /* needs a second user */
    assert_int_equal(ask_as_nobody(roots), 1);
    assert_int_equal(ask_as_nobody(secret), 1);
    assert_int_equal(ask_as_nobody(privileged), 1);
    /* The group is still root's: the same user is not enough. */
    assert_int_equal(ask_as_nobody(nobodys), 1);
    end(roots);
    end(nobodys);
    end(secret);
    end(privileged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ones_own_process_is_granted_until_it_ends),
        cmocka_unit_test(others_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
