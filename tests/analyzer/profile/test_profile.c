/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyzer/profile/profile.h"
#include "tests/analyzer/profile/checked.h"
#include "tests/analyzer/synthetic.h"

struct totals {
    uint64_t locked_ns, free_ns, wait_ns, critical_ns;
};

static struct totals totals_of(const struct profile *p)
{
    struct totals t = {0, 0, 0, 0};

    for (size_t i = 0; i < p->n_steps; i++) {
        const struct profile_step *s = &p->steps[i];

        t.locked_ns += s->locked_cpu_ns;
        t.free_ns += s->free_cpu_ns;
        t.wait_ns += s->wait_ns;
        if (s->lock)
            t.critical_ns += s->locked_cpu_ns + s->free_cpu_ns + s->wait_ns;
    }
    return t;
}

static void nothing_done_is_no_data(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    struct profile *p = NULL;

    (void)state;
    assert_int_equal(profile_from_measurement(m, &p), -ENODATA);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 0, 5000 * MS, CAUSE_TERMINAL);
    synthetic_finish(m);
    assert_int_equal(profile_from_measurement(m, &p), -ENODATA);
    assert_null(p);
    profile_free(NULL);
}

/* (a) Four threads in a GIL convoy: each lane an item, waits for the lock are not waits. */
static void gil_convoy_is_one_locked_item_per_lane(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 50 * MS, 4000 * MS, CAUSE_JOIN);
    synthetic_slice(m, 0, 30 * MS, 0, CAUSE_OTHER);
    for (int32_t lane = 0; lane < 4; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 50 * MS);

        for (int i = 0; i < 200; i++)
            synthetic_slice(m, t, 5 * MS, 15 * MS, CAUSE_INTERPRETER_LOCK);
    }
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_THREADS);
    assert_int_equal(p->current_workers, 4);
    assert_int_equal(p->n_items, 4);
    assert_true(p->interpreter_lock);
    assert_false(p->divisible);
    assert_int_equal(p->head_ns, 50 * MS);
    assert_int_equal(p->tail_ns, 30 * MS);
    assert_int_equal(totals_of(p).locked_ns, 4000 * MS);
    assert_int_equal(totals_of(p).wait_ns, 0);
}

/* The share of CPU under the lock comes from samples; they need to be enough. */
static void locked_share_follows_samples(void **state)
{
    static const struct {
        uint64_t samples, held, locked_ns;
    } cases[] = {{100, 10, 100 * MS}, {20, 5, 250 * MS}, {19, 0, 1000 * MS}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        synthetic_python(m);
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 1000 * MS, CAUSE_JOIN);
        for (int32_t lane = 0; lane < 2; lane++) {
            size_t t = synthetic_thread(m, 2 + lane, 1, 1, 10 * MS);

            synthetic_slice(m, t, 1000 * MS, 0, CAUSE_OTHER);
            m->threads[t].cpu_samples = cases[c].samples / 2 * (c != 1) + cases[c].samples * (c == 1);
            m->threads[t].lock_held_samples = cases[c].held / 2 * (c != 1) + cases[c].held * (c == 1);
        }
        p = profile_checked(m);
        assert_int_equal(totals_of(p).locked_ns, 2 * cases[c].locked_ns);
        assert_int_equal(totals_of(p).locked_ns + totals_of(p).free_ns, 2000 * MS);
    }
}

/* Without samples: threads seen on two CPUs at once can't all have held the lock. */
static void unsampled_threads_seen_together_let_go_of_the_lock(void **state)
{
    for (int together = 0; together < 2; together++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        (void)state;
        synthetic_python(m);
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 1000 * MS, CAUSE_JOIN);
        for (int32_t lane = 0; lane < 2; lane++)
            synthetic_slice(m, synthetic_thread(m, 2 + lane, 1, 1, 10 * MS), 1000 * MS, 0, CAUSE_OTHER);
        m->parallelism_ns = calloc(3, sizeof(uint64_t));
        m->n_parallelism = 3;
        m->parallelism_ns[1] = (together ? 50 : 950) * MS;
        m->parallelism_ns[2] = (together ? 950 : 50) * MS;
        p = profile_checked(m);
        if (together)
            assert_in_range(totals_of(p).locked_ns, 1000 * MS, 1100 * MS);
        else
            assert_int_equal(totals_of(p).locked_ns, 2000 * MS);
    }
}

/* (b) Pool workers: each hand-over begins an item; what the feeder burned is paid per item. */
static void pool_items_are_cut_at_handoffs(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(4);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 20 * MS, 520 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 3; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 20 * MS);

        for (int i = 0; i < 50; i++)
            synthetic_woken_slice(m, t, 10 * MS, 400 * US, CAUSE_HANDOFF, 1);
    }
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_THREADS);
    assert_int_equal(p->current_workers, 3);
    assert_int_equal(p->n_items, 150);
    assert_false(p->one_worker_per_item);
    assert_int_equal(totals_of(p).free_ns, 1500 * MS);
    assert_int_equal(totals_of(p).locked_ns, 0);
    assert_int_equal(totals_of(p).wait_ns, 0);
    assert_int_equal(totals_of(p).critical_ns, 0);
}

/* (b) External waits within a pool's items stay within them. */
static void pool_items_keep_their_waits(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 20 * MS, 1100 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 20 * MS);

        for (int i = 0; i < 10; i++) {
            synthetic_slice(m, t, 1 * MS, 100 * MS, CAUSE_NETWORK);
            synthetic_woken_slice(m, t, 5 * MS, 1 * MS, CAUSE_HANDOFF, 1);
        }
    }
    p = profile_checked(m);
    assert_int_equal(p->n_items, 20);
    assert_int_equal(p->items[0].n_steps, 2);
    assert_int_equal(p->steps[0].free_cpu_ns, 1 * MS);
    assert_int_equal(p->steps[0].wait_ns, 100 * MS);
    assert_int_equal(p->steps[1].free_cpu_ns, 5 * MS);
}

/* (c) A process for each item; the creator's forks are not the program's serial part. */
static void short_lived_processes_are_one_item_each(void **state)
{
    for (int32_t lanes = 5; lanes <= 60; lanes += 55) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        (void)state;
        synthetic_python(m);
        synthetic_process(m, 1, 0);
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 0, CAUSE_OTHER);
        for (int32_t i = 0; i < lanes; i++)
            synthetic_slice(m, 0, 1 * MS, 9 * MS, CAUSE_JOIN);
        for (int32_t i = 0; i < lanes; i++) {
            synthetic_process(m, 100 + i, 1);
            synthetic_slice(m, synthetic_thread(m, 100 + i, 100 + i, 1, (uint64_t)(11 + 10 * i) * MS), 8 * MS, 0,
                            CAUSE_OTHER);
        }
        m->replay_process_start_ns = 12345; /* a profile is the same before and after its replay */
        p = profile_checked(m);
        assert_int_equal(p->current_model, MODEL_PROCESSES);
        assert_int_equal(p->current_workers, 1);
        assert_int_equal(p->n_items, lanes);
        assert_int_equal(p->one_worker_per_item, lanes == 60);
        if (p->one_worker_per_item) {
            assert_int_equal(totals_of(p).locked_ns, 60 * 7 * MS);  /* 1 ms of each is its own start */
            assert_in_range(p->ipc_ns_per_item, 2900 * US, 3 * MS); /* one begins every 10 ms */
            assert_int_equal(p->head_ns, 11 * MS);
        }
    }
}

/* (c) A shell with a tool in it for each item, that no other model can do without. Tools in Python could be functions.
 */
static void commands_are_started_in_every_model(void **state)
{
    (void)state;
    for (int python = 0; python <= 1; python++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        synthetic_python(m);
        synthetic_process(m, 1, 0);
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 0, CAUSE_OTHER);
        for (int32_t i = 0; i < 60; i++)
            synthetic_slice(m, 0, 1 * MS, 39 * MS, CAUSE_IPC);
        for (int32_t i = 0; i < 60; i++) {
            uint64_t at_ns = (uint64_t)(11 + 40 * i) * MS;
            size_t shell = synthetic_thread(m, 100 + 2 * i, 100 + 2 * i, 1, at_ns);
            size_t tool = synthetic_thread(m, 101 + 2 * i, 101 + 2 * i, 100 + 2 * i, at_ns + 1 * MS);

            synthetic_process(m, 100 + 2 * i, 1)->execed = true;
            synthetic_process(m, 101 + 2 * i, 100 + 2 * i)->execed = true;
            for (size_t k = m->n_processes - 2; k < m->n_processes; k++)
                m->processes[k].runtime = python ? RUNTIME_CPYTHON : RUNTIME_NATIVE;
            synthetic_slice(m, shell, 1 * MS, 37 * MS, CAUSE_JOIN);
            synthetic_slice(m, shell, 1 * MS, 0, CAUSE_OTHER);
            synthetic_slice(m, tool, 4 * MS, 32 * MS, CAUSE_SLEEP);
            synthetic_slice(m, tool, 1 * MS, 0, CAUSE_OTHER);
        }
        p = profile_checked(m);
        assert_int_equal(p->n_items, 60);
        assert_int_equal(p->commands, !python);
        if (python)
            continue;
        assert_about(totals_of(p).free_ns, 60 * 7 * MS); /* 5 ms the tool's, 2 ms the shell's */
        assert_about(totals_of(p).wait_ns, 60 * 32 * MS);
        assert_about(totals_of(p).locked_ns, 59 * MS); /* what the program itself did for each */
        assert_int_equal(p->head_ns, 12 * MS);
    }
}

/* (c) Rows for half of the threads only: they stand for all, and what follows is no serial tail. */
static void rows_stand_for_omitted_threads(void **state)
{
    for (uint64_t omitted = 0; omitted <= 20; omitted += 20) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        (void)state;
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 390 * MS, CAUSE_JOIN);
        for (int32_t i = 0; i < 20; i++)
            synthetic_slice(m, synthetic_thread(m, 2 + i, 1, 1, (uint64_t)(10 + 10 * i) * MS), 8 * MS, 0, CAUSE_OTHER);
        synthetic_finish(m);
        m->on_cpu_ns += omitted * 8 * MS;
        m->loss.threads_omitted = omitted;
        assert_int_equal(profile_from_measurement(m, &p), 0);
        assert_int_equal(p->n_items, 20);
        assert_int_equal(p->tail_ns, omitted ? 0 : 192 * MS);
        assert_about(totals_of(p).free_ns, omitted ? 310 * MS : 160 * MS);
    }
}

/* (d) Serial with waits: an item is a wait and the burst after it; the first burst is the head. */
static void serial_waits_are_items(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 40 * MS, 50 * MS, CAUSE_NETWORK);
    for (int i = 0; i < 19; i++)
        synthetic_slice(m, 0, 10 * MS, 50 * MS, CAUSE_NETWORK);
    synthetic_slice(m, 0, 10 * MS, 0, CAUSE_OTHER);
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_SERIAL);
    assert_int_equal(p->current_workers, 1);
    assert_int_equal(p->n_items, 20);
    assert_int_equal(p->head_ns, 40 * MS);
    assert_int_equal(p->serial_cpu_ns, 40 * MS);
    assert_int_equal(p->tail_ns, 0);
    assert_false(p->divisible);
    for (size_t i = 0; i < p->n_items; i++) {
        assert_int_equal(p->items[i].n_steps, 2);
        assert_int_equal(p->steps[p->items[i].first_step].wait_ns, 50 * MS);
        assert_int_equal(p->steps[p->items[i].first_step + 1].locked_cpu_ns, 10 * MS);
    }
    /* Nothing is lost or invented. */
    assert_int_equal(p->head_ns + totals_of(p).locked_ns + totals_of(p).wait_ns, m->wall_ns);
}

/* (d) A short wait (connect) is part of the item whose long wait (answer) follows. */
static void short_waits_do_not_cut(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    for (int i = 0; i < 30; i++) {
        synthetic_slice(m, 0, 1 * MS, 200 * US, CAUSE_NETWORK);
        synthetic_slice(m, 0, 1 * MS, 40 * MS, CAUSE_NETWORK);
    }
    synthetic_slice(m, 0, 1 * MS, 0, CAUSE_OTHER);
    p = profile_checked(m);
    assert_int_equal(p->n_items, 30);
}

/* (e) Serial CPU: chunks, at least a millisecond each, and said to be an assumption. */
static void serial_cpu_is_divisible(void **state)
{
    static const struct {
        uint64_t cpu_ns;
        size_t items;
    } cases[] = {{6400 * MS, 64}, {64 * MS, 64}, {10 * MS, 10}, {900 * US, 1}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, cases[c].cpu_ns, 0, CAUSE_OTHER);
        p = profile_checked(m);
        assert_int_equal(p->current_model, MODEL_SERIAL);
        assert_int_equal(p->n_items, cases[c].items);
        assert_int_equal(p->divisible, cases[c].items > 1);
        assert_int_equal(totals_of(p).free_ns, cases[c].cpu_ns);
    }
}

/* A last burst that is little of the whole is not worth an assumption. */
static void a_short_last_burst_is_not_divided(void **state)
{
    static const struct {
        uint64_t last_ns;
        bool divided;
    } cases[] = {{100 * MS, false}, {120 * MS, true}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        synthetic_thread(m, 1, 1, 0, 0);
        for (int i = 0; i < 20; i++)
            synthetic_slice(m, 0, 1 * MS, 50 * MS, CAUSE_NETWORK);
        synthetic_slice(m, 0, cases[c].last_ns, 0, CAUSE_OTHER);
        p = profile_checked(m);
        assert_int_equal(p->divisible, cases[c].divided);
    }
}

/* (e) Python's start-up and imports are the head, as far as samples show them. */
static void imports_are_head(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1000 * MS, 0, CAUSE_OTHER);
    m->sites = calloc(1, sizeof(*m->sites));
    m->n_sites = 1;
    m->sites[0] = (struct site){.on_cpu = true, .time_ns = 200 * MS, .pid = 1, .n_frames = 1};
    m->sites[0].frames = calloc(1, sizeof(struct frame));
    m->sites[0].frames[0].function = strdup("_call_with_frames_removed");
    m->sites[0].frames[0].file = strdup("<frozen importlib._bootstrap>");
    p = profile_checked(m);
    assert_int_equal(p->head_ns, 200 * MS);
    assert_int_equal(totals_of(p).locked_ns, 800 * MS);
    assert_true(p->divisible);
}

/* (f) A loop with many answers outstanding: its waits are rebuilt, several at once. */
static void event_loop_waits_overlap(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;
    struct event_loop *loop;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 60 * MS, 10 * MS, CAUSE_NETWORK);
    for (int i = 0; i < 99; i++)
        synthetic_slice(m, 0, 1 * MS, 10 * MS, CAUSE_NETWORK);
    synthetic_slice(m, 0, 1 * MS, 0, CAUSE_OTHER);
    loop = synthetic_loop(m, 1, 1);
    loop->turns = 100;
    loop->wait_ns = 1000 * MS;
    loop->busy_cpu_ns = 100 * MS;
    loop->outstanding_mean = 20.0;
    loop->outstanding_max = 30;
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_COROUTINES);
    assert_int_equal(p->current_workers, 20);
    assert_false(p->event_loop_blocked);
    assert_int_equal(p->n_items, 100);
    assert_int_equal(p->head_ns, 60 * MS);
    assert_about(totals_of(p).wait_ns, 20 * 1100 * MS);
    assert_int_equal(totals_of(p).locked_ns, 100 * MS);
}

/* (f) Connections and sleeps count, and go on while the loop is busy; where nobody knows how many waited, the profile
 * says so. */
static void event_loop_timers_overlap(void **state)
{
    static const struct {
        double sleeps, connections;
        uint64_t wait_ns, busy_ns;
        bool unknown;
    } cases[] = {{10, 0, 4200 * MS, 20 * MS, false},
                 {0, 0, 400 * MS, 20 * MS, true},
                 {10, 5, 6000 * MS, 20 * MS, false},
                 {10, 0, 4100 * MS, 390 * MS, false},
                 {10, 0, 4000 * MS, 410 * MS, true}}; /* mostly busy: answers may have been there before it waited */

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        struct event_loop *loop;

        synthetic_python(m);
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 40 * MS, 20 * MS, CAUSE_SLEEP);
        for (int i = 0; i < 19; i++)
            synthetic_slice(m, 0, 1 * MS, 20 * MS, CAUSE_SLEEP);
        synthetic_slice(m, 0, 1 * MS, 0, CAUSE_OTHER);
        loop = synthetic_loop(m, 1, 1);
        loop->turns = 20;
        loop->wait_ns = 400 * MS;
        loop->busy_cpu_ns = cases[c].busy_ns;
        loop->sleepers_mean = cases[c].sleeps;
        loop->outstanding_mean = cases[c].connections;
        loop->outstanding_max = (uint32_t)cases[c].connections;
        p = profile_checked(m);
        assert_int_equal(p->waits_unknown, cases[c].unknown);
        assert_int_equal(p->busy_in_flight, cases[c].busy_ns > 400 * MS ? 10 : 0);
        assert_about(totals_of(p).wait_ns, cases[c].wait_ns);
        if (cases[c].busy_ns == 20 * MS && !cases[c].unknown)
            assert_about(totals_of(p).locked_ns, 20 * MS);
        if (cases[c].sleeps > 0 && cases[c].connections == 0)
            assert_int_equal(p->current_workers, 10);
    }
}

/* Ready threads that found no CPU although the target left some idle: other programs'. */
static void run_queues_of_others_are_told(void **state)
{
    for (uint32_t cpus = 1; cpus <= 2; cpus++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(cpus);
        CLEANUP(profile_freep) struct profile *p = NULL;

        (void)state;
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 2000 * MS, CAUSE_JOIN);
        for (int32_t lane = 0; lane < 2; lane++) {
            size_t t = synthetic_thread(m, 2 + lane, 1, 1, 10 * MS);

            for (int i = 0; i < 100; i++)
                synthetic_slice(m, t, 10 * MS, 0, CAUSE_OTHER);
            m->threads[t].runnable_ns = 1000 * MS;
            m->threads[t].death_ns += 1000 * MS;
        }
        m->n_parallelism = cpus + 1;
        m->parallelism_ns = calloc(m->n_parallelism, sizeof(uint64_t));
        m->parallelism_ns[cpus] = 2000 * MS / cpus;
        p = profile_checked(m);
        /* With one CPU the two were in each other's way; with two they were in nobody's. */
        assert_int_equal(p->foreign_runnable_ns / MS, cpus == 1 ? 0 : 1000);
    }
}

/* (f) Woken once for many answers: there were at least as many waits as connections. */
static void event_loop_with_few_turns_has_an_item_per_connection(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;
    struct event_loop *loop;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 60 * MS, 500 * MS, CAUSE_NETWORK);
    synthetic_slice(m, 0, 40 * MS, 0, CAUSE_OTHER);
    loop = synthetic_loop(m, 1, 1);
    loop->turns = 3;
    loop->wait_ns = 500 * MS;
    loop->busy_cpu_ns = 40 * MS;
    loop->outstanding_mean = 45.0; /* fewer at the end */
    loop->outstanding_max = 50;
    p = profile_checked(m);
    assert_int_equal(p->current_workers, 50);
    assert_int_equal(p->n_items, 50);
    assert_about(p->steps[0].wait_ns, 450 * MS);
    assert_int_equal(totals_of(p).locked_ns, 40 * MS);
}

/* (f) One long wait with many answers outstanding is that many waits, not one that lasts as long as all of them. */
static void event_loop_items_are_no_longer_than_the_loop(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;
    struct event_loop *loop;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 30 * MS, 100 * US, CAUSE_DISK); /* imports */
    synthetic_slice(m, 0, 30 * MS, 900 * MS, CAUSE_NETWORK);
    for (int i = 0; i < 60; i++)
        synthetic_slice(m, 0, 1 * MS, 5 * MS, CAUSE_NETWORK);
    loop = synthetic_loop(m, 1, 1);
    loop->turns = 61;
    loop->wait_ns = 1200 * MS;
    loop->busy_cpu_ns = 60 * MS;
    loop->outstanding_mean = 25.0;
    loop->outstanding_max = 40;
    p = profile_checked(m);
    assert_int_equal(p->n_items % 25, 0);
    assert_about(totals_of(p).wait_ns, 25 * 1260 * MS);
    for (size_t i = 0; i < p->n_steps; i++)
        assert_true(p->steps[i].wait_ns <= 1200 * MS);
    assert_int_equal(p->head_ns, 60 * MS + 100 * US);
}

/* (f) Awaits one after another: one outstanding, so each is an item that could have overlapped. */
static void serial_awaits_are_items(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;
    struct event_loop *loop;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    for (int i = 0; i < 40; i++)
        synthetic_slice(m, 0, 1 * MS, 50 * MS, CAUSE_NETWORK);
    synthetic_slice(m, 0, 1 * MS, 0, CAUSE_OTHER);
    loop = synthetic_loop(m, 1, 1);
    loop->turns = 40;
    loop->wait_ns = 2000 * MS;
    loop->busy_cpu_ns = 41 * MS;
    loop->outstanding_mean = 1.0;
    loop->outstanding_max = 1;
    p = profile_checked(m);
    assert_int_equal(p->current_workers, 1);
    assert_int_equal(p->n_items, 40);
    assert_int_equal(totals_of(p).wait_ns, 2000 * MS);
}

/* (f) Timers whose number is not known: gaps of many overlapping ones are not taken for awaits one by one. */
static void short_timer_gaps_are_not_counted_as_awaits(void **state)
{
    static const struct {
        uint64_t gap_ns, turn_ns;
        bool one_by_one;
    } cases[] = {
        {4900 * US, 100 * US, false}, {5 * MS, 100 * US, true}, {5 * MS, 300 * US, true}, {5 * MS, 301 * US, false}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        struct event_loop *loop;

        synthetic_python(m);
        synthetic_thread(m, 1, 1, 0, 0);
        for (int i = 0; i < 100; i++)
            synthetic_slice(m, 0, cases[c].turn_ns, cases[c].gap_ns, CAUSE_SLEEP);
        loop = synthetic_loop(m, 1, 1);
        loop->turns = 100;
        loop->wait_ns = 100 * cases[c].gap_ns;
        loop->busy_cpu_ns = 10 * MS;
        p = profile_checked(m);
        assert_int_equal(p->n_items, cases[c].one_by_one ? 100 : 1);
    }
}

/* (f) Long turns of CPU are items whatever their timers: another CPU could take them over. Short ones are not. */
static void long_turns_of_a_computing_loop_are_items(void **state)
{
    static const struct {
        uint64_t turn_ns;
        bool items;
    } cases[] = {{100 * MS, true}, {5 * MS, true}, {4900 * US, false}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        struct event_loop *loop;

        synthetic_thread(m, 1, 1, 0, 0);
        for (int i = 0; i < 40; i++)
            synthetic_slice(m, 0, cases[c].turn_ns, 1 * MS, CAUSE_SLEEP);
        loop = synthetic_loop(m, 1, 1);
        loop->turns = 40;
        loop->wait_ns = 40 * MS;
        loop->busy_cpu_ns = 40 * cases[c].turn_ns;
        p = profile_checked(m);
        assert_int_equal(p->n_items > 30, cases[c].items);
    }
}

/* (f) A loop with time to spare and most of its tasks under way neither in a sleep nor at a peer: held up within. */
static void tasks_that_hold_each_other_up_are_told(void **state)
{
    static const struct {
        double sleepers_mean;
        uint32_t peak;
        uint64_t turns, busy_ns;
        bool held_up;
    } cases[] = {
        {3.9, 8, 100, 10 * MS, true},  {4.1, 8, 100, 10 * MS, false},   /* half of the peak */
        {3.9, 8, 15, 10 * MS, false},  {1.2, 3, 100, 10 * MS, false},   /* two rounds; too few to tell */
        {3.9, 8, 100, 990 * MS, true}, {3.9, 8, 100, 1010 * MS, false}, /* a busy loop hides what was under way */
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        struct event_loop *loop;

        synthetic_python(m);
        synthetic_thread(m, 1, 1, 0, 0);
        for (uint64_t i = 0; i < cases[c].turns; i++)
            synthetic_slice(m, 0, cases[c].busy_ns / cases[c].turns, 1000 * MS / cases[c].turns, CAUSE_SLEEP);
        loop = synthetic_loop(m, 1, 1);
        loop->turns = cases[c].turns;
        loop->wait_ns = 1000 * MS;
        loop->busy_cpu_ns = cases[c].busy_ns;
        loop->sleepers_mean = loop->timers_mean = cases[c].sleepers_mean;
        loop->timers_max = cases[c].peak;
        p = profile_checked(m);
        assert_int_equal(p->tasks_held_up, cases[c].held_up);
    }
}

/* (f) Calls that block inside a turn: the loop runs its items one by one. */
static void blocked_event_loop_is_marked(void **state)
{
    static const struct {
        uint64_t blocked_ns;
        bool blocked;
    } cases[] = {{200 * MS, false}, {300 * MS, true}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        struct event_loop *loop;

        synthetic_python(m);
        synthetic_thread(m, 1, 1, 0, 0);
        for (int i = 0; i < 20; i++)
            synthetic_slice(m, 0, 200 * US, 60 * MS, CAUSE_SLEEP);
        loop = synthetic_loop(m, 1, 1);
        loop->turns = 20;
        loop->wait_ns = 1200 * MS - cases[c].blocked_ns;
        loop->busy_cpu_ns = 4 * MS;
        loop->blocked_in_turn_ns = cases[c].blocked_ns;
        loop->blocked_in_turn_count = 20;
        p = profile_checked(m);
        assert_int_equal(p->event_loop_blocked, cases[c].blocked);
        assert_int_equal(p->current_model, MODEL_COROUTINES);
        assert_int_equal(p->n_items, 20);
    }
}

/* (g) A multiprocessing pool: hand-overs through pipes are no external waits, the parent's share is paid per item. */
static void process_pool_items_are_cut_at_ipc(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;
    struct process *process;

    (void)state;
    synthetic_python(m);
    synthetic_process(m, 1, 0);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 100 * MS, 0, CAUSE_OTHER);
    for (int i = 0; i < 40; i++)
        synthetic_slice(m, 0, 250 * US, 25 * MS, CAUSE_HANDOFF);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 10 + lane, 10 + lane, 1, 100 * MS);

        process = synthetic_process(m, 10 + lane, 1);
        process->private_bytes = 8 << 20;
        for (int i = 0; i < 50; i++)
            synthetic_woken_slice(m, t, 20 * MS, 200 * US, CAUSE_IPC, 1);
    }
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_PROCESSES);
    assert_int_equal(p->current_workers, 2);
    assert_int_equal(p->n_items, 100);
    assert_about(totals_of(p).locked_ns, 2000 * MS);
    assert_int_equal(totals_of(p).wait_ns, 0);
    assert_in_range(p->ipc_ns_per_item, 90 * US, 105 * US); /* 40 x 250 us of the parent over 100 items */
    assert_int_equal(p->private_bytes, 8 << 20);
}

/* (g) Round trips to a manager are not hand-overs of work. */
static void round_trips_outweighing_work_are_costs(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 50 * MS, 3000 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 10 + lane, 10 + lane, 1, 50 * MS);

        for (int i = 0; i < 10000; i++)
            synthetic_woken_slice(m, t, 50 * US, 150 * US, CAUSE_IPC, 99);
    }
    p = profile_checked(m);
    assert_int_equal(p->n_items, 2);
    assert_about(p->ipc_ns_per_item, 1500 * MS);
    assert_about(totals_of(p).locked_ns, 1000 * MS);
}

/* Two event loops in two processes. */
static void loops_in_processes_are_hybrid(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_python(m);
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 30 * MS, 1200 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 10 + lane, 10 + lane, 1, 30 * MS);
        struct event_loop *loop;

        for (int i = 0; i < 50; i++)
            synthetic_slice(m, t, 4 * MS, 10 * MS, CAUSE_NETWORK);
        loop = synthetic_loop(m, 10 + lane, 10 + lane);
        loop->turns = 50;
        loop->wait_ns = 500 * MS;
        loop->busy_cpu_ns = 200 * MS;
        loop->outstanding_mean = 5;
        loop->outstanding_max = 6;
    }
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_PROCESSES_COROUTINES);
    assert_int_equal(p->current_workers, 10);
    assert_int_equal(p->n_items, 100);
    assert_about(totals_of(p).wait_ns, 2 * 5 * 700 * MS);
}

/* (h) A mutex that is never free: what runs under it is the whole time. One that is rarely waited for: little. */
static void mutex_convoy_is_critical(void **state)
{
    static const struct {
        uint64_t wait_ns, least_ns, most_ns;
    } cases[] = {
        {30 * MS, 1960 * MS, 2000 * MS}, /* 3 of 4 lanes always wait */
        {10 * US, 0, 0},                 /* hardly ever a queue */
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(4);
        CLEANUP(profile_freep) struct profile *p = NULL;

        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 10 * MS, 50 * (10 * MS + cases[c].wait_ns), CAUSE_JOIN);
        for (int32_t lane = 0; lane < 4; lane++) {
            size_t t = synthetic_thread(m, 2 + lane, 1, 1, 10 * MS);

            for (int i = 0; i < 50; i++)
                synthetic_slice(m, t, 10 * MS, cases[c].wait_ns, CAUSE_LOCK);
        }
        p = profile_checked(m);
        assert_int_equal(p->n_items, 4);
        assert_int_equal(totals_of(p).free_ns, 2000 * MS);
        assert_in_range(totals_of(p).critical_ns, cases[c].least_ns, cases[c].most_ns);
    }
}

/* A token that goes round: lanes wake each other in turn and never run together. */
static void token_ring_cannot_overlap(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 1 * MS, 45 * MS, CAUSE_JOIN);
    for (int32_t lane = 0; lane < 2; lane++) {
        size_t t = synthetic_thread(m, 2 + lane, 1, 1, 1 * MS);

        for (int i = 0; i < 1000; i++)
            synthetic_woken_slice(m, t, 15 * US, 30 * US, CAUSE_HANDOFF, lane ? 2 : 3);
    }
    p = profile_checked(m);
    assert_int_equal(totals_of(p).critical_ns, totals_of(p).free_ns);
    assert_int_equal(p->n_items, 2000);
    assert_in_range(p->switch_ns_per_item, 5 * US, 9 * US); /* 45 us a turn of two, 30 of them work */
}

/* The same wake-ups after long work are those of lanes short of CPUs, not of a token. */
static void long_work_is_not_in_turn(void **state)
{
    static const struct {
        uint64_t work_ns;
        bool in_turn;
    } cases[] = {{990 * US, true}, {1000 * US, false}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 1 * MS, 1000 * MS, CAUSE_JOIN);
        for (int32_t lane = 0; lane < 2; lane++) {
            size_t t = synthetic_thread(m, 2 + lane, 1, 1, 1 * MS);

            for (int i = 0; i < 100; i++)
                synthetic_woken_slice(m, t, cases[c].work_ns, 1 * MS, CAUSE_HANDOFF, lane ? 2 : 3);
        }
        p = profile_checked(m);
        assert_int_equal(totals_of(p).critical_ns, cases[c].in_turn ? totals_of(p).free_ns : 0);
    }
}

/* Feeders and collectors are no workers; a long tail of small items is work. */
static void helpers_are_told_from_small_items(void **state)
{
    static const struct {
        int32_t small;
        uint64_t small_ns;
        size_t items;
    } cases[] = {{1, 90 * MS, 2}, {1, 110 * MS, 3}, {40, 20 * MS, 39}};

    (void)state;
    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 1 * MS, 1000 * MS, CAUSE_JOIN);
        for (int32_t lane = 0; lane < 2 + cases[c].small; lane++)
            synthetic_slice(m, synthetic_thread(m, 2 + lane, 1, 1, 1 * MS), lane < 2 ? 1000 * MS : cases[c].small_ns, 0,
                            CAUSE_OTHER);
        p = profile_checked(m);
        if (cases[c].small == 1)
            assert_int_equal(p->n_items, cases[c].items);
        else
            assert_true(p->n_items >= cases[c].items - 5);
    }
}

/* A ticker that sleeps beside the work neither is work nor bounds it; where all sleep, sleeping is the work. */
static void tickers_count_only_among_themselves(void **state)
{
    for (int others = 0; others < 2; others++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;

        (void)state;
        synthetic_thread(m, 1, 1, 0, 0);
        synthetic_slice(m, 0, 5 * MS, 2000 * MS, CAUSE_JOIN);
        for (int32_t lane = 0; lane < 3; lane++) {
            size_t t = synthetic_thread(m, 2 + lane, 1, 1, 5 * MS);

            if (others && lane < 2)
                synthetic_slice(m, t, 2000 * MS, 0, CAUSE_OTHER);
            else
                for (int i = 0; i < 20; i++)
                    synthetic_slice(m, t, 100 * US, 100 * MS, CAUSE_SLEEP);
        }
        p = profile_checked(m);
        assert_int_equal(p->n_items, others ? 2 : 60);
        assert_int_equal(totals_of(p).wait_ns, others ? 0 : 6000 * MS);
    }
}

/* A thread that sleeps and hands something on each time is a stage of what the others do. */
static void sleepers_that_hand_on_are_no_tickers(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;
    size_t sleeper, worker;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 5 * MS, 2000 * MS, CAUSE_JOIN);
    sleeper = synthetic_thread(m, 2, 1, 1, 5 * MS);
    worker = synthetic_thread(m, 3, 1, 1, 5 * MS);
    for (int i = 0; i < 20; i++) {
        synthetic_slice(m, sleeper, 100 * US, 80 * MS, CAUSE_SLEEP);
        synthetic_woken_slice(m, sleeper, 100 * US, 20 * MS, CAUSE_HANDOFF, 3);
        synthetic_slice(m, worker, 100 * MS, 0, CAUSE_OTHER);
    }
    p = profile_checked(m);
    assert_int_equal(totals_of(p).wait_ns, 1600 * MS);
}

static void runtime_threads_do_not_work(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 640 * MS, 0, CAUSE_OTHER);
    synthetic_slice(m, synthetic_thread(m, 2, 1, 1, 0), 500 * MS, 0, CAUSE_OTHER);
    m->threads[1].runtime_internal = true;
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_SERIAL);
    assert_int_equal(totals_of(p).free_ns, 640 * MS);
}

/* A server's idle time cuts its requests and is left out. */
static void idle_waits_cut_a_servers_requests(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_process(m, 1, 0)->listens = true;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 20 * MS, 100 * MS, CAUSE_IDLE);
    for (int i = 0; i < 25; i++) {
        synthetic_slice(m, 0, 2 * MS, 30 * MS, CAUSE_NETWORK);
        synthetic_slice(m, 0, 4 * MS, 60 * MS, CAUSE_IDLE);
    }
    p = profile_checked(m);
    assert_int_equal(p->idle_ns, 100 * MS + 25 * 60 * MS);
    assert_int_equal(p->head_ns, 20 * MS);
    assert_int_equal(totals_of(p).free_ns, 25 * 6 * MS);
    assert_int_equal(totals_of(p).wait_ns, 25 * 30 * MS);
}

/* Pre-forked workers that are never short of requests: each answer waited for is a request of its own. */
static void busy_servers_are_cut_at_their_waits(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
    CLEANUP(profile_freep) struct profile *p = NULL;

    (void)state;
    synthetic_process(m, 1, 0)->listens = true;
    synthetic_slice(m, synthetic_thread(m, 1, 1, 0, 0), 20 * MS, 2000 * MS, CAUSE_JOIN);
    for (int worker = 0; worker < 2; worker++) {
        size_t lane = synthetic_thread(m, 2 + worker, 2 + worker, 1, 10 * MS);

        synthetic_process(m, 2 + worker, 1)->listens = true;
        synthetic_slice(m, lane, 5 * MS, 500 * MS, CAUSE_IDLE);
        for (int i = 0; i < 40; i++)
            synthetic_slice(m, lane, 4 * MS, 30 * MS, CAUSE_NETWORK);
    }
    p = profile_checked(m);
    assert_int_equal(p->current_model, MODEL_PROCESSES);
    assert_int_equal(p->current_workers, 2);
    assert_true(p->n_items >= 80 && p->n_items <= 84);
    assert_int_equal(totals_of(p).wait_ns, 2 * 40 * 30 * MS);
}

/* Slices that were dropped or merged: totals rule, whatever is left of the detail. */
static void decimated_slices_add_up_to_the_totals(void **state)
{
    for (int way = 0; way < 3; way++) {
        CLEANUP(measurement_freep) struct measurement *m = synthetic_new(2);
        CLEANUP(profile_freep) struct profile *p = NULL;
        struct thread *t;

        (void)state;
        synthetic_thread(m, 1, 1, 0, 0);
        for (int i = 0; i < 100; i++)
            synthetic_slice(m, 0, 2 * MS, 20 * MS, CAUSE_NETWORK);
        t = &m->threads[0];
        if (way == 0) /* every fourth was kept */
            t->n_slices = 25;
        if (way == 1) { /* four are one */
            for (size_t i = 0; i < 25; i++)
                t->slices[i] = (struct slice){.on_cpu_ns = 8 * MS, .blocked_ns = 80 * MS, .cause = CAUSE_NETWORK};
            t->n_slices = 25;
        }
        if (way == 2) /* none */
            t->n_slices = 0;
        m->loss.decimation = 4;
        p = profile_checked(m);
        assert_int_equal(p->n_items, way == 1 ? 25 : 100);
        assert_about(p->head_ns + totals_of(p).free_ns, 200 * MS);
        assert_about(totals_of(p).wait_ns, 2000 * MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_done_is_no_data),
        cmocka_unit_test(gil_convoy_is_one_locked_item_per_lane),
        cmocka_unit_test(locked_share_follows_samples),
        cmocka_unit_test(unsampled_threads_seen_together_let_go_of_the_lock),
        cmocka_unit_test(pool_items_are_cut_at_handoffs),
        cmocka_unit_test(pool_items_keep_their_waits),
        cmocka_unit_test(short_lived_processes_are_one_item_each),
        cmocka_unit_test(commands_are_started_in_every_model),
        cmocka_unit_test(rows_stand_for_omitted_threads),
        cmocka_unit_test(serial_waits_are_items),
        cmocka_unit_test(short_waits_do_not_cut),
        cmocka_unit_test(serial_cpu_is_divisible),
        cmocka_unit_test(a_short_last_burst_is_not_divided),
        cmocka_unit_test(imports_are_head),
        cmocka_unit_test(event_loop_waits_overlap),
        cmocka_unit_test(event_loop_timers_overlap),
        cmocka_unit_test(run_queues_of_others_are_told),
        cmocka_unit_test(event_loop_with_few_turns_has_an_item_per_connection),
        cmocka_unit_test(event_loop_items_are_no_longer_than_the_loop),
        cmocka_unit_test(serial_awaits_are_items),
        cmocka_unit_test(short_timer_gaps_are_not_counted_as_awaits),
        cmocka_unit_test(long_turns_of_a_computing_loop_are_items),
        cmocka_unit_test(tasks_that_hold_each_other_up_are_told),
        cmocka_unit_test(blocked_event_loop_is_marked),
        cmocka_unit_test(process_pool_items_are_cut_at_ipc),
        cmocka_unit_test(round_trips_outweighing_work_are_costs),
        cmocka_unit_test(loops_in_processes_are_hybrid),
        cmocka_unit_test(mutex_convoy_is_critical),
        cmocka_unit_test(token_ring_cannot_overlap),
        cmocka_unit_test(long_work_is_not_in_turn),
        cmocka_unit_test(helpers_are_told_from_small_items),
        cmocka_unit_test(tickers_count_only_among_themselves),
        cmocka_unit_test(sleepers_that_hand_on_are_no_tickers),
        cmocka_unit_test(runtime_threads_do_not_work),
        cmocka_unit_test(idle_waits_cut_a_servers_requests),
        cmocka_unit_test(busy_servers_are_cut_at_their_waits),
        cmocka_unit_test(decimated_slices_add_up_to_the_totals),
    };

    return cmocka_run_group_tests_name("analyzer/profile", tests, NULL, NULL);
}
