/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/live_names.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/base.h"
#include "probe/follow/run_state.h"
#include "probe/measurement.h"
#include "probe/sites/frames.h"
#include "probe/sites/joins.h"
#include "probe/sites/natives.h"
#include "probe/symbols/mappings.h"
#include "probe/wire.h"

#define LOWERED 5 /* nice(2): a third of what the target gets where both want the CPU */

enum job_state {
    JOB_FREE,
    JOB_ASKED,
    JOB_DONE,
};

/* A mapping with a path of its own. */
struct map_copy {
    struct mapping mapping;
    struct pinned_file file;
};

struct job {
    enum job_state state;
    uint32_t index; /* of natives.h */
    uint32_t tgid;
    struct wire_native *raw; /* owned, as all of these */
    struct map_copy *maps;
    size_t n_maps;
    struct frame *frames;
    size_t n_frames;
};

struct known {
    uint32_t index;
    struct frame *frames;
    size_t n; /* 0: nothing is known of it, not even a file */
};

struct live_names {
    pthread_t thread;
    pthread_mutex_t mutex; /* of the jobs' states, and of quit */
    pthread_cond_t news;
    bool quit;
    struct job jobs[LIVE_NAMES_AHEAD];
    struct pin_table *pins; /* of the thread alone */
    struct known known[LIVE_NAMES_KEPT];
    size_t n_known; /* ever */
};

static void clear_job(struct job *job)
{
    for (size_t i = 0; i < job->n_maps; i++)
        free(job->maps[i].file.path);
    free(job->maps);
    free(job->raw);
    frames_free(job->frames, job->n_frames);
    *job = (struct job){0};
}

/* --- of the thread --- */

static struct mappings *mappings_of(struct live_names *names, const struct job *job)
{
    struct mappings *mappings = mappings_new(names->pins);

    for (size_t i = 0; mappings && i < job->n_maps; i++) {
        const struct mapping *map = &job->maps[i].mapping;
        const struct pinned_file *file = &job->maps[i].file;

        (void)mappings_add(mappings, (pid_t)job->tgid, map->start, map->end, map->offset, file->major, file->minor,
                           file->inode, file->path);
    }
    return mappings;
}

static void take_frames(struct natives *natives, uint32_t index, struct job *job)
{
    struct frame_table *table = frame_table_new(NULL, natives);
    uint32_t merged;

    if (table && frame_table_merge(table, (struct join_stack){JOIN_NONE, index}, &merged) == 0 && merged != FRAMES_NONE)
        (void)frame_table_copy(table, merged, &job->frames, &job->n_frames);
    frame_table_free(table);
}

static void name(struct live_names *names, struct job *job)
{
    struct run_space space = {.mappings = mappings_of(names, job), .tgid = job->tgid};
    struct natives *natives = natives_new();
    uint32_t index;

    if (space.mappings && natives && natives_add(natives, &space, job->raw, &index) == 0) {
        natives_weigh(natives, index, 1);
        if (natives_name(natives, NATIVES_BUDGET_NS) == 0)
            take_frames(natives, index, job);
    }
    natives_free(natives);
    mappings_free(space.mappings);
}

static struct job *next_job(struct live_names *names)
{
    for (size_t i = 0; i < LIVE_NAMES_AHEAD; i++)
        if (names->jobs[i].state == JOB_ASKED)
            return &names->jobs[i];
    return NULL;
}

static void *run(void *userdata)
{
    struct live_names *names = userdata;

    (void)prctl(PR_SET_NAME, "names");
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LOWERED); /* of this thread: setpriority(2), "C library/kernel" */
    (void)pthread_mutex_lock(&names->mutex);
    while (!names->quit) {
        struct job *job = next_job(names);

        if (!job) {
            (void)pthread_cond_wait(&names->news, &names->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&names->mutex);
        name(names, job);
        (void)pthread_mutex_lock(&names->mutex);
        job->state = JOB_DONE;
    }
    (void)pthread_mutex_unlock(&names->mutex);
    return NULL;
}

/* --- of whoever follows the run --- */

/* Signals are for the front end's own thread. */
static int start_thread(struct live_names *names)
{
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&names->thread, NULL, run, names);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static void free_parts(struct live_names *names)
{
    for (size_t i = 0; i < LIVE_NAMES_AHEAD; i++)
        clear_job(&names->jobs[i]);
    for (size_t i = 0; i < LIVE_NAMES_KEPT; i++)
        frames_free(names->known[i].frames, names->known[i].n);
    pin_table_free(names->pins);
    (void)pthread_cond_destroy(&names->news);
    (void)pthread_mutex_destroy(&names->mutex);
    free(names);
}

struct live_names *live_names_new(void)
{
    struct live_names *names = calloc(1, sizeof(*names));

    if (!names)
        return NULL;
    (void)pthread_mutex_init(&names->mutex, NULL);
    (void)pthread_cond_init(&names->news, NULL);
    names->pins = pin_table_new();
    if (names->pins && start_thread(names) == 0)
        return names;
    free_parts(names);
    return NULL;
}

void live_names_free(struct live_names *names)
{
    if (!names)
        return;
    (void)pthread_mutex_lock(&names->mutex);
    names->quit = true;
    (void)pthread_cond_signal(&names->news);
    (void)pthread_mutex_unlock(&names->mutex);
    (void)pthread_join(names->thread, NULL);
    free_parts(names);
}

void live_names_collect(struct live_names *names)
{
    if (!names)
        return;
    (void)pthread_mutex_lock(&names->mutex);
    for (size_t i = 0; i < LIVE_NAMES_AHEAD; i++) {
        struct known *known = &names->known[names->n_known % LIVE_NAMES_KEPT];
        struct job *job = &names->jobs[i];

        if (job->state != JOB_DONE)
            continue;
        frames_free(known->frames, known->n);
        *known = (struct known){.index = job->index, .frames = TAKE_PTR(job->frames), .n = job->n_frames};
        job->n_frames = 0;
        names->n_known++;
        clear_job(job);
    }
    (void)pthread_mutex_unlock(&names->mutex);
}

static const struct known *find_known(const struct live_names *names, uint32_t index)
{
    for (size_t i = 0; i < LIVE_NAMES_KEPT && i < names->n_known; i++)
        if (names->known[i].index == index)
            return &names->known[i];
    return NULL;
}

static int copy_maps(const struct mappings *mappings, struct job *job)
{
    size_t n = mappings_count(mappings);

    job->maps = calloc(n ? n : 1, sizeof(*job->maps));
    if (!job->maps)
        return -ENOMEM;
    for (; job->n_maps < n; job->n_maps++) {
        struct map_copy *copy = &job->maps[job->n_maps];

        copy->mapping = *mappings_at(mappings, job->n_maps);
        if (!copy->mapping.file)
            continue;
        copy->file = *copy->mapping.file;
        copy->file.path = strdup(copy->file.path);
        if (!copy->file.path)
            return -ENOMEM;
    }
    return 0;
}

static int fill(struct job *job, const struct natives *natives, uint32_t index)
{
    const struct run_space *space = natives_space(natives, index);
    const struct wire_native *raw = natives_raw(natives, index);

    if (!space || !raw)
        return -ESRCH;
    job->index = index;
    job->tgid = space->tgid;
    job->raw = malloc(raw->size);
    if (!job->raw)
        return -ENOMEM;
    memcpy(job->raw, raw, raw->size);
    return copy_maps(space->mappings, job);
}

/* Is it on its way, or no room for it? Else a free job. */
static struct job *free_job(struct live_names *names, uint32_t index)
{
    struct job *free = NULL;

    for (size_t i = 0; i < LIVE_NAMES_AHEAD; i++) {
        if (names->jobs[i].state == JOB_FREE)
            free = &names->jobs[i];
        else if (names->jobs[i].index == index)
            return NULL;
    }
    return free;
}

size_t live_names_of(struct live_names *names, const struct natives *natives, uint32_t index,
                     const struct frame **ret_frames)
{
    const struct known *known = names ? find_known(names, index) : NULL;
    struct job *job;

    if (known && known->n)
        *ret_frames = known->frames;
    if (known || !names)
        return known ? known->n : 0;
    (void)pthread_mutex_lock(&names->mutex);
    job = free_job(names, index);
    (void)pthread_mutex_unlock(&names->mutex);
    if (!job)
        return 0;
    if (fill(job, natives, index) < 0) { /* nobody looks at it: it is free */
        clear_job(job);
        return 0;
    }
    (void)pthread_mutex_lock(&names->mutex);
    job->state = JOB_ASKED;
    (void)pthread_cond_signal(&names->news);
    (void)pthread_mutex_unlock(&names->mutex);
    return 0;
}
