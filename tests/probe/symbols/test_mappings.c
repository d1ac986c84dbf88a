/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/base.h"
#include "probe/symbols/mappings.h"
#include "tests/probe/symbols/stopped.h"

struct room {
    struct pin_table *pins;
    struct mappings *mappings;
};

static int set_up(void **state)
{
    struct room *room = calloc(1, sizeof(*room));

    room->pins = pin_table_new();
    room->mappings = mappings_new(room->pins);
    *state = room;
    return room->mappings ? 0 : -1;
}

static int tear_down(void **state)
{
    struct room *room = *state;

    mappings_free(room->mappings);
    pin_table_free(room->pins);
    free(room);
    return 0;
}

/* Take in a mapping of a file as it is now. */
static int add_file(struct mappings *mappings, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return mappings_add(mappings, 0, start, end, offset, major(st.st_dev), minor(st.st_dev), st.st_ino, path);
}

static size_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t n = 0;

    while (readdir(directory))
        n++;
    (void)closedir(directory);
    return n;
}

static void our_own_mappings_are_read(void **state)
{
    struct room *room = *state;
    const struct mapping *own, *libc, *vdso;
    uint64_t generation;
    struct stat st;

    assert_int_equal(mappings_read(room->mappings, getpid()), 0);
    own = mappings_find(room->mappings, (uintptr_t)our_own_mappings_are_read);
    assert_non_null(own);
    assert_non_null(strstr(own->file->path, "test_mappings"));
    assert_true(own->file->fd >= 0);
    assert_int_equal(fstat(own->file->fd, &st), 0);
    assert_int_equal(st.st_ino, own->file->inode);
    assert_true(fcntl(own->file->fd, F_GETFD) & FD_CLOEXEC);
    libc = mappings_find(room->mappings, (uintptr_t)getauxval);
    assert_non_null(libc);
    assert_non_null(strstr(libc->file->path, "libc"));
    vdso = mappings_find(room->mappings, getauxval(AT_SYSINFO_EHDR));
    assert_non_null(vdso);
    assert_string_equal(vdso->file->path, "[vdso]");
    assert_int_equal(vdso->file->fd, -1);
    /* Data is not code. */
    assert_null(mappings_find(room->mappings, (uintptr_t)state));
    assert_int_equal(mappings_owner(room->mappings), geteuid());
    for (size_t i = 1; i < mappings_count(room->mappings); i++)
        assert_true(mappings_at(room->mappings, i)->start >= mappings_at(room->mappings, i - 1)->end);
    /* Nothing changes when it is read again. */
    generation = mappings_generation(room->mappings);
    assert_int_equal(mappings_read(room->mappings, getpid()), 0);
    assert_int_equal(mappings_generation(room->mappings), generation);
    assert_int_equal(mappings_read(room->mappings, 0x7ffffff0), -ESRCH);
}

static void expect(const struct mappings *mappings, const char *wanted)
{
    char seen[1024] = "";

    for (size_t i = 0; i < mappings_count(mappings); i++) {
        const struct mapping *mapping = mappings_at(mappings, i);

        (void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%llx-%llx+%llx%s ",
                       (unsigned long long)mapping->start, (unsigned long long)mapping->end,
                       (unsigned long long)mapping->offset, mapping->file ? "f" : "");
    }
    assert_string_equal(seen, wanted);
}

static void a_mapping_replaces_what_it_overlaps(void **state)
{
    struct room *room = *state;
    struct mappings *m = room->mappings;
    uint64_t generation;

    expect(m, "");
    assert_int_equal(add_file(m, 0x10000, 0x20000, 0x1000, "/proc/self/exe"), 0);
    assert_int_equal(mappings_add(m, 0, 0x30000, 0x40000, 0x1000, 0, 0, 0, "//anon"), 0);
    expect(m, "10000-20000+1000f 30000-40000+0 ");
    /* Within: cut in three, and the rest knows its offset. */
    assert_int_equal(mappings_add(m, 0, 0x14000, 0x18000, 0, 0, 0, 0, NULL), 0);
    expect(m, "10000-14000+1000f 14000-18000+0 18000-20000+9000f 30000-40000+0 ");
    assert_null(mappings_find(m, 0xffff));
    assert_int_equal(mappings_find(m, 0x13fff)->end, 0x14000);
    assert_int_equal(mappings_find(m, 0x14000)->end, 0x18000);
    assert_null(mappings_find(m, 0x20000));
    /* Over both ends of two. */
    assert_int_equal(mappings_add(m, 0, 0x1f000, 0x31000, 0, 0, 0, 0, NULL), 0);
    expect(m, "10000-14000+1000f 14000-18000+0 18000-1f000+9000f 1f000-31000+0 31000-40000+1000 ");
    generation = mappings_generation(m);
    assert_int_equal(add_file(m, 0x10000, 0x14000, 0x1000, "/proc/self/exe"), 0); /* known */
    assert_int_equal(mappings_add(m, 0, 0x5000, 0x5000, 0, 0, 0, 0, NULL), 0);    /* empty */
    assert_int_equal(mappings_generation(m), generation);
    /* Over all. */
    assert_int_equal(mappings_add(m, 0, 0x1000, 0x100000, 0, 0, 0, 0, "[heap]"), 0);
    expect(m, "1000-100000+0 ");
    assert_true(mappings_generation(m) > generation);
}

static void a_child_has_a_copy(void **state)
{
    struct room *room = *state;
    struct mappings *child;

    assert_int_equal(add_file(room->mappings, 0x10000, 0x20000, 0, "/proc/self/exe"), 0);
    child = mappings_fork(room->mappings);
    assert_non_null(child);
    assert_int_equal(mappings_add(child, 0, 0x30000, 0x40000, 0, 0, 0, 0, NULL), 0);
    expect(room->mappings, "10000-20000+0f ");
    expect(child, "10000-20000+0f 30000-40000+0 ");
    assert_ptr_equal(mappings_at(child, 0)->file, mappings_at(room->mappings, 0)->file);
    assert_true(mappings_filter_test(mappings_filter(child), 0x10000));
    mappings_free(child);
}

static const struct pinned_file *pinned(struct mappings *mappings, uint64_t inode, const char *path)
{
    struct stat st;

    assert_int_equal(stat("/tmp", &st), 0);
    assert_int_equal(mappings_add(mappings, 0, 0x10000, 0x11000, 0, major(st.st_dev), minor(st.st_dev), inode, path),
                     0);
    return mappings_find(mappings, 0x10000)->file;
}

/* Whatever has come to be where the file was: it is not opened, or not used. */
static void what_is_not_the_file_is_not_used(void **state)
{
    struct room *room = *state;
    char path[] = "/tmp/concadvise-test-XXXXXX", moved[64];
    AUTO_CLOSE int fd = mkstemp(path);
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    (void)snprintf(moved, sizeof(moved), "%s.moved", path);
    assert_int_equal(pinned(room->mappings, st.st_ino + 1, path)->fd, -1);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink(moved, path), 0);
    assert_int_equal(pinned(room->mappings, st.st_ino, path)->fd, -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(pinned(room->mappings, st.st_ino, path)->fd, -1); /* and does not wait for a writer */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(moved, path), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(pinned(room->mappings, st.st_ino, path)->fd >= 0);
    assert_int_equal(unlink(path), 0);
}

static void only_so_many_descriptors_are_held(void **state)
{
    struct room *room = *state;
    char directory[] = "/tmp/concadvise-test-XXXXXX", path[128];
    size_t before = open_descriptors(), n_pinned = 0;

    assert_non_null(mkdtemp(directory));
    for (unsigned i = 0; i < PINS_MAX + 20; i++) {
        uint64_t start = 0x100000 + i * UINT64_C(0x2000);
        const struct pinned_file *file;
        int fd;

        (void)snprintf(path, sizeof(path), "%s/%u", directory, i);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
        assert_int_equal(add_file(room->mappings, start, start + 0x1000, 0, path), 0);
        /* A file mapped twice counts once. */
        assert_int_equal(add_file(room->mappings, start + 0x1000, start + 0x2000, 0x1000, path), 0);
        file = mappings_find(room->mappings, start)->file;
        assert_string_equal(file->path, path);
        assert_ptr_equal(mappings_find(room->mappings, start + 0x1000)->file, file);
        n_pinned += file->fd >= 0;
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(n_pinned, PINS_MAX);
    assert_int_equal(open_descriptors() - before, PINS_MAX);
    mappings_free(TAKE_PTR(room->mappings));
    pin_table_free(TAKE_PTR(room->pins));
    assert_int_equal(open_descriptors(), before);
}

static void the_number_of_mappings_is_bounded(void **state)
{
    struct room *room = *state;

    for (uint64_t i = 0; i < MAPPINGS_MAX + 100; i++)
        assert_int_equal(mappings_add(room->mappings, 0, i << 13, (i << 13) + 4096, 0, 0, 0, 0, NULL), 0);
    assert_int_equal(mappings_count(room->mappings), MAPPINGS_MAX);
    assert_non_null(mappings_find(room->mappings, 5 << 13));
}

/* Against mappings_find(): the quick test may say yes too often, but not by much, and never no wrongly. */
static void the_filter_never_says_no_wrongly(void **state)
{
    struct room *room = *state;
    size_t wrong = 0;

    srandom(7);
    for (int i = 0; i < 60; i++) {
        uint64_t start = (UINT64_C(0x7f0000000000) + ((uint64_t)random() << 14)) & ~UINT64_C(0xfff);

        assert_int_equal(
            mappings_add(room->mappings, 0, start, start + 4096 * (1 + (uint64_t)random() % 2000), 0, 0, 0, 0, NULL),
            0);
    }
    for (size_t i = 0; i < mappings_count(room->mappings); i++) {
        const struct mapping *mapping = mappings_at(room->mappings, i);

        for (uint64_t address = mapping->start; address < mapping->end; address += 4096)
            assert_true(mappings_filter_test(mappings_filter(room->mappings), address));
        assert_true(mappings_filter_test(mappings_filter(room->mappings), mapping->end - 1));
    }
    for (int i = 0; i < 10000; i++)
        wrong += mappings_filter_test(mappings_filter(room->mappings), (uint64_t)random() << 17);
    assert_in_range(wrong, 0, 1000);
    assert_int_equal(mappings_add(room->mappings, 0, 0x1000, UINT64_C(1) << 47, 0, 0, 0, 0, NULL), 0);
    assert_true(mappings_filter_test(mappings_filter(room->mappings), 0x123456789000));
}

/* Copy a file to a new place. */
static void copy(const char *from, const char *to)
{
    AUTO_FREE char *command = NULL;

    assert_true(asprintf(&command, "cp '%s' '%s'", from, to) > 0);
    assert_int_equal(system(command), 0);
}

static void a_deleted_program_is_found_through_its_process(void **state)
{
    CLEANUP(stopped_clear) struct stopped stopped;
    char directory[] = "/tmp/concadvise-test-XXXXXX", path[64];
    const struct pinned_file *file;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/gone", directory);
    copy(TARGETS "/deep_fp", path);
    stopped_start(&stopped, path, "sleep", "0", true);
    assert_int_equal(unlink(path), 0);
    copy(TARGETS "/deep_nofp", path); /* another one in its place */
    stopped_look(&stopped);
    file = mappings_at(stopped.mappings, 0)->file;
    assert_string_equal(file->path, path);
    assert_true(file->fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(our_own_mappings_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mapping_replaces_what_it_overlaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_has_a_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_the_file_is_not_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_descriptors_are_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_number_of_mappings_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_filter_never_says_no_wrongly, set_up, tear_down),
        cmocka_unit_test(a_deleted_program_is_found_through_its_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
