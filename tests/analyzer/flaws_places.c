/* SPDX-License-Identifier: BSD-2-Clause */
#include "flaws_places.h"

#include "cases.h"
#include "places.h"

#define MIB (UINT64_C(1) << 20)
#define LIB "/usr/lib/python3.11/"
#define PACKAGES LIB "site-packages/"
#define LOOKS 20

struct measurement *flaw_full_pool(double share)
{
    struct measurement *m = case_loop(40, MS, 24 * MS, 2);

    (void)strcpy(m->loops[0].kind, "libuv");
    m->loops[0].pool_threads = 4;
    m->loops[0].pool_full_ns = (uint64_t)(share * (double)m->wall_ns);
    return m;
}

struct measurement *flaw_pool_full(void)
{
    return flaw_full_pool(0.31);
}

struct measurement *near_miss_pool_full(void)
{
    return flaw_full_pool(0.29);
}

struct measurement *flaw_connections(uint64_t established, uint32_t open, uint64_t refused)
{
    static const struct place_frames stack = {{"connect libc.so.6", "create_connection " LIB "socket.py:827",
                                               "send " PACKAGES "requests/adapters.py:489", "fetch /srv/app.py:12"}};
    struct measurement *m = case_serial_waits(RUNTIME_CPYTHON, 12, 50 * MS, MS);

    m->processes[0].max_connections = open;
    place_peer(m, 100, "192.0.2.1:5432", established + refused, established, established * 200 * US, &stack);
    return m;
}

struct measurement *flaw_no_reuse(void)
{
    return flaw_connections(12, 4, 0);
}

struct measurement *near_miss_no_reuse(void)
{
    return flaw_connections(12, 5, 0);
}

struct measurement *flaw_library(const char *file, size_t lanes, bool loop)
{
    const struct place_frames stack = {{"recv libc.so.6", file, "fetch /srv/app.py:12"}};
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);
    size_t main = build_lane(m, 100, 100, 0);

    build_repeat(m, main, 40, MS, 0, loop ? CAUSE_NETWORK : CAUSE_JOIN, 49 * MS);
    if (loop) {
        struct event_loop *row = build_loop(m, main, "asyncio");

        row->turns = 40;
        row->wait_ns = 40 * 49 * MS;
        row->busy_cpu_ns = 40 * MS;
        row->outstanding_mean = row->outstanding_max = 2;
    }
    for (size_t i = 0; i < lanes; i++)
        build_repeat(m, build_lane(m, 100, (int32_t)(101 + i), 0), 40 / lanes, 500 * US, 0, CAUSE_NETWORK, 45 * MS);
    build_finish(m, (double)lanes);
    place_site(m, false, CAUSE_NETWORK, 1800 * MS, false, &stack);
    return m;
}

struct measurement *flaw_twin(void)
{
    return flaw_library("send " PACKAGES "requests/adapters.py:489", 2, false);
}

/* Four at a time: a pool that works. */
struct measurement *near_miss_twin(void)
{
    return flaw_library("send " PACKAGES "requests/adapters.py:489", 4, false);
}

/* Two workers take numbers from a queue; the samples show how much of the CPU time goes into that. */
static struct measurement *queue_of_numbers(uint64_t traffic_ns)
{
    static const struct place_frames get = {{"_recv " LIB "multiprocessing/connection.py:384",
                                             "get " LIB "multiprocessing/queues.py:103", "square squares.py:8"}};
    static const struct place_frames work = {{"square squares.py:9"}};
    struct measurement *m = build_new(RUNTIME_CPYTHON, 4);

    for (int i = 0; i < 3; i++)
        build_repeat(m, build_lane(m, 100 + i, 100 + i, 0), 10, 100 * MS, 0, CAUSE_IPC, 10 * MS);
    build_finish(m, 0.0);
    place_site(m, true, CAUSE_OTHER, traffic_ns, false, &get);
    place_site(m, true, CAUSE_OTHER, 3000 * MS - traffic_ns, false, &work);
    return m;
}

struct measurement *flaw_item_too_small(void)
{
    return queue_of_numbers(1510 * MS);
}

struct measurement *near_miss_item_too_small(void)
{
    return queue_of_numbers(1490 * MS);
}

struct measurement *flaw_copies(uint64_t copied_bytes, enum runtime_kind kind, size_t workers)
{
    struct measurement *m = build_new(kind, 4);

    build_repeat(m, build_lane(m, 100, 100, 0), 1, 100 * MS, 0, CAUSE_JOIN, 900 * MS);
    for (size_t i = 0; i < workers; i++)
        build_repeat(m, build_lane(m, (int32_t)(101 + i), (int32_t)(101 + i), 100 * MS), 1, 800 * MS, 0, CAUSE_OTHER,
                     0);
    build_finish(m, 0.0);
    place_memory(m, 0, 50 * MS, 100 * MIB, 100 * MIB);
    place_memory(m, 0, 500 * MS, 100 * MIB, 0);
    for (size_t i = 0; i < workers; i++) {
        place_memory(m, 1 + i, 101 * MS, 100 * MIB, 0);
        place_memory(m, 1 + i, 800 * MS, 105 * MIB, copied_bytes + 5 * MIB);
    }
    return m;
}

struct measurement *flaw_copied(void)
{
    return flaw_copies(10 * MIB, RUNTIME_CPYTHON, 2);
}

struct measurement *near_miss_copied(void)
{
    return flaw_copies(10 * MIB - 4096, RUNTIME_CPYTHON, 2);
}

struct measurement *flaw_memory(uint64_t (*rss)(int look))
{
    struct measurement *m = case_serial_cpu(RUNTIME_CPYTHON, 10000 * MS);

    for (int i = 0; i < LOOKS; i++)
        place_memory(m, 0, (uint64_t)(i + 1) * 10000 * MS / LOOKS, rss(i), 0);
    return m;
}

static uint64_t grows_by_11(int look)
{
    return 40 * MIB + (uint64_t)look * 11 * MIB / 9;
}

static uint64_t grows_by_9(int look)
{
    return 40 * MIB + (uint64_t)look * 9 * MIB / 9;
}

struct measurement *flaw_growth(void)
{
    return flaw_memory(grows_by_11);
}

struct measurement *near_miss_growth(void)
{
    return flaw_memory(grows_by_9);
}

static struct measurement *nameless(uint64_t failed)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);

    m->loss.stacks_taken = 100;
    m->loss.stacks_failed = failed;
    return m;
}

struct measurement *flaw_missing_symbols(void)
{
    return nameless(31);
}

struct measurement *near_miss_missing_symbols(void)
{
    return nameless(30);
}

struct measurement *flaw_no_privileges(void)
{
    struct measurement *m = case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);

    (void)strcpy(m->probe, "procfs");
    return m;
}

struct measurement *near_miss_no_privileges(void)
{
    return case_serial_cpu(RUNTIME_NATIVE, 1000 * MS);
}
