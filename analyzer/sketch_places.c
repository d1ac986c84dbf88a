/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/sketch_places.h"

#include "base/base.h"

/* What runs the functions that threads, processes and pools are given: the next frame inwards is theirs. */
static const char *const runners[] = {
    "/threading.py",
    "/concurrent/futures/thread.py",
    "/concurrent/futures/process.py",
    "/multiprocessing/process.py",
    "/multiprocessing/pool.py",
};

static bool frames_show(const struct frame *frames, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (frames[i].file && base_ends_with(frames[i].file, path))
            return true;
    return false;
}

static bool sites_show(const struct site *sites, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (frames_show(sites[i].frames, sites[i].n_frames, path))
            return true;
    return false;
}

bool sketch_seen(const struct measurement *m, const char *path)
{
    return sites_show(m->sites, m->n_sites, path);
}

bool sketch_seen_in(const struct finding *finding, const char *path)
{
    return sites_show(finding->sites, finding->n_sites, path);
}

static enum sketch_from processes_on(const struct site *sites, size_t n)
{
    if (sites_show(sites, n, "/concurrent/futures/process.py"))
        return SKETCH_FROM_PROCESS_POOL;
    return sites_show(sites, n, "/multiprocessing/pool.py") ? SKETCH_FROM_POOL : SKETCH_FROM_PROCESSES;
}

enum sketch_from sketch_from_of_finding(const struct finding *finding)
{
    return processes_on(finding->sites, finding->n_sites);
}

/* Of the runner's own frames none is people's, but a subclass of Thread has its run() in between: that is theirs. */
static bool is_runner(const struct frame *frame)
{
    for (size_t i = 0; frame->file && i < ARRAY_SIZE(runners); i++)
        if (base_ends_with(frame->file, runners[i]))
            return true;
    return false;
}

static bool is_own(const struct frame *frame)
{
    return frame->file && base_ends_with(frame->file, ".py") && advice_own_frame_in(frame, 1);
}

const struct frame *sketch_own_frame(const struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_own(&frames[i]))
            return &frames[i];
    return NULL;
}

/* The outermost own frame that a runner called; NULL: it is no worker's stack. */
static const struct frame *given_frame(const struct frame *frames, size_t n)
{
    const struct frame *given = NULL;

    for (size_t i = 0; i < n; i++) {
        if (is_runner(&frames[i]) && given)
            return given;
        given = is_own(&frames[i]) ? &frames[i] : given;
    }
    return NULL;
}

bool sketch_is_worker(const struct site *site)
{
    return given_frame(site->frames, site->n_frames) != NULL;
}

static bool takes_from_queue(const struct measurement *m)
{
    for (size_t i = 0; i < m->n_sites; i++)
        if (sketch_is_worker(&m->sites[i]) && frames_show(m->sites[i].frames, m->sites[i].n_frames, "/queue.py"))
            return true;
    return false;
}

enum sketch_from sketch_from_of(const struct measurement *m, enum model current)
{
    switch (current) {
    case MODEL_THREADS:
        if (sketch_seen(m, "/concurrent/futures/thread.py"))
            return SKETCH_FROM_THREAD_POOL;
        return takes_from_queue(m) ? SKETCH_FROM_QUEUE : SKETCH_FROM_THREADS;
    case MODEL_PROCESSES:
        return processes_on(m->sites, m->n_sites);
    case MODEL_COROUTINES:
    case MODEL_PROCESSES_COROUTINES:
        return SKETCH_FROM_COROUTINES;
    case MODEL_SERIAL:
    case MODEL_COUNT:
    case MODEL_NONE:
        break;
    }
    return SKETCH_FROM_LOOP;
}

const struct frame *sketch_item_frame(const struct frame *frames, size_t n)
{
    const struct frame *given = given_frame(frames, n);

    return given ? given : sketch_own_frame(frames, n);
}

const struct frame *sketch_called_frame(const struct frame *frames, size_t n, const struct frame **ret_worker)
{
    const struct frame *given = given_frame(frames, n), *called = NULL;

    *ret_worker = given;
    for (const struct frame *frame = frames; given && frame < given; frame++)
        if (is_own(frame))
            called = frame;
    return called;
}

const struct site *sketch_site(const struct measurement *m, bool (*want)(const struct site *site), bool workers)
{
    const struct site *largest = NULL;

    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *site = &m->sites[i];

        if (!want(site) || !sketch_own_frame(site->frames, site->n_frames))
            continue;
        if (!workers || sketch_is_worker(site))
            return site;
        largest = largest ? largest : site;
    }
    return largest;
}
