/* SPDX-License-Identifier: BSD-2-Clause */
#include "places.h"

static void *must(void *ptr)
{
    if (!ptr)
        abort();
    return ptr;
}

static struct frame frame_from(const char *text)
{
    struct frame frame = {.coroutine = text[0] == '*'};
    const char *name = text + frame.coroutine, *space = strchr(name, ' '), *colon;

    if (!space)
        return (struct frame){.function = must(strdup(name)), .coroutine = frame.coroutine};
    frame.function = must(strndup(name, (size_t)(space - name)));
    colon = strrchr(space + 1, ':');
    if (!colon) {
        frame.module = must(strdup(space + 1));
        return frame;
    }
    frame.file = must(strndup(space + 1, (size_t)(colon - space - 1)));
    frame.line = (uint32_t)strtoul(colon + 1, NULL, 10);
    return frame;
}

static struct frame *frames_from(const struct place_frames *stack, size_t *ret_n)
{
    struct frame *frames = must(calloc(ARRAY_SIZE(stack->frames), sizeof(*frames)));

    for (*ret_n = 0; stack && *ret_n < ARRAY_SIZE(stack->frames) && stack->frames[*ret_n]; (*ret_n)++)
        frames[*ret_n] = frame_from(stack->frames[*ret_n]);
    return frames;
}

/* One more element at the end of an array that the measurement owns. */
static void *append(void *array, size_t *n, size_t size)
{
    void **slot = array;

    *slot = must(realloc(*slot, (*n + 1) * size));
    return memset((char *)*slot + (*n)++ * size, 0, size);
}

struct site *place_site(struct measurement *m, bool on_cpu, enum cause cause, uint64_t time_ns, bool in_loop,
                        const struct place_frames *stack)
{
    struct site *site = &m->sites[m->n_sites++];

    *site = (struct site){.on_cpu = on_cpu, .cause = cause, .time_ns = time_ns, .count = 1, .in_event_loop = in_loop};
    site->threads = 1;
    site->frames = frames_from(stack, &site->n_frames);
    return site;
}

void place_no_sites(struct measurement *m)
{
    for (size_t i = 0; i < m->n_sites; i++)
        site_clear(&m->sites[i]);
    m->n_sites = 0;
}

struct site *place_holder(struct measurement *m, enum cause cause, uint64_t time_ns, int32_t tid,
                          const struct place_frames *stack)
{
    struct site *site = append(&m->holders, &m->n_holders, sizeof(*site));

    *site = (struct site){.cause = cause, .time_ns = time_ns, .count = 10, .tid = tid, .threads = 1};
    if (stack)
        site->frames = frames_from(stack, &site->n_frames);
    return site;
}

void place_waker(struct measurement *m, enum cause cause, int32_t waiter_tid, int32_t waker_tid, uint64_t time_ns,
                 uint64_t count, const struct place_frames *waker)
{
    struct waker *row = append(&m->wakers, &m->n_wakers, sizeof(*row));

    row->cause = cause;
    row->waiter_tid = waiter_tid;
    row->waker_tid = waker_tid;
    row->time_ns = time_ns;
    row->count = count;
    if (waker)
        row->waker_frames = frames_from(waker, &row->n_waker_frames);
}

void place_lock(struct measurement *m, enum cause cause, uint64_t address, uint64_t wait_ns, uint32_t waiters)
{
    struct lock_site *row = append(&m->locks, &m->n_locks, sizeof(*row));

    *row = (struct lock_site){
        .address = address, .cause = cause, .wait_ns = wait_ns, .waits = waiters, .waiters = waiters};
}

struct peer *place_peer(struct measurement *m, int32_t pid, const char *address, uint64_t connects,
                        uint64_t established, uint64_t handshake_ns, const struct place_frames *stack)
{
    struct peer *peer = append(&m->peers, &m->n_peers, sizeof(*peer));

    peer->pid = pid;
    (void)snprintf(peer->address, sizeof(peer->address), "%s", address);
    peer->connects = connects;
    peer->established = established;
    peer->handshake_ns = handshake_ns;
    peer->first_ns = m->wall_ns / 100;
    peer->last_ns = m->wall_ns - m->wall_ns / 100;
    if (stack)
        peer->frames = frames_from(stack, &peer->n_frames);
    return peer;
}

void place_memory(struct measurement *m, size_t process, uint64_t at_ns, uint64_t rss_bytes, uint64_t private_bytes)
{
    struct memory_point *point = append(&m->processes[process].memory, &m->processes[process].n_memory, sizeof(*point));

    *point = (struct memory_point){at_ns, rss_bytes, private_bytes};
}
