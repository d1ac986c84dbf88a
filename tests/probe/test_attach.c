/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/attach.h"

/* A child that has become `argv`, if given, or else sleeps. */
static pid_t start(char *const *argv)
{
    int fds[2];
    pid_t pid;
    char byte;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 0); /* closed by exec */
    (void)close(fds[0]);
    return pid;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void arguments_and_program_are_read(void **state)
{
    char *const argv[] = {(char *)"sleep", (char *)"60", (char *)"0", NULL};
    struct attach attach;
    struct pollfd process;
    char message[512] = "";
    pid_t pid = start(argv);

    (void)state;
    assert_int_equal(attach_open(pid, &attach, message, sizeof(message)), 0);
    assert_int_equal(attach.pid, pid);
    for (int i = 0; i < 3; i++)
        assert_string_equal(attach.argv[i], argv[i]);
    assert_null(attach.argv[3]);
    assert_int_equal(attach.exe[0], '/');
    process = (struct pollfd){.fd = attach.pidfd, .events = POLLIN};
    assert_int_equal(poll(&process, 1, 0), 0);
    end(pid);
    assert_int_equal(poll(&process, 1, 0), 1);
    attach_close(&attach);
    attach_close(&attach); /* closed is zeroed */
}

static void an_empty_argument_is_one(void **state)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"read never", (char *)"", (char *)"last", NULL};
    struct attach attach;
    char message[512] = "";
    int fds[2];
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    (void)dup2(fds[0], STDIN_FILENO);
    pid = start(argv);
    assert_int_equal(attach_open(pid, &attach, message, sizeof(message)), 0);
    for (int i = 0; i < 5; i++)
        assert_string_equal(attach.argv[i], argv[i]);
    assert_null(attach.argv[5]);
    attach_close(&attach);
    end(pid);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void refuse(pid_t pid, int error, const char *words)
{
    struct attach attach;
    char message[512] = "";

    assert_int_equal(attach_open(pid, &attach, message, sizeof(message)), error);
    if (!strstr(message, words))
        fail_msg("\"%s\" is not in: %s", words, message);
}

static void what_can_not_be_measured_is_refused(void **state)
{
    char *const argv[] = {(char *)"true", NULL};
    siginfo_t info;
    pid_t pid = start(argv);

    (void)state;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    refuse(pid, -ESRCH, "has ended");
    end(pid);
    refuse(pid, -ESRCH, "there is no process");
    refuse(getpid(), -EINVAL, "measure itself");
    refuse(getppid(), -EINVAL, "measure itself");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_and_program_are_read),
        cmocka_unit_test(an_empty_argument_is_one),
        cmocka_unit_test(what_can_not_be_measured_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
