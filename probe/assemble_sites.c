/* SPDX-License-Identifier: BSD-2-Clause */

/* Sites: waits and samples by stack, weighted to what the stacks stand for; and the modules seen on them. */

#include "base/base.h"
#include "probe/assemble_parts.h"
#include "probe/bpf/abi.h"
#include "probe/collector.h"
#include "probe/measurement.h"
#include "probe/stacks.h"

#define SITES_KEPT 200
#define MODULES_KEPT 64

/* For each kind, apart for the interpreter lock: how much was waited in all, and how much of it has a stack. */
struct coverage {
    uint64_t all_ns[2][WAIT_KIND_COUNT];
    uint64_t seen_ns[2][WAIT_KIND_COUNT];
    uint64_t cpu_ns; /* of threads that were sampled */
    uint64_t cpu_samples;
};

static void sum_coverage(const struct collector *c, const struct stack_site *sites, size_t n, struct coverage *cover)
{
    memset(cover, 0, sizeof(*cover));
    for (size_t i = 0; i < c->state.n_threads; i++) {
        const struct run_thread *thread = &c->state.threads[i];
        const struct slot *account = &thread->account;

        for (int kind = 0; kind < WAIT_KIND_COUNT; kind++) {
            uint64_t lock_ns = thread->interpreter_lock_ns[kind];

            cover->all_ns[1][kind] += lock_ns;
            cover->all_ns[0][kind] += account->blocked_ns[kind] > lock_ns ? account->blocked_ns[kind] - lock_ns : 0;
        }
        if (account->cpu_samples)
            cover->cpu_ns += account->on_cpu_ns;
    }
    for (size_t i = 0; i < n; i++) {
        if (sites[i].on_cpu)
            cover->cpu_samples += sites[i].count;
        else if (sites[i].kind < WAIT_KIND_COUNT)
            cover->seen_ns[sites[i].interpreter_lock][sites[i].kind] += sites[i].time_ns;
    }
}

static uint64_t scale(uint64_t value, uint64_t all, uint64_t seen)
{
    if (!seen || all <= seen)
        return value;
    return (uint64_t)((double)value * (double)all / (double)seen);
}

static char *copy_text(const char *text)
{
    return strdup(text ? text : "?");
}

/* "/usr/lib/python3/dist-packages/requests/api.py" -> "requests"; the standard library's folders likewise. */
static char *module_of(const char *file)
{
    static const char *const roots[] = {"/site-packages/", "/dist-packages/"};
    const char *at = NULL, *version;
    size_t length;

    for (size_t i = 0; i < ARRAY_SIZE(roots) && !at; i++) {
        at = strstr(file, roots[i]);
        if (at)
            at += strlen(roots[i]);
    }
    version = at ? NULL : strstr(file, "/lib/python3");
    if (version) {
        at = strchr(version + strlen("/lib/python3"), '/');
        at = at ? at + 1 : NULL;
    }
    if (!at || !*at)
        return NULL;
    length = strcspn(at, "/");
    if (!at[length] && length > 3 && strcmp(at + length - 3, ".py") == 0)
        length -= 3;
    return strndup(at, length);
}

static int add_module(struct measurement *m, const char *file)
{
    AUTO_FREE char *module = file ? module_of(file) : NULL;

    if (!module)
        return 0;
    for (size_t i = 0; i < m->n_modules; i++)
        if (strcmp(m->modules[i], module) == 0)
            return 0;
    if (m->n_modules >= MODULES_KEPT)
        return 0;
    m->modules[m->n_modules++] = TAKE_PTR(module);
    return 0;
}

static int fill_frames(const struct stack_table *table, uint32_t stack, struct measurement *m, struct site *site)
{
    size_t depth = stack_table_depth(table, stack);

    site->frames = calloc(depth ? depth : 1, sizeof(*site->frames));
    if (!site->frames)
        return -ENOMEM;
    for (size_t i = 0; i < depth; i++) {
        struct stack_frame from = stack_table_frame(table, stack, i);
        struct frame *to = &site->frames[i];

        to->function = copy_text(from.function);
        to->file = from.file ? copy_text(from.file) : NULL;
        to->line = from.line;
        to->coroutine = from.coroutine;
        site->n_frames++;
        if (!to->function || (from.file && !to->file) || add_module(m, from.file) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int fill_site(const struct collector *c, const struct stack_site *from, const struct coverage *cover,
                     struct measurement *m, struct site *site)
{
    const struct run_process *process = run_state_find_process(&c->state, from->tgid);
    struct wait_context context = assemble_context(process, from->interpreter_lock);
    enum cause cause = from->on_cpu ? CAUSE_OTHER : cause_of_wait(from->kind, &context);

    site->on_cpu = from->on_cpu;
    site->cause = cause == CAUSE_COUNT ? CAUSE_OTHER : cause;
    site->count = from->count;
    site->pid = (int32_t)from->tgid;
    site->tid = (int32_t)from->top_tid;
    site->threads = from->threads;
    site->in_event_loop = stack_table_place(c->stacks, from->stack) == STACK_IN_TURN;
    if (from->on_cpu)
        site->time_ns = cover->cpu_samples
                            ? (uint64_t)((double)cover->cpu_ns * (double)from->count / (double)cover->cpu_samples)
                            : 0;
    else
        site->time_ns = scale(from->time_ns, cover->all_ns[from->interpreter_lock][from->kind],
                              cover->seen_ns[from->interpreter_lock][from->kind]);
    return fill_frames(c->stacks, from->stack, m, site);
}

static int by_time(const void *left, const void *right)
{
    const struct site *a = left, *b = right;

    return (a->time_ns < b->time_ns) - (a->time_ns > b->time_ns);
}

/* On-CPU samples carry no time of their own: rank them by what a sample stands for. */
static int by_weight(const void *left, const void *right)
{
    const struct stack_site *a = left, *b = right;
    uint64_t sample_ns = NSEC_PER_SEC / 250;
    uint64_t wa = a->on_cpu ? a->count * sample_ns : a->time_ns, wb = b->on_cpu ? b->count * sample_ns : b->time_ns;

    return (wa < wb) - (wa > wb);
}

int assemble_sites(const struct collector *c, struct measurement *m)
{
    const struct stack_site *sites;
    size_t n = stack_table_sites(c->stacks, &sites), kept = n < SITES_KEPT ? n : SITES_KEPT;
    AUTO_FREE struct stack_site *sorted = calloc(n ? n : 1, sizeof(*sorted));
    struct coverage cover;

    m->loss.stacks_taken = stack_table_taken(c->stacks);
    m->loss.stacks_failed = stack_table_failed(c->stacks);
    m->sites = calloc(kept ? kept : 1, sizeof(*m->sites));
    m->modules = calloc(MODULES_KEPT, sizeof(*m->modules));
    if (!sorted || !m->sites || !m->modules)
        return -ENOMEM;
    if (n)
        memcpy(sorted, sites, n * sizeof(*sorted));
    sum_coverage(c, sites, n, &cover);
    qsort(sorted, n, sizeof(*sorted), by_weight);
    for (size_t i = 0; i < kept; i++) {
        int r = fill_site(c, &sorted[i], &cover, m, &m->sites[m->n_sites++]);

        if (r < 0)
            return r;
    }
    qsort(m->sites, m->n_sites, sizeof(*m->sites), by_time);
    return 0;
}
