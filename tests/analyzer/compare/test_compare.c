/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "analyzer/compare/compare.h"
#include "base/base.h"
#include "probe/measurement.h"

#define MS NSEC_PER_MSEC

static void *some(void *pointer)
{
    assert_non_null(pointer);
    return pointer;
}

/* A run of one thread that computed a quarter of its time and waited for the network otherwise. */
static struct measurement *run_of(uint64_t wall_ns)
{
    struct measurement *m = some(measurement_new());

    m->wall_ns = m->thread_time_ns = wall_ns;
    m->on_cpu_ns = wall_ns / 4;
    m->blocked_ns[CAUSE_NETWORK] = wall_ns - wall_ns / 4;
    m->threads_total = m->processes_total = 1;
    m->machine.cpus = m->machine.cpus_allowed = 4;
    m->machine.memory_bytes = 1u << 30;
    m->target.exited = true;
    m->target.argv = some(calloc(2, sizeof(char *)));
    m->target.argv[0] = some(strdup("prog"));
    m->target.n_argv = 1;
    (void)snprintf(m->probe, sizeof(m->probe), "bpf");
    return m;
}

/* As of -r n: wall times as given, the first of which is the one analysed. */
static struct measurement *runs_of(size_t n, const uint64_t *walls_ms)
{
    struct measurement *m = run_of(walls_ms[0] * MS);

    m->repeats = some(calloc(n, sizeof(*m->repeats)));
    m->n_repeats = n;
    for (size_t i = 0; i < n; i++) {
        m->repeats[i].wall_ns = m->repeats[i].thread_time_ns = walls_ms[i] * MS;
        m->repeats[i].on_cpu_ns = walls_ms[i] * MS / 4;
        m->repeats[i].blocked_ns[CAUSE_NETWORK] = walls_ms[i] * MS - walls_ms[i] * MS / 4;
    }
    return m;
}

#define RUNS(...) runs_of(ARRAY_SIZE(((const uint64_t[]){__VA_ARGS__})), (const uint64_t[]){__VA_ARGS__})

static struct advice *advice_of(enum model current, uint32_t workers)
{
    struct advice *a = some(advice_new());

    a->current_model = current;
    a->current_workers = workers;
    return a;
}

static void add_finding(struct advice *a, int id, uint64_t time_ns, const char *function, const char *file,
                        uint32_t line)
{
    struct finding *grown = some(reallocarray(a->findings, a->n_findings + 1, sizeof(*grown)));
    struct finding *finding = &grown[a->n_findings++];

    a->findings = grown;
    *finding = (struct finding){.id = id, .time_ns = time_ns, .detail = some(strdup(""))};
    if (!function)
        return;
    finding->sites = some(calloc(1, sizeof(*finding->sites)));
    finding->n_sites = 1;
    finding->sites[0].frames = some(calloc(1, sizeof(struct frame)));
    finding->sites[0].n_frames = 1;
    finding->sites[0].frames[0] =
        (struct frame){.function = some(strdup(function)), .file = some(strdup(file)), .line = line};
}

/* Both sides and what compare() makes of them. */
struct pair {
    struct compare_side before, after;
    struct comparison c;
};

static struct pair pair_of(struct measurement *before, struct advice *a, struct measurement *after, struct advice *b)
{
    return (struct pair){.before = {before, a ? a : advice_of(MODEL_SERIAL, 1)},
                         .after = {after, b ? b : advice_of(MODEL_SERIAL, 1)}};
}

static const struct comparison *compared(struct pair *p)
{
    comparison_clear(&p->c);
    assert_int_equal(compare(&p->before, &p->after, &p->c), 0);
    return &p->c;
}

static void pair_clear(struct pair *p)
{
    comparison_clear(&p->c);
    measurement_free((struct measurement *)p->before.m);
    measurement_free((struct measurement *)p->after.m);
    advice_free((struct advice *)p->before.a);
    advice_free((struct advice *)p->after.a);
}

static void runs_apart_are_faster_or_slower(void **state)
{
    CLEANUP(pair_clear)
    struct pair p = pair_of(RUNS(1200, 1210, 1190, 1205, 1195), NULL, RUNS(400, 404, 396, 401, 402), NULL);
    CLEANUP(pair_clear)
    struct pair back = pair_of(RUNS(400, 404, 396), NULL, RUNS(1200, 1210, 1190), NULL);
    const struct compare_wall *wall = &compared(&p)->wall;

    (void)state;
    assert_int_equal(wall->verdict, COMPARE_FASTER);
    assert_int_equal(wall->method, COMPARE_BY_RANKS);
    assert_int_equal(wall->median_ns[COMPARE_BEFORE], 1200 * MS);
    assert_int_equal(wall->median_ns[COMPARE_AFTER], 401 * MS);
    assert_int_equal(wall->runs[COMPARE_AFTER], 5);
    assert_int_equal(wall->range_ns[COMPARE_AFTER][1], 404 * MS);
    assert_true(wall->ratio > 2.9 && wall->ratio < 3.1);
    assert_true(wall->interval[0] > 2.9 && wall->interval[0] < wall->ratio && wall->interval[1] > wall->ratio);
    assert_true(wall->confidence >= 0.95);
    wall = &compared(&back)->wall;
    assert_int_equal(wall->verdict, COMPARE_SLOWER);
    assert_true(wall->interval[1] < 1.0 && wall->confidence < 0.95);
}

static void runs_among_each_other_tie(void **state)
{
    CLEANUP(pair_clear)
    struct pair p = pair_of(RUNS(1000, 1300, 900, 1150, 950), NULL, RUNS(1100, 910, 880, 1290, 1010), NULL);
    const struct comparison *c = compared(&p);

    (void)state;
    assert_int_equal(c->wall.verdict, COMPARE_TIE);
    assert_false(c->wall.small);
    assert_true(c->wall.interval[0] < 1.0 && c->wall.interval[1] > 1.0);
    assert_true(c->rows[COMPARE_ON_CPU].tie);
}

/* Told from noise by their ranks, but within five percent of each other. */
static void small_differences_tie_and_say_so(void **state)
{
    CLEANUP(pair_clear)
    struct pair small = pair_of(RUNS(1040, 1041, 1042, 1043, 1044), NULL, RUNS(1000, 1001, 1002, 1003, 1004), NULL);
    CLEANUP(pair_clear)
    struct pair more = pair_of(RUNS(1060, 1061, 1062, 1063, 1064), NULL, RUNS(1000, 1001, 1002, 1003, 1004), NULL);

    (void)state;
    assert_int_equal(compared(&small)->wall.verdict, COMPARE_TIE);
    assert_true(small.c.wall.small);
    assert_true(small.c.wall.interval[0] > 1.0);
    assert_int_equal(compared(&more)->wall.verdict, COMPARE_FASTER);
    assert_false(more.c.wall.small);
}

/* Single runs: a tenth, on both sides of the limit and in both directions; a side's own spread raises it. */
static void single_runs_are_judged_by_the_rule(void **state)
{
    static const struct {
        uint64_t before_ms, after_ms;
        enum compare_verdict verdict;
    } cases[] = {
        {1000, 905, COMPARE_TIE},    {1000, 895, COMPARE_FASTER}, {905, 1000, COMPARE_TIE},
        {895, 1000, COMPARE_SLOWER}, {1000, 1000, COMPARE_TIE},
    };
    CLEANUP(pair_clear) struct pair spread = pair_of(RUNS(1000, 1300), NULL, run_of(900 * MS), NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(pair_clear)
        struct pair p = pair_of(run_of(cases[i].before_ms * MS), NULL, run_of(cases[i].after_ms * MS), NULL);

        assert_int_equal(compared(&p)->wall.verdict, cases[i].verdict);
        assert_int_equal(p.c.wall.method, COMPARE_BY_RULE);
        assert_true(p.c.wall.noise_share == COMPARE_NOISE_SHARE);
    }
    assert_int_equal(compared(&spread)->wall.verdict, COMPARE_TIE);
    assert_true(spread.c.wall.noise_share > 0.25);
}

static void nothing_to_compare_is_an_error(void **state)
{
    CLEANUP(pair_clear) struct pair p = pair_of(run_of(0), NULL, run_of(MS), NULL);

    (void)state;
    assert_int_equal(compare(&p.before, &p.after, &p.c), -EINVAL);
}

static void rows_add_up_to_the_thread_time(void **state)
{
    CLEANUP(pair_clear) struct pair p = pair_of(run_of(1000 * MS), NULL, run_of(500 * MS), NULL);
    const struct comparison *c;
    uint64_t sums[COMPARE_SIDES] = {0};
    double shares[COMPARE_SIDES] = {0};

    (void)state;
    ((struct measurement *)p.after.m)->on_cpu_ns = 250 * MS;
    ((struct measurement *)p.after.m)->blocked_ns[CAUSE_NETWORK] = 200 * MS;
    ((struct measurement *)p.after.m)->blocked_ns[CAUSE_JOIN] = 20 * MS;
    ((struct measurement *)p.after.m)->runnable_ns = 20 * MS;
    ((struct measurement *)p.after.m)->unattributed_ns = 10 * MS;
    c = compared(&p);
    for (size_t i = 0; i < COMPARE_ROWS; i++)
        for (int side = 0; side < COMPARE_SIDES; side++) {
            sums[side] += c->rows[i].time_ns[side];
            shares[side] += c->rows[i].share[side];
        }
    for (int side = 0; side < COMPARE_SIDES; side++) {
        assert_int_equal(sums[side], (side == COMPARE_BEFORE ? p.before : p.after).m->thread_time_ns);
        assert_true(fabs(shares[side] - 1.0) < 1e-9);
    }
    assert_string_equal(compare_row_to_str(&c->rows[0]), "on_cpu");
    assert_string_equal(compare_row_to_str(&c->rows[2 + CAUSE_NETWORK]), "network");
    assert_true(c->rows[0].tie); /* 250 ms on both sides */
    assert_false(c->rows[2 + CAUSE_NETWORK].tie);
    assert_true(fabs(c->cores[COMPARE_AFTER] - 0.5) < 1e-9);
}

static const struct compare_finding *finding_with(const struct comparison *c, int id, size_t nth)
{
    for (size_t i = 0; i < c->n_findings; i++) {
        const struct finding *any = c->findings[i].after ? c->findings[i].after : c->findings[i].before;

        if (any->id == id && nth-- == 0)
            return &c->findings[i];
    }
    return NULL;
}

static void findings_are_paired_by_id_and_place(void **state)
{
    struct advice *a = advice_of(MODEL_SERIAL, 1), *b = advice_of(MODEL_THREADS, 4);
    CLEANUP(pair_clear) struct pair p = pair_of(run_of(1000 * MS), a, run_of(500 * MS), b);
    const struct comparison *c;

    (void)state;
    add_finding(a, 3001, 800 * MS, "fetch", "/old/crawl.py", 12);
    add_finding(a, 2101, 100 * MS, "put", "/old/store.py", 5);
    add_finding(a, 2101, 300 * MS, "get", "/old/store.py", 9);
    add_finding(a, 9005, 0, NULL, NULL, 0);
    add_finding(b, 2101, 101 * MS, "put", "/new/store.py", 7); /* moved by two lines, and to another folder */
    add_finding(b, 2101, 30 * MS, "get", "/new/store.py", 9);
    add_finding(b, 2001, 50 * MS, "parse", "/new/crawl.py", 20);
    add_finding(b, 9005, 0, NULL, NULL, 0);
    c = compared(&p);
    assert_int_equal(c->n_findings, 5);
    assert_int_equal(c->findings[0].change, COMPARE_GONE);
    assert_int_equal(c->findings[0].before->id, 3001);
    assert_null(c->findings[0].after);
    assert_int_equal(c->findings[1].change, COMPARE_NEW);
    assert_int_equal(c->findings[1].after->id, 2001);
    assert_int_equal(finding_with(c, 2101, 0)->change, COMPARE_CHANGED);
    assert_int_equal(finding_with(c, 2101, 0)->before->time_ns, 300 * MS);
    assert_int_equal(finding_with(c, 2101, 0)->after->time_ns, 30 * MS);
    assert_int_equal(finding_with(c, 2101, 1)->change, COMPARE_STILL);
    assert_int_equal(finding_with(c, 2101, 1)->after->time_ns, 101 * MS);
    assert_int_equal(finding_with(c, 9005, 0)->change, COMPARE_STILL);
}

static void caveats_name_what_else_differs(void **state)
{
    CLEANUP(pair_clear) struct pair p = pair_of(run_of(1000 * MS), NULL, run_of(500 * MS), NULL);
    struct measurement *after = (struct measurement *)p.after.m;

    (void)state;
    assert_int_equal(compared(&p)->caveats, 0);
    after->target.argv[0][0] = 'x';
    assert_int_equal(compared(&p)->caveats, 1u << COMPARE_OTHER_COMMAND);
    after->target.argv[0][0] = 'p';
    after->machine.cpu_quota = 2.0;
    assert_int_equal(compared(&p)->caveats, 1u << COMPARE_OTHER_CPUS);
    after->machine.cpu_quota = 0.0;
    after->machine.memory_bytes *= 2;
    (void)snprintf(after->machine.kernel, sizeof(after->machine.kernel), "Linux 9");
    assert_int_equal(compared(&p)->caveats, 1u << COMPARE_OTHER_MACHINE | 1u << COMPARE_OTHER_KERNEL);
    after->machine.memory_bytes /= 2;
    after->machine.kernel[0] = '\0';
    after->target.exit_status = 3;
    assert_int_equal(compared(&p)->caveats, 1u << COMPARE_AFTER_FAILED);
    after->target.exit_status = 0;
    after->target.exited = false;
    assert_int_equal(compared(&p)->caveats, 1u << COMPARE_UNFINISHED);
}

/* A tenth of the time it could run, on both sides of the limit; waits of its own making, or too short to matter, don't
   count. */
static void a_busy_machine_is_told_from_the_programs_own_queue(void **state)
{
    CLEANUP(pair_clear) struct pair p = pair_of(run_of(1000 * MS), NULL, run_of(1000 * MS), NULL);
    struct measurement *m = (struct measurement *)p.before.m;

    (void)state;
    m->max_live_threads = 4;
    m->on_cpu_ns = 910 * MS;
    m->runnable_ns = 90 * MS;
    assert_int_equal(compared(&p)->caveats, 0);
    m->on_cpu_ns = 890 * MS;
    m->runnable_ns = 110 * MS;
    assert_int_equal(compared(&p)->caveats, 1u << COMPARE_BUSY_MACHINE);
    m->max_live_threads = 5; /* of 4 CPUs */
    assert_int_equal(compared(&p)->caveats, 0);
    m->max_live_threads = 4;
    m->on_cpu_ns = 60 * MS;
    m->runnable_ns = 19 * MS; /* of a second */
    assert_int_equal(compared(&p)->caveats, 0);
    m->runnable_ns = 21 * MS;
    assert_int_equal(compared(&p)->caveats, 1u << COMPARE_BUSY_MACHINE);
}

/* 1000 ms against 500 ms, of which the slower side waited for a CPU that others had: 400 ms leave a difference, 500 ms
   don't. What the faster side waited makes it no slower. */
static void a_difference_must_be_there_on_a_quiet_machine(void **state)
{
    static const struct {
        uint64_t waited_ms;
        enum compare_verdict verdict;
    } cases[] = {{50, COMPARE_FASTER}, {400, COMPARE_FASTER}, {480, COMPARE_TIE}, {900, COMPARE_TIE}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases) * 2; i++) {
        bool swapped = i % 2;
        struct measurement *slow = run_of(1000 * MS), *fast = run_of(500 * MS);
        CLEANUP(pair_clear)
        struct pair p = swapped ? pair_of(fast, NULL, slow, NULL) : pair_of(slow, NULL, fast, NULL);
        enum compare_verdict wanted = cases[i / 2].verdict;

        slow->max_live_threads = fast->max_live_threads = 1;
        slow->runnable_ns = cases[i / 2].waited_ms * MS;
        slow->blocked_ns[CAUSE_NETWORK] = 0;
        slow->on_cpu_ns = slow->wall_ns - slow->runnable_ns;
        fast->runnable_ns = fast->on_cpu_ns = 250 * MS;
        fast->blocked_ns[CAUSE_NETWORK] = 0;
        assert_int_equal(compared(&p)->wall.verdict, wanted == COMPARE_TIE ? COMPARE_TIE
                                                     : swapped             ? COMPARE_SLOWER
                                                                           : COMPARE_FASTER);
        assert_int_equal(p.c.wall.disturbed, wanted == COMPARE_TIE);
        assert_true(p.c.wall.ratio == (swapped ? 0.5 : 2.0));
    }
}

/* BEFORE: serial, 1000 ms; advised: 4 threads, 250 ms (200-400 ms); evidence of processes: 2 workers, 500 ms. */
static struct advice *advised(void)
{
    struct advice *a = advice_of(MODEL_SERIAL, 1);
    struct model_evidence *processes = &a->evidence.models[MODEL_PROCESSES];
    struct model_evidence *threads = &a->evidence.models[MODEL_THREADS];

    a->recommendation.model = MODEL_THREADS;
    a->recommendation.change = CHANGE_SWITCH;
    a->recommendation.workers = 4;
    a->recommendation.now_ns = 1000 * MS;
    a->recommendation.expected_ns = 250 * MS;
    a->recommendation.interval[0] = 2.5;
    a->recommendation.interval[1] = 5.0;
    a->recommendation.replayed = true;
    threads->available = processes->available = true;
    threads->median_ns = 250 * MS;
    threads->workers = 4;
    processes->median_ns = processes->interval_ns[0] = processes->interval_ns[1] = 500 * MS;
    processes->workers = 2;
    processes->source = SOURCE_FORECAST;
    processes->scaling = some(calloc(1, sizeof(*processes->scaling)));
    processes->scaling[0] = (struct scaling_point){.workers = 8, .speedup = 5.0};
    processes->n_scaling = 1;
    return a;
}

static struct compare_forecast forecast_of(struct advice *before, enum model model, uint32_t workers, uint64_t wall_ns)
{
    CLEANUP(pair_clear)
    struct pair p = pair_of(run_of(1000 * MS), before, run_of(wall_ns), advice_of(model, workers));

    return compared(&p)->forecast;
}

static void a_followed_forecast_is_checked(void **state)
{
    struct compare_forecast f = forecast_of(advised(), MODEL_THREADS, 4, 300 * MS);

    (void)state;
    assert_int_equal(f.kind, COMPARE_FORECAST_RECOMMENDED);
    assert_int_equal(f.expected_ns, 250 * MS);
    assert_int_equal(f.measured_ns, 300 * MS);
    assert_int_equal(f.interval_ns[0], 200 * MS);
    assert_int_equal(f.interval_ns[1], 400 * MS);
    assert_true(f.interval_known && f.inside && f.replayed && !f.other_workers);
    assert_true(fabs(f.error + 50.0 / 300.0) < 1e-9);
    assert_false(forecast_of(advised(), MODEL_THREADS, 4, 199 * MS).inside);
    assert_false(forecast_of(advised(), MODEL_THREADS, 4, 401 * MS).inside);
    assert_true(forecast_of(advised(), MODEL_THREADS, 4, 400 * MS).inside);
    /* Another number of workers is no test of it. */
    f = forecast_of(advised(), MODEL_THREADS, 6, 300 * MS);
    assert_true(f.other_workers && !f.inside);
    assert_int_equal(f.measured_workers, 6);
}

static void other_models_are_held_against_the_evidence(void **state)
{
    struct compare_forecast f = forecast_of(advised(), MODEL_PROCESSES, 2, 400 * MS);

    (void)state;
    assert_int_equal(f.kind, COMPARE_FORECAST_OTHER_MODEL);
    assert_int_equal(f.expected_ns, 500 * MS);
    assert_true(!f.interval_known && !f.inside && !f.replayed && !f.other_workers);
    assert_true(fabs(f.error - 0.25) < 1e-9);
    /* The curve knows 8 workers, but not 3. */
    f = forecast_of(advised(), MODEL_PROCESSES, 8, 400 * MS);
    assert_int_equal(f.expected_ns, 200 * MS);
    assert_false(f.other_workers);
    assert_true(forecast_of(advised(), MODEL_PROCESSES, 3, 400 * MS).other_workers);
}

static void what_can_not_be_compared_says_why(void **state)
{
    struct advice *none = advised(), *keep = advised();

    (void)state;
    none->recommendation.model = MODEL_NONE;
    keep->recommendation.model = MODEL_SERIAL;
    keep->recommendation.change = CHANGE_KEEP;
    assert_int_equal(forecast_of(none, MODEL_THREADS, 4, MS).kind, COMPARE_FORECAST_NONE);
    assert_int_equal(forecast_of(keep, MODEL_SERIAL, 1, MS).kind, COMPARE_FORECAST_KEEP);
    assert_int_equal(forecast_of(advised(), MODEL_SERIAL, 1, MS).kind, COMPARE_FORECAST_NOT_FOLLOWED);
    assert_int_equal(forecast_of(advised(), MODEL_COROUTINES, 1, MS).kind, COMPARE_FORECAST_NO_ROW);
    assert_int_equal(forecast_of(advised(), MODEL_NONE, 0, MS).kind, COMPARE_FORECAST_NO_ROW);
}

static void every_id_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < COMPARE_CAVEATS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(compare_caveat_to_str((enum compare_caveat)i),
                                    compare_caveat_to_str((enum compare_caveat)k));
    assert_string_equal(compare_caveat_to_str(COMPARE_OTHER_COMMAND), "command");
    assert_string_equal(compare_forecast_to_str(COMPARE_FORECAST_NOT_FOLLOWED), "not_followed");
    assert_string_equal(compare_change_to_str(COMPARE_STILL), "still");
    assert_string_equal(compare_verdict_to_str(COMPARE_SLOWER), "slower");
    assert_string_equal(compare_verdict_to_str(COMPARE_NOT_COMPARABLE), "not_comparable");
    assert_string_equal(compare_method_to_str(COMPARE_BY_RULE), "rule");
}

/* Watched for a second and for half a second: neither time nor any sum of times can be compared. */
static void attached_runs_are_compared_by_shares_and_rates(void **state)
{
    struct advice *a = advice_of(MODEL_SERIAL, 1), *b = advice_of(MODEL_SERIAL, 1);
    CLEANUP(pair_clear) struct pair p = pair_of(run_of(1000 * MS), a, run_of(500 * MS), b);
    struct measurement *after = (struct measurement *)p.after.m;
    const struct comparison *c;

    (void)state;
    add_finding(a, 2101, 100 * MS, NULL, NULL, 0);
    add_finding(b, 2101, 50 * MS, NULL, NULL, 0);
    add_finding(a, 3001, 100 * MS, NULL, NULL, 0);
    add_finding(b, 3001, 100 * MS, NULL, NULL, 0);
    after->target.attached = true;
    after->target.exited = false;
    c = compared(&p);
    assert_int_equal(c->wall.verdict, COMPARE_NOT_COMPARABLE);
    assert_int_equal(c->forecast.kind, COMPARE_FORECAST_ATTACHED);
    assert_int_equal(c->caveats, 1u << COMPARE_ATTACHED);
    for (size_t i = 0; i < COMPARE_ROWS; i++) /* the same shares of half the time */
        assert_true(c->rows[i].tie);
    assert_int_equal(finding_with(c, 2101, 0)->change, COMPARE_STILL);
    assert_true(finding_with(c, 3001, 0)->change == COMPARE_CHANGED && finding_with(c, 3001, 0)->worse);
    after->on_cpu_ns += 100 * MS;
    after->blocked_ns[CAUSE_NETWORK] -= 100 * MS;
    assert_false(compared(&p)->rows[0].tie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_apart_are_faster_or_slower),
        cmocka_unit_test(runs_among_each_other_tie),
        cmocka_unit_test(small_differences_tie_and_say_so),
        cmocka_unit_test(single_runs_are_judged_by_the_rule),
        cmocka_unit_test(nothing_to_compare_is_an_error),
        cmocka_unit_test(rows_add_up_to_the_thread_time),
        cmocka_unit_test(findings_are_paired_by_id_and_place),
        cmocka_unit_test(caveats_name_what_else_differs),
        cmocka_unit_test(a_busy_machine_is_told_from_the_programs_own_queue),
        cmocka_unit_test(a_difference_must_be_there_on_a_quiet_machine),
        cmocka_unit_test(a_followed_forecast_is_checked),
        cmocka_unit_test(other_models_are_held_against_the_evidence),
        cmocka_unit_test(what_can_not_be_compared_says_why),
        cmocka_unit_test(attached_runs_are_compared_by_shares_and_rates),
        cmocka_unit_test(every_id_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
