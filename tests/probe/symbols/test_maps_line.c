/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/symbols/maps_line.h"

static void lines_of_the_kernel_are_read(void **state)
{
    char file[] =
        "7f0000001000-7f0000003000 r-xp 00002000 08:11 1234                       /usr/lib/a b.so (deleted)\n";
    char none[] = "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 \n";
    struct maps_line line;

    (void)state;
    assert_true(maps_line_parse(file, &line));
    assert_int_equal(line.start, 0x7f0000001000);
    assert_int_equal(line.end, 0x7f0000003000);
    assert_int_equal(line.offset, 0x2000);
    assert_int_equal(line.major, 8);
    assert_int_equal(line.minor, 0x11);
    assert_int_equal(line.inode, 1234);
    assert_true(line.executable);
    assert_string_equal(line.path, "/usr/lib/a b.so (deleted)");
    assert_true(maps_line_parse(none, &line));
    assert_false(line.executable);
    assert_string_equal(line.path, "");
}

static void other_lines_are_not(void **state)
{
    static const char *const lines[] = {"", "\n", "7f-", "hello", "1-2 r-", "1-2 r-xp 0 0 1 /x", "1-2 x 0 0:0 0 /x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        AUTO_FREE char *copy = strdup(lines[i]);
        struct maps_line line = {.start = 7};

        assert_false(maps_line_parse(copy, &line));
        assert_int_equal(line.start, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_kernel_are_read),
        cmocka_unit_test(other_lines_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
