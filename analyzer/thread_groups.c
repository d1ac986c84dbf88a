/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/thread_groups.h"

#include "analyzer/thread_index.h"
#include "base/base.h"
#include "probe/measurement.h"

enum kind {
    KIND_MAIN,    /* the first thread of the target */
    KIND_PROCESS, /* the first thread of another process */
    KIND_UNNAMED, /* named as its process is */
    KIND_NAMED,
};

/* Threads of one group have equal keys. */
struct key {
    bool root; /* of the target's first process */
    enum kind kind;
    char pattern[32]; /* the name, a number in it as '*' */
};

struct member {
    struct key key;
    size_t thread;
};

struct group {
    struct key key;
    size_t threads;
    bool same_name; /* all members carry one name */
};

struct thread_groups {
    const struct measurement *m;
    const struct thread_index *index;
    size_t *of; /* by place in m->threads */
    struct group *items;
    size_t n;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number stands behind a separator or at the end: "worker-3", "pool-1-thread-2", "Thread-3 (serve)", "worker3". */
static void make_pattern(const char *name, size_t size, char out[32])
{
    size_t n = 0;

    for (size_t i = 0; i < size && name[i] && n + 1 < 32; i++) {
        size_t end = i;

        while (end < size && is_digit(name[end]))
            end++;
        if (end == i || !((i > 0 && strchr("-_#:/ .", name[i - 1])) || end == size || !name[end])) {
            out[n++] = name[i];
            continue;
        }
        out[n++] = '*';
        i = end - 1;
    }
    out[n] = '\0';
}

static bool is_named_as_its_process(const struct thread *thread, const struct process *process)
{
    return process && strncmp(thread->name, process->name, sizeof(thread->name)) == 0;
}

static struct key key_of(const struct thread_groups *groups, const struct thread *thread)
{
    const struct process *process = thread_index_process(groups->index, thread->pid, thread->birth_ns);
    struct key key = {.root = thread->pid == groups->m->target.pid};

    if (key.root && thread->tid == thread->pid)
        key.kind = KIND_MAIN;
    else if (thread->tid == thread->pid)
        key.kind = KIND_PROCESS;
    else if (is_named_as_its_process(thread, process) || !thread->name[0])
        key.kind = KIND_UNNAMED;
    else
        key.kind = KIND_NAMED;
    if (key.kind != KIND_MAIN)
        make_pattern(thread->name, sizeof(thread->name), key.pattern);
    return key;
}

static int compare_keys(const struct key *a, const struct key *b)
{
    if (a->root != b->root)
        return a->root ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return strcmp(a->pattern, b->pattern);
}

static int by_key(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    int order = compare_keys(&a->key, &b->key);

    return order ? order : a->thread < b->thread ? -1 : a->thread > b->thread;
}

static void make_groups(struct thread_groups *groups, const struct member *members)
{
    const struct measurement *m = groups->m;

    for (size_t i = 0; i < m->n_threads; i++) {
        struct group *group;

        if (i == 0 || compare_keys(&members[i].key, &members[i - 1].key) != 0)
            groups->items[groups->n++] = (struct group){.key = members[i].key, .same_name = true};
        group = &groups->items[groups->n - 1];
        if (group->threads++ > 0 && strncmp(m->threads[members[i].thread].name, m->threads[members[i - 1].thread].name,
                                            sizeof(m->threads[0].name)) != 0)
            group->same_name = false;
        groups->of[members[i].thread] = groups->n - 1;
    }
}

int thread_groups_new(const struct measurement *m, const struct thread_index *index, struct thread_groups **ret_groups)
{
    CLEANUP(thread_groups_freep) struct thread_groups *groups = calloc(1, sizeof(*groups));
    AUTO_FREE struct member *members = calloc(m->n_threads + 1, sizeof(*members));

    if (!groups || !members)
        return -ENOMEM;
    groups->m = m;
    groups->index = index;
    groups->of = calloc(m->n_threads + 1, sizeof(*groups->of));
    groups->items = calloc(m->n_threads + 1, sizeof(*groups->items));
    if (!groups->of || !groups->items)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_threads; i++)
        members[i] = (struct member){key_of(groups, &m->threads[i]), i};
    qsort(members, m->n_threads, sizeof(*members), by_key);
    make_groups(groups, members);
    *ret_groups = TAKE_PTR(groups);
    return 0;
}

void thread_groups_free(struct thread_groups *groups)
{
    if (!groups)
        return;
    free(groups->of);
    free(groups->items);
    free(groups);
}

void thread_groups_freep(struct thread_groups **groups)
{
    thread_groups_free(*groups);
    *groups = NULL;
}

size_t thread_groups_count(const struct thread_groups *groups)
{
    return groups->n;
}

size_t thread_groups_of(const struct thread_groups *groups, size_t thread)
{
    return groups->of[thread];
}

#define NAME_LENGTH ((int)sizeof(((struct thread *)NULL)->name))

static int label_one(char **ret, const struct thread_groups *groups, const struct group *group, const struct thread *t)
{
    bool several = group->threads > 1 && group->same_name;

    switch (group->key.kind) {
    case KIND_MAIN:
        return asprintf(ret, groups->m->processes_total > 1 ? "the main process" : "main");
    case KIND_PROCESS:
        return asprintf(ret, "%.*s %d", NAME_LENGTH, t->name, t->tid);
    case KIND_UNNAMED:
        return group->key.root ? asprintf(ret, "thread %d", t->tid) : asprintf(ret, "thread %d of %d", t->tid, t->pid);
    case KIND_NAMED:
        break;
    }
    return several ? asprintf(ret, "%.*s %d", NAME_LENGTH, t->name, t->tid)
                   : asprintf(ret, "%.*s", NAME_LENGTH, t->name);
}

static int label_many(char **ret, const struct group *group, const struct thread *t, size_t threads, size_t processes)
{
    int length = group->same_name ? NAME_LENGTH : (int)sizeof(group->key.pattern);
    const char *name = group->same_name ? t->name : group->key.pattern;

    if (group->key.kind == KIND_PROCESS || group->key.kind == KIND_MAIN)
        return asprintf(ret, "%zu %.*s processes", threads, length, name);
    if (group->key.kind == KIND_UNNAMED && processes > 1)
        return asprintf(ret, "%zu threads in %zu processes", threads, processes);
    if (group->key.kind == KIND_UNNAMED && !group->key.root)
        return asprintf(ret, "%zu threads of %d", threads, t->pid);
    if (group->key.kind == KIND_UNNAMED)
        return asprintf(ret, "%zu threads", threads);
    if (processes > 1)
        return asprintf(ret, "%.*s (%zu in %zu processes)", length, name, threads, processes);
    return asprintf(ret, "%.*s (%zu)", length, name, threads);
}

char *thread_groups_label(const struct thread_groups *groups, size_t thread, size_t threads, size_t processes)
{
    const struct group *group = &groups->items[groups->of[thread]];
    const struct thread *t = &groups->m->threads[thread];
    char *label = NULL;
    int r = threads > 1 ? label_many(&label, group, t, threads, processes) : label_one(&label, groups, group, t);

    return r < 0 ? NULL : label;
}
