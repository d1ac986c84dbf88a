/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real replays of hand-made measurements, and replayers that misbehave.
 *
 * The machine may be shared and busy: only orders that physics dictates are asserted, on the least disturbed run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <time.h>

#include "analyzer/replay/replay.h"
#include "analyzer/replay/replay_child.h"
#include "tests/analyzer/synthetic.h"

static char message[512];

static uint32_t cpus_here(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

static void use_python(struct measurement *m)
{
    synthetic_python(m);
    assert_non_null(getenv("PYTHON"));
    (void)snprintf(m->target.runtime.executable, sizeof(m->target.runtime.executable), "%s", getenv("PYTHON"));
}

static struct measurement *serial_cpu(uint64_t cpu_ns)
{
    struct measurement *m = synthetic_new(cpus_here());

    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, cpu_ns, 0, CAUSE_OTHER);
    return m;
}

static struct measurement *serial_waits(int n, uint64_t cpu_ns, uint64_t wait_ns)
{
    struct measurement *m = synthetic_new(cpus_here());

    synthetic_thread(m, 1, 1, 0, 0);
    for (int i = 0; i < n; i++)
        synthetic_slice(m, 0, cpu_ns, wait_ns, CAUSE_NETWORK);
    return m;
}

/* Four threads of one second each, one after another on the GIL. */
static struct measurement *gil_convoy(void)
{
    struct measurement *m = synthetic_new(cpus_here());

    use_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 50 * MS, 4000 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 4; lane++)
        for (int i = 0; i < 100; i++) {
            size_t t = i ? (size_t)lane + 1 : synthetic_thread(m, 2 + lane, 1, 1, 50 * MS);

            synthetic_slice(m, t, 10 * MS, 30 * MS, CAUSE_INTERPRETER_LOCK);
        }
    return m;
}

static int replay(struct measurement *m, uint64_t budget_ns, const char *dir)
{
    struct replay_options options = {.budget_ns = budget_ns, .replayer_dir = dir ? dir : getenv("REPLAYER_DIR")};

    synthetic_finish(m);
    message[0] = '\0';
    return replay_run(m, &options, message, sizeof(message));
}

static const struct replay_result *result_of(const struct measurement *m, enum model model, bool current)
{
    for (size_t i = 0; i < m->n_replays; i++)
        if (m->replays[i].current == current && (current || m->replays[i].model == model))
            return &m->replays[i];
    fail_msg("no result for %s", model_to_str(model));
    return NULL;
}

static uint64_t least(const struct replay_result *result)
{
    uint64_t least_ns = UINT64_MAX;

    for (size_t i = 0; i < result->n_runs; i++)
        if (result->runs_ns[i] < least_ns)
            least_ns = result->runs_ns[i];
    return least_ns;
}

/* What every replay that succeeded has left in the measurement. */
static void assert_complete(const struct measurement *m)
{
    const char *problem = NULL;

    assert_int_equal(m->n_replays, MODEL_COUNT + 1);
    for (size_t i = 0; i < m->n_replays; i++) {
        const struct replay_result *result = &m->replays[i];

        assert_int_equal(result->current, i == MODEL_COUNT);
        assert_true(result->current || result->model == (enum model)i);
        assert_true(result->workers >= 1);
        assert_in_range(result->n_runs, 1, 10);
        assert_true(result->share > 0 && result->share <= 1);
        for (size_t run = 0; run < result->n_runs; run++)
            assert_true(result->runs_ns[run] > 0);
    }
    assert_true(m->replay_process_start_ns && m->replay_thread_start_ns && m->replay_ipc_item_ns);
    assert_true(m->replay_loop_turn_ns && m->replay_thread_switch_ns);
    assert_true(m->replay_slowdown >= 0.5 && m->replay_slowdown <= 4.0);
    if (measurement_check(m, &problem) < 0)
        fail_msg("%s", problem);
}

/* On a busy machine there may be too little time for all models: try again. */
static void assert_replays(struct measurement *m, uint64_t budget_ns)
{
    int r = -ETIME;

    for (int attempt = 0; attempt < 5 && (r == -ETIME || m->n_replays < MODEL_COUNT + 1); attempt++)
        r = replay(m, budget_ns, NULL);
    if (r < 0)
        fail_msg("replay failed: %s", message);
    assert_complete(m);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    assert_int_equal(clock_gettime(clock, &ts), 0);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void *burn(void *userdata)
{
    uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + 60 * MS;

    while (clock_ns(CLOCK_MONOTONIC) < end_ns)
        ;
    *(uint64_t *)userdata = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

/* CPUs that two busy threads get here and now: 2 on an idle machine, down to a share of one on a busy one. */
static double cpus_to_be_had(void)
{
    uint64_t cpu_ns[2] = {0, 0}, begin_ns = clock_ns(CLOCK_MONOTONIC);
    pthread_t threads[2];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, burn, &cpu_ns[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    return (double)(cpu_ns[0] + cpu_ns[1]) / (double)(clock_ns(CLOCK_MONOTONIC) - begin_ns);
}

/*
 * What takes a second CPU can't show while others hold it: the speed-up is compared with the CPUs that were to be had,
 * and must come out in one of a few attempts. If the replayer did not run things at once, it would in none.
 */
#define ATTEMPTS 8

static void native_cpu_scales_in_threads_and_processes(void **state)
{
    bool scales = cpus_here() < 2;

    (void)state;
    for (int attempt = 0; attempt < ATTEMPTS && (!scales || !attempt); attempt++) {
        CLEANUP(measurement_freep) struct measurement *m = serial_cpu(4000 * MS);
        double cpus = cpus_to_be_had();
        uint64_t serial, begin_ns = replay_now_ns();

        assert_replays(m, 1000 * MS);
        assert_true(replay_now_ns() - begin_ns < 2 * 1000 * MS);
        serial = least(result_of(m, MODEL_SERIAL, false));
        /* Fixed work: nothing makes one CPU much faster than it was when the unit was measured. */
        assert_true(serial > 2800 * MS);
        assert_true(least(result_of(m, MODEL_COROUTINES, false)) > 2800 * MS);
        /* The program is serial: replayed, it is the serial model. */
        assert_int_equal(result_of(m, MODEL_NONE, true)->model, MODEL_SERIAL);
        assert_int_equal(least(result_of(m, MODEL_NONE, true)), serial);
        cpus = fmin(cpus, cpus_to_be_had());
        scales |= (double)serial > 0.7 * cpus * (double)least(result_of(m, MODEL_THREADS, false)) &&
                  (double)serial > 0.7 * cpus * (double)least(result_of(m, MODEL_PROCESSES, false));
    }
    assert_true(scales);
}

static void waits_overlap_in_every_model_but_serial(void **state)
{
    for (int python = 0; python < 2; python++) {
        CLEANUP(measurement_freep) struct measurement *m = serial_waits(60, 200 * US, 50 * MS);
        uint64_t serial;

        (void)state;
        if (python)
            use_python(m);
        assert_replays(m, 2000 * MS);
        serial = least(result_of(m, MODEL_SERIAL, false));
        assert_true(serial >= 60 * 50 * MS * 99 / 100); /* waits are never shorter than asked for */
        assert_true(least(result_of(m, MODEL_COROUTINES, false)) * 3 < serial);
        assert_true(least(result_of(m, MODEL_THREADS, false)) * 3 < serial);
        assert_true(least(result_of(m, MODEL_PROCESSES_COROUTINES, false)) * 3 < serial);
        assert_true(result_of(m, MODEL_COROUTINES, false)->workers >= 16);
    }
}

static void gil_holds_threads_down_and_not_processes(void **state)
{
    bool scales = cpus_here() < 2;

    (void)state;
    for (int attempt = 0; attempt < ATTEMPTS && (!scales || !attempt); attempt++) {
        CLEANUP(measurement_freep) struct measurement *m = gil_convoy();
        const struct replay_result *now, *processes;
        double cpus = cpus_to_be_had();

        assert_replays(m, 1500 * MS);
        now = result_of(m, MODEL_NONE, true);
        processes = result_of(m, MODEL_PROCESSES, false);
        assert_int_equal(now->model, MODEL_THREADS);
        assert_int_equal(now->workers, 4);
        assert_true(processes->peak_rss_bytes > result_of(m, MODEL_THREADS, false)->peak_rss_bytes);
        /* Bytecode runs one at a time, whatever the number of CPUs. CPUs that share a core add little to each other. */
        cpus = fmin(cpus, cpus_to_be_had());
        scales |= (double)least(now) > 0.55 * cpus * (double)least(processes) &&
                  (double)least(now) > 0.8 * (double)least(result_of(m, MODEL_SERIAL, false));
    }
    assert_true(scales);
}

static void results_replace_those_of_an_earlier_replay(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = serial_cpu(200 * MS);

    (void)state;
    assert_replays(m, 700 * MS);
    assert_replays(m, 700 * MS);
}

static size_t labels;

static void count_label(const char *label, void *userdata)
{
    assert_ptr_equal(userdata, &labels);
    assert_non_null(strchr(label, '/'));
    labels++;
}

static void runs_and_progress_are_as_asked_for(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = serial_cpu(100 * MS);
    struct replay_options options = {.budget_ns = 10000 * MS,
                                     .runs = 4,
                                     .cpus = 3,
                                     .replayer_dir = getenv("REPLAYER_DIR"),
                                     .progress = count_label,
                                     .userdata = &labels};

    (void)state;
    synthetic_finish(m);
    labels = 0;
    assert_int_equal(replay_run(m, &options, message, sizeof(message)), 0);
    assert_complete(m);
    assert_int_equal(result_of(m, MODEL_SERIAL, false)->n_runs, 4);
    assert_int_equal(result_of(m, MODEL_PROCESSES, false)->workers, 3);
    /* A first round that took far longer than forecast is thrown away, and samples are cut shorter. */
    assert_true(labels == 4 * MODEL_COUNT || labels == 5 * MODEL_COUNT);
}

static void no_replay_has_a_reason(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);

    (void)state;
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENODATA);
    assert_non_null(strstr(message, "arranged differently"));

    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 60000 * MS, 0, CAUSE_OTHER);
    assert_int_equal(replay(m, 1000 * MS, "/nonexistent"), -ENOENT);
    assert_non_null(strstr(message, "not found"));
    assert_int_equal(replay(m, 1 * MS, NULL), -ETIME);
    assert_non_null(strstr(message, "too little time"));

    synthetic_python(m);
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENOENT);
    assert_non_null(strstr(message, "interpreter is not known"));
    (void)snprintf(m->target.runtime.executable, sizeof(m->target.runtime.executable), "/bin/sh");
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENOENT);
    (void)snprintf(m->target.runtime.executable, sizeof(m->target.runtime.executable), "./python3");
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENOENT);
    assert_non_null(strstr(message, "interpreter is not known"));
    (void)snprintf(m->target.runtime.executable, sizeof(m->target.runtime.executable), "/usr/bin/python2.7");
    (void)snprintf(m->target.runtime.version, sizeof(m->target.runtime.version), "2.7.18");
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENOENT);
    assert_non_null(strstr(message, "3.6 or later"));
    (void)snprintf(m->target.runtime.executable, sizeof(m->target.runtime.executable), "/nonexistent/python3");
    (void)snprintf(m->target.runtime.version, sizeof(m->target.runtime.version), "3.11.2");
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENOENT);
    assert_non_null(strstr(message, "could not be started"));
    assert_int_equal(m->n_replays, 0);
    assert_int_equal(m->replay_process_start_ns, 0);
}

/* A directory with a script in the place of the native replayer. */
static void make_replayer(char *dir, const char *script)
{
    char path[256];
    FILE *file;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/concadvise-replay-native", dir);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", script) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(dir, 0755), 0);
}

static void remove_replayer(const char *dir)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/concadvise-replay-native", dir);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void use_node(struct measurement *m)
{
    m->target.runtime.kind = RUNTIME_NODE;
    m->target.runtime.interpreter_lock = INTERPRETER_LOCK_NONE;
    (void)snprintf(m->target.runtime.executable, sizeof(m->target.runtime.executable), "%s", getenv("NODE"));
    (void)snprintf(m->target.runtime.version, sizeof(m->target.runtime.version), "v20.1.0");
}

/* Hundreds of workers, thousands of items, processes that take long to start: the time is kept all the same. */
static void the_budget_is_kept(void **state)
{
    (void)state;
    for (int runtime = 0; runtime < 3; runtime++) {
        CLEANUP(measurement_freep) struct measurement *m = serial_waits(3000, 100 * US, 50 * MS);
        uint64_t begin_ns, took_ns;
        int r;

        if (runtime == 1)
            use_python(m);
        if (runtime == 2 && (!getenv("NODE") || !*getenv("NODE")))
            continue;
        if (runtime == 2)
            use_node(m);
        begin_ns = replay_now_ns();
        r = replay(m, 2000 * MS, NULL);
        took_ns = replay_now_ns() - begin_ns;
        /* A little beyond the limit: a busy machine may let whoever looks at the clock wait. More only for a first
         * round. */
        assert_true(took_ns < 6000 * MS + 200 * MS);
        if (took_ns > 2400 * MS + 200 * MS && r == 0)
            assert_int_equal(result_of(m, MODEL_SERIAL, false)->n_runs, 1);
        if (r < 0 && r != -ETIME)
            fail_msg("%s", message);
        for (size_t i = 0; r == 0 && i < m->n_replays; i++)
            assert_true(m->replays[i].n_runs >= 1);
    }
}

/* Node runs on node; versions that cannot are refused. */
static void node_replays_node(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = serial_waits(60, 200 * US, 50 * MS);

    (void)state;
    if (!getenv("NODE") || !*getenv("NODE"))
        skip();
    use_node(m);
    synthetic_finish(m);
    /* A process of node takes long to start: a busy machine may leave no time for those models. */
    for (int attempt = 0; attempt < 5 && m->n_replays < MODEL_COUNT - 1; attempt++)
        if (replay(m, 5000 * MS, NULL) < 0 && attempt == 4)
            fail_msg("%s", message);
    assert_true(least(result_of(m, MODEL_SERIAL, false)) >= 60 * 50 * MS * 99 / 100);
    assert_true(least(result_of(m, MODEL_COROUTINES, false)) * 3 < least(result_of(m, MODEL_SERIAL, false)));
    (void)snprintf(m->target.runtime.version, sizeof(m->target.runtime.version), "12.22.12");
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENOENT);
    assert_non_null(strstr(message, "Node.js 16.0 or later"));
    (void)snprintf(m->target.runtime.executable, sizeof(m->target.runtime.executable), "/usr/bin/deno");
    assert_int_equal(replay(m, 1000 * MS, NULL), -ENOENT);
    assert_non_null(strstr(message, "interpreter is not known"));
}

#define GREETING "echo '{\"replayer\":\"fake\",\"protocol\":1}'; read q; "
#define COSTS "echo '{\"ok\":true,\"process_start_ns\":1000,\"thread_start_ns\":1000,\"ipc_item_ns\":1000}'; "
#define PLANS "for i in 1 2 3 4 5; do read q; echo '{\"ok\":true}'; done; "

#define WITH(field) "echo '{\"ok\":true,\"process_start_ns\":1,\"thread_start_ns\":1,\"ipc_item_ns\":1," field "}'"
#define DEAR                                                                                                          \
    "echo '{\"ok\":true,\"process_start_ns\":900000000,\"thread_start_ns\":1000,\"ipc_item_ns\":1000,"                \
    "\"ipc_byte_ps\":1,\"loop_turn_ns\":9,\"thread_switch_ns\":7,\"slowdown_ppm\":1500000,\"setup_ns\":{\"threads\":" \
    "11,\"coroutines\":12}}'; "

/* A model whose workers alone would take longer than there is time is left out, the others are not. */
static void what_starts_too_slowly_is_left_out(void **state)
{
    static const char script[] =
        GREETING DEAR "while read q; do case \"$q\" in *steps*) echo '{\"ok\":true}';; *) echo "
                      "'{\"ok\":true,\"wall_ns\":9000000,\"start_ns\":0,\"cpu_ns\":8000000,\"peak_rss_bytes\":1}';; "
                      "esac; done";
    CLEANUP(measurement_freep) struct measurement *m = serial_cpu(60000 * MS);
    char dir[] = "/tmp/concadvise-replayer-XXXXXX";
    int r;

    (void)state;
    if (cpus_here() < 2)
        skip();
    make_replayer(dir, script);
    r = replay(m, 1000 * MS, dir);
    remove_replayer(dir);
    if (r < 0)
        fail_msg("%s", message);
    assert_true(least(result_of(m, MODEL_THREADS, false)) > 0);
    for (size_t i = 0; i < m->n_replays; i++)
        assert_int_not_equal(m->replays[i].model, MODEL_PROCESSES);
    assert_int_equal(m->replay_process_start_ns, 900000000);
    assert_int_equal(m->replay_ipc_byte_ps, 1);
    assert_int_equal(m->replay_loop_turn_ns, 9);
    assert_int_equal(m->replay_thread_switch_ns, 7);
    assert_int_equal(m->replay_threads_setup_ns, 11);
    assert_int_equal(m->replay_coroutines_setup_ns, 12);
    assert_int_equal(m->replay_hybrid_setup_ns, 0);
    assert_true(m->replay_slowdown > 1.49 && m->replay_slowdown < 1.51);
}

/* Nothing a replayer says is believed unseen, and none of it reaches the measurement. */
static void misbehaving_replayers_are_survived(void **state)
{
    static const struct {
        const char *script, *says;
        int r;
    } cases[] = {
        {"echo oh no >&2; exit 3", "oh no", -ECHILD},
        {"echo nonsense", "not a JSON object", -ECHILD},
        {"echo '{\"replayer\":\"fake\",\"protocol\":2}'", "another protocol", -ECHILD},
        {GREETING "echo '{\"ok\":false,\"error\":\"no luck\"}'", "no luck", -ECHILD},
        {GREETING "echo '{\"ok\":true,\"process_start_ns\":-5}'", "costs out of range", -ECHILD},
        {GREETING "echo '{\"ok\":true,\"process_start_ns\":\"1\",\"thread_start_ns\":1,\"ipc_item_ns\":1}'",
         "costs out of range", -ECHILD},
        {GREETING WITH("\"setup_ns\":{\"threads\":-1}"), "costs out of range", -ECHILD},
        {GREETING WITH("\"slowdown_ppm\":1"), "costs out of range", -ECHILD},
        {GREETING WITH("\"slowdown_ppm\":99000000"), "costs out of range", -ECHILD},
        {GREETING WITH("\"slowdown_ppm\":1.5"), "costs out of range", -ECHILD},
        {GREETING WITH("\"ipc_byte_ps\":-1"), "costs out of range", -ECHILD},
        {GREETING WITH("\"ipc_byte_ps\":9000000000000"), "costs out of range", -ECHILD},
        {GREETING WITH("\"loop_turn_ns\":0"), "costs out of range", -ECHILD},
        {GREETING WITH("\"thread_switch_ns\":\"7\""), "costs out of range", -ECHILD},
        {GREETING COSTS "read q", "ended early", -ECHILD},
        {GREETING COSTS PLANS "while read q; do echo '{\"ok\":true,\"wall_ns\":0}'; done", "times out of range",
         -ECHILD},
        {GREETING COSTS PLANS "while read q; do echo '{\"ok\":true,\"wall_ns\":5,\"start_ns\":6,\"cpu_ns\":1,"
                              "\"peak_rss_bytes\":1}'; done",
         "times out of range", -ECHILD},
        {"sleep 1000", "too little time", -ETIME},
        {GREETING COSTS "sleep 1000", "too little time", -ETIME},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(measurement_freep) struct measurement *m = serial_cpu(400 * MS);
        char dir[] = "/tmp/concadvise-replayer-XXXXXX";
        uint64_t begin_ns = replay_now_ns();
        int r;

        make_replayer(dir, cases[i].script);
        r = replay(m, 500 * MS, dir);
        remove_replayer(dir);
        if (r != cases[i].r || !strstr(message, cases[i].says))
            fail_msg("case %zu: %d, \"%s\"", i, r, message);
        assert_int_equal(m->n_replays, 0);
        assert_true(replay_now_ns() - begin_ns < 3 * 500 * MS + 500 * MS);
    }
}

/* A replayer whose `late`th answer to a request to run takes `seconds`. @return its runs of the serial model */
static size_t runs_with_a_late_answer(int late, const char *seconds, uint64_t budget_ns, struct measurement *m)
{
    char dir[] = "/tmp/concadvise-replayer-XXXXXX", script[1024];
    int r;

    (void)snprintf(script, sizeof(script),
                   GREETING COSTS PLANS "n=0; while read q; do n=$((n+1)); test $n -eq %d && sleep %s; "
                                        "echo '{\"ok\":true,\"wall_ns\":9000000,\"start_ns\":1000,\"cpu_ns\":8000000,"
                                        "\"peak_rss_bytes\":4096}'; done",
                   late, seconds);
    make_replayer(dir, script);
    r = replay(m, budget_ns, dir);
    remove_replayer(dir);
    assert_int_equal(r, 0);
    return result_of(m, MODEL_SERIAL, false)->n_runs;
}

/* A first round that takes longer than the budget is waited for; there is no second one. */
static void a_late_round_is_better_than_none(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = serial_cpu(4000 * MS);

    (void)state;
    assert_int_equal(runs_with_a_late_answer(8, "0.6", 500 * MS, m), 1);
}

/* The clock runs out in the second round: the first one counts. */
static void complete_rounds_survive_the_deadline(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = serial_cpu(4000 * MS);

    (void)state;
    assert_in_range(runs_with_a_late_answer(16, "1000", 1000 * MS, m), 1, 2);
    assert_int_equal(result_of(m, MODEL_THREADS, false)->peak_rss_bytes, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_cpu_scales_in_threads_and_processes),
        cmocka_unit_test(waits_overlap_in_every_model_but_serial),
        cmocka_unit_test(gil_holds_threads_down_and_not_processes),
        cmocka_unit_test(results_replace_those_of_an_earlier_replay),
        cmocka_unit_test(the_budget_is_kept),
        cmocka_unit_test(node_replays_node),
        cmocka_unit_test(what_starts_too_slowly_is_left_out),
        cmocka_unit_test(runs_and_progress_are_as_asked_for),
        cmocka_unit_test(no_replay_has_a_reason),
        cmocka_unit_test(misbehaving_replayers_are_survived),
        cmocka_unit_test(a_late_round_is_better_than_none),
        cmocka_unit_test(complete_rounds_survive_the_deadline),
    };

    return cmocka_run_group_tests_name("analyzer/replay/replay", tests, NULL, NULL);
}
