/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "paths.h"

/* Each part says where: the largest site of that thread, or of its group, in that state. */
static void parts_have_places(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct frame frames[] = {{.function = (char *)"recv", .module = (char *)"libc.so.6"},
                             {.function = (char *)"fetch", .file = (char *)"/srv/crawl.py", .line = 12}};
    struct site sites[] = {
        {.on_cpu = true, .time_ns = 9 * MS, .pid = MAIN, .tid = 555, .threads = 1, .frames = frames, .n_frames = 1},
        {.cause = CAUSE_NETWORK, .time_ns = 5 * MS, .pid = MAIN, .tid = MAIN, .frames = frames, .n_frames = 2},
    };
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 40 * MS, 60 * MS, CAUSE_NETWORK);
    synthetic_finish(m);
    m->sites = sites;
    m->n_sites = ARRAY_SIZE(sites);
    path = paths_of(m);
    assert_int_equal(path.parts[0].n_frames, 2);
    assert_ptr_not_equal(path.parts[0].frames, frames);
    assert_string_equal(advice_own_frame_in(path.parts[0].frames, 2)->function, "fetch");
    assert_int_equal(path.parts[1].n_frames, 0);
    m->sites = NULL;
    m->n_sites = 0;
    paths_done(m, &path);
}

/* Imports are hundreds of stacks: what they share is the line that asked for them. */
static void places_are_added_up_by_line(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct frame one[] = {{.function = (char *)"burn", .file = (char *)"/srv/a.py", .line = 5}};
    struct frame two[] = {{.function = (char *)"exec", .file = (char *)"<frozen importlib._bootstrap>", .line = 9},
                          {.function = (char *)"<module>", .file = (char *)"/srv/a.py", .line = 1}};
    struct frame three[] = {{.function = (char *)"stat", .file = (char *)"<frozen importlib._bootstrap>", .line = 7},
                            {.function = (char *)"<module>", .file = (char *)"/srv/a.py", .line = 1}};
    struct site sites[] = {
        {.on_cpu = true, .time_ns = 5 * MS, .pid = MAIN, .tid = MAIN, .threads = 1, .frames = one, .n_frames = 1},
        {.on_cpu = true, .time_ns = 4 * MS, .pid = MAIN, .tid = MAIN, .threads = 1, .frames = two, .n_frames = 2},
        {.on_cpu = true, .time_ns = 3 * MS, .pid = MAIN, .tid = MAIN, .threads = 1, .frames = three, .n_frames = 2},
    };
    struct critical_path path;

    (void)state;
    synthetic_slice(m, lane, 40 * MS, 0, CAUSE_OTHER);
    synthetic_finish(m);
    m->sites = sites;
    m->n_sites = ARRAY_SIZE(sites);
    path = paths_of(m);
    assert_int_equal(path.n_parts, 1);
    assert_string_equal(path.parts[0].frames[0].function, "exec");
    m->sites = NULL;
    m->n_sites = 0;
    paths_done(m, &path);
}

/* Thousands of threads of names of their own: the largest parts are listed, the others are in the rest. */
static void what_is_not_listed_is_in_the_rest(void **state)
{
    struct measurement *m = paths_new();
    size_t lane = synthetic_thread(m, MAIN, MAIN, 0, 0);
    struct critical_path path;
    uint64_t birth = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        size_t worker = synthetic_thread(m, 101 + i, MAIN, MAIN, birth);
        uint64_t life = (uint64_t)(i + 1) * MS;

        (void)snprintf(m->threads[worker].name, sizeof(m->threads[0].name), "%c%cx", 'a' + i / 26, 'a' + i % 26);
        synthetic_slice(m, worker, life, 0, CAUSE_OTHER);
        synthetic_woken_slice(m, lane, 0, life, CAUSE_JOIN, 101 + i);
        paths_woken_at(m, lane, life);
        birth += life;
    }
    synthetic_finish(m);
    path = paths_of(m);
    assert_int_equal(path.n_parts, 64);
    assert_int_equal(path.parts[0].time_ns, 100 * MS);
    assert_int_equal(path.rest_ns, 36 * 37 / 2 * MS);
    assert_int_equal(path.n_stays, 10);
    assert_int_equal(path.stays[9].to_ns - path.stays[9].from_ns, 100 * MS);
    paths_done(m, &path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_places),
        cmocka_unit_test(places_are_added_up_by_line),
        cmocka_unit_test(what_is_not_listed_is_in_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
