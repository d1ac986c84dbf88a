/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "report/sketch.h"

/* Is `name` what the sketch says instead of `work`? */
static bool is_shown(const char *name)
{
    struct sketch sketch = {.id = SKETCH_PROCESSES, .from = SKETCH_FROM_THREADS, .function = (char *)name};
    AUTO_SKETCH text = {0};
    AUTO_FREE char *call = NULL;
    bool shown;

    assert_int_equal(sketch_text_fill(&sketch, &text), 0);
    assert_true(asprintf(&call, "pool.map(%s, ", name ? name : "work") > 0);
    shown = strstr(buffer_text(&text.after), call) != NULL;
    if (!shown)
        assert_non_null(strstr(buffer_text(&text.after), "pool.map(work, "));
    return shown;
}

static void plain_names_are_shown(void **state)
{
    (void)state;
    assert_true(is_shown("count_primes"));
    assert_true(is_shown("_x1"));
    assert_true(is_shown("a123456789b123456789c123456789d123456789"));
    assert_true(is_shown("pools"));
    assert_true(is_shown(NULL));
}

static void names_that_are_no_plain_identifiers_are_not(void **state)
{
    static const char *const hostile[] = {
        "",
        "<lambda>",
        "1st",
        "a b",
        "a-b",
        "a.b",
        "f\n",
        "f\033[0m",
        "f()",
        "f;import os",
        "f#",
        "f`",
        "class",
        "None",
        "\xff",
        "f\xe2\x80\xae",
        "na\xc3\xafve",
        "\xd0\xb0",
        "$f",
        "a$f",
        "f\"",
        "f'",
        "f\\",
        "</code>",
        "a123456789b123456789c123456789d1234567890",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
        if (is_shown(hostile[i]))
            fail_msg("in the code: %s", hostile[i]);
}

/* def pool(...) and `as pool` would be two things of one name. */
static void names_that_the_code_uses_itself_are_not_shown(void **state)
{
    static const char *const taken[] = {"pool",   "results", "items", "chunk", "len", "ProcessPoolExecutor",
                                        "Thread", "thread"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        assert_false(is_shown(taken[i]));
}

static void function_and_coroutine_are_two(void **state)
{
    struct sketch sketch = {.id = SKETCH_THREADS_IN_LOOP, .function = (char *)"parse", .coroutine = (char *)"parse"};
    AUTO_SKETCH text = {0};

    (void)state;
    assert_int_equal(sketch_text_fill(&sketch, &text), 0);
    assert_non_null(strstr(buffer_text(&text.before), "async def parse(item)"));
    assert_null(strstr(buffer_text(&text.before), "return parse("));
}

static void numbers_are_filled_in(void **state)
{
    struct sketch sketch = {.id = SKETCH_PROCESSES, .from = SKETCH_FROM_THREAD_POOL, .workers = 6, .workers_now = 17};
    AUTO_SKETCH text = {0}, general = {0};

    (void)state;
    assert_int_equal(sketch_text_fill(&sketch, &text), 0);
    assert_non_null(strstr(buffer_text(&text.before), "ThreadPoolExecutor(max_workers=17)"));
    assert_non_null(strstr(buffer_text(&text.after), "ProcessPoolExecutor(max_workers=6)"));
    assert_non_null(strstr(buffer_text(&text.after), "// 24)"));
    assert_string_equal(buffer_text(&text.imports), "from concurrent.futures import ProcessPoolExecutor");

    sketch.workers = sketch.workers_now = 0;
    assert_int_equal(sketch_text_fill(&sketch, &general), 0);
    assert_non_null(strstr(buffer_text(&general.after), "max_workers=N"));
    assert_non_null(strstr(buffer_text(&general.after), "// (4 * N))"));
}

/* aiohttp bounds connections itself; from there on it has to be told. */
static void many_waits_need_a_wider_connector(void **state)
{
    struct sketch sketch = {.id = SKETCH_GATHER_HTTP, .in_flight = 100};
    AUTO_SKETCH few = {0}, many = {0};

    (void)state;
    assert_int_equal(sketch_text_fill(&sketch, &few), 0);
    assert_non_null(strstr(buffer_text(&few.after), "Semaphore(100)"));
    sketch.in_flight = 101;
    assert_int_equal(sketch_text_fill(&sketch, &many), 0);
    assert_non_null(strstr(buffer_text(&many.after), "limit=101"));
}

static void the_request_is_that_of_the_library(void **state)
{
    struct sketch sketch = {.id = SKETCH_ASYNC_HTTP, .library = "urllib.request"};
    AUTO_SKETCH urllib = {0}, requests = {0};

    (void)state;
    assert_int_equal(sketch_text_fill(&sketch, &urllib), 0);
    assert_non_null(strstr(buffer_text(&urllib.before), "urlopen(url).read()"));
    sketch.library = "requests";
    assert_int_equal(sketch_text_fill(&sketch, &requests), 0);
    assert_non_null(strstr(buffer_text(&requests.before), "requests.get(url).content"));
}

static void places(void **state)
{
    struct sketch sketch = {.id = SKETCH_GATHER, .file = (char *)"/srv/app/crawl.py", .line = 12};
    AUTO_BUFFER b = {0};

    (void)state;
    sketch_place(&b, &sketch);
    assert_string_equal(buffer_text(&b), "crawl.py:12");
    buffer_reset(&b);
    sketch.coroutine = (char *)"main";
    sketch_place(&b, &sketch);
    assert_string_equal(buffer_text(&b), "main() at crawl.py:12");
    buffer_reset(&b);
    sketch.file = NULL;
    sketch_place(&b, &sketch);
    assert_string_equal(buffer_text(&b), "");
}

static void unknown_sketches_have_no_code(void **state)
{
    struct sketch none = {0}, beyond = {.id = SKETCH_COUNT};
    AUTO_SKETCH text = {0};

    (void)state;
    assert_int_equal(sketch_text_fill(&none, &text), -ENOENT);
    assert_int_equal(sketch_text_fill(&beyond, &text), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_shown),
        cmocka_unit_test(names_that_are_no_plain_identifiers_are_not),
        cmocka_unit_test(names_that_the_code_uses_itself_are_not_shown),
        cmocka_unit_test(function_and_coroutine_are_two),
        cmocka_unit_test(numbers_are_filled_in),
        cmocka_unit_test(many_waits_need_a_wider_connector),
        cmocka_unit_test(the_request_is_that_of_the_library),
        cmocka_unit_test(places),
        cmocka_unit_test(unknown_sketches_have_no_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
