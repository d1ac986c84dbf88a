/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/base.h"
#include "probe/symbols/elf_file.h"

/* Found by name in our own file: exported, one of known content, one in .bss. */
extern const uint32_t elf_test_number;
extern char elf_test_room[100];
const uint32_t elf_test_number = 0x030b02f0;
char elf_test_room[100];

static const char *const names[] = {"elf_test_number", "no_such_symbol", "elf_test_room", "qsort"};

/* Where the first bytes of our own file are mapped. */
static uint64_t own_start(uint64_t *ret_offset)
{
    AUTO_FCLOSE FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long long start = 0, offset = 0;
    char line[512], exe[256] = "";

    assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    while (fgets(line, sizeof(line), maps)) {
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, exe) && sscanf(line, "%llx-%*x %*s %llx", &start, &offset) == 2)
            break;
    }
    assert_int_not_equal(start, 0);
    *ret_offset = offset;
    return start;
}

static void symbols_are_found_and_lead_to_our_memory(void **state)
{
    CLEANUP(elf_file_freep) struct elf_file *file = NULL;
    struct elf_symbol symbols[ARRAY_SIZE(names)];
    uint64_t bias = 0, start, offset;
    uint32_t number = 0;

    (void)state;
    assert_int_equal(elf_file_open("/proc/self/exe", &file), 0);
    assert_int_equal(elf_file_find_symbols(file, names, ARRAY_SIZE(names), false, symbols), 2);
    assert_int_equal(symbols[0].size, 4);
    assert_int_equal(symbols[1].address, 0);
    assert_int_equal(symbols[2].size, 100);
    assert_int_equal(symbols[3].address, 0); /* undefined here: libc's */
    start = own_start(&offset);
    assert_int_equal(elf_file_bias(file, start, offset, &bias), 0);
    assert_int_equal(symbols[0].address + bias, (uintptr_t)&elf_test_number);
    assert_int_equal(symbols[2].address + bias, (uintptr_t)elf_test_room);
    assert_int_equal(elf_file_read(file, symbols[0].address, &number, sizeof(number)), 0);
    assert_int_equal(number, elf_test_number);
    assert_int_equal(elf_file_bias(file, start, UINT64_C(1) << 40, &bias), -ENOENT);
}

static void what_is_not_in_the_file_can_not_be_read(void **state)
{
    CLEANUP(elf_file_freep) struct elf_file *file = NULL;
    struct elf_symbol symbols[ARRAY_SIZE(names)];
    uint64_t start = 0, end = 0;
    char byte[8];

    (void)state;
    assert_int_equal(elf_file_open("/proc/self/exe", &file), 0);
    assert_int_equal(elf_file_read(file, UINT64_MAX - 3, byte, sizeof(byte)), -EFAULT);
    assert_int_equal(elf_file_read(file, UINT64_C(1) << 40, byte, sizeof(byte)), -EFAULT);
    (void)elf_file_find_symbols(file, names, ARRAY_SIZE(names), false, symbols);
    assert_int_equal(elf_file_writable_range(file, &start, &end), 0);
    assert_in_range(symbols[2].address, start, end - 100);
    assert_false(symbols[0].address >= start && symbols[0].address < end);
    assert_int_equal(elf_file_read(file, end - 1, byte, sizeof(byte)), -EFAULT);
}

static void needs_and_sections_are_seen(void **state)
{
    CLEANUP(elf_file_freep) struct elf_file *file = NULL;
    uint64_t address = 0, size = 0;

    (void)state;
    assert_int_equal(elf_file_open("/proc/self/exe", &file), 0);
    assert_true(elf_file_needs(file, "libcmocka"));
    assert_false(elf_file_needs(file, "libpython"));
    assert_int_equal(elf_file_section(file, ".text", &address, &size), 0);
    assert_true(address > 0 && size > 0);
    assert_int_equal(elf_file_section(file, ".go.buildinfo", &address, &size), -ENOENT);
}

static void what_is_not_elf_is_refused(void **state)
{
    char path[] = "/tmp/concadvise-test-XXXXXX";
    struct elf_file *file = NULL;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(elf_file_open(path, &file), -ENOEXEC);
    assert_int_equal(write(fd,
                           "\x7f"
                           "ELF\x02\x01\x01",
                           7),
                     7);
    assert_int_equal(elf_file_open(path, &file), -ENOEXEC);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(elf_file_open(path, &file), -ENOENT);
    assert_int_equal(elf_file_open("/tmp", &file), -ENOEXEC);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(elf_file_open(path, &file), -ENOEXEC); /* and does not wait for a writer */
    assert_int_equal(unlink(path), 0);
    assert_null(file);
}

/* Every prefix of our own file, in coarse steps, and the whole with broken headers: no crash, no endless loop. */
static void broken_files_do_no_harm(void **state)
{
    char path[] = "/tmp/concadvise-test-XXXXXX";
    AUTO_CLOSE int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int fd = mkstemp(path);
    off_t size = lseek(own, 0, SEEK_END);
    AUTO_FREE char *bytes = malloc((size_t)size);

    (void)state;
    assert_int_equal(pread(own, bytes, (size_t)size, 0), size);
    for (int i = 0; i < 80; i++) {
        CLEANUP(elf_file_freep) struct elf_file *file = NULL;
        struct elf_symbol symbols[ARRAY_SIZE(names)];
        uint64_t first = 0, second = 0;
        char saved = bytes[i];

        assert_int_equal(ftruncate(fd, 0), 0);
        if (i >= 16)
            bytes[i] = (char)0xff;
        assert_true(pwrite(fd, bytes, (size_t)(i < 16 ? size * i / 16 : size), 0) >= 0);
        bytes[i] = saved;
        if (elf_file_open(path, &file) < 0)
            continue;
        (void)elf_file_find_symbols(file, names, ARRAY_SIZE(names), true, symbols);
        (void)elf_file_needs(file, "libpython");
        (void)elf_file_section(file, ".text", &first, &second);
        (void)elf_file_bias(file, 0x1000, 0, &first);
        (void)elf_file_read(file, symbols[0].address, &first, sizeof(first));
        (void)elf_file_writable_range(file, &first, &second);
    }
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbols_are_found_and_lead_to_our_memory),
        cmocka_unit_test(what_is_not_in_the_file_can_not_be_read),
        cmocka_unit_test(needs_and_sections_are_seen),
        cmocka_unit_test(what_is_not_elf_is_refused),
        cmocka_unit_test(broken_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
