/* SPDX-License-Identifier: BSD-2-Clause */

/* Views of a run: sums from the helper's answer, causes from slices and from waits in progress. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/follow/collector.h"
#include "probe/follow/live.h"
#include "probe/live_view.h"
#include "probe/runtime/detect.h"

#define ROOT 100
#define LOCK 0x7000

static void begin(struct collector *c, bool sites)
{
    assert_int_equal(collector_init(c, ROOT, -1, 1000), 0);
    c->released_ns = 1000;
    c->live = live_new(sites);
    assert_non_null(c->live);
}

static int feed(struct collector *c, uint32_t type, const void *payload, size_t size)
{
    struct wire_header header = {.type = type, .size = (uint32_t)size};

    return collector_feed(c, &header, payload);
}

/* An answer with room for a few waits. */
struct answer {
    union {
        struct wire_live live;
        uint8_t room[sizeof(struct wire_live) + 4 * sizeof(struct wire_live_wait)];
    };
};

static void add_wait(struct answer *answer, struct wire_live_wait wait)
{
    memcpy(answer->room + sizeof(answer->live) + answer->live.n_waits++ * sizeof(wait), &wait, sizeof(wait));
}

static void feed_answer(struct collector *c, const struct answer *answer)
{
    size_t size = sizeof(answer->live) + answer->live.n_waits * sizeof(struct wire_live_wait);

    assert_int_equal(feed(c, WIRE_LIVE, answer, size), 0);
}

static void feed_slice(struct collector *c, unsigned int kind, uint64_t time, uint64_t ns, uint32_t address)
{
    const struct record slice = {
        .time = time,
        .tid = ROOT,
        .tgid = ROOT,
        .type = RECORD_SLICE,
        .kind = (uint8_t)kind,
        .blocked_ns = ns,
        .address_low = address,
    };

    assert_int_equal(feed(c, WIRE_RECORDS, &slice, sizeof(slice)), 0);
}

static const struct live_state *cause_of(const struct live_view *view, enum cause cause)
{
    for (size_t i = 0; i < LIVE_STATES; i++)
        if (view->states[i].kind == LIVE_BLOCKED && view->states[i].cause == cause)
            return &view->states[i];
    fail();
    return NULL;
}

static void without_an_answer_there_is_no_view(void **state)
{
    struct answer answer = {.live = {.now_ns = 2000, .running = 1}};
    struct live_view view;
    struct collector c;

    (void)state;
    begin(&c, true);
    assert_false(live_next_view(c.live, &c, &view));
    feed_answer(&c, &answer);
    assert_true(live_next_view(c.live, &c, &view));
    assert_false(live_next_view(c.live, &c, &view));
    collector_clear(&c);
}

static void a_view_is_of_its_interval(void **state)
{
    struct answer answer = {.live = {.now_ns = 3000, .on_cpu_ns = 1500, .runnable_ns = 100, .running = 1}};
    struct live_view view;
    struct collector c;

    (void)state;
    begin(&c, false);
    feed_answer(&c, &answer);
    assert_true(live_next_view(c.live, &c, &view));
    assert_int_equal(view.elapsed_ns, 2000);
    assert_int_equal(view.interval_ns, 2000);
    assert_int_equal(view.states[0].kind, LIVE_ON_CPU);
    assert_int_equal(view.states[0].recent_ns, 1500);
    answer.live.now_ns = 4000;
    answer.live.on_cpu_ns = 2400;
    feed_answer(&c, &answer);
    assert_true(live_next_view(c.live, &c, &view));
    assert_int_equal(view.interval_ns, 1000);
    assert_int_equal(view.states[0].time_ns, 2400);
    assert_int_equal(view.states[0].recent_ns, 900);
    /* Read while threads run, a sum may be a little less than the last: that is no time at all. */
    answer.live.on_cpu_ns = 2300;
    feed_answer(&c, &answer);
    assert_true(live_next_view(c.live, &c, &view));
    assert_int_equal(view.states[0].recent_ns, 0);
    collector_clear(&c);
}

/* Waits of one kind, those for the interpreter lock told apart by where they wait: ended, in progress, and untold. */
static void every_wait_counts_once_under_its_cause(void **state)
{
    struct answer answer = {.live = {.now_ns = 10000}};
    struct image image = {.gil_start = LOCK, .gil_end = LOCK + 64};
    const struct live_state *lock, *handoff;
    struct live_view view;
    struct collector c;

    (void)state;
    begin(&c, true);
    add_wait(&answer,
             (struct wire_live_wait){.since = 9000, .tgid = ROOT, .address_low = LOCK + 8, .kind = WAIT_FUTEX_OTHER});
    add_wait(&answer,
             (struct wire_live_wait){.since = 8000, .tgid = ROOT, .address_low = 16, .kind = WAIT_FUTEX_OTHER});
    image.runtime.kind = RUNTIME_CPYTHON;
    run_state_find_process(&c.state, ROOT)->image = &image;
    feed_slice(&c, WAIT_FUTEX_OTHER, 3000, 500, LOCK + 8);
    feed_slice(&c, WAIT_FUTEX_OTHER, 4000, 700, 0x10);
    answer.live.blocked[WAIT_FUTEX_OTHER] = 3;
    answer.live.blocked_ns[WAIT_FUTEX_OTHER] = 500 + 700 + 1000 + 2000 + 30; /* 30: no slice told of it */
    feed_answer(&c, &answer);
    assert_true(live_next_view(c.live, &c, &view));
    lock = cause_of(&view, CAUSE_INTERPRETER_LOCK);
    handoff = cause_of(&view, CAUSE_HANDOFF);
    assert_int_equal(lock->time_ns, 500 + 1000);
    assert_int_equal(lock->threads, 1);
    assert_int_equal(handoff->time_ns, 700 + 2000 + 30);
    assert_int_equal(handoff->threads, 2);
    assert_int_equal(view.threads, 3);
    assert_int_equal(view.runtime, RUNTIME_CPYTHON);
    collector_clear(&c);
}

static void senseless_answers_are_refused(void **state)
{
    struct answer answer = {.live = {.now_ns = 2000, .n_waits = 5}};
    struct live_view view;
    struct collector c;

    (void)state;
    begin(&c, true);
    assert_int_equal(feed(&c, WIRE_LIVE, &answer, sizeof(answer)), -EPROTO);
    assert_int_equal(feed(&c, WIRE_LIVE, &answer, 8), -EPROTO);
    answer.live.n_waits = 0;
    add_wait(&answer, (struct wire_live_wait){.since = 5000, .kind = WAIT_KIND_COUNT}); /* after now */
    add_wait(&answer, (struct wire_live_wait){.since = 1000, .kind = WAIT_SLEEP});      /* in no sum */
    feed_answer(&c, &answer);
    assert_true(live_next_view(c.live, &c, &view));
    assert_int_equal(view.threads, 0);
    collector_clear(&c);
    assert_int_equal(collector_init(&c, ROOT, -1, 1000), 0);
    assert_int_equal(feed(&c, WIRE_LIVE, &answer, sizeof(answer.live)), -EPROTO); /* nobody asked */
    collector_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_answer_there_is_no_view),
        cmocka_unit_test(a_view_is_of_its_interval),
        cmocka_unit_test(every_wait_counts_once_under_its_cause),
        cmocka_unit_test(senseless_answers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
