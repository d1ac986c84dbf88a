/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/profile/profile_handover.h"

#include "analyzer/thread_index.h"
#include "base/base.h"

#define MIN_SAMPLES 10               /* on-CPU samples of a thread, before it can be told what it does */
#define LITTLE 0.1                   /* of a thread's CPU: any arrangement has as much */
#define EXPLAINED 0.8                /* of a thread's CPU in sites of its own: those that threads share are others' */
#define BULK_BYTES 8192              /* a write: copying it costs more than the wake-up, in batches as well */
#define BATCH_NS (4 * NSEC_PER_MSEC) /* against some 0.1 ms for handing it over */
#define MIN_BATCHES 64               /* enough to keep any number of workers busy to the end */

/* CPython's Lib/: files whose functions only carry messages; everything they call is traffic, too. */
static const char *const carriers[] = {
    "/multiprocessing/connection.py", "/multiprocessing/queues.py",      "/multiprocessing/managers.py",
    "/multiprocessing/reduction.py",  "/multiprocessing/synchronize.py",
};

/* Files that hand over, but call the program's code, too: only what runs in them counts... */
static const char *const machinery[] = {"/multiprocessing/", "/concurrent/futures/", "/threading.py", "/queue.py"};

/* ...but for those functions that call it: C code of the program shows as theirs. */
static const char *const callers[] = {
    "run", "worker", "mapstar", "starmapstar", "_process_worker", "_process_chunk", "<listcomp>", "<genexpr>"};

static bool is_of(const struct frame *frame, const char *const *files, size_t n)
{
    if (!frame->file || !strstr(frame->file, "/lib/python"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strstr(frame->file, files[i]))
            return true;
    return false;
}

static bool calls_program(const struct frame *frame)
{
    const char *dot = strrchr(frame->function, '.'), *name = dot ? dot + 1 : frame->function;

    for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
        if (strcmp(name, callers[i]) == 0)
            return true;
    return false;
}

static bool is_handover(const struct site *site)
{
    bool innermost = true;

    for (size_t i = 0; i < site->n_frames; i++) {
        const struct frame *frame = &site->frames[i];

        if (is_of(frame, carriers, ARRAY_SIZE(carriers)))
            return true;
        if (!frame->file || !base_ends_with(frame->file, ".py"))
            continue;
        if (innermost && is_of(frame, machinery, ARRAY_SIZE(machinery)) && !calls_program(frame))
            return true;
        innermost = false;
    }
    return false;
}

/* CPU time that sites tell of a thread, or of the threads of a process together. */
struct told {
    uint64_t all_ns, handover_ns, samples;
};

static void tell(struct told *told, const struct site *site)
{
    told->all_ns += site->time_ns;
    told->handover_ns += is_handover(site) ? site->time_ns : 0;
    told->samples += site->count;
}

/* What a thread has for itself, and its part of what it shares with others unless it is known without. */
static double share_of(const struct thread *t, const struct told *own, const struct told *shared)
{
    struct told sum = *own;
    double share;

    if (shared && (double)own->all_ns < EXPLAINED * (double)t->on_cpu_ns) {
        sum.all_ns += shared->all_ns;
        sum.handover_ns += shared->handover_ns;
        sum.samples += shared->samples;
    }
    if (sum.samples < MIN_SAMPLES || !sum.all_ns)
        return 0;
    share = (double)sum.handover_ns / (double)sum.all_ns;
    return share < LITTLE ? 0 : share > HANDOVER_NEARLY_ALL ? 1 : share;
}

static bool is_bulk(const struct measurement *m)
{
    uint64_t bytes = 0, writes = 0;

    for (size_t i = 0; i < m->n_processes && m->n_processes > 1; i++) {
        bytes += m->processes[i].written_bytes;
        writes += m->processes[i].writes;
    }
    return writes && bytes / writes >= BULK_BYTES;
}

int handover_shares(const struct measurement *m, double **ret_shares)
{
    AUTO_FREE double *shares = calloc(m->n_threads + 1, sizeof(*shares));
    AUTO_FREE struct told *own = calloc(m->n_threads + 1, sizeof(*own));
    AUTO_FREE struct told *shared = calloc(m->n_threads + 1, sizeof(*shared)); /* by row of the main thread */
    CLEANUP(thread_index_freep) struct thread_index *index = NULL;
    int r;

    if (!shares || !own || !shared)
        return -ENOMEM;
    r = thread_index_new(m, &index);
    for (size_t i = 0; i < m->n_sites && r == 0; i++) {
        const struct site *site = &m->sites[i];
        size_t row = thread_index_find(index, site->threads > 1 ? site->pid : site->tid, UINT64_MAX);

        if (site->on_cpu && row != THREAD_INDEX_NONE)
            tell(site->threads > 1 ? &shared[row] : &own[row], site);
    }
    for (size_t i = 0; i < m->n_threads && r == 0 && !is_bulk(m); i++) {
        size_t row = thread_index_find(index, m->threads[i].pid, UINT64_MAX);

        shares[i] = share_of(&m->threads[i], &own[i], row != THREAD_INDEX_NONE ? &shared[row] : NULL);
    }
    if (r == 0)
        *ret_shares = TAKE_PTR(shares);
    return r;
}

static uint64_t item_ns(const struct profile *p, const struct profile_item *item)
{
    uint64_t sum_ns = 0;

    for (size_t s = item->first_step; s < item->first_step + item->n_steps; s++)
        sum_ns += p->steps[s].locked_cpu_ns + p->steps[s].free_cpu_ns + p->steps[s].wait_ns;
    return sum_ns;
}

/* One step for all steps of items that only compute. */
static void join_steps(struct profile *p, struct profile_item *item, size_t place)
{
    struct profile_step sum = p->steps[item->first_step];

    sum.lock = 0;
    for (size_t s = 1; s < item->n_steps; s++) {
        sum.locked_cpu_ns += p->steps[item->first_step + s].locked_cpu_ns;
        sum.free_cpu_ns += p->steps[item->first_step + s].free_cpu_ns;
    }
    p->steps[place] = sum;
    item->first_step = place;
    item->n_steps = 1;
}

/* Are the mutexes that the program's threads queue for those of the hand-overs? */
static bool queues_to_hand_over(const struct measurement *m)
{
    uint64_t all_ns = 0, handover_ns = 0;

    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *site = &m->sites[i];

        if (site->on_cpu || (site->cause != CAUSE_LOCK && site->cause != CAUSE_HANDOFF && site->cause != CAUSE_IPC))
            continue;
        all_ns += site->time_ns;
        handover_ns += is_handover(site) ? site->time_ns : 0;
    }
    return (double)handover_ns >= HANDOVER_NEARLY_ALL * (double)all_ns;
}

static bool has_waits(const struct profile *p)
{
    for (size_t s = 0; s < p->n_steps; s++)
        if (p->steps[s].wait_ns)
            return true;
    return false;
}

void handover_batch(const struct measurement *m, const struct work_lanes *lanes, struct profile_builder *b)
{
    struct profile *p = b->profile;
    uint64_t total_ns = 0, batch_ns = BATCH_NS;
    size_t n = 0, single = p->n_items;

    for (size_t i = 0; i < p->n_items; i++)
        total_ns += item_ns(p, &p->items[i]);
    if (!lanes->handover_matters || p->n_stages > 1 || total_ns / BATCH_NS > single || has_waits(p) ||
        !queues_to_hand_over(m))
        return;
    if (batch_ns > total_ns / MIN_BATCHES)
        batch_ns = total_ns / MIN_BATCHES;
    for (size_t i = 0, end; i < p->n_items; i = end) {
        struct profile_item batch = p->items[i];
        uint64_t sum_ns = item_ns(p, &batch);

        for (end = i + 1; end < p->n_items && sum_ns < batch_ns && p->items[end].lane == batch.lane; end++) {
            sum_ns += item_ns(p, &p->items[end]);
            batch.n_steps += p->items[end].n_steps;
        }
        join_steps(p, &batch, n);
        b->starts[n] = b->starts[i];
        p->items[n++] = batch;
    }
    p->n_items = p->n_steps = n;
    p->dependence.hand_offs = p->dependence.hand_offs * n / single;
    p->dependence.passed_on = p->dependence.passed_on * n / single;
    p->dependence.lock_waits = 0;
    b->open_first = n;
    p->n_locks = 0;
    free(p->locks);
    p->locks = NULL;
}
