/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "analyzer/replay/replay_child.h"
#include "base/base.h"

#define SHELL "/bin/sh"

static void start(struct replay_child *child, const char *script, uint64_t time_ns)
{
    char *argv[] = {(char[]){SHELL}, (char[]){"-c"}, (char *)script, NULL};

    assert_int_equal(replay_child_start(argv, replay_now_ns() + time_ns, child), 0);
}

static void lines_come_one_by_one(void **state)
{
    CLEANUP(replay_child_end) struct replay_child child = {0};
    char *line;

    (void)state;
    start(&child, "printf 'one\\ntwo\\nthr'; sleep 0.05; echo ee; read answer; echo \"got $answer\"",
          10 * NSEC_PER_SEC);
    assert_int_equal(replay_child_receive(&child, &line), 0);
    assert_string_equal(line, "one");
    assert_int_equal(replay_child_receive(&child, &line), 0);
    assert_string_equal(line, "two");
    assert_int_equal(replay_child_receive(&child, &line), 0);
    assert_string_equal(line, "three");
    assert_int_equal(replay_child_send(&child, "this"), 0);
    assert_int_equal(replay_child_receive(&child, &line), 0);
    assert_string_equal(line, "got this");
    assert_int_equal(replay_child_receive(&child, &line), -EPIPE);
}

static void a_program_that_is_not_there(void **state)
{
    char *argv[] = {(char[]){"/nonexistent/replayer"}, NULL};
    struct replay_child child = {0};

    (void)state;
    assert_int_equal(replay_child_start(argv, UINT64_MAX, &child), -ENOENT);
    assert_int_equal(child.pid, 0);
    replay_child_end(&child);
}

static void nothing_waits_longer_than_the_deadline(void **state)
{
    AUTO_FREE char *much = calloc(1, 1 << 22);
    uint64_t begin_ns;
    char *line;

    (void)state;
    memset(much, 'x', (1 << 22) - 1);
    for (int sending = 0; sending < 2; sending++) {
        CLEANUP(replay_child_end) struct replay_child child = {0};

        begin_ns = replay_now_ns();
        start(&child, "sleep 1000", 100 * NSEC_PER_MSEC);
        assert_int_equal(sending ? replay_child_send(&child, much) : replay_child_receive(&child, &line), -ETIME);
        assert_true(replay_now_ns() - begin_ns >= 100 * NSEC_PER_MSEC);
        assert_true(replay_now_ns() - begin_ns < 5 * NSEC_PER_SEC);
    }
}

static void endless_lines_are_cut(void **state)
{
    CLEANUP(replay_child_end) struct replay_child child = {0};
    char *line;

    (void)state;
    start(&child, "while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
          30 * NSEC_PER_SEC);
    assert_int_equal(replay_child_receive(&child, &line), -EMSGSIZE);
}

static void last_words_are_one_harmless_line(void **state)
{
    CLEANUP(replay_child_end) struct replay_child child = {0};
    char words[64], *line;

    (void)state;
    start(&child, "echo first >&2; printf 'the \\033[31mreason\\n' >&2; exit 1", 10 * NSEC_PER_SEC);
    assert_int_equal(replay_child_receive(&child, &line), -EPIPE);
    replay_child_last_words(&child, words, sizeof(words));
    assert_string_equal(words, "the ?[31mreason");
}

/* Ended with all it started, even what it put into the background. */
static void nobody_is_left_behind(void **state)
{
    CLEANUP(replay_child_end) struct replay_child child = {0};
    char *line;
    pid_t grandchild;
    bool gone = false;

    (void)state;
    start(&child, "sleep 1000 & echo $!; wait", 10 * NSEC_PER_SEC);
    assert_int_equal(replay_child_receive(&child, &line), 0);
    grandchild = (pid_t)strtol(line, NULL, 10);
    assert_true(grandchild > 1);
    assert_int_equal(kill(grandchild, 0), 0);
    replay_child_end(&child);
    for (int i = 0; i < 500 && !gone; i++) {
        char path[64], stat[256] = "";
        AUTO_FCLOSE FILE *file = NULL;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", grandchild);
        file = fopen(path, "r");
        /* Whoever inherits orphans here may be slow to reap it: a zombie is dead. */
        gone = !file || !fgets(stat, sizeof(stat), file) || strstr(stat, ") Z ");
        usleep(10000);
    }
    assert_true(gone);
}

/* Started by root on behalf of somebody, it runs as that somebody; started by anybody, as them. */
static void privileges_are_dropped(void **state)
{
    CLEANUP(replay_child_end) struct replay_child child = {0};
    char *line, expected[64];

    (void)state;
    assert_int_equal(setenv("SUDO_UID", "65534", 1), 0);
    assert_int_equal(setenv("SUDO_GID", "65533", 1), 0);
    start(&child, "echo $(id -u) $(id -g) $(id -G | wc -w)", 10 * NSEC_PER_SEC);
    assert_int_equal(replay_child_receive(&child, &line), 0);
    if (geteuid() == 0)
        assert_string_equal(line, "65534 65533 1");
    (void)snprintf(expected, sizeof(expected), "%d %d ", getuid(), getgid());
    if (geteuid() != 0)
        assert_int_equal(strncmp(line, expected, strlen(expected)), 0);
    if (geteuid() == 0) {
        struct replay_child refused = {0};

        assert_int_equal(setenv("SUDO_UID", "-1", 1), 0);
        start(&refused, "echo alive", 10 * NSEC_PER_SEC);
        assert_int_equal(replay_child_receive(&refused, &line), -EPIPE);
        replay_child_end(&refused);
    }
    (void)unsetenv("SUDO_UID");
    (void)unsetenv("SUDO_GID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_one_by_one),
        cmocka_unit_test(a_program_that_is_not_there),
        cmocka_unit_test(nothing_waits_longer_than_the_deadline),
        cmocka_unit_test(endless_lines_are_cut),
        cmocka_unit_test(last_words_are_one_harmless_line),
        cmocka_unit_test(nobody_is_left_behind),
        cmocka_unit_test(privileges_are_dropped),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replay_child", tests, NULL, NULL);
}
