/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics of messages between threads and processes: waits for them, and CPU work to send and receive them. */
#include "analyzer/metrics.h"

#include <math.h>

#include "analyzer/lanes.h"
#include "base/base.h"
#include "probe/measurement.h"

/* Files of the interpreter's library whose functions only carry messages: everything they call is traffic, too. */
static const char *const traffic[] = {
    "multiprocessing/connection.py", "multiprocessing/queues.py",      "multiprocessing/managers.py",
    "multiprocessing/reduction.py",  "multiprocessing/synchronize.py",
};

static bool carries_messages(const struct site *site)
{
    for (size_t i = 0; i < site->n_frames; i++)
        for (size_t k = 0; site->frames[i].file && k < ARRAY_SIZE(traffic); k++)
            if (strstr(site->frames[i].file, traffic[k]))
                return true;
    return false;
}

/* Waits alone don't tell on full CPUs: there the next message has arrived before anybody had to wait for it. */
static double ipc_cpu_share(const struct measurement *m)
{
    double all = 0.0, messages = 0.0;

    for (size_t i = 0; i < m->n_sites; i++) {
        if (!m->sites[i].on_cpu)
            continue;
        all += (double)m->sites[i].time_ns;
        messages += carries_messages(&m->sites[i]) ? (double)m->sites[i].time_ns : 0.0;
    }
    return metrics_share(messages, all);
}

#define STREAM_BYTES 8192.0 /* for each wait: copying them costs less than the wait's own wake-up */
#define STREAM_BUSY 0.8     /* of the run: the end that sets the pace */

/*
 * Bulk data through a pipe whose one end computes, or would if it had a CPU, all the time: the other end waits for
 * room, and no message fewer would make the run shorter.
 */
static bool is_back_pressure(const struct measurement *m, const struct lanes *lanes)
{
    double bytes = 0.0, busiest = 0.0;

    for (size_t i = 0; i < m->n_processes; i++)
        bytes += (double)m->processes[i].written_bytes;
    for (size_t i = 0; i < lanes->n; i++)
        busiest =
            fmax(busiest, (double)lanes->items[i].thread->on_cpu_ns + (double)lanes->items[i].thread->runnable_ns);
    return lanes->ipc_count > 0 && bytes >= STREAM_BYTES * (double)lanes->ipc_count &&
           busiest >= STREAM_BUSY * (double)m->wall_ns;
}

void metrics_add_messages(const struct measurement *m, const struct lanes *lanes, struct metrics *metrics)
{
    double *v = metrics->value;
    double ipc = is_back_pressure(m, lanes) ? 0.0 : (double)lanes->ipc_ns;
    double messages_ns = ipc + (double)lanes->handoff_ns;
    double work = (double)lanes->work_ns;

    v[METRIC_IPC_SHARE] = metrics_share(ipc, ipc + work);
    v[METRIC_IPC_CPU_SHARE] = ipc_cpu_share(m);
    v[METRIC_MESSAGE_SHARE] = metrics_share(messages_ns, messages_ns + work);
    v[METRIC_MESSAGES] = (double)(lanes->ipc_count + lanes->handoff_count);
    v[METRIC_MESSAGE_CPU_NS] = metrics_share((double)lanes->on_cpu_ns, fmax(v[METRIC_MESSAGES], 1.0));
}
