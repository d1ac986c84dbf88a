/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * scale: feeds the collector what the helper would send of a run with that many threads and slices, makes a measurement
 * of it and saves that. Prints the CPU nanoseconds it took and the peak resident memory in KiB.
 *
 *   scale THREADS SLICES FILE
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "base/base.h"
#include "probe/assemble/assemble.h"
#include "probe/follow/collector.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"

#define ROOT 1000u
#define BATCH 4096u
#define SLICES_KEPT 131072u /* as probe/bpf_probe.c keeps by default */
#define ON_CPU_NS 20000u
#define RUNNABLE_NS 5000u
#define BLOCKED_NS 175000u

static int feed(struct collector *c, uint32_t type, const void *payload, size_t size)
{
    struct wire_header header = {.type = type, .size = (uint32_t)size};

    return collector_feed(c, &header, payload);
}

static int feed_births(struct collector *c, uint32_t threads, uint64_t time)
{
    int r = 0;

    for (uint32_t i = 1; r == 0 && i < threads; i++) {
        const struct record fork = {.type = RECORD_FORK,
                                    .time = time,
                                    .tid = ROOT + i,
                                    .tgid = ROOT,
                                    .other_tid = ROOT,
                                    .other_on_cpu_ns = ROOT};

        r = feed(c, WIRE_RECORDS, &fork, sizeof(fork));
    }
    return r;
}

/* The threads take turns; each waits for a lock, a peer or a timer, and each third wait is ended by its neighbour. */
static struct record slice(uint64_t number, uint32_t threads, uint64_t start)
{
    static const uint8_t kinds[] = {WAIT_FUTEX_MUTEX, WAIT_INET_OUTSIDE, WAIT_SLEEP};
    uint64_t turn = number / threads + 1;
    uint32_t thread = (uint32_t)(number % threads);

    return (struct record){
        .type = RECORD_SLICE,
        .kind = kinds[turn % ARRAY_SIZE(kinds)],
        .time = start + turn * (ON_CPU_NS + RUNNABLE_NS + BLOCKED_NS),
        .tid = ROOT + thread,
        .tgid = ROOT,
        .on_cpu_ns = ON_CPU_NS,
        .runnable_ns = RUNNABLE_NS,
        .blocked_ns = BLOCKED_NS,
        .other_tid = turn % ARRAY_SIZE(kinds) == 0 ? ROOT + (thread + 1) % threads : 0,
        .other_on_cpu_ns = turn % ARRAY_SIZE(kinds) == 0 ? turn * ON_CPU_NS : 0,
        .address_low = turn % ARRAY_SIZE(kinds) == 0 ? 0x7000 : 0,
    };
}

static int feed_slices(struct collector *c, uint32_t threads, uint64_t slices, uint64_t start)
{
    static struct record batch[BATCH];
    int r = 0;

    for (uint64_t done = 0; r == 0 && done < slices;) {
        size_t n = 0;

        for (; n < BATCH && done < slices; n++, done++)
            batch[n] = slice(done, threads, start);
        r = feed(c, WIRE_RECORDS, batch, n * sizeof(*batch));
    }
    return r;
}

static int feed_end(struct collector *c, uint32_t threads, uint64_t slices, uint64_t start)
{
    static const enum wait_kind kinds[] = {WAIT_FUTEX_MUTEX, WAIT_INET_OUTSIDE, WAIT_SLEEP};
    struct wire_final final = {.totals = {.threads = threads, .processes = 1, .max_live = threads}};
    int r = 0;

    final.totals.max_live_processes = 1;
    final.end_ns = start + (slices / threads + 2) * (ON_CPU_NS + RUNNABLE_NS + BLOCKED_NS);
    for (uint32_t i = 0; r == 0 && i < threads; i++) {
        uint64_t turns = slices / threads + (i < slices % threads);
        struct slot account = {.tid = ROOT + i, .tgid = ROOT, .birth = start, .is_process = i == 0};

        account.death = start + turns * (ON_CPU_NS + RUNNABLE_NS + BLOCKED_NS);
        account.on_cpu_ns = turns * ON_CPU_NS;
        account.runnable_ns = turns * RUNNABLE_NS;
        for (uint64_t turn = 0; turn < ARRAY_SIZE(kinds); turn++) {
            uint64_t waits = (turns + ARRAY_SIZE(kinds) - (turn ? turn : ARRAY_SIZE(kinds))) / ARRAY_SIZE(kinds);

            account.blocked_ns[kinds[turn]] = waits * BLOCKED_NS;
            account.blocked_count[kinds[turn]] = (uint32_t)waits;
            final.grave.blocked_ns[kinds[turn]] += waits * BLOCKED_NS;
            final.grave.blocked_count[kinds[turn]] += waits;
        }
        final.grave.threads++;
        final.grave.lifetime_ns += account.death - account.birth;
        final.grave.on_cpu_ns += account.on_cpu_ns;
        final.grave.runnable_ns += account.runnable_ns;
        r = feed(c, WIRE_OBITUARIES, &account, sizeof(account));
    }
    return r < 0 ? r : feed(c, WIRE_FINAL, &final, sizeof(final));
}

static int measure(uint32_t threads, uint64_t slices, struct measurement *m)
{
    const uint64_t start = NSEC_PER_SEC * 1000;
    struct collector c;
    int r = collector_init(&c, ROOT, -1, SLICES_KEPT);

    c.released_ns = start;
    if (r == 0)
        r = feed_births(&c, threads, start);
    if (r == 0)
        r = feed_slices(&c, threads, slices, start);
    if (r == 0)
        r = feed_end(&c, threads, slices, start);
    if (r == 0) {
        collector_finish(&c);
        r = assemble(&c, m);
    }
    collector_clear(&c);
    return r;
}

int main(int argc, char **argv)
{
    CLEANUP(measurement_freep) struct measurement *m = measurement_new();
    uint32_t threads = argc > 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    uint64_t slices = argc > 3 ? strtoull(argv[2], NULL, 10) : 0;
    const char *field = NULL;
    struct timespec cpu;
    struct rusage usage;
    int r;

    if (!threads || !slices || !m)
        return 2;
    m->machine.cpus = m->machine.cpus_allowed = 2;
    m->target.argv = calloc(2, sizeof(*m->target.argv));
    if (m->target.argv)
        m->target.argv[m->target.n_argv++] = strdup("scale");
    m->target.exe = strdup("/nowhere/scale");
    m->target.exited = true;
    (void)snprintf(m->tool_version, sizeof(m->tool_version), "bench");
    (void)snprintf(m->probe, sizeof(m->probe), "bpf");
    r = measure(threads, slices, m);
    if (r == 0)
        r = measurement_save(m, argv[3], &field);
    if (r < 0) {
        (void)fprintf(stderr, "scale: %s%s%s\n", strerror(-r), field ? ": " : "", field ? field : "");
        return 1;
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("%" PRIu64 " %ld\n", (uint64_t)cpu.tv_sec * NSEC_PER_SEC + (uint64_t)cpu.tv_nsec, usage.ru_maxrss);
    return 0;
}
