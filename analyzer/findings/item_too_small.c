/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include <math.h>

/* Handing one item to a worker process of an interpreter and back, where no replay measured it. */
#define ASSUMED_TRANSFER_NS 100e3
#define MIN_MESSAGES 100.0

/* Where a pool's items go to and come from its workers; a Manager's traffic is none of that. */
static bool hands_over(const struct site *site)
{
    static const char *const files[] = {"multiprocessing/pool.py", "multiprocessing/queues.py",
                                        "concurrent/futures/process.py"};
    bool pool = false;

    for (size_t i = 0; i < site->n_frames; i++) {
        const char *file = site->frames[i].file;

        if (file && strstr(file, "multiprocessing/managers.py"))
            return false;
        for (size_t k = 0; file && k < ARRAY_SIZE(files); k++)
            pool |= strstr(file, files[k]) != NULL;
    }
    return pool;
}

/* The most of the traffic that stacks show is that of pools and queues. */
static bool is_pool(const struct measurement *m)
{
    uint64_t pool_ns = 0, all_ns = 0;

    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *site = &m->sites[i];
        bool traffic = false;

        for (size_t k = 0; k < site->n_frames; k++)
            traffic |= site->frames[k].file && (strstr(site->frames[k].file, "multiprocessing/") ||
                                                strstr(site->frames[k].file, "concurrent/futures/process.py"));
        all_ns += traffic ? site->time_ns : 0;
        pool_ns += hands_over(site) ? site->time_ns : 0;
    }
    return pool_ns > 0 && pool_ns >= all_ns / 2;
}

/* As many items per message as make the transfer a tenth of the work, by waits and by samples, in tens. */
static double batch_of(double item_ns, double transfer_ns, double traffic)
{
    double by_time = 10.0 * transfer_ns / fmax(item_ns, 1e3), by_samples = 10.0 * traffic / fmax(1.0 - traffic, 1e-3);

    return fmin(10000.0, ceil(fmax(10.0, fmax(by_time, by_samples)) / 10.0) * 10.0);
}

/*
 * CA4102: items given to worker processes are smaller than their transfer: half of the CPU samples carry messages, or
 * the CPU work per message is below what handing one over takes. It says more than CA4101 and stands in its place.
 */
int find_item_too_small(const struct finding_context *c, struct finding_list *list)
{
    double traffic = finding_metric(c, METRIC_IPC_CPU_SHARE), waiting = finding_metric(c, METRIC_IPC_SHARE);
    double measured_ns = (double)c->m->replay_ipc_item_ns, messages = finding_metric(c, METRIC_MESSAGES);
    double transfer_ns = measured_ns > 0.0 ? measured_ns : ASSUMED_TRANSFER_NS;
    double item_ns = finding_metric(c, METRIC_MESSAGE_CPU_NS) * (1.0 - traffic);
    bool by_waits = waiting >= 0.15 && messages >= MIN_MESSAGES && item_ns < transfer_ns;
    double share = fmax(traffic, waiting), batch = batch_of(item_ns, transfer_ns, traffic);
    char work[WORDS_NUMBER], carry[WORDS_NUMBER], transfer[WORDS_NUMBER];
    int r;

    if ((traffic < 0.5 && !by_waits) || !is_pool(c->m))
        return 0;
    r = finding_add(list, c,
                    (struct finding){.id = 4102,
                                     .severity = finding_severity(share),
                                     .time_ns = c->lanes->ipc_ns,
                                     .share = share,
                                     .gain = finding_gain_of_model(c, MODEL_SERIAL)},
                    words_format("%s of CPU carries items to and from workers, %s waits for them%s%s%s",
                                 words_share(traffic, carry), words_share(waiting, work),
                                 measured_ns > 0.0 ? "; handing one over takes " : "",
                                 measured_ns > 0.0 ? words_ns(measured_ns, transfer) : "",
                                 measured_ns > 0.0 ? " here" : ""),
                    hands_over);
    if (r < 0)
        return r;
    list->items[list->n - 1].batch = (uint32_t)batch;
    return finding_remedy(list, words_format("hand over batches: a chunksize of %.0f or more for map(), or a list of "
                                             "that many items per message",
                                             batch));
}
