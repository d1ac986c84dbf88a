/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/launch.h"

static void commands_are_found_as_exec_finds_them(void **state)
{
    AUTO_FREE char *path = NULL;

    (void)state;
    assert_int_equal(launch_resolve("sh", &path), 0);
    assert_int_equal(path[0], '/');
    free(TAKE_PTR(path));
    assert_int_equal(launch_resolve("/bin/sh", &path), 0);
    assert_string_equal(path, "/bin/sh");
    free(TAKE_PTR(path));
    assert_int_equal(launch_resolve("no-such-program-anywhere", &path), -ENOENT);
    assert_int_equal(launch_resolve("/no/such/program", &path), -ENOENT);
    assert_int_equal(launch_resolve("", &path), -ENOENT);
    assert_int_equal(launch_resolve("/etc/passwd", &path), -EACCES);
    assert_int_equal(launch_resolve("/tmp", &path), -EACCES);
    assert_null(path);
}

static struct launch hold(char *const *argv)
{
    sigset_t mask;
    struct launch_options options = {.argv = argv, .mask = &mask};
    struct launch launch = {-1, -1, -1};
    char message[128] = "";

    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(launch_hold(&options, &launch, message, sizeof(message)), 0);
    return launch;
}

static void a_held_target_runs_when_released_and_not_before(void **state)
{
    char file[] = "/tmp/concadvise-launch-XXXXXX", command[128];
    char *const argv[] = {(char *)"sh", (char *)"-c", command, NULL};
    struct launch launch;
    int fd = mkstemp(file), status;
    struct stat info;

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(command, sizeof(command), "echo ran >%s; exit 7", file);
    launch = hold(argv);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, 0);
    assert_int_equal(launch_release(&launch), 0);
    assert_int_equal(waitpid(launch.pid, &status, 0), launch.pid);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, 4);

    launch = hold(argv);
    launch_abort(&launch);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, 4);
    (void)close(fd);
    (void)unlink(file);
}

static void a_failing_exec_is_reported_by_its_errno(void **state)
{
    char *const argv[] = {(char *)"/no/such/program", NULL};
    struct launch launch = hold(argv);

    (void)state;
    assert_int_equal(launch_release(&launch), -ENOENT);
    assert_int_equal(waitpid(launch.pid, NULL, WNOHANG), -1);
}

static void unknown_users_start_nothing(void **state)
{
    char *const argv[] = {(char *)"true", NULL};
    struct launch_options options = {.argv = argv, .user = "no-such-user-here"};
    struct launch launch = {-1, -1, -1};
    char message[128] = "";

    (void)state;
    assert_int_equal(launch_hold(&options, &launch, message, sizeof(message)), -EINVAL);
    assert_non_null(strstr(message, "no-such-user-here"));
    assert_int_equal(launch.pid, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_found_as_exec_finds_them),
        cmocka_unit_test(a_held_target_runs_when_released_and_not_before),
        cmocka_unit_test(a_failing_exec_is_reported_by_its_errno),
        cmocka_unit_test(unknown_users_start_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
