/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/base.h"
#include "cli/output.h"

static char folder[64];

static int enter_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/concadvise-output-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static size_t count_entries(void)
{
    DIR *dir = opendir(".");
    size_t n = 0;

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    (void)closedir(dir);
    return n;
}

static int leave_folder(void **state)
{
    DIR *dir = opendir(".");

    (void)state;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void expect_content(const char *path, const char *expected)
{
    AUTO_FCLOSE FILE *in = fopen(path, "r");
    char text[64] = "";

    assert_non_null(in);
    (void)fread(text, 1, sizeof(text) - 1, in);
    assert_string_equal(text, expected);
}

static void files_are_replaced_whole(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(output_put_file("a", "one", 3), 0);
    expect_content("a", "one");
    assert_int_equal(stat("a", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(chmod("a", 0600), 0);
    assert_int_equal(output_put_file("./a", "two", 3), 0);
    expect_content("a", "two");
    assert_int_equal(stat("a", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(count_entries(), 1);
}

static void links_are_followed_and_devices_written_in_place(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(output_put_file("a", "one", 3), 0);
    assert_int_equal(symlink("a", "link"), 0);
    assert_int_equal(output_put_file("link", "two", 3), 0);
    expect_content("a", "two");
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(output_put_file("/dev/null", "x", 1), 0);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(output_put_file("/dev/full", "x", 1), -ENOSPC);
}

/* The limit on file size stands in for a full disk: write() fails halfway. */
static void what_was_there_survives_a_failure(void **state)
{
    struct rlimit before, small;
    char bytes[8192];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(output_put_file("a", "precious", 8), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(output_put_file("a", bytes, sizeof(bytes)), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_content("a", "precious");
    assert_int_equal(count_entries(), 1);
    assert_int_equal(output_put_file("no/such/folder", "x", 1), -ENOENT);
}

static void places_are_checked_without_a_trace(void **state)
{
    (void)state;
    assert_int_equal(output_check("new"), 0);
    assert_int_equal(output_check("./new"), 0);
    assert_int_equal(output_check("/dev/null"), 0);
    assert_int_equal(output_check("no/new"), -ENOENT);
    assert_int_equal(output_check("/"), -EISDIR);
    assert_int_equal(output_check(""), -ENOENT);
    assert_int_equal(output_put_file("a", "", 0), 0);
    assert_int_equal(output_check("a/new"), -ENOTDIR);
    assert_int_equal(output_check("a"), 0);
    assert_int_equal(count_entries(), 1);
    if (geteuid() != 0) {
        assert_int_equal(chmod(".", 0555), 0);
        assert_int_equal(output_check("new"), -EACCES);
        assert_int_equal(chmod(".", 0755), 0);
    }
}

static void readers_that_went_away_are_reported(void **state)
{
    int fds[2];

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(output_put_fd(fds[1], "x", 1), 0);
    (void)close(fds[0]);
    assert_int_equal(output_put_fd(fds[1], "x", 1), -EPIPE);
    (void)close(fds[1]);
    assert_int_equal(output_put_fd(-1, "x", 1), -EBADF);
}

static void width_comes_from_columns_off_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("COLUMNS"), 0);
    assert_int_equal(output_width(-1), 80);
    assert_int_equal(setenv("COLUMNS", "120", 1), 0);
    assert_int_equal(output_width(-1), 120);
    assert_int_equal(setenv("COLUMNS", "0", 1), 0);
    assert_int_equal(output_width(-1), 80);
    assert_int_equal(setenv("COLUMNS", "wide", 1), 0);
    assert_int_equal(output_width(-1), 80);
}

static void colours_follow_the_choice(void **state)
{
    (void)state;
    assert_false(output_color(-1, COLOR_AUTO));
    assert_true(output_color(-1, COLOR_ALWAYS));
    assert_false(output_color(STDERR_FILENO, COLOR_NEVER));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(files_are_replaced_whole),
        TEST(links_are_followed_and_devices_written_in_place),
        TEST(what_was_there_survives_a_failure),
        TEST(places_are_checked_without_a_trace),
        TEST(readers_that_went_away_are_reported),
        TEST(width_comes_from_columns_off_a_terminal),
        TEST(colours_follow_the_choice),
    };

    (void)umask(022);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
