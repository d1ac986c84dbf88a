/* SPDX-License-Identifier: BSD-2-Clause */

/* -p: the threads and processes that are there already. Their accounts begin with what their counters say now. */

#include "base/base.h"
#include "probe/procfs/sampler_parts.h"
#include "probe/wire.h"

/* Each pass finds only what has begun since it came by; a few do even for a storm. */
#define PASSES_MAX 20

static int find_until_settled(struct sampler *s)
{
    uint64_t before = 0;
    int r = 0;

    for (int pass = 0; pass < PASSES_MAX && r == 0 && before != s->totals.threads; pass++) {
        before = s->totals.threads;
        r = sampler_find_all(s);
    }
    return r;
}

/* What it used before is none of this measurement's. Dear to read, so by a few switches older than the accounts. */
static void note_before(struct sampler *s, struct sampler_thread *t)
{
    sampler_read_stat(s, t);
    t->before.utime = t->slot.utime;
    t->before.stime = t->slot.stime;
    t->slot.utime = t->slot.stime = 0;
}

/* Whoever has ended since it was found shows with the first look, with no time to its account. */
static void begin_account(const struct sampler *s, struct sampler_thread *t)
{
    struct task_times times;
    char text[128];

    if (task_files_read(&t->files, TASK_SCHEDSTAT, text, sizeof(text)) > 0 && task_parse_schedstat(text, &times) == 0) {
        t->last.on_cpu_ns = times.on_cpu_ns;
        t->last.runnable_ns = times.runnable_ns;
        t->last.switch_ins = times.switch_ins;
    }
    t->last.now = s->released;
    t->before.switch_ins = t->last.switch_ins;
    account_init(&t->account, s->released, t->last.on_cpu_ns, t->last.runnable_ns, t->last.switch_ins,
                 t->voluntary.voluntary);
    t->look_again = true; /* where it waits since before */
}

int sampler_take_running(struct sampler *s)
{
    int r;

    s->seeding = true;
    r = sampler_take_root(s);
    if (r == 0)
        r = find_until_settled(s);
    for (size_t i = 0; i < s->n_threads; i++)
        note_before(s, s->threads[i]);
    s->seeding = false;
    /* In one go: what passes meanwhile is in nobody's account, or in one too many. */
    s->released = s->round = s->last_round = s->moved = sampler_clock();
    for (size_t i = 0; i < s->n_threads; i++)
        begin_account(s, s->threads[i]);
    s->running = true;
    return r;
}

int sampler_send_present(struct sampler *s)
{
    AUTO_FREE struct slot *slots = calloc(s->n_threads, sizeof(*slots));
    const size_t most = WIRE_MAX / sizeof(*slots);
    int r = 0;

    if (!s->attached)
        return 0;
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < s->n_threads; i++) {
        slots[i] = s->threads[i]->slot;
        slots[i].birth = s->released;
    }
    for (size_t i = 0; i < s->n_threads && r == 0; i += most) {
        size_t n = s->n_threads - i < most ? s->n_threads - i : most;

        r = wire_send(s->socket, WIRE_PRESENT, slots + i, n * sizeof(*slots));
    }
    return r;
}
