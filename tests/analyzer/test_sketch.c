/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/advice.h"
#include "analyzer/findings/findings.h"
#include "cases.h"
#include "flaws.h"
#include "places.h"

#define LIB "/usr/lib/python3.11"

/* A program with one site and at most one finding about it, and what its sketch must be. */
struct story {
    const char *what;
    enum model current;
    enum model model;
    enum change change;
    int finding; /* 0: none */
    bool on_cpu;
    enum cause cause;
    bool in_loop;
    struct place_frames stack;
    enum sketch_id id; /* SKETCH_NONE: no sketch at all */
    enum sketch_from from;
    const char *function;
    const char *coroutine;
    uint32_t line;
};

#define THREADS_STACK "run " LIB "/threading.py:975", "_bootstrap_inner " LIB "/threading.py:1038"
#define EXECUTOR_STACK "run " LIB "/concurrent/futures/thread.py:58", THREADS_STACK
#define PROCESS_STACK \
    "BaseProcess.run " LIB "/multiprocessing/process.py:108", "_launch " LIB "/multiprocessing/popen_fork.py:71"
#define REQUESTS_STACK "readinto " LIB "/socket.py:706", "get " LIB "/site-packages/requests/api.py:73"
#define LOOP_STACK "_run_once " LIB "/asyncio/base_events.py:1922", "<module> app.py:40"

/* A row is a story, not a column of its words. */
/* clang-format off */
static const struct story stories[] = {
    {"a loop over items", MODEL_SERIAL, MODEL_PROCESSES, CHANGE_SWITCH, 1001, true, CAUSE_OTHER, false,
     {{"score docs.py:15", "<genexpr> docs.py:20", "<module> docs.py:20"}}, SKETCH_PROCESSES, SKETCH_FROM_LOOP,
     "score", NULL, 15},
    {"what a thread was given, not what that calls", MODEL_THREADS, MODEL_PROCESSES, CHANGE_SWITCH, 2001, true,
     CAUSE_OTHER, false, {{"is_prime p.py:18", "<genexpr> p.py:25", "count_primes p.py:25", THREADS_STACK}},
     SKETCH_PROCESSES, SKETCH_FROM_THREADS, "count_primes", NULL, 25},
    {"what a pool of threads was given", MODEL_THREADS, MODEL_PROCESSES, CHANGE_SWITCH, 2001, true, CAUSE_OTHER, false,
     {{"inner p.py:2", "Crawler.parse p.py:88", EXECUTOR_STACK}}, SKETCH_PROCESSES, SKETCH_FROM_THREAD_POOL, "parse",
     NULL, 88},
    {"what a queue's worker calls", MODEL_THREADS, MODEL_PROCESSES, CHANGE_SWITCH, 2001, true, CAUSE_OTHER, false,
     {{"wait " LIB "/threading.py:320", "get " LIB "/queue.py:171", "parse p.py:7", "consume p.py:9", THREADS_STACK}},
     SKETCH_PROCESSES, SKETCH_FROM_QUEUE, "parse", NULL, 9},
    {"a queue's worker", MODEL_THREADS, MODEL_PROCESSES, CHANGE_SWITCH, 2001, true, CAUSE_OTHER, false,
     {{"wait " LIB "/threading.py:320", "get " LIB "/queue.py:171", "consume p.py:9", THREADS_STACK}},
     SKETCH_PROCESSES, SKETCH_FROM_QUEUE, NULL, NULL, 9},
    {"no name of people's making", MODEL_SERIAL, MODEL_THREADS, CHANGE_SWITCH, 3001, false, CAUSE_NETWORK, false,
     {{"recv " LIB "/socket.py:1", "<genexpr> s.py:24", "<module> s.py:24"}}, SKETCH_THREADS, SKETCH_FROM_LOOP, NULL,
     NULL, 24},
    {"requests", MODEL_SERIAL, MODEL_COROUTINES, CHANGE_SWITCH, 3001, false, CAUSE_NETWORK, false, {{REQUESTS_STACK,
     "fetch s.py:12"}}, SKETCH_GATHER_HTTP, SKETCH_FROM_LOOP, "fetch", NULL, 12},
    {"another client", MODEL_SERIAL, MODEL_COROUTINES, CHANGE_SWITCH, 3001, false, CAUSE_NETWORK, false,
     {{"execute " LIB "/site-packages/pymysql/cursors.py:3", "ask s.py:12"}}, SKETCH_GATHER_CLIENT, SKETCH_FROM_LOOP,
     "ask", NULL, 12},
    {"coroutines in processes", MODEL_SERIAL, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH, 3001, false, CAUSE_NETWORK,
     false, {{REQUESTS_STACK, "fetch s.py:12"}}, SKETCH_GATHER_PER_PROCESS, SKETCH_FROM_LOOP, "fetch", NULL, 12},
    {"a loop in each process", MODEL_COROUTINES, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH, 0, true, CAUSE_OTHER, true,
     {{"parse app.py:7", "*handle app.py:9", LOOP_STACK}}, SKETCH_LOOP_PER_PROCESS, SKETCH_FROM_COROUTINES, "parse",
     "handle", 7},
    {"a server", MODEL_COROUTINES, MODEL_PROCESSES_COROUTINES, CHANGE_SWITCH, 0, true, CAUSE_OTHER, true,
     {{"*app main.py:7", "_run_once " LIB "/asyncio/base_events.py:1922",
     "run /v/site-packages/uvicorn/server.py:62"}}, SKETCH_SERVER_WORKERS, SKETCH_FROM_COROUTINES, NULL, "app", 7},
    {"computing in a loop", MODEL_COROUTINES, MODEL_PROCESSES, CHANGE_SWITCH, 3102, true, CAUSE_OTHER, true,
     {{"parse app.py:7", "*handle app.py:9", LOOP_STACK}}, SKETCH_PROCESSES_IN_LOOP, SKETCH_FROM_COROUTINES, "parse",
     "handle", 7},
    {"a coroutine that computes itself", MODEL_COROUTINES, MODEL_PROCESSES, CHANGE_SWITCH, 3102, true, CAUSE_OTHER,
     true, {{"*score app.py:9", LOOP_STACK}}, SKETCH_PROCESSES_IN_LOOP, SKETCH_FROM_COROUTINES, NULL, "score", 9},
    {"messages that cost more than the work", MODEL_PROCESSES, MODEL_SERIAL, CHANGE_SWITCH, 4101, true, CAUSE_OTHER,
     false, {{"square q.py:3", "_process_worker " LIB "/concurrent/futures/process.py:256", PROCESS_STACK}},
     SKETCH_LOOP, SKETCH_FROM_PROCESS_POOL, "square", NULL, 3},
    {"awaits one by one", MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_FIX, 3002, false, CAUSE_NETWORK, false,
     {{"select " LIB "/selectors.py:468", LOOP_STACK}}, SKETCH_GATHER, SKETCH_FROM_COROUTINES, NULL, NULL, 40},
    {"a sleep in a loop", MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_FIX, 3101, false, CAUSE_SLEEP, true,
     {{"*poll app.py:7", LOOP_STACK}}, SKETCH_ASYNC_SLEEP, SKETCH_FROM_COROUTINES, NULL, "poll", 7},
    {"requests in a loop", MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_FIX, 3101, false, CAUSE_NETWORK, true,
     {{REQUESTS_STACK, "*fetch app.py:7", LOOP_STACK}}, SKETCH_ASYNC_HTTP, SKETCH_FROM_COROUTINES, NULL, "fetch", 7},
    {"another call in a loop", MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_FIX, 3101, false, CAUSE_NETWORK, true,
     {{"execute " LIB "/site-packages/pymysql/cursors.py:3", "query app.py:5", "*fetch app.py:7", LOOP_STACK}},
     SKETCH_THREADS_IN_LOOP, SKETCH_FROM_COROUTINES, "query", "fetch", 5},
    {"a lock around a wait", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 2201, false, CAUSE_LOCK, false,
     {{"refresh c.py:9", THREADS_STACK}}, SKETCH_WAIT_OUTSIDE_LOCK, SKETCH_FROM_THREADS, "refresh", NULL, 9},
    {"a lock around little", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 2101, false, CAUSE_LOCK, false,
     {{"count c.py:9", THREADS_STACK}}, SKETCH_MERGE_AT_END, SKETCH_FROM_THREADS, "count", NULL, 9},
    {"a lock in a library of C", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 2101, false, CAUSE_LOCK, false,
     {{"pthread_mutex_lock libc.so.6", "grow libfoo.so"}}, SKETCH_NONE, 0, NULL, NULL, 0},
    {"a process per item", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 4001, true, CAUSE_OTHER, false,
     {{"score d.py:15", PROCESS_STACK}}, SKETCH_PROCESSES, SKETCH_FROM_PROCESSES, "score", NULL, 15},
    {"another program per item", MODEL_SERIAL, MODEL_SERIAL, CHANGE_FIX, 4001, false, CAUSE_JOIN, false,
     {{"run " LIB "/subprocess.py:550", "<module> d.py:15"}}, SKETCH_NONE, 0, NULL, NULL, 0},
    {"a thread per item", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 4002, true, CAUSE_OTHER, false, {{"add d.py:15",
     THREADS_STACK}}, SKETCH_THREADS, SKETCH_FROM_THREADS, "add", NULL, 15},
    {"threads without a bound", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 4003, false, CAUSE_NETWORK, false,
     {{REQUESTS_STACK, "fetch d.py:15", THREADS_STACK}}, SKETCH_THREADS, SKETCH_FROM_THREADS, "fetch", NULL, 15},
    {"a manager", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 4101, false, CAUSE_IPC, false,
     {{"_callmethod " LIB "/multiprocessing/managers.py:818", "count m.py:15", PROCESS_STACK}}, SKETCH_LOCAL_COUNTS,
     SKETCH_FROM_PROCESSES, "count", NULL, 15},
    {"a pipe of one's own", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 4101, false, CAUSE_IPC, false,
     {{"turn m.py:15", PROCESS_STACK}}, SKETCH_NONE, 0, NULL, NULL, 0},
    {"small items in an executor", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 4102, false, CAUSE_IPC, false,
     {{"get " LIB "/multiprocessing/queues.py:103", "_process_worker " LIB "/concurrent/futures/process.py:240",
     PROCESS_STACK}}, SKETCH_CHUNKS, SKETCH_FROM_PROCESS_POOL, NULL, NULL, 0},
    {"small items in a pool", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 4102, true, CAUSE_OTHER, false,
     {{"square m.py:2", "worker " LIB "/multiprocessing/pool.py:125", PROCESS_STACK}}, SKETCH_CHUNKS, SKETCH_FROM_POOL,
     "square", NULL, 2},
    {"small items in a queue", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 4102, false, CAUSE_IPC, false,
     {{"get " LIB "/multiprocessing/queues.py:103", "square m.py:9", PROCESS_STACK}}, SKETCH_QUEUE_BATCHES,
     SKETCH_FROM_PROCESSES, "square", NULL, 9},
    {"connections of requests", MODEL_SERIAL, MODEL_SERIAL, CHANGE_KEEP, 3301, false, CAUSE_NETWORK, false,
     {{REQUESTS_STACK, "fetch d.py:15"}}, SKETCH_KEPT_SESSION, SKETCH_FROM_LOOP, "fetch", NULL, 15},
    {"connections of threads", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 3301, false, CAUSE_NETWORK, false,
     {{REQUESTS_STACK, "fetch d.py:15", EXECUTOR_STACK}}, SKETCH_SESSION_PER_THREAD, SKETCH_FROM_THREAD_POOL, "fetch",
     NULL, 15},
    {"connections of coroutines", MODEL_COROUTINES, MODEL_COROUTINES, CHANGE_KEEP, 3301, false, CAUSE_NETWORK, true,
     {{"_request " LIB "/site-packages/aiohttp/client.py:536", "*fetch d.py:15", LOOP_STACK}}, SKETCH_ASYNC_SESSION,
     SKETCH_FROM_COROUTINES, NULL, "fetch", 15},
    {"connections to a database", MODEL_SERIAL, MODEL_SERIAL, CHANGE_KEEP, 3301, false, CAUSE_NETWORK, false,
     {{"connect " LIB "/site-packages/psycopg2/__init__.py:122", "ask d.py:15"}}, SKETCH_KEPT_CONNECTION,
     SKETCH_FROM_LOOP, "ask", NULL, 15},
    {"a pool that is too small", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 0, false, CAUSE_NETWORK, false,
     {{REQUESTS_STACK, "fetch d.py:15", EXECUTOR_STACK}}, SKETCH_POOL_SIZE, SKETCH_FROM_THREAD_POOL, "fetch", NULL, 15},
    {"a pool that is too large", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_KEEP, 1203, true, CAUSE_OTHER, false,
     {{"score d.py:15", "worker " LIB "/multiprocessing/pool.py:125", PROCESS_STACK}}, SKETCH_POOL_SIZE,
     SKETCH_FROM_POOL, "score", NULL, 15},
    {"too many threads", MODEL_THREADS, MODEL_THREADS, CHANGE_FIX, 0, true, CAUSE_OTHER, false,
     {{"score d.py:15", THREADS_STACK}}, SKETCH_THREADS, SKETCH_FROM_THREADS, "score", NULL, 15},
    {"too many processes", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 0, true, CAUSE_OTHER, false,
     {{"score d.py:15", PROCESS_STACK}}, SKETCH_PROCESSES, SKETCH_FROM_PROCESSES, "score", NULL, 15},
    {"too many forks", MODEL_PROCESSES, MODEL_PROCESSES, CHANGE_FIX, 0, true, CAUSE_OTHER, false,
     {{"score d.py:15", "<module> d.py:30"}}, SKETCH_NONE, 0, NULL, NULL, 0},
    {"nothing to change", MODEL_THREADS, MODEL_THREADS, CHANGE_KEEP, 0, true, CAUSE_OTHER, false, {{"score d.py:15",
     EXECUTOR_STACK}}, SKETCH_NONE, 0, NULL, NULL, 0},
    {"no verdict", MODEL_SERIAL, MODEL_NONE, CHANGE_KEEP, 3301, false, CAUSE_NETWORK, false, {{REQUESTS_STACK,
     "fetch d.py:15"}}, SKETCH_NONE, 0, NULL, NULL, 0},
};
/* clang-format on */

static void add_finding(struct advice *a, int id, const struct site *site)
{
    struct finding *finding = &a->findings[a->n_findings++];

    *finding = (struct finding){.id = id, .severity = SEVERITY_MEDIUM, .detail = strdup(""), .batch = 30};
    finding->sites = calloc(1, sizeof(*finding->sites));
    finding->n_sites = 1;
    finding->sites[0] = *site;
    assert_int_equal(advice_copy_frames(site->frames, site->n_frames, &finding->sites[0].frames), 0);
}

static struct advice *advise(const struct measurement *m, const struct story *story)
{
    const char *why_id = story->finding == 2101 || story->finding == 2201 ? "lock_fix"
                         : story->finding == 4101                         ? "ipc_batch"
                                                                          : "other_workers";
    struct advice *a = advice_new();

    assert_non_null(a);
    a->current_model = story->current;
    a->current_workers = 16;
    a->recommendation.model = story->model;
    a->recommendation.change = story->change;
    a->recommendation.workers = 6;
    a->recommendation.why_id = strdup(why_id);
    a->evidence.cpus = 4;
    a->findings = calloc(2, sizeof(*a->findings));
    if (story->finding)
        add_finding(a, story->finding, &m->sites[0]);
    return a;
}

static struct measurement *measure(enum runtime_kind runtime, const struct story *story)
{
    struct measurement *m = case_serial_cpu(runtime, 1000 * MS);

    place_site(m, story->on_cpu, story->cause, 500 * MS, story->in_loop, &story->stack);
    return m;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_sketch(const struct story *story, const struct sketch *sketch)
{
    if (sketch->id != story->id || sketch->from != story->from)
        fail_msg("%s: %s from %d", story->what, sketch_id_to_str(sketch->id), sketch->from);
    if (!same(sketch->function, story->function) || !same(sketch->coroutine, story->coroutine))
        fail_msg("%s: %s(), coroutine %s()", story->what, sketch->function, sketch->coroutine);
    if (sketch->line != story->line)
        fail_msg("%s: line %u", story->what, sketch->line);
}

static void each_story_has_its_sketch(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
        struct measurement *m = measure(RUNTIME_CPYTHON, &stories[i]);
        struct advice *a = advise(m, &stories[i]);

        assert_int_equal(sketches_fill(m, 5, a), 0);
        if (a->recommendation.n_sketches != (stories[i].id != SKETCH_NONE))
            fail_msg("%s: %zu sketches", stories[i].what, a->recommendation.n_sketches);
        if (a->recommendation.n_sketches > 0)
            check_sketch(&stories[i], &a->recommendation.sketches[0]);
        advice_free(a);
        measurement_free(m);
    }
}

static void every_sketch_has_a_story(void **state)
{
    (void)state;
    for (int id = SKETCH_NONE + 1; id < SKETCH_COUNT; id++) {
        bool told = false;

        for (size_t i = 0; i < ARRAY_SIZE(stories); i++)
            told |= stories[i].id == (enum sketch_id)id;
        if (!told)
            fail_msg("%s", sketch_id_to_str((enum sketch_id)id));
    }
}

static void other_runtimes_have_none(void **state)
{
    (void)state;
    for (int runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
        struct measurement *m = measure((enum runtime_kind)runtime, &stories[0]);
        struct advice *a = advise(m, &stories[0]);
        bool python = runtime == RUNTIME_CPYTHON || runtime == RUNTIME_PYPY;

        assert_int_equal(sketches_fill(m, 5, a), 0);
        assert_int_equal(a->recommendation.n_sketches, python);
        advice_free(a);
        measurement_free(m);
    }
}

/* What takes most time in workers is what the workers were given, though their parent may compute, too. */
static void the_place_is_in_the_workers(void **state)
{
    struct story story = stories[1];
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    struct advice *a;

    (void)state;
    place_site(m, true, CAUSE_OTHER, 900 * MS, false, &(struct place_frames){{"load p.py:3", "<module> p.py:9"}});
    place_site(m, true, CAUSE_OTHER, 500 * MS, false, &story.stack);
    story.finding = 0;
    a = advise(m, &story);
    assert_int_equal(sketches_fill(m, 0, a), 0);
    assert_int_equal(a->recommendation.n_sketches, 1);
    check_sketch(&stories[1], &a->recommendation.sketches[0]);
    advice_free(a);
    measurement_free(m);
}

/* A session is worth keeping under any model; other findings go away with the model that has them. */
static void a_switch_leaves_what_outlives_it(void **state)
{
    const struct story story = {.current = MODEL_SERIAL,
                                .model = MODEL_THREADS,
                                .change = CHANGE_SWITCH,
                                .finding = 4002,
                                .cause = CAUSE_NETWORK,
                                .stack = {{REQUESTS_STACK, "fetch d.py:15"}}};
    struct measurement *m = measure(RUNTIME_CPYTHON, &story);
    struct advice *a = advise(m, &story);

    (void)state;
    add_finding(a, 3301, &m->sites[0]);
    assert_int_equal(sketches_fill(m, 0, a), 0);
    assert_int_equal(a->recommendation.n_sketches, 2);
    assert_int_equal(a->recommendation.sketches[0].id, SKETCH_THREADS);
    assert_int_equal(a->recommendation.sketches[0].finding, 0);
    assert_int_equal(a->recommendation.sketches[1].id, SKETCH_KEPT_SESSION);
    assert_int_equal(a->recommendation.sketches[1].finding, 3301);
    advice_free(a);
    measurement_free(m);
}

static void numbers(void **state)
{
    static const struct {
        int story_finding;
        enum model current;
        uint32_t in_flight;
        uint32_t workers;
        uint32_t expected_in_flight;
    } cases[] = {
        {3101, MODEL_COROUTINES, 5, 5, 5},      /* bounded by what is needed */
        {3101, MODEL_COROUTINES, 0, 8, 6},      /* by what is usual */
        {3101, MODEL_COROUTINES, 500, 32, 500}, /* by what a pool holds */
        {3102, MODEL_COROUTINES, 5, 4, 5},      /* CPUs: the advice counts waits */
        {1203, MODEL_PROCESSES, 0, 4, 0},       /* CPUs: the advice is to keep it otherwise */
        {4102, MODEL_PROCESSES, 0, 6, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct story story = {.current = cases[i].current,
                                    .model = cases[i].current,
                                    .change = cases[i].story_finding == 1203 ? CHANGE_KEEP : CHANGE_FIX,
                                    .finding = cases[i].story_finding,
                                    .stack = {{"work d.py:1", "worker " LIB "/multiprocessing/pool.py:125"}}};
        struct measurement *m = measure(RUNTIME_CPYTHON, &story);
        struct advice *a = advise(m, &story);
        const struct sketch *sketch;

        assert_int_equal(sketches_fill(m, cases[i].in_flight, a), 0);
        assert_int_equal(a->recommendation.n_sketches, 1);
        sketch = &a->recommendation.sketches[0];
        assert_int_equal(sketch->workers, cases[i].workers);
        assert_int_equal(sketch->in_flight, cases[i].expected_in_flight);
        assert_int_equal(sketch->workers_now, 16);
        assert_int_equal(sketch->batch, 30);
        advice_free(a);
        measurement_free(m);
    }
}

/* --ignore takes the finding away, not what the verdict says. */
static void a_verdict_has_its_sketch_without_the_finding(void **state)
{
    struct measurement *m = flaw_make(3002);
    struct analyze_options options = {.ignored = (const int[]){3002}, .n_ignored = 1};
    struct advice *a = NULL;

    (void)state;
    assert_int_equal(analyze(m, &options, &a), 0);
    assert_string_equal(a->recommendation.why_id, "loop_gather");
    assert_int_equal(a->recommendation.n_sketches, 1);
    assert_int_equal(a->recommendation.sketches[0].id, SKETCH_GATHER);
    assert_int_equal(a->recommendation.sketches[0].finding, 0);
    advice_free(a);
    measurement_free(m);
}

/* Names stay as they are: whoever shows them decides. */
static void hostile_names_are_carried_raw(void **state)
{
    struct story story = stories[0];
    struct measurement *m;
    struct advice *a;

    (void)state;
    story.stack.frames[0] = "f\033[0m;import\nos d.py\xff:15";
    m = measure(RUNTIME_CPYTHON, &story);
    free(m->sites[0].frames[0].file);
    m->sites[0].frames[0].file = strdup("\033.py");
    a = advise(m, &story);
    assert_int_equal(sketches_fill(m, 0, a), 0);
    assert_string_equal(a->recommendation.sketches[0].function, "f\033[0m;import\nos");
    assert_string_equal(a->recommendation.sketches[0].file, "\033.py");
    advice_free(a);
    measurement_free(m);
}

static void findings_have_general_sketches(void **state)
{
    const int *ids;
    size_t n = finding_ids(&ids), with = 0;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct sketch sketch = sketch_of_finding(ids[i]);

        assert_int_equal(sketch.finding, ids[i]);
        assert_true(ids[i] < 9000 || sketch.id == SKETCH_NONE);
        assert_null(sketch.function);
        with += sketch.id != SKETCH_NONE;
    }
    assert_true(with >= 15);
}

/* The whole way: a verdict for a Python program comes with code, but for what it says to leave. */
static void analysis_fills_sketches(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_leaf_cases; i++) {
        struct measurement *m = leaf_cases[i].make();
        struct advice *a = build_advice(m);
        const struct recommendation *r = &a->recommendation;
        bool python = m->target.runtime.kind == RUNTIME_CPYTHON;

        if (python && r->change == CHANGE_SWITCH && r->n_sketches == 0)
            fail_msg("%s: no sketch", leaf_cases[i].leaf);
        if (!python || r->model == MODEL_NONE)
            assert_int_equal(r->n_sketches, 0);
        advice_free(a);
        measurement_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story_has_its_sketch),
        cmocka_unit_test(every_sketch_has_a_story),
        cmocka_unit_test(other_runtimes_have_none),
        cmocka_unit_test(the_place_is_in_the_workers),
        cmocka_unit_test(a_switch_leaves_what_outlives_it),
        cmocka_unit_test(numbers),
        cmocka_unit_test(a_verdict_has_its_sketch_without_the_finding),
        cmocka_unit_test(hostile_names_are_carried_raw),
        cmocka_unit_test(findings_have_general_sketches),
        cmocka_unit_test(analysis_fills_sketches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
