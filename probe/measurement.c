/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/measurement.h"

#include <math.h>

#include "base/base.h"

static int find_id(const char *const *ids, size_t n, const char *id)
{
    for (size_t i = 0; id && i < n; i++)
        if (strcmp(ids[i], id) == 0)
            return (int)i;
    return -EINVAL;
}

static const char *const cause_ids[CAUSE_COUNT] = {
#define X(symbol, id) [symbol] = id,
    CAUSE_LIST(X)
#undef X
};

static const char *const model_ids[MODEL_COUNT] = {
#define X(symbol, id) [symbol] = id,
    MODEL_LIST(X)
#undef X
};

static const char *const runtime_ids[RUNTIME_COUNT] = {
#define X(symbol, id, name) [symbol] = id,
    RUNTIME_LIST(X)
#undef X
};

static const char *const runtime_names[RUNTIME_COUNT] = {
#define X(symbol, id, name) [symbol] = name,
    RUNTIME_LIST(X)
#undef X
};

const char *cause_to_str(enum cause cause)
{
    return (unsigned)cause < CAUSE_COUNT ? cause_ids[cause] : "?";
}

int cause_from_str(const char *id, enum cause *ret)
{
    int index = find_id(cause_ids, CAUSE_COUNT, id);

    if (index < 0)
        return index;
    *ret = (enum cause)index;
    return 0;
}

const char *model_to_str(enum model model)
{
    if (model == MODEL_NONE)
        return "none";
    return (unsigned)model < MODEL_COUNT ? model_ids[model] : "?";
}

int model_from_str(const char *id, enum model *ret)
{
    int index;

    if (id && strcmp(id, "none") == 0) {
        *ret = MODEL_NONE;
        return 0;
    }
    index = find_id(model_ids, MODEL_COUNT, id);
    if (index < 0)
        return index;
    *ret = (enum model)index;
    return 0;
}

const char *runtime_to_str(enum runtime_kind kind)
{
    return (unsigned)kind < RUNTIME_COUNT ? runtime_ids[kind] : "?";
}

const char *runtime_name(enum runtime_kind kind)
{
    return (unsigned)kind < RUNTIME_COUNT ? runtime_names[kind] : "?";
}

int runtime_from_str(const char *id, enum runtime_kind *ret)
{
    int index = find_id(runtime_ids, RUNTIME_COUNT, id);

    if (index < 0)
        return index;
    *ret = (enum runtime_kind)index;
    return 0;
}

struct measurement *measurement_new(void)
{
    struct measurement *m = calloc(1, sizeof(*m));

    if (m)
        m->loss.decimation = 1;
    return m;
}

static void free_strings(char **strings, size_t n)
{
    for (size_t i = 0; strings && i < n; i++)
        free(strings[i]);
    free(strings);
}

void frames_free(struct frame *frames, size_t n)
{
    for (size_t i = 0; frames && i < n; i++) {
        free(frames[i].function);
        free(frames[i].file);
        free(frames[i].module);
    }
    free(frames);
}

void site_clear(struct site *site)
{
    frames_free(site->frames, site->n_frames);
    site->frames = NULL;
    site->n_frames = 0;
}

static void free_sites(struct site *sites, size_t n)
{
    for (size_t i = 0; sites && i < n; i++)
        site_clear(&sites[i]);
    free(sites);
}

static void free_wakers(struct measurement *m)
{
    for (size_t i = 0; m->wakers && i < m->n_wakers; i++) {
        frames_free(m->wakers[i].waiter_frames, m->wakers[i].n_waiter_frames);
        frames_free(m->wakers[i].waker_frames, m->wakers[i].n_waker_frames);
    }
    free(m->wakers);
}

void measurement_free(struct measurement *m)
{
    if (!m)
        return;
    free_strings(m->target.argv, m->target.n_argv);
    free(m->target.exe);
    free(m->parallelism_ns);
    for (size_t i = 0; m->threads && i < m->n_threads; i++)
        free(m->threads[i].slices);
    free(m->threads);
    for (size_t i = 0; m->processes && i < m->n_processes; i++)
        free(m->processes[i].memory);
    free(m->processes);
    free(m->loops);
    free(m->locks);
    free_sites(m->sites, m->n_sites);
    free_sites(m->holders, m->n_holders);
    free_wakers(m);
    for (size_t i = 0; m->peers && i < m->n_peers; i++)
        frames_free(m->peers[i].frames, m->peers[i].n_frames);
    free(m->peers);
    free_strings(m->modules, m->n_modules);
    free_strings(m->notes, m->n_notes);
    for (size_t i = 0; m->replays && i < m->n_replays; i++)
        free(m->replays[i].runs_ns);
    free(m->replays);
    free(m->repeats);
    free(m);
}

void measurement_freep(struct measurement **m)
{
    measurement_free(*m);
}

void measurement_sum_threads(struct measurement *m)
{
    m->thread_time_ns = m->on_cpu_ns = m->user_ns = m->system_ns = m->runnable_ns = m->unattributed_ns = 0;
    m->voluntary_switches = m->involuntary_switches = m->cpu_samples = m->lock_held_samples = 0;
    memset(m->blocked_ns, 0, sizeof(m->blocked_ns));
    memset(m->blocked_count, 0, sizeof(m->blocked_count));
    for (size_t i = 0; i < m->n_threads; i++) {
        const struct thread *t = &m->threads[i];

        m->thread_time_ns += t->death_ns - t->birth_ns;
        m->on_cpu_ns += t->on_cpu_ns;
        m->user_ns += t->user_ns;
        m->system_ns += t->system_ns;
        m->runnable_ns += t->runnable_ns;
        m->unattributed_ns += t->unattributed_ns;
        m->voluntary_switches += t->voluntary_switches;
        m->involuntary_switches += t->involuntary_switches;
        m->cpu_samples += t->cpu_samples;
        m->lock_held_samples += t->lock_held_samples;
        for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
            m->blocked_ns[cause] += t->blocked_ns[cause];
            m->blocked_count[cause] += t->blocked_count[cause];
        }
    }
}

const struct thread *measurement_find_thread(const struct measurement *m, int32_t tid)
{
    for (size_t i = 0; i < m->n_threads; i++)
        if (m->threads[i].tid == tid)
            return &m->threads[i];
    return NULL;
}

uint32_t measurement_cpus(const struct measurement *m)
{
    uint32_t cpus = m->machine.cpus_allowed;

    /* A measurement made elsewhere, or by hand, may know only the machine. */
    if (cpus == 0)
        cpus = m->machine.cpus;
    if (m->machine.cpu_quota > 0.0 && m->machine.cpu_quota < (double)cpus)
        cpus = (uint32_t)ceil(m->machine.cpu_quota);
    return cpus ? cpus : 1;
}

int measurement_note(struct measurement *m, const char *text)
{
    AUTO_FREE char *copy = NULL;
    char **grown;

    for (size_t i = 0; i < m->n_notes; i++)
        if (strcmp(m->notes[i], text) == 0)
            return 0;
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    grown = realloc(m->notes, (m->n_notes + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    m->notes = grown;
    m->notes[m->n_notes++] = TAKE_PTR(copy);
    return 0;
}
