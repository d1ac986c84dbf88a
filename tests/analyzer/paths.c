/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "paths.h"

#include "analyzer/critical_path.h"
#include "analyzer/thread_groups.h"
#include "analyzer/thread_index.h"

struct measurement *paths_new(void)
{
    struct measurement *m = synthetic_new(4);

    m->target.pid = MAIN;
    return m;
}

void paths_woken_at(struct measurement *m, size_t thread, uint64_t waker_on_cpu_ns)
{
    struct thread *t = &m->threads[thread];

    t->slices[t->n_slices - 1].waker_on_cpu_ns = waker_on_cpu_ns;
}

void paths_ready_for(struct measurement *m, size_t thread, uint64_t ns)
{
    struct thread *t = &m->threads[thread];

    t->slices[t->n_slices - 1].runnable_ns += ns;
    t->runnable_ns += ns;
    t->death_ns += ns;
}

struct critical_path paths_of(const struct measurement *m)
{
    CLEANUP(thread_index_freep) struct thread_index *index = NULL;
    CLEANUP(thread_groups_freep) struct thread_groups *groups = NULL;
    struct critical_path path;
    uint64_t sum = 0;

    assert_int_equal(thread_index_new(m, &index), 0);
    assert_int_equal(thread_groups_new(m, index, &groups), 0);
    assert_int_equal(critical_path_fill(m, index, groups, &path), 0);
    for (size_t i = 0; i < path.n_parts; i++) {
        assert_true(path.parts[i].time_ns > 0);
        if (i > 0)
            assert_true(path.parts[i].time_ns <= path.parts[i - 1].time_ns);
        sum += path.parts[i].time_ns;
    }
    if (path.wall_ns > 0)
        assert_int_equal(sum + path.rest_ns, m->wall_ns);
    for (size_t i = 0; i < path.n_stays; i++) {
        assert_true(path.stays[i].from_ns < path.stays[i].to_ns);
        if (i > 0)
            assert_true(path.stays[i].from_ns >= path.stays[i - 1].to_ns);
    }
    return path;
}

uint64_t paths_part(const struct critical_path *path, int32_t tid, enum path_state state, enum cause cause)
{
    for (size_t i = 0; i < path->n_parts; i++) {
        const struct path_part *p = &path->parts[i];

        if (p->tid == tid && p->state == state && (state != PATH_BLOCKED || p->cause == cause))
            return p->time_ns;
    }
    return 0;
}

uint64_t paths_on_cpu(const struct critical_path *path, int32_t tid)
{
    return paths_part(path, tid, PATH_ON_CPU, CAUSE_OTHER);
}

void paths_done(struct measurement *m, struct critical_path *path)
{
    critical_path_clear(path);
    measurement_free(m);
}
