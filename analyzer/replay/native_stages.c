/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/native_stages.h"

#include "analyzer/replay/native_work.h"
#include "base/base.h"

/* One group of workers, its queue, and what it has done. */
struct native_stage {
    pthread_mutex_t mutex;   /* process-shared */
    pthread_cond_t changed;  /* an item came, or the last one was taken: for who takes from the queue */
    pthread_cond_t finished; /* of the last stage: for who begins a phase. One signal must not wake the wrong one */
    uint64_t put, taken;     /* items in the queue; the first stage has none: it takes from the bag */
    uint64_t done;           /* items that have passed this stage */
    uint64_t *queue;         /* n_items: each item passes once */
};

size_t native_stages_size(const struct native_plan *plan)
{
    if (plan->n_stages < 2)
        return 0;
    return plan->n_stages * (sizeof(struct native_stage) + plan->n_items * sizeof(uint64_t));
}

int native_stages_init(struct native_shared *shared, const struct native_plan *plan)
{
    uint64_t *queues = (uint64_t *)(void *)(shared->stages + plan->n_stages);
    pthread_mutexattr_t mutex_attributes;
    pthread_condattr_t cond_attributes;

    if (plan->n_stages < 2)
        return 0;
    (void)pthread_mutexattr_init(&mutex_attributes);
    (void)pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_condattr_init(&cond_attributes);
    (void)pthread_condattr_setpshared(&cond_attributes, PTHREAD_PROCESS_SHARED);
    for (uint16_t i = 0; i < plan->n_stages; i++) {
        (void)pthread_mutex_init(&shared->stages[i].mutex, &mutex_attributes);
        (void)pthread_cond_init(&shared->stages[i].changed, &cond_attributes);
        (void)pthread_cond_init(&shared->stages[i].finished, &cond_attributes);
        shared->stages[i].queue = queues + i * plan->n_items;
    }
    (void)pthread_mutexattr_destroy(&mutex_attributes);
    (void)pthread_condattr_destroy(&cond_attributes);
    return 0;
}

static void put(struct native_stage *stage, size_t item)
{
    native_lock(&stage->mutex);
    stage->queue[stage->put++] = item;
    (void)pthread_cond_signal(&stage->changed);
    (void)pthread_mutex_unlock(&stage->mutex);
}

/* @return false: all items have been taken */
static bool take(struct native_stage *stage, size_t n_items, size_t *ret_item)
{
    bool any;

    native_lock(&stage->mutex);
    while (stage->taken == stage->put && stage->taken < n_items)
        (void)pthread_cond_wait(&stage->changed, &stage->mutex);
    any = stage->taken < n_items;
    if (any)
        *ret_item = (size_t)stage->queue[stage->taken++];
    if (stage->taken == n_items) /* the others of this stage wait in vain */
        (void)pthread_cond_broadcast(&stage->changed);
    (void)pthread_mutex_unlock(&stage->mutex);
    return any;
}

/* The last stage counts what is finished: the next phase begins when all before it is. */
static void finish(struct native_stage *last, const struct native_plan *plan)
{
    native_lock(&last->mutex);
    last->done++;
    if (plan->n_phases > 1)
        (void)pthread_cond_broadcast(&last->finished);
    (void)pthread_mutex_unlock(&last->mutex);
}

static void await(struct native_stage *last, uint64_t done)
{
    native_lock(&last->mutex);
    while (last->done < done)
        (void)pthread_cond_wait(&last->finished, &last->mutex);
    (void)pthread_mutex_unlock(&last->mutex);
}

static void run_stage(const struct native_job *job, uint16_t stage, size_t item)
{
    const struct native_plan *plan = job->plan;
    const struct native_item *range = &plan->items[item];

    for (size_t i = range->first; i < range->first + range->count; i++)
        if (job->steps[i].stage == stage)
            native_run_step(job, &job->steps[i]);
    if (stage + 1 < plan->n_stages)
        put(&job->shared->stages[stage + 1], item);
    else
        finish(&job->shared->stages[stage], plan);
}

void native_stages_work(const struct native_job *job, uint32_t lane)
{
    const struct native_plan *plan = job->plan;
    struct native_stage *last = &job->shared->stages[plan->n_stages - 1];
    uint16_t stage = 0;
    size_t item;

    while (stage + 1 < plan->n_stages && lane >= plan->stages[stage])
        lane -= plan->stages[stage++];
    if (stage) {
        while (take(&job->shared->stages[stage], plan->n_items, &item))
            run_stage(job, stage, item);
        return;
    }
    for (size_t phase = 0; phase < plan->n_phases; phase++) {
        if (phase)
            await(last, plan->phase_ends[phase - 1]);
        while (native_take(job, lane, phase, &item))
            run_stage(job, stage, item);
    }
}
