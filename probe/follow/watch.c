/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/watch.h"

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/follow/memory_series.h"
#include "probe/procfs/peek.h"
#include "probe/follow/run_state.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/elf_cache.h"
#include "probe/follow/watch_runtime.h"

#define TRIES_MAX 40u        /* then it is what it looks like */
#define PROCESSES_A_LOOK 64u /* memory and sockets of at most so many a round */
#define FIRST_LOOKS 16u      /* at new processes, at most so many at a time: thousands may start in a second */
#define EXTRA_LOOKS 8u       /* walks of page tables a round, beyond the regular ones */
#define EARLY_LOOPS 8u       /* selectors of new loops, at a time */
#define EARLY_SEEN 2u        /* looks that saw something outstanding: then it goes on with everybody's */
#define EARLY_TRIES 6u
#define EARLY_SOCKETS 10u /* looks at a new process that include its sockets */
#define EARLY_NS (20 * NSEC_PER_MSEC)
#define RARE_ROUNDS 10u /* walking page tables costs the target's memory lock: once a second */

int watch_init(struct watch *watch)
{
    memset(watch, 0, sizeof(*watch));
    watch->cache = elf_cache_new();
    return watch->cache ? 0 : -ENOMEM;
}

void watch_clear(struct watch *watch)
{
    elf_cache_free(watch->cache);
    watch->cache = NULL;
    tcp_table_clear(&watch->connections);
}

void watch_new_image(struct run_state *state, struct run_process *process, uint64_t now)
{
    state->next_look = 1;
    process->image = NULL;
    process->image_tries = 0;
    memory_series_restart(process);
    process->next_look = now ? now : 1;
}

/* 1, 1, 2, 3, ... ms: an interpreter maps its library within a few, a slow disk may take longer. */
static uint64_t pause_after(uint32_t tries)
{
    return (1 + tries / 2) * NSEC_PER_MSEC;
}

static struct image *keep_image(struct run_state *state, const struct image *image)
{
    AUTO_FREE struct image *copy = malloc(sizeof(*copy));

    if (!copy || base_grow(&state->images, &state->images_capacity, state->n_images + 1, sizeof(copy)) < 0)
        return NULL;
    *copy = *image;
    state->images[state->n_images++] = copy;
    return TAKE_PTR(copy);
}

static void look_at_image(struct watch *watch, struct run_state *state, struct run_process *process, uint64_t now)
{
    struct image image;
    int r = image_inspect(watch->cache, (pid_t)process->tgid, &image);

    process->image_tries++;
    if (r == 0)
        process->image = keep_image(state, &image);
    process->next_look = r == -EAGAIN && process->image_tries < TRIES_MAX ? now + pause_after(process->image_tries) : 0;
}

/* Walks the page tables: the process's faults wait meanwhile. */
static void look_at_memory(struct run_process *process, struct memory_point *point)
{
    struct peek_memory memory;

    if (peek_memory((pid_t)process->tgid, &memory) < 0)
        return;
    if (memory.peak_rss_bytes > process->peak_rss_bytes)
        process->peak_rss_bytes = memory.peak_rss_bytes;
    process->private_bytes = point->private_bytes = memory.private_bytes;
}

static void look_at_size(struct run_process *process, uint64_t now, bool closely)
{
    struct memory_point point = {.at_ns = now};

    if (peek_rss((pid_t)process->tgid, &point.rss_bytes) < 0 || !point.rss_bytes)
        return; /* on its way out */
    if (closely)
        look_at_memory(process, &point);
    process->looks++;
    (void)memory_series_add(process, &point);
}

/* A forked child starts with its parent's pages: what it copies afterwards shows only if it is looked at soon. */
static void look_at_new_processes(struct watch *watch, struct run_state *state, uint64_t now)
{
    size_t looks = 0;

    for (; watch->known < state->n_processes && looks < FIRST_LOOKS; watch->known++) {
        struct run_process *process = &state->processes[watch->known];

        if (!process->alive || process->looks)
            continue;
        look_at_size(process, now, false);
        looks++;
    }
    watch->known = state->n_processes;
}

void watch_images(struct watch *watch, struct run_state *state, uint64_t now, watch_python_fn python, void *userdata)
{
    uint64_t earliest = UINT64_MAX;

    look_at_new_processes(watch, state, now);
    if (state->next_look > now)
        return;
    for (size_t i = 0; i < state->n_processes; i++) {
        struct run_process *process = &state->processes[i];

        if (!process->alive)
            process->next_look = 0;
        if (process->next_look && process->next_look <= now) {
            look_at_image(watch, state, process, now);
            if (process->image &&
                (process->image->runtime.kind == RUNTIME_CPYTHON || process->image->runtime.kind == RUNTIME_RUBY) &&
                !python(process, userdata))
                process->next_look = now;
        }
        if (process->next_look && process->next_look < earliest)
            earliest = process->next_look;
    }
    state->next_look = earliest;
}

static void look_at_sockets(struct watch *watch, struct run_process *process)
{
    struct peek_sockets sockets;

    if (peek_sockets((pid_t)process->tgid, &watch->connections, &sockets) < 0)
        return;
    process->listens = process->listens || sockets.listens;
    if (sockets.outbound > process->max_connections)
        process->max_connections = sockets.outbound;
}

/* How much a loop has outstanding: the outbound connections that its selector watches, and timers that run out once. */
static void look_at_loop(struct watch *watch, struct run_thread *thread)
{
    struct peek_sockets watched;
    uint32_t timers, outstanding;

    if (peek_epoll((pid_t)thread->tgid, (int)thread->epoll_fd, &watch->connections, &watched, &timers) < 0)
        return;
    if (watched.outbound == 1)
        watch_talk(thread, watched.outbound_port, watched.outbound_inode);
    outstanding = watched.outbound + timers;
    if (outstanding == 0 && thread->outstanding_max == 0)
        return; /* still starting up */
    thread->outstanding_looks++;
    thread->outstanding_sum += outstanding;
    if (outstanding > thread->outstanding_max)
        thread->outstanding_max = outstanding;
}

static void look_at_loops(struct watch *watch, struct run_state *state)
{
    size_t looks = 0;

    for (size_t i = 0; i < state->n_threads && looks < PROCESSES_A_LOOK; i++) {
        struct run_thread *thread = &state->threads[i];

        if (thread->closed || !thread->last_epoll_end)
            continue;
        looks++;
        look_at_loop(watch, thread);
    }
}

void watch_new_loops(struct watch *watch, struct run_state *state, uint64_t now)
{
    size_t looks = 0;

    for (size_t i = 0; i < state->n_threads && looks < EARLY_LOOPS; i++) {
        struct run_thread *thread = &state->threads[i];

        if (thread->closed || !thread->last_epoll_end || thread->outstanding_looks >= EARLY_SEEN ||
            thread->early_looks >= EARLY_TRIES)
            continue;
        thread->early_looks++;
        looks++;
        look_at_loop(watch, thread);
    }
    state->next_loop_look = looks > 0 ? now + EARLY_NS : 0;
}

/* The first close look comes in the first round after a process has begun, the further ones with everybody's. */
static bool is_due(const struct run_process *process, uint64_t now, size_t *extra)
{
    if (process->looks != 1 || !process->n_memory || process->memory[0].at_ns == now || *extra >= EXTRA_LOOKS)
        return false;
    (*extra)++;
    return true;
}

void watch_processes(struct watch *watch, struct run_state *state, uint64_t now)
{
    bool rare = watch->rounds == 1 || watch->rounds % RARE_ROUNDS == 3;
    size_t looks = 0, extra = 0, first = watch->turn < state->n_processes ? watch->turn : 0;

    watch->rounds++;
    for (size_t i = 0; i < state->n_processes && looks < PROCESSES_A_LOOK; i++) {
        size_t at = (first + i) % state->n_processes;
        struct run_process *process = &state->processes[at];

        if (!process->alive)
            continue;
        if (++looks == PROCESSES_A_LOOK)
            watch->turn = at + 1; /* where there are more, each has its turn */
        look_at_size(process, now, rare || is_due(process, now, &extra));
        /*
         * A server nobody talks to is in its first wait still, and one that only waits for its workers never tells:
         * no slice says that they use sockets. Most listen within their first second.
         */
        if (rare || process->uses_sockets || process->looks <= EARLY_SOCKETS)
            look_at_sockets(watch, process);
    }
    look_at_loops(watch, state);
}

void watch_end(struct run_state *state, uint64_t now)
{
    size_t looks = 0;

    for (size_t i = 0; i < state->n_processes && looks < PROCESSES_A_LOOK; i++) {
        struct run_process *process = &state->processes[i];
        struct peek_io io;

        if (!process->alive)
            continue;
        looks++;
        look_at_size(process, now, true);
        if (peek_io((pid_t)process->tgid, &io) == 0)
            process->io_alive = (struct run_io){io.read_bytes, io.written_bytes, io.reads, io.writes};
    }
}
