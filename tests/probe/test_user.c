/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <grp.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/user.h"

static void set_caller(const char *uid, const char *gid)
{
    (void)unsetenv("SUDO_UID");
    (void)unsetenv("SUDO_GID");
    if (uid)
        (void)setenv("SUDO_UID", uid, 1);
    if (gid)
        (void)setenv("SUDO_GID", gid, 1);
}

static void the_caller_is_who_called_sudo(void **state)
{
    struct user user;

    (void)state;
    set_caller(NULL, NULL);
    assert_false(user_who_called(&user));
    set_caller("65534", "60");
    if (geteuid() != 0) { /* anybody can set the variables */
        assert_false(user_who_called(&user));
        return;
    }
    assert_true(user_who_called(&user));
    assert_true(user.change);
    assert_int_equal(user.uid, 65534);
    assert_int_equal(user.gid, 60);
    set_caller("4000000", NULL); /* not in the password file */
    assert_true(user_who_called(&user));
    assert_int_equal(user.uid, 4000000);
    assert_int_equal(user.gid, 4000000);
    assert_string_equal(user.name, "");
    for (size_t i = 0; i < 5; i++) {
        static const char *const nobody[] = {"0", "-1", "4294967295", "12x", ""};

        set_caller(nobody[i], "60");
        assert_false(user_who_called(&user));
    }
    set_caller(NULL, NULL);
}

static void the_target_is_whose_it_is_asked_to_be(void **state)
{
    char message[128] = "";
    struct user user;

    (void)state;
    set_caller(NULL, NULL);
    assert_int_equal(user_of_target(NULL, &user, message, sizeof(message)), 0);
    assert_false(user.change);
    assert_int_equal(user_of_target("no-such-user-here", &user, message, sizeof(message)), -EINVAL);
    assert_non_null(strstr(message, "no-such-user-here"));
    set_caller("65534", NULL);
    assert_int_equal(user_of_target("root", &user, message, sizeof(message)), 0);
    assert_int_equal(user.change, geteuid() != 0 || getuid() != 0);
    assert_int_equal(user.uid, 0);
    set_caller(NULL, NULL);
}

/* @return what is wrong, as a number; 0: nothing */
static int become_both_ways(void)
{
    const struct user bob = {.change = true, .uid = 4000000, .gid = 4000001};
    const struct user alice = {.change = true, .uid = 5000000, .gid = 5000001};
    uid_t real, effective, saved;
    pid_t pid = fork();
    int status;

    if (pid == 0) { /* for good */
        if (user_become(&bob, NULL) < 0 || getresuid(&real, &effective, &saved) < 0)
            _exit(1);
        _exit(real != bob.uid || effective != bob.uid || saved != bob.uid || getegid() != bob.gid ||
              getgroups(0, NULL) != 0 || seteuid(0) == 0);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return 1;
    if (user_become(&bob, &alice) < 0 || getresuid(&real, &effective, &saved) < 0)
        return 2;
    if (real != bob.uid || effective != bob.uid || saved != alice.uid || seteuid(0) == 0)
        return 3;
    if (seteuid(alice.uid) < 0 || seteuid(bob.uid) < 0)
        return 4;
    return user_settle() < 0 || seteuid(alice.uid) == 0 ? 5 : 0;
}

static void root_is_given_up(void **state)
{
    int status = -1;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    pid = fork();
    if (pid == 0)
        _exit(become_both_ways());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_caller_is_who_called_sudo),
        cmocka_unit_test(the_target_is_whose_it_is_asked_to_be),
        cmocka_unit_test(root_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
