/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/construct.h"
#include "cases.h"

static bool mentions(char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(list[i], text))
            return true;
    return false;
}

static void every_runtime_has_words_for_every_model(void **state)
{
    (void)state;
    for (int runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
        for (int model = MODEL_THREADS; model < MODEL_COUNT; model++) {
            struct recommendation r = {.model = (enum model)model, .change = CHANGE_SWITCH, .workers = 7};
            char *text = construct_of((enum runtime_kind)runtime, &r, 33);

            assert_non_null(text);
            assert_null(strchr(text, '%'));
            assert_true(strstr(text, model == MODEL_COROUTINES ? "33" : "7") || strstr(text, "VirtualThread"));
            free(text);
        }
    }
}

/* A word of each runtime that must be in its construct for each model. */
static void words_are_those_of_the_runtime(void **state)
{
    static const char *const words[RUNTIME_COUNT][MODEL_COUNT] = {
        [RUNTIME_NATIVE] = {NULL, "std::thread", "epoll", "fork", "SO_REUSEPORT"},
        [RUNTIME_CPYTHON] = {NULL, "ThreadPoolExecutor", "asyncio", "ProcessPoolExecutor", "asyncio.run"},
        [RUNTIME_PYPY] = {NULL, "ThreadPoolExecutor", "asyncio", "ProcessPoolExecutor", "asyncio.run"},
        [RUNTIME_RUBY] = {NULL, "Thread.new", "Async", "Ractor", "Process.fork"},
        [RUNTIME_NODE] = {NULL, "worker_threads", "Promise.all", "child_process.fork", "cluster"},
        [RUNTIME_JVM] = {NULL, "newFixedThreadPool", "newVirtualThreadPerTaskExecutor", "ProcessBuilder",
                         "virtual threads"},
        [RUNTIME_GO] = {NULL, "SetLimit(7)", "SetLimit(33)", "os/exec", "goroutines"},
    };

    (void)state;
    assert_int_equal(MODEL_THREADS, 1);
    for (int runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
        for (int model = MODEL_THREADS; model < MODEL_COUNT; model++) {
            struct recommendation r = {.model = (enum model)model, .change = CHANGE_SWITCH, .workers = 7};
            char *text = construct_of((enum runtime_kind)runtime, &r, 33);

            assert_non_null(strstr(text, words[runtime][model]));
            free(text);
        }
    }
}

static void what_to_do_is_said_in_the_words_of_the_runtime(void **state)
{
    static const struct {
        enum runtime_kind runtime;
        int id;
        const char *text;
    } cases[] = {
        {RUNTIME_NATIVE, 3102, "worker threads"},
        {RUNTIME_CPYTHON, 3102, "process pool"},
        {RUNTIME_NODE, 3102, "worker_threads"},
        {RUNTIME_RUBY, 3102, "Ractor"},
        {RUNTIME_CPYTHON, 3101, "to_thread"},
        {RUNTIME_NODE, 3101, "fs.promises"},
        {RUNTIME_CPYTHON, 3002, "TaskGroup"},
        {RUNTIME_NODE, 3002, "Promise.all"},
        {RUNTIME_JVM, 4002, "newFixedThreadPool"},
        {RUNTIME_CPYTHON, 4001, "ProcessPoolExecutor"},
        {RUNTIME_GO, 4003, "SetLimit"},
        {RUNTIME_JVM, 2101, "split the lock"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct measurement *m = case_serial_waits(cases[i].runtime, 10, MS, MS);
        struct finding finding = {.id = cases[i].id};
        struct recommendation r = {.model = MODEL_COROUTINES, .change = CHANGE_FIX, .workers = 4};

        assert_int_equal(construct_actions(m, &finding, 1, 0, &r), 0);
        assert_true(r.n_actions >= 1);
        assert_non_null(strstr(r.actions[0], cases[i].text));
        for (size_t k = 0; k < r.n_actions; k++)
            free(r.actions[k]);
        free(r.actions);
        measurement_free(m);
    }
}

/* A figure that rests on an executor is not to be had without one. */
static void long_calls_are_handed_to_threads(void **state)
{
    (void)state;
    for (int long_calls = 0; long_calls < 2; long_calls++) {
        struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 10, MS, MS);
        struct recommendation r = {
            .model = MODEL_COROUTINES, .change = CHANGE_SWITCH, .workers = 4, .long_calls = long_calls};
        bool said = false;

        assert_int_equal(construct_actions(m, NULL, 0, 0, &r), 0);
        for (size_t k = 0; k < r.n_actions; k++) {
            said |= strstr(r.actions[k], "asyncio.to_thread") != NULL;
            free(r.actions[k]);
        }
        assert_int_equal(said, long_calls);
        free(r.actions);
        measurement_free(m);
    }
}

static void keeping_and_serial_need_no_construct(void **state)
{
    struct recommendation keep = {.model = MODEL_THREADS, .change = CHANGE_KEEP, .workers = 7};
    struct recommendation serial = {.model = MODEL_SERIAL, .change = CHANGE_SWITCH};
    struct recommendation none = {.model = MODEL_NONE, .change = CHANGE_SWITCH};

    (void)state;
    assert_null(construct_of(RUNTIME_CPYTHON, &keep, 0));
    assert_null(construct_of(RUNTIME_CPYTHON, &serial, 0));
    assert_null(construct_of(RUNTIME_CPYTHON, &none, 0));
}

static void actions_name_the_library_and_the_place(void **state)
{
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 100, 50 * MS, MS);
    struct advice *a;

    (void)state;
    build_module(m, "requests");
    a = build_advice(m);
    assert_string_equal(a->recommendation.why_id, "waits_coroutines");
    assert_true(mentions(a->recommendation.actions, a->recommendation.n_actions, "replace requests by aiohttp"));
    assert_true(mentions(a->recommendation.actions, a->recommendation.n_actions, "asyncio.gather"));
    advice_free(a);
    measurement_free(m);

    for (size_t i = 0; i < n_leaf_cases; i++) {
        if (strcmp(leaf_cases[i].leaf, "loop_unblock") != 0)
            continue;
        m = leaf_cases[i].make();
        a = build_advice(m);
        assert_true(mentions(a->recommendation.actions, a->recommendation.n_actions, "fetch() at crawl.py:12"));
        advice_free(a);
        measurement_free(m);
    }
}

static void the_place_is_in_the_user_s_own_code(void **state)
{
    struct frame frames[] = {
        {.function = (char[]){"recv_into"}, .file = (char[]){"/usr/lib/python3.11/socket.py"}, .line = 706},
        {.function = (char[]){"get"}, .file = (char[]){"/v/lib/python3.12/site-packages/requests/api.py"}, .line = 73},
        {.function = (char[]){"exec_module"}, .file = (char[]){"<frozen importlib._bootstrap>"}, .line = 940},
        {.function = (char[]){"fetch"}, .file = (char[]){"/home/me/crawl.py"}, .line = 12},
        {.function = (char[]){"main"}, .file = (char[]){"/home/me/crawl.py"}, .line = 30},
    };
    struct site site = {.frames = frames, .n_frames = 5};

    (void)state;
    assert_ptr_equal(advice_own_frame(&site), &frames[3]);
    site.n_frames = 3;
    assert_null(advice_own_frame(&site));
}

/* A program that waits for nobody needs no assumption about who answers it. */
static void peers_are_mentioned_where_there_are_any(void **state)
{
    struct measurement *waits = case_serial_waits(RUNTIME_CPYTHON, 40, 50 * MS, 1 * MS),
                       *computes = case_serial_cpu(RUNTIME_CPYTHON, 2000 * MS);
    struct advice *a = build_advice(waits), *b = build_advice(computes);

    (void)state;
    assert_true(mentions(a->evidence.models[MODEL_THREADS].assumptions, a->evidence.models[MODEL_THREADS].n_assumptions,
                         "peers"));
    assert_false(mentions(b->evidence.models[MODEL_PROCESSES].assumptions,
                          b->evidence.models[MODEL_PROCESSES].n_assumptions, "peers"));
    advice_free(a);
    advice_free(b);
    measurement_free(waits);
    measurement_free(computes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_runtime_has_words_for_every_model),
        cmocka_unit_test(words_are_those_of_the_runtime),
        cmocka_unit_test(what_to_do_is_said_in_the_words_of_the_runtime),
        cmocka_unit_test(long_calls_are_handed_to_threads),
        cmocka_unit_test(keeping_and_serial_need_no_construct),
        cmocka_unit_test(actions_name_the_library_and_the_place),
        cmocka_unit_test(the_place_is_in_the_user_s_own_code),
        cmocka_unit_test(peers_are_mentioned_where_there_are_any),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
