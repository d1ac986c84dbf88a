/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/symbols/jit_map.h"

static void append(const char *path, const char *text)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static char *new_file(char *path)
{
    AUTO_CLOSE int fd = mkstemp(path);

    assert_true(fd >= 0);
    return path;
}

static const char *find(struct jit_map *map, uint64_t address)
{
    const char *name = jit_map_find(map, geteuid(), address);

    return name ? name : "-";
}

static void addresses_have_the_names_of_the_last_lines(void **state)
{
    char template[] = "/tmp/concadvise-test-XXXXXX";
    const char *path = new_file(template);
    struct jit_map *map = jit_map_new(path);

    (void)state;
    append(path, "7f0000001000 100 first\n"
                 "7f0000003000 80 LazyCompile:*parse /srv/app.js:12:3\n"
                 "0x7f0000002000 10 with a prefix\n"
                 "7f0000001080 10 inside the first\n");
    assert_string_equal(find(map, 0x7f0000001000), "first");
    assert_string_equal(find(map, 0x7f000000107f), "first");
    assert_string_equal(find(map, 0x7f0000001080), "inside the first");
    assert_string_equal(find(map, 0x7f0000001090), "first");
    assert_string_equal(find(map, 0x7f00000010ff), "first");
    assert_string_equal(find(map, 0x7f0000001100), "-");
    assert_string_equal(find(map, 0x7f0000002005), "with a prefix");
    assert_string_equal(find(map, 0x7f0000003000), "LazyCompile:*parse /srv/app.js:12:3");
    assert_string_equal(find(map, 0x7effffffffff), "-");
    /* It grows while the program runs; a line counts when it is whole. */
    append(path, "7f0000005000 100 fi");
    assert_string_equal(find(map, 0x7f0000005000), "-");
    append(path, "fth\n7f0000005040 c0 overlaps the end\n");
    assert_string_equal(find(map, 0x7f0000005000), "fifth");
    assert_string_equal(find(map, 0x7f0000005040), "overlaps the end");
    assert_string_equal(find(map, 0x7f00000050ff), "overlaps the end");
    jit_map_free(map);
    assert_int_equal(unlink(path), 0);
}

static void code_that_was_generated_again_has_the_newer_name(void **state)
{
    char template[] = "/tmp/concadvise-test-XXXXXX";
    const char *path = new_file(template);
    struct jit_map *map = jit_map_new(path);

    (void)state;
    append(path, "1000 100 old\n2000 100 other\n1000 80 newer\n1000 40 newest\n");
    assert_string_equal(find(map, 0x1000), "newest");
    assert_string_equal(find(map, 0x1040), "newer");
    assert_string_equal(find(map, 0x1080), "old");
    jit_map_free(map);
    assert_int_equal(unlink(path), 0);
}

static void nonsense_is_passed_over(void **state)
{
    char template[] = "/tmp/concadvise-test-XXXXXX";
    const char *path = new_file(template);
    struct jit_map *map = jit_map_new(path);
    AUTO_FREE char *line = malloc(100001);

    (void)state;
    memset(line, 'x', 100000);
    line[99999] = '\n';
    line[100000] = '\0';
    memcpy(line, "7000 10 ", 8);
    append(path, "\n\nhello\n10\n10 10\n10 10 \nffffffffffffffff ff wraps\n4000 0 empty\n -1 5 minus\n");
    append(path, line);
    append(path, "5000 10 good\n");
    assert_string_equal(find(map, 0x5000), "good");
    assert_string_equal(find(map, 0x4000), "-");
    assert_string_equal(find(map, 0x10), "-");
    assert_int_equal(strlen(find(map, 0x7000)), JIT_MAP_NAME_MAX);
    jit_map_free(map);
    assert_int_equal(unlink(path), 0);
}

static void only_a_regular_file_of_the_owner_is_read(void **state)
{
    char template[] = "/tmp/concadvise-test-XXXXXX", other[] = "/tmp/concadvise-test-XXXXXX";
    const char *path = new_file(template), *link = new_file(other);
    struct jit_map *map = jit_map_new(path);

    (void)state;
    append(path, "1000 100 somebody\n");
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_null(jit_map_find(map, (uid_t)-1, 0x1000));
        assert_null(jit_map_find(map, 54321, 0x1000));
        assert_string_equal(jit_map_find(map, 12345, 0x1000), "somebody");
    }
    jit_map_free(map);
    /* A link may lead anywhere; a fifo would never end. */
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink(path, link), 0);
    map = jit_map_new(link);
    assert_null(jit_map_find(map, 12345, 0x1000));
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_null(jit_map_find(map, geteuid(), 0x1000));
    assert_int_equal(unlink(link), 0);
    assert_null(jit_map_find(map, geteuid(), 0x1000));
    jit_map_free(map);
    assert_int_equal(unlink(path), 0);
}

/* A file of any size: what is beyond the bounds is not read. */
static void a_huge_map_is_bounded(void **state)
{
    char template[] = "/tmp/concadvise-test-XXXXXX";
    const char *path = new_file(template);
    struct jit_map *map = jit_map_new(path);

    (void)state;
    append(path, "1000 100 first\n");
    assert_int_equal(truncate(path, INT64_C(1) << 40), 0);
    append(path, "\n2000 100 last\n");
    assert_string_equal(find(map, 0x1000), "first");
    assert_string_equal(find(map, 0x2000), "-");
    jit_map_free(map);
    assert_int_equal(unlink(path), 0);
}

/* A process that makes a pid namespace and looks at its child, which is process 1 there. Never returns. */
static void look_from_outside(void)
{
    char path[64], expected[64];
    pid_t child = unshare(CLONE_NEWPID) == 0 ? fork() : -1;

    if (child == 0)
        for (;;)
            (void)pause();
    jit_map_path(child, path, sizeof(path));
    (void)snprintf(expected, sizeof(expected), "/proc/%d/root/tmp/perf-1.map", (int)child);
    if (child > 0)
        (void)kill(child, SIGKILL);
    _exit(child > 0 && strcmp(path, expected) == 0 ? 0 : 1);
}

/* In a pid namespace of its own, it writes under another number, below a root that may be another. */
static void a_map_is_looked_for_where_its_process_writes_it(void **state)
{
    char path[64], expected[64];
    int status;
    pid_t pid;

    (void)state;
    jit_map_path(getpid(), path, sizeof(path));
    (void)snprintf(expected, sizeof(expected), "/tmp/perf-%d.map", (int)getpid());
    assert_string_equal(path, expected);
    if (geteuid() != 0)
        skip(); /* making a namespace needs root */
    pid = fork();
    if (pid == 0)
        look_from_outside();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_the_names_of_the_last_lines),
        cmocka_unit_test(code_that_was_generated_again_has_the_newer_name),
        cmocka_unit_test(nonsense_is_passed_over),
        cmocka_unit_test(only_a_regular_file_of_the_owner_is_read),
        cmocka_unit_test(a_huge_map_is_bounded),
        cmocka_unit_test(a_map_is_looked_for_where_its_process_writes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
