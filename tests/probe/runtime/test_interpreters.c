/* SPDX-License-Identifier: BSD-2-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/interpreters.h"

#include "interpreter.h"

static struct image inspect(pid_t pid)
{
    struct image image = {0};

    assert_int_equal(image_inspect(NULL, pid, &image), 0);
    return image;
}

static void every_interpreter_of_a_process_is_counted(void **state)
{
    static const char script[] = "import sys, time\n"
                                 "if sys.version_info >= (3, 13): import _interpreters as i\n"
                                 "elif sys.version_info >= (3, 8): import _xxsubinterpreters as i\n"
                                 "else: i = None\n"
                                 "kept = [i.create() for _ in range(3)] if i else []\n"
                                 "print(1 + len(kept), sys.version_info[1], flush=True)\n"
                                 "time.sleep(99)\n";
    static char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct interpreter python = interpreter_start(paths[i], "-c", script);
        struct image image;
        uint32_t count = 0;
        char line[16];
        int minor;

        interpreter_read_line(&python, line, sizeof(line));
        minor = atoi(line + 2);
        image = inspect(python.pid);
        if (minor < 7) /* no list of the runtime's own */
            assert_int_equal(interpreters_count(python.pid, &image, &count), -ENOENT);
        else
            assert_int_equal(interpreters_count(python.pid, &image, &count), 0);
        assert_int_equal(count, minor < 7 ? 0 : atoi(line));
        interpreter_stop(&python);
        assert_true(interpreters_count(python.pid, &image, &count) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_interpreter_of_a_process_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
