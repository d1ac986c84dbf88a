/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/bpf/bpf_seed.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/stat.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/bpf_session_state.h"
#include "probe/bpf/seed.h"

#include "seed.skel.h"
#include "switch.skel.h"

/* Each pass leaves only what threads not come by yet have started meanwhile; a few do even for a storm. */
#define PASSES_MAX 20

static void destroy_skeleton(struct seed_bpf **skeleton)
{
    seed_bpf__destroy(*skeleton); /* NULL-safe */
}

/* The maps that both objects name are the session's. */
static int share_maps(struct bpf_session *session, struct seed_bpf *skeleton)
{
    struct bpf_map *map;

    bpf_object__for_each_map(map, skeleton->obj)
    {
        const struct bpf_map *shared;

        if (bpf_map__is_internal(map))
            continue;
        shared = bpf_object__find_map_by_name(session->skeleton->obj, bpf_map__name(map));
        if (!shared)
            return -ENOENT;
        if (bpf_map__reuse_fd(map, bpf_map__fd(shared)) < 0)
            return -errno;
    }
    return 0;
}

/* Read the iterator to its end: the kernel calls the program for each task meanwhile. */
static int walk(struct bpf_link *link)
{
    AUTO_CLOSE int fd = bpf_iter_create(bpf_link__fd(link));
    char nothing[64];
    ssize_t got;

    if (fd < 0)
        return -errno;
    do
        got = read(fd, nothing, sizeof(nothing));
    while (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)));
    return got < 0 ? -errno : 0;
}

/* As a struct, so that it need not be known to the skeleton. */
static struct seed_state *state_of(struct seed_bpf *skeleton)
{
    return (struct seed_state *)(void *)&skeleton->bss->seed;
}

static int walk_until_settled(struct seed_bpf *skeleton, struct bpf_link *link)
{
    struct seed_state *state = state_of(skeleton);

    state->start = bpf_session_clock(CLOCK_MONOTONIC);
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        int r;

        state->fresh = state->unsettled = 0;
        r = walk(link);
        if (r < 0)
            return r;
        if (!state->root_task)
            return -ESRCH;
        if (pass > 0 && !state->fresh && !state->unsettled)
            return 0;
    }
    return 0;
}

int bpf_seed(struct bpf_session *session, pid_t root)
{
    CLEANUP(destroy_skeleton) struct seed_bpf *skeleton = seed_bpf__open();
    struct totals *totals = (struct totals *)(void *)session->totals.data;
    struct bpf_link *link;
    int r;

    if (!skeleton)
        return -errno;
    totals->fresh = 1; /* slot 0 means "none" */
    skeleton->rodata->max_slots = session->max_threads;
    skeleton->rodata->realtime_ahead = session->skeleton->rodata->realtime_ahead;
    skeleton->rodata->take_stacks = session->skeleton->rodata->take_stacks;
    skeleton->rodata->reader_uid = session->skeleton->rodata->reader_uid;
    skeleton->rodata->native_mask = session->skeleton->rodata->native_mask;
    skeleton->rodata->pid_level = session->skeleton->rodata->pid_level;
    state_of(skeleton)->root = (uint32_t)root;
    (void)bpf_program__set_autoload(skeleton->progs.on_find, false);
    r = share_maps(session, skeleton);
    if (r == 0)
        r = seed_bpf__load(skeleton);
    if (r < 0)
        return r;
    link = bpf_program__attach_iter(skeleton->progs.on_task, NULL);
    if (!link)
        return -errno;
    r = walk_until_settled(skeleton, link);
    session->seed_ns = state_of(skeleton)->start;
    session->skeleton->bss->leaderless_seen |= skeleton->bss->leaderless_seen;
    (void)bpf_link__destroy(link);
    return r;
}

/* PROC_PID_INIT_INO (include/linux/proc_ns.h): the number of the first pid namespace. */
#define FIRST_NAMESPACE 0xeffffffcu

static bool in_first_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == FIRST_NAMESPACE;
}

int bpf_seed_find(pid_t root, struct bpf_ids *ret_ids)
{
    CLEANUP(destroy_skeleton) struct seed_bpf *skeleton = NULL;
    struct bpf_link *link;
    struct bpf_map *map;
    int r;

    if (in_first_namespace()) {
        *ret_ids = (struct bpf_ids){.level = 0, .root = (uint32_t)root};
        return 0;
    }
    skeleton = seed_bpf__open();
    if (!skeleton)
        return -errno;
    (void)bpf_program__set_autoload(skeleton->progs.on_task, false);
    bpf_object__for_each_map(map, skeleton->obj) if (!bpf_map__is_internal(map))(void)
        bpf_map__set_autocreate(map, false);
    state_of(skeleton)->root = (uint32_t)root;
    r = seed_bpf__load(skeleton);
    if (r < 0)
        return r;
    link = bpf_program__attach_iter(skeleton->progs.on_find, NULL);
    if (!link)
        return -errno;
    r = walk(link);
    (void)bpf_link__destroy(link);
    if (r == 0 && !state_of(skeleton)->root_first)
        r = -ESRCH;
    if (r == 0)
        *ret_ids = (struct bpf_ids){.level = state_of(skeleton)->level, .root = state_of(skeleton)->root_first};
    return r;
}
