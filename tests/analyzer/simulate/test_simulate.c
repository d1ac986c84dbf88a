/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "analyzer/profile/profile.h"
#include "analyzer/simulate/simulate.h"
#include "base/base.h"
#include "tests/analyzer/simulate/paper.h"

#define MS NSEC_PER_MSEC
#define US NSEC_PER_USEC

static const struct simulate_costs no_costs;

/* `n` equal items of one step. */
static struct profile *equal_items(size_t n, struct profile_step step)
{
    struct profile *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->steps = calloc(n, sizeof(*p->steps));
    p->items = calloc(n, sizeof(*p->items));
    assert_true(p->steps && p->items);
    for (size_t i = 0; i < n; i++) {
        p->steps[i] = step;
        p->items[i] = (struct profile_item){.first_step = i, .n_steps = 1};
    }
    p->n_steps = p->n_items = n;
    p->current_model = MODEL_SERIAL;
    p->current_workers = 1;
    return p;
}

static uint64_t wall(const struct profile *p, const struct simulate_costs *costs, enum model model, uint32_t workers,
                     uint32_t cpus)
{
    struct simulate_result result = {0, 0};

    assert_int_equal(simulate(p, costs, model, workers, cpus, &result), 0);
    return result.wall_ns;
}

/* The oversubscription penalty is at most half a percent; other results are exact to rounding. */
#define assert_near(value, expected) \
    assert_in_range(value, (expected) - (expected) / 100, (expected) + (expected) / 100)

static void bad_arguments_are_refused(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(1, (struct profile_step){.free_cpu_ns = MS});
    struct simulate_result result = {7, 7};
    uint32_t workers;

    (void)state;
    assert_int_equal(simulate(p, &no_costs, MODEL_THREADS, 0, 1, &result), -EINVAL);
    assert_int_equal(simulate(p, &no_costs, MODEL_THREADS, 1, 0, &result), -EINVAL);
    assert_int_equal(simulate(p, &no_costs, MODEL_NONE, 1, 1, &result), -EINVAL);
    assert_int_equal(simulate(p, &no_costs, MODEL_COUNT, 1, 1, &result), -EINVAL);
    assert_int_equal(simulate_current(p, &no_costs, 0, &result), -EINVAL);
    assert_int_equal(simulate_best_workers(p, &no_costs, MODEL_THREADS, 0, &workers, NULL), -EINVAL);
    assert_int_equal(result.wall_ns, 7);
}

static void cpu_items_take_total_over_cpus(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(64, (struct profile_step){.free_cpu_ns = 10 * MS});

    (void)state;
    p->head_ns = 30 * MS;
    p->tail_ns = 5 * MS;
    assert_int_equal(wall(p, &no_costs, MODEL_SERIAL, 1, 8), 675 * MS);
    for (uint32_t cpus = 1; cpus <= 8; cpus *= 2) {
        assert_int_equal(wall(p, &no_costs, MODEL_THREADS, cpus, cpus), 35 * MS + 640 * MS / cpus);
        assert_int_equal(wall(p, &no_costs, MODEL_PROCESSES, cpus, cpus), 35 * MS + 640 * MS / cpus);
        assert_int_equal(wall(p, &no_costs, MODEL_PROCESSES_COROUTINES, 1, cpus), 35 * MS + 640 * MS / cpus);
        assert_int_equal(wall(p, &no_costs, MODEL_COROUTINES, 16, cpus), 675 * MS);
    }
    /* Fewer workers than CPUs: workers decide. A ragged end: 64 items over 3 lanes are 22 rounds. */
    assert_int_equal(wall(p, &no_costs, MODEL_THREADS, 2, 8), 35 * MS + 320 * MS);
    assert_int_equal(wall(p, &no_costs, MODEL_THREADS, 3, 8), 35 * MS + 220 * MS);
}

static void more_workers_than_cpus_do_not_help(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(64, (struct profile_step){.free_cpu_ns = 10 * MS});
    uint64_t fit = wall(p, &no_costs, MODEL_THREADS, 4, 4);

    (void)state;
    for (uint32_t workers = 5; workers <= 64; workers++) {
        assert_true(wall(p, &no_costs, MODEL_THREADS, workers, 4) >= fit);
        assert_true(wall(p, &no_costs, MODEL_PROCESSES, workers, 4) >= fit);
    }
}

static void pure_waits_overlap_with_lanes(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(100, (struct profile_step){.wait_ns = 50 * MS});

    (void)state;
    assert_int_equal(wall(p, &no_costs, MODEL_SERIAL, 1, 1), 5000 * MS);
    for (enum model model = MODEL_THREADS; model <= MODEL_PROCESSES; model++) {
        assert_int_equal(wall(p, &no_costs, model, 1, 1), 5000 * MS);
        assert_int_equal(wall(p, &no_costs, model, 10, 1), 500 * MS);
        assert_int_equal(wall(p, &no_costs, model, 100, 1), 50 * MS);
        assert_int_equal(wall(p, &no_costs, model, 1000, 1), 50 * MS);
    }
    assert_int_equal(wall(p, &no_costs, MODEL_PROCESSES_COROUTINES, 25, 2), 100 * MS);
}

static void locked_cpu_is_serial_in_threads_only(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(4, (struct profile_step){.locked_cpu_ns = 1000 * MS});

    (void)state;
    p->interpreter_lock = true;
    assert_near(wall(p, &no_costs, MODEL_THREADS, 4, 4), 4000 * MS);
    assert_true(wall(p, &no_costs, MODEL_THREADS, 4, 4) >= 4000 * MS);
    assert_int_equal(wall(p, &no_costs, MODEL_PROCESSES, 4, 4), 1000 * MS);
    assert_int_equal(wall(p, &no_costs, MODEL_COROUTINES, 4, 4), 4000 * MS);
    p->interpreter_lock = false;
    assert_int_equal(wall(p, &no_costs, MODEL_THREADS, 4, 4), 1000 * MS);
}

/* 10 % under the lock: eight CPUs can be used, until the lock is never free. */
static void cpu_that_lets_go_of_the_lock_scales(void **state)
{
    CLEANUP(profile_freep)
    struct profile *p = equal_items(320, (struct profile_step){.locked_cpu_ns = 1 * MS, .free_cpu_ns = 9 * MS});
    uint64_t on_four, on_sixteen;

    (void)state;
    p->interpreter_lock = true;
    on_four = wall(p, &no_costs, MODEL_THREADS, 4, 4);
    on_sixteen = wall(p, &no_costs, MODEL_THREADS, 16, 16);
    assert_in_range(on_four, 800 * MS, 830 * MS);
    assert_in_range(on_sixteen, 320 * MS, 340 * MS);
}

/* A wait in one lane must not be stretched by more than the turn that a burst in another takes: 5 ms. */
static void lock_goes_round_every_five_ms(void **state)
{
    CLEANUP(profile_freep) struct profile *p = equal_items(2, (struct profile_step){.locked_cpu_ns = 1000 * MS});
    uint64_t now;

    (void)state;
    p->interpreter_lock = true;
    p->steps[1] = (struct profile_step){.locked_cpu_ns = 1 * MS, .wait_ns = 1500 * MS};
    now = wall(p, &no_costs, MODEL_THREADS, 2, 2);
    assert_in_range(now, 1501 * MS, 1507 * MS);
}

static void critical_steps_are_serial_everywhere(void **state)
{
    struct profile_step step = {.free_cpu_ns = 10 * MS, .wait_ns = 10 * MS, .lock = 1};
    CLEANUP(profile_freep) struct profile *p = equal_items(20, step);

    (void)state;
    for (enum model model = MODEL_SERIAL; model < MODEL_COUNT; model++)
        assert_int_equal(wall(p, &no_costs, model, 4, 4), 400 * MS);
    /* Half of the steps outside the mutex: they hide behind the others. */
    for (size_t i = 0; i < p->n_steps; i += 2)
        p->steps[i].lock = 0;
    assert_in_range(wall(p, &no_costs, MODEL_THREADS, 4, 4), 200 * MS, 240 * MS);
}

static void waits_and_cpu_need_both(void **state)
{
    CLEANUP(profile_freep)
    struct profile *p = equal_items(128, (struct profile_step){.locked_cpu_ns = 10 * MS, .wait_ns = 90 * MS});
    uint64_t hybrid, processes, coroutines;

    (void)state;
    p->interpreter_lock = true;
    coroutines = wall(p, &no_costs, MODEL_COROUTINES, 128, 4);
    processes = wall(p, &no_costs, MODEL_PROCESSES, 4, 4);
    hybrid = wall(p, &no_costs, MODEL_PROCESSES_COROUTINES, 32, 4);
    assert_int_equal(coroutines, 1280 * MS + 90 * MS);
    assert_int_equal(processes, 32 * 100 * MS);
    assert_int_equal(hybrid, 32 * 10 * MS + 90 * MS);
}

static void costs_are_paid(void **state)
{
    const struct simulate_costs costs = {.process_start_ns = 20 * MS, .thread_start_ns = 1 * MS, .ipc_item_ns = 4 * MS};
    CLEANUP(profile_freep) struct profile *cpu = equal_items(10, (struct profile_step){.free_cpu_ns = 10 * MS});

    (void)state;
    assert_int_equal(wall(cpu, &costs, MODEL_SERIAL, 1, 1), 100 * MS);
    assert_int_equal(wall(cpu, &costs, MODEL_THREADS, 1, 1), 101 * MS);
    /* fork 10, child 10, then each item 2 + 10 of CPU; the dispatcher's 4 are hidden, but for the first */
    assert_int_equal(wall(cpu, &costs, MODEL_PROCESSES, 1, 2), 20 * MS + 4 * MS + 10 * 12 * MS);
    assert_near(wall(cpu, &costs, MODEL_PROCESSES, 1, 1), 20 * MS + 10 * 16 * MS);
}

/* The measured CPU contains what the measured model pays per wait; another model pays its own price instead. */
static void the_price_of_a_wait_is_exchanged(void **state)
{
    const struct simulate_costs costs = {.loop_turn_ns = 3 * MS, .thread_switch_ns = 1 * MS};
    CLEANUP(profile_freep)
    struct profile *p = equal_items(10, (struct profile_step){.free_cpu_ns = 5 * MS, .wait_ns = 10 * MS});

    (void)state;
    assert_int_equal(wall(p, &costs, MODEL_SERIAL, 1, 1), 150 * MS);
    assert_int_equal(wall(p, &costs, MODEL_THREADS, 1, 1), 150 * MS);
    assert_int_equal(wall(p, &costs, MODEL_COROUTINES, 1, 1), 170 * MS);
    p->current_model = MODEL_COROUTINES;
    assert_int_equal(wall(p, &costs, MODEL_COROUTINES, 1, 1), 150 * MS);
    assert_int_equal(wall(p, &costs, MODEL_THREADS, 1, 1), 130 * MS);
    for (size_t i = 0; i < p->n_steps; i++) /* no more than there is */
        p->steps[i].free_cpu_ns = MS;
    assert_int_equal(wall(p, &costs, MODEL_THREADS, 1, 1), 100 * MS);
}

static void tiny_items_are_not_worth_their_transfer(void **state)
{
    const struct simulate_costs costs = {.process_start_ns = MS, .ipc_item_ns = 50 * US};
    CLEANUP(profile_freep) struct profile *p = equal_items(10000, (struct profile_step){.free_cpu_ns = 5 * US});
    uint64_t serial = wall(p, &costs, MODEL_SERIAL, 1, 4);

    (void)state;
    for (uint32_t workers = 1; workers <= 8; workers++)
        assert_true(wall(p, &costs, MODEL_PROCESSES, workers, 4) > serial);
}

/* The present structure: a worker for each item, measured overheads, a blocked loop. */
static void current_is_what_the_program_does(void **state)
{
    const struct simulate_costs costs = {.process_start_ns = 10 * MS, .thread_start_ns = 1 * MS, .ipc_item_ns = 3 * MS};
    CLEANUP(profile_freep) struct profile *p = equal_items(20, (struct profile_step){.free_cpu_ns = 10 * MS});
    struct simulate_result now;

    (void)state;
    p->current_model = MODEL_PROCESSES;
    p->one_worker_per_item = true;
    assert_int_equal(simulate_current(p, &costs, 2, &now), 0);
    assert_near(now.wall_ns, 20 * 20 * MS);
    p->current_workers = 2;
    assert_int_equal(simulate_current(p, &costs, 2, &now), 0);
    assert_in_range(now.wall_ns, 200 * MS, 220 * MS);
    p->ipc_ns_per_item = 7 * MS; /* measured: takes the place of the general cost */
    assert_int_equal(simulate_current(p, &costs, 2, &now), 0);
    assert_int_equal(now.wall_ns, 10 * 17 * MS);

    p->one_worker_per_item = false;
    p->ipc_ns_per_item = 2 * MS;
    assert_int_equal(simulate_current(p, &costs, 2, &now), 0);
    assert_in_range(now.wall_ns, 120 * MS, 140 * MS);

    p->current_model = MODEL_COROUTINES;
    p->current_workers = 20;
    p->ipc_ns_per_item = 0;
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i].wait_ns = 40 * MS;
    assert_int_equal(simulate_current(p, &no_costs, 2, &now), 0);
    assert_int_equal(now.wall_ns, 20 * 10 * MS + 40 * MS);
    p->event_loop_blocked = true;
    assert_int_equal(simulate_current(p, &no_costs, 2, &now), 0);
    assert_int_equal(now.wall_ns, 20 * 50 * MS);
}

/* A mixed bag from a fixed sequence. */
static struct profile *mixed_items(size_t n, size_t steps_per_item)
{
    struct profile *p = equal_items(n * steps_per_item, (struct profile_step){.free_cpu_ns = 1});
    uint64_t seed = 42;

    for (size_t i = 0; i < p->n_steps; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        p->steps[i].locked_cpu_ns = (seed >> 40) % (2 * MS);
        p->steps[i].free_cpu_ns = (seed >> 30) % (2 * MS);
        p->steps[i].wait_ns = (seed >> 20) % 3 ? 0 : (seed >> 10) % (20 * MS);
    }
    for (size_t i = 0; i < n; i++)
        p->items[i] = (struct profile_item){.first_step = i * steps_per_item, .n_steps = steps_per_item};
    p->n_items = n;
    p->interpreter_lock = true;
    return p;
}

static uint64_t total_cpu(const struct profile *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->n_steps; i++)
        sum += p->steps[i].locked_cpu_ns + p->steps[i].free_cpu_ns;
    return sum;
}

/* CPU time is neither lost nor gained, no run beats its CPUs, more CPUs never hurt. */
static void cpu_is_conserved_and_cpus_never_hurt(void **state)
{
    static const size_t sizes[][2] = {{40, 5}, {3, 4000}, {9000, 1}, {30000, 3}};

    (void)state;
    for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
        CLEANUP(profile_freep) struct profile *p = mixed_items(sizes[s][0], sizes[s][1]);
        uint64_t cpu_ns = total_cpu(p);

        for (enum model model = MODEL_SERIAL; model < MODEL_COUNT; model++) {
            uint64_t before = UINT64_MAX;

            for (uint32_t cpus = 1; cpus <= 8; cpus *= 2) {
                struct simulate_result result;

                assert_int_equal(simulate(p, &no_costs, model, 8, cpus, &result), 0);
                assert_true(result.cpu_ns + 2 * p->n_items >= cpu_ns);
                /* Forced hand-overs of the interpreter lock cost CPU in threads. */
                assert_true((double)result.cpu_ns <= (double)cpu_ns * (model == MODEL_THREADS ? 1.02 : 1.0001));
                assert_true(result.wall_ns * cpus + cpus >= cpu_ns);
                assert_true((double)result.wall_ns <= (double)before * 1.02);
                before = result.wall_ns;
            }
        }
    }
}

/* Merging for speed must not change the answer: the same work in many items and in few. */
static void merged_profiles_agree_with_whole_ones(void **state)
{
    static const uint32_t in_flight[] = {1, 8, 64, 1000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(in_flight); i++) {
        struct profile_step step = {.locked_cpu_ns = 20 * US, .wait_ns = 10 * MS};
        CLEANUP(profile_freep) struct profile *many = equal_items(64000, step);
        uint64_t lanes = in_flight[i], expected = 64000 / lanes * (10 * MS + 20 * US);
        uint64_t cpu_bound = 64000 * 20 * US;

        many->interpreter_lock = true;
        if (expected < cpu_bound)
            expected = cpu_bound;
        uint64_t got = wall(many, &no_costs, MODEL_COROUTINES, (uint32_t)lanes, 2);
        assert_in_range(got, expected - expected / 50, expected + expected / 10);
    }
}

static void best_workers_fit_the_work(void **state)
{
    CLEANUP(profile_freep) struct profile *cpu = equal_items(640, (struct profile_step){.free_cpu_ns = 10 * MS});
    CLEANUP(profile_freep) struct profile *waits = equal_items(100, (struct profile_step){.wait_ns = 50 * MS});
    struct simulate_result result;
    uint32_t workers = 0;

    (void)state;
    for (uint32_t cpus = 1; cpus <= 7; cpus++) {
        assert_int_equal(simulate_best_workers(cpu, &no_costs, MODEL_THREADS, cpus, &workers, &result), 0);
        assert_int_equal(workers, cpus);
        assert_int_equal(simulate_best_workers(cpu, &no_costs, MODEL_PROCESSES, cpus, &workers, NULL), 0);
        assert_int_equal(workers, cpus);
    }
    assert_int_equal(simulate_best_workers(cpu, &no_costs, MODEL_COROUTINES, 4, &workers, NULL), 0);
    assert_int_equal(workers, 1);
    assert_int_equal(simulate_best_workers(waits, &no_costs, MODEL_COROUTINES, 1, &workers, &result), 0);
    assert_int_equal(workers, 100);
    assert_int_equal(result.wall_ns, 50 * MS);
    assert_int_equal(simulate_best_workers(waits, &no_costs, MODEL_PROCESSES_COROUTINES, 4, &workers, &result), 0);
    assert_int_equal(workers, 25);
    assert_int_equal(simulate_loop_processes(waits, 4), 4);
    assert_int_equal(simulate_loop_processes(waits, 400), 100);
}

static void costs_come_from_the_measurement_where_it_has_them(void **state)
{
    struct measurement *m = measurement_new();
    struct simulate_costs native, python, measured;

    (void)state;
    assert_non_null(m);
    simulate_costs_from_measurement(m, &native);
    m->target.runtime.kind = RUNTIME_CPYTHON;
    simulate_costs_from_measurement(m, &python);
    assert_true(python.process_start_ns > native.process_start_ns);
    m->replay_process_start_ns = 1234;
    m->replay_ipc_item_ns = 77;
    simulate_costs_from_measurement(m, &measured);
    assert_int_equal(measured.process_start_ns, 1234);
    assert_int_equal(measured.ipc_item_ns, 77);
    assert_int_equal(measured.thread_start_ns, python.thread_start_ns);
    measurement_free(m);
}

/* A model's machinery is paid once, where the program does not have it yet. */
static void a_models_machinery_is_paid_once(void **state)
{
    const struct simulate_costs free_of_charge = {.thread_start_ns = 1};
    struct simulate_costs costs = free_of_charge;
    struct profile *p = paper_items(8, 1, (struct profile_step){.wait_ns = 10 * MS});

    (void)state;
    p->head_ns = 20 * MS;
    costs.setup_ns[MODEL_THREADS] = 10 * MS;
    costs.setup_ns[MODEL_COROUTINES] = 45 * MS;
    assert_int_equal(simulate_fixed_ns(p, &costs, MODEL_SERIAL), 20 * MS);
    for (int model = 0; model < MODEL_COUNT; model++)
        assert_int_equal(paper_wall(p, &costs, (enum model)model, 2, 4),
                         paper_wall(p, &free_of_charge, (enum model)model, 2, 4) + costs.setup_ns[model]);
    p->current_model = MODEL_COROUTINES;
    assert_int_equal(simulate_fixed_ns(p, &costs, MODEL_COROUTINES), 20 * MS);
    assert_int_equal(simulate_fixed_ns(p, &costs, MODEL_THREADS), 30 * MS);
    profile_free(p);
}

/* Who imports asyncio has concurrent.futures, too; who has multiprocessing lacks only the loop. */
static void what_is_imported_costs_nothing(void **state)
{
    static const struct {
        const char *module;
        uint64_t setup_ns[MODEL_COUNT]; /* serial, threads, coroutines, processes, both */
    } cases[] = {
        {"json", {0, 13, 45, 30, 62}},
        {"concurrent", {0, 0, 45, 30, 62}},
        {"asyncio", {0, 0, 0, 30, 30}},
        {"multiprocessing", {0, 0, 45, 0, 45}},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        char *modules[] = {(char *)cases[c].module};
        struct measurement m = {.modules = modules, .n_modules = 1};
        struct simulate_costs costs = {.setup_ns = {0, 13, 45, 30, 62}};

        simulate_costs_skip_imported(&m, &costs);
        assert_memory_equal(costs.setup_ns, cases[c].setup_ns, sizeof(costs.setup_ns));
    }
}

static void same_input_same_answer(void **state)
{
    CLEANUP(profile_freep) struct profile *p = mixed_items(500, 7);

    (void)state;
    assert_int_equal(wall(p, &no_costs, MODEL_THREADS, 7, 3), wall(p, &no_costs, MODEL_THREADS, 7, 3));
}

/* Not a benchmark (tests/bench/): only that the cost does not grow with the steps. */
static void a_large_profile_is_cheap(void **state)
{
    CLEANUP(profile_freep) struct profile *p = mixed_items(32768, 4);
    struct timespec begin, end;

    (void)state;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (uint32_t i = 0; i < 20; i++)
        (void)wall(p, &no_costs, (enum model)(i % MODEL_COUNT), 1 + i, 4);
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    uint64_t took =
        (uint64_t)(end.tv_sec - begin.tv_sec) * NSEC_PER_SEC + (uint64_t)end.tv_nsec - (uint64_t)begin.tv_nsec;
    print_message("20 simulations of 131,072 steps: %.1f ms\n", (double)took / 1e6);
    assert_true(took < 1000 * MS); /* 50 ms in a usual build; sanitizers and other people's load are slow */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_models_machinery_is_paid_once),
        cmocka_unit_test(what_is_imported_costs_nothing),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(cpu_items_take_total_over_cpus),
        cmocka_unit_test(more_workers_than_cpus_do_not_help),
        cmocka_unit_test(pure_waits_overlap_with_lanes),
        cmocka_unit_test(locked_cpu_is_serial_in_threads_only),
        cmocka_unit_test(cpu_that_lets_go_of_the_lock_scales),
        cmocka_unit_test(lock_goes_round_every_five_ms),
        cmocka_unit_test(critical_steps_are_serial_everywhere),
        cmocka_unit_test(waits_and_cpu_need_both),
        cmocka_unit_test(costs_are_paid),
        cmocka_unit_test(the_price_of_a_wait_is_exchanged),
        cmocka_unit_test(tiny_items_are_not_worth_their_transfer),
        cmocka_unit_test(current_is_what_the_program_does),
        cmocka_unit_test(cpu_is_conserved_and_cpus_never_hurt),
        cmocka_unit_test(merged_profiles_agree_with_whole_ones),
        cmocka_unit_test(best_workers_fit_the_work),
        cmocka_unit_test(costs_come_from_the_measurement_where_it_has_them),
        cmocka_unit_test(same_input_same_answer),
        cmocka_unit_test(a_large_profile_is_cheap),
    };

    return cmocka_run_group_tests_name("analyzer/simulate", tests, NULL, NULL);
}
