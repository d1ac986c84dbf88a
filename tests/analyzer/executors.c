/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/analyzer/executors.h"

#include "tests/analyzer/synthetic.h"

#define BURSTS 4 /* of each thread */

struct measurement *executor_measured(void)
{
    struct measurement *m = synthetic_new(2);

    synthetic_python(m);
    synthetic_process(m, 1, 0)->max_connections = 8;
    synthetic_thread(m, 1, 1, 0, 0);
    synthetic_slice(m, 0, 50 * MS, 60 * MS, CAUSE_NETWORK);
    m->wakers = calloc(2, sizeof(*m->wakers));
    if (!m->wakers)
        abort();
    m->n_wakers = 2;
    for (int32_t i = 0; i < 2; i++) {
        size_t thread = synthetic_thread(m, 10 + i, 1, 1, 110 * MS);

        synthetic_slice(m, thread, BURSTS * 40 * MS, 0, CAUSE_OTHER);
        m->threads[thread].cpu_samples = 40;
        m->threads[thread].lock_held_samples = 2;
        m->wakers[i] = (struct waker){.waiter_pid = 1,
                                      .waiter_tid = 1,
                                      .waker_pid = 1,
                                      .waker_tid = 10 + i,
                                      .cause = CAUSE_HANDOFF,
                                      .count = BURSTS};
    }
    for (uint64_t i = 1; i <= BURSTS; i++) {
        synthetic_queue_slice(m, 0, 100 * US, 39 * MS, CAUSE_HANDOFF, 0, 10, i * 40 * MS);
        synthetic_queue_slice(m, 0, 100 * US, 800 * US, CAUSE_HANDOFF, 0, 11, i * 40 * MS);
    }
    synthetic_slice(m, 0, 1 * MS, 0, CAUSE_OTHER);
    synthetic_loop(m, 1, 1)->turns = 2 * BURSTS + 1;
    return m;
}
