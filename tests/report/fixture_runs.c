/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <assert.h>

#include "base/base.h"

void fixture_add_runs(struct measurement *m)
{
    m->repeats = calloc(3, sizeof(*m->repeats));
    assert(m->repeats);
    m->n_repeats = 3;
    for (size_t i = 0; i < 3; i++) {
        m->repeats[i] = (struct repeat){
            .wall_ns = m->wall_ns + 60 * NSEC_PER_MSEC * i - 60 * NSEC_PER_MSEC,
            .thread_time_ns = m->thread_time_ns,
            .on_cpu_ns = m->on_cpu_ns,
            .runnable_ns = m->runnable_ns,
        };
        memcpy(m->repeats[i].blocked_ns, m->blocked_ns, sizeof(m->blocked_ns));
    }
}
