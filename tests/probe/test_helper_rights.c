/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/helper_rights.h"

#define ALICE 1000u
#define BOB 1001u
#define CALLER_PID 77

static struct process_rights of(uid_t uid, pid_t parent)
{
    return (struct process_rights){.parent = parent, .uid = {uid, uid, uid, uid}, .gid = {uid, uid, uid, uid}};
}

static void who_may_be_traced(void **state)
{
    struct process_rights alice = of(ALICE, 1), root = of(0, 1);
    struct process_rights setuid = of(ALICE, CALLER_PID), setgid = setuid, saved = setuid, capable = setuid,
                          filesystem = setuid;
    struct process_rights own = of(ALICE, CALLER_PID), bobs = of(BOB, CALLER_PID), strangers = of(ALICE, 1),
                          roots = of(0, CALLER_PID);
    struct process_rights capable_alice = alice;
    const struct {
        const char *what;
        uid_t uid; /* of the helper */
        const struct process_rights *caller, *target;
        int expected;
        const char *reason;
    } cases[] = {
        {"own child", ALICE, &alice, &own, 0, ""},
        {"not a child", ALICE, &alice, &strangers, -EPERM, "child"},
        {"not a child, of root", 0, &root, &strangers, -EPERM, "child"},
        {"another user's", ALICE, &alice, &bobs, -EPERM, "user 1001, the caller is user 1000"},
        {"root's", ALICE, &alice, &roots, -EPERM, "user 0"},
        {"setuid", ALICE, &alice, &setuid, -EPERM, "rights"},
        {"setgid", ALICE, &alice, &setgid, -EPERM, "rights"},
        {"set back for a while", ALICE, &alice, &saved, -EPERM, "rights"},
        {"file system user", ALICE, &alice, &filesystem, -EPERM, "rights"},
        {"capable", ALICE, &alice, &capable, -EPERM, "rights"},
        {"no more capable than the caller", ALICE, &capable_alice, &capable, 0, ""},
        {"orphaned helper: process 1 is root", ALICE, &root, &roots, -EPERM, "user 0"},
        {"root may trace everybody's", 0, &root, &bobs, 0, ""},
        {"root may trace setuid programs", 0, &root, &setuid, 0, ""},
        {"root's helper for a caller that is no longer root", 0, &alice, &own, 0, ""},
        {"and no more than that", 0, &alice, &bobs, -EPERM, "user 1001"},
        {"nor root's", 0, &alice, &roots, -EPERM, "user 0"},
    };

    (void)state;
    setuid.uid[1] = setuid.uid[2] = setuid.uid[3] = 0;
    saved.uid[2] = 0;
    filesystem.uid[3] = 0;
    setgid.gid[1] = 42;
    capable.permitted = 1u << CAP_NET_RAW;
    capable_alice.permitted = 1u << CAP_NET_RAW | 1u << CAP_CHOWN;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char message[256] = "";

        if (helper_rights_compare(cases[i].uid, CALLER_PID, cases[i].caller, cases[i].target, message,
                                  sizeof(message)) != cases[i].expected ||
            !strstr(message, cases[i].reason))
            fail_msg("%s: \"%s\"", cases[i].what, message);
    }
}

static void rights_are_read_from_the_kernel(void **state)
{
    struct process_rights rights;

    (void)state;
    assert_int_equal(helper_rights_read(getpid(), &rights), 0);
    assert_int_equal(rights.parent, getppid());
    assert_int_equal(rights.uid[0], getuid());
    assert_int_equal(rights.uid[1], geteuid());
    assert_int_equal(rights.gid[0], getgid());
    assert_int_equal(helper_rights_read(1 << 23, &rights), -ESRCH);
}

/* What a child makes of it: its exit status. Sanitizers would miss descriptors and processes at a usual exit. */
static int in_child(int (*function)(void))
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(function());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int prepare_leaves_nothing(void)
{
    int sockets[2], other = open("/dev/null", O_RDONLY), socket = 100;

    if (other < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0 || dup2(sockets[0], socket) < 0)
        return 1;
    (void)close(STDIN_FILENO);
    if (setenv("LD_PRELOAD", "/evil.so", 1) < 0 || helper_rights_prepare(socket) < 0)
        return 2;
    if (environ && *environ)
        return 3;
    for (int fd = 0; fd < 1024; fd++)
        if ((fcntl(fd, F_GETFD) >= 0) != (fd <= STDERR_FILENO || fd == socket))
            return 4;
    if (prctl(PR_GET_DUMPABLE) != 0)
        return 5;
    if (raise(SIGINT) || raise(SIGTERM) || raise(SIGHUP) || raise(SIGQUIT) || raise(SIGTSTP))
        return 6;
    return 0;
}

static void what_the_caller_prepared_is_left_behind(void **state)
{
    (void)state;
    assert_int_equal(in_child(prepare_leaves_nothing), 0);
}

static int prepare_refuses(void)
{
    int sockets[2], pipes[2], file = open("/dev/null", O_RDWR);
    int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) < 0 || pipe(pipes) < 0 || file < 0)
        return 1;
    return helper_rights_prepare(sockets[0]) == -EBADF && helper_rights_prepare(pipes[1]) == -EBADF &&
                   helper_rights_prepare(file) == -EBADF && helper_rights_prepare(STDERR_FILENO) == -EBADF &&
                   helper_rights_prepare(1000) == -EBADF && (udp < 0 || helper_rights_prepare(udp) == -EBADF) &&
                   (tcp < 0 || helper_rights_prepare(tcp) == -EBADF)
               ? 0
               : 2;
}

static void only_a_unix_stream_socket_is_taken(void **state)
{
    (void)state;
    assert_int_equal(in_child(prepare_refuses), 0);
}

static int drop_is_for_good(void)
{
    struct process_rights target = of(0, 1);
    bool was_root = geteuid() == 0;
    int null = open("/dev/null", O_RDONLY);
    int status = open("/proc/self/status", O_RDONLY); /* can't be opened afterwards */
    char text[4096] = "";

    if (null < 0 || status < 0 || helper_rights_drop(&target) < 0)
        return 1;
    if (read(status, text, sizeof(text) - 1) <= 0)
        return 2;
    if (!strstr(text, "CapInh:\t0000000000000000") || !strstr(text, "CapPrm:\t0000000000000000") ||
        !strstr(text, "CapEff:\t0000000000000000") || !strstr(text, "CapAmb:\t0000000000000000") ||
        !strstr(text, "NoNewPrivs:\t1"))
        return 3;
    if (was_root && (!strstr(text, "CapBnd:\t0000000000000000") || !strstr(text, "Uid:\t65534\t65534\t65534\t65534") ||
                     !strstr(text, "Gid:\t65534\t65534\t65534\t65534") || !strstr(text, "Groups:\t \n")))
        return 4;
    if (was_root && setuid(0) == 0)
        return 5;
    if (open("/dev/null", O_RDONLY) >= 0 || dup(null) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
        return 6;
    return fork() >= 0 ? 7 : 0;
}

static void rights_are_given_up_for_good(void **state)
{
    (void)state;
    assert_int_equal(in_child(drop_is_for_good), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_be_traced),
        cmocka_unit_test(rights_are_read_from_the_kernel),
        cmocka_unit_test(what_the_caller_prepared_is_left_behind),
        cmocka_unit_test(only_a_unix_stream_socket_is_taken),
        cmocka_unit_test(rights_are_given_up_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
