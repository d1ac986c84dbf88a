/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/advice.h"
#include "base/base.h"

static bool is_own(const char *file, uint32_t line, const char *module)
{
    struct frame frame = {.function = (char *)"f", .file = (char *)file, .line = line, .module = (char *)module};

    return advice_own_frame_in(&frame, 1) == &frame;
}

static void what_people_write_is_theirs(void **state)
{
    (void)state;
    assert_true(is_own("/srv/app/crawl.py", 12, NULL));
    assert_true(is_own("crawl.py", 12, "/usr/bin/python3.11"));
    assert_true(is_own("/home/x/src/main.c", 3, "/home/x/bin/job"));
    assert_true(is_own("burn.c", 3, "/opt/job"));
    assert_true(is_own("/home/x/ext/fast.c", 3, "/home/x/.venv/fast.cpython-311-x86_64-linux-gnu.so"));
    assert_true(is_own("/home/x/java/Main.c", 1, "/home/x/nodework"));
}

static void what_was_installed_is_not(void **state)
{
    (void)state;
    assert_false(is_own(NULL, 0, "/srv/job"));
    assert_false(is_own("/srv/app/crawl.py", 0, NULL));
    assert_false(is_own("/usr/lib/python3.11/threading.py", 320, NULL));
    assert_false(is_own("/root/.pyenv/versions/3.12.1/lib/python3.12/queue.py", 171, NULL));
    assert_false(is_own("/srv/.venv/lib/python3.12/site-packages/requests/api.py", 59, NULL));
    assert_false(is_own("/usr/lib/python3/dist-packages/requests/api.py", 59, NULL));
    assert_false(is_own("<frozen importlib._bootstrap>", 100, NULL));
    assert_false(is_own("./nptl/futex-internal.c", 57, NULL));
    assert_false(is_own("/usr/include/c++/12/bits/std_thread.h", 250, "/srv/job"));
    assert_false(is_own("/rustc/90b35a6/library/std/src/thread/mod.rs", 528, "/srv/job"));
    assert_false(is_own("Python/ceval.c", 5000, "/root/.pyenv/versions/3.12.1/bin/python3.12"));
    assert_false(is_own("Modules/_ssl.c", 7, "/usr/lib/python3.11/lib-dynload/_ssl.so"));
    assert_false(is_own("node:internal/timers", 540, NULL));
}

static void the_innermost_own_frame_counts(void **state)
{
    struct frame frames[] = {
        {.function = (char *)"wait", .file = (char *)"/usr/lib/python3.11/threading.py", .line = 320},
        {.function = (char *)"inner", .file = (char *)"/srv/a.py", .line = 3},
        {.function = (char *)"outer", .file = (char *)"/srv/b.py", .line = 4},
    };

    (void)state;
    assert_ptr_equal(advice_own_frame_in(frames, 3), &frames[1]);
    assert_null(advice_own_frame_in(frames, 1));
    assert_null(advice_own_frame_in(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_write_is_theirs),
        cmocka_unit_test(what_was_installed_is_not),
        cmocka_unit_test(the_innermost_own_frame_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
