/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/critical_path_parts.h"

#include "analyzer/thread_groups.h"
#include "analyzer/thread_index.h"
#include "base/base.h"

#define PARTS_KEPT 64

int stretches_init(struct stretches *s, const struct measurement *m)
{
    *s = (struct stretches){.m = m};
    s->spent_ns = calloc(m->n_threads + 1, sizeof(*s->spent_ns));
    return s->spent_ns ? 0 : -ENOMEM;
}

void stretches_clear(struct stretches *s)
{
    free(s->spent_ns);
    *s = (struct stretches){0};
}

static uint64_t length(const struct stay *stay)
{
    return stay->to_ns - stay->from_ns;
}

/* Keep it if it is among the longest; of equal ones the earlier found, which is the later in time. */
static void close_stay(struct stretches *s)
{
    size_t at = s->n_longest;

    if (s->current.to_ns == 0)
        return;
    while (at > 0 && length(&s->longest[at - 1]) < length(&s->current))
        at--;
    if (at >= STAYS_KEPT)
        return;
    if (s->n_longest < STAYS_KEPT)
        s->n_longest++;
    memmove(&s->longest[at + 1], &s->longest[at], (s->n_longest - at - 1) * sizeof(s->longest[0]));
    s->longest[at] = s->current;
}

void stretches_add(struct stretches *s, size_t thread, enum stretch what, uint64_t from_ns, uint64_t to_ns)
{
    size_t row = thread == THREAD_INDEX_NONE ? s->m->n_threads : thread;

    if (to_ns <= from_ns)
        return;
    s->spent_ns[row][what] += to_ns - from_ns;
    if (s->current.to_ns == 0 || s->current.thread != thread) {
        s->hops += s->current.to_ns != 0 && thread != THREAD_INDEX_NONE;
        close_stay(s);
        s->current = (struct stay){.thread = thread, .to_ns = to_ns};
    }
    s->current.from_ns = from_ns;
    s->current.spent_ns[what] += to_ns - from_ns;
}

static enum path_state state_of(enum stretch what)
{
    switch (what) {
    case STRETCH_ON_CPU:
        return PATH_ON_CPU;
    case STRETCH_RUN_QUEUE:
        return PATH_RUN_QUEUE;
    case STRETCH_UNKNOWN:
        return PATH_UNKNOWN;
    case STRETCH_COUNT:
        break;
    }
    return PATH_BLOCKED;
}

static enum cause cause_of(enum stretch what)
{
    return (int)what < CAUSE_COUNT ? (enum cause)what : CAUSE_OTHER;
}

/* What one thread, later one group of threads, spent in one state. */
struct sum {
    size_t group;
    enum stretch what;
    uint64_t time_ns;
    size_t thread; /* the one with most of it; THREAD_INDEX_NONE: outside all threads */
    uint64_t thread_ns;
    size_t threads;
    size_t processes; /* an upper bound: neighbours in order of pid are told apart */
};

static int by_group(const struct stretches *s, const struct sum *a, const struct sum *b)
{
    int32_t a_pid, b_pid;

    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->what != b->what)
        return a->what < b->what ? -1 : 1;
    a_pid = a->thread == THREAD_INDEX_NONE ? 0 : s->m->threads[a->thread].pid;
    b_pid = b->thread == THREAD_INDEX_NONE ? 0 : s->m->threads[b->thread].pid;
    if (a_pid != b_pid)
        return a_pid < b_pid ? -1 : 1;
    return a->thread < b->thread ? -1 : a->thread > b->thread;
}

static int by_group_r(const void *left, const void *right, void *userdata)
{
    return by_group(userdata, left, right);
}

static int by_time(const void *left, const void *right)
{
    const struct sum *a = left, *b = right;

    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? 1 : -1;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return a->what < b->what ? -1 : a->what > b->what;
}

static size_t count_sums(const struct stretches *s)
{
    size_t n = 0;

    for (size_t i = 0; i <= s->m->n_threads; i++)
        for (int what = 0; what < STRETCH_COUNT; what++)
            n += s->spent_ns[i][what] > 0;
    return n;
}

static bool same_process(const struct stretches *s, const struct sum *a, const struct sum *b)
{
    return s->m->threads[a->thread].pid == s->m->threads[b->thread].pid;
}

/* Sums by thread, then those of a group and state made one. @return how many there are */
static size_t collect(const struct stretches *s, const struct thread_groups *groups, struct sum *sums)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i <= s->m->n_threads; i++) {
        bool outside = i == s->m->n_threads;

        for (int what = 0; what < STRETCH_COUNT; what++) {
            uint64_t ns = s->spent_ns[i][what];

            if (ns > 0)
                sums[n++] = (struct sum){.group = outside ? SIZE_MAX : thread_groups_of(groups, i),
                                         .what = (enum stretch)what,
                                         .time_ns = ns,
                                         .thread = outside ? THREAD_INDEX_NONE : i,
                                         .thread_ns = ns,
                                         .threads = outside ? 0 : 1,
                                         .processes = outside ? 0 : 1};
        }
    }
    qsort_r(sums, n, sizeof(*sums), by_group_r, (void *)s);
    for (size_t i = 0; i < n;) {
        struct sum all = sums[i];
        size_t next = i + 1;

        for (; next < n && sums[next].group == all.group && sums[next].what == all.what; next++) {
            all.time_ns += sums[next].time_ns;
            all.threads++;
            all.processes += !same_process(s, &sums[next], &sums[next - 1]);
            if (sums[next].thread_ns > all.thread_ns) {
                all.thread_ns = sums[next].thread_ns;
                all.thread = sums[next].thread;
            }
        }
        sums[kept++] = all;
        i = next;
    }
    qsort(sums, kept, sizeof(*sums), by_time);
    return kept;
}

/* A site that fits, by the frame that stands for it. */
struct candidate {
    const struct site *site;
    const struct frame *frame;
    bool of_group; /* by a thread of the group; else somewhere in the process */
};

static int by_frame(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order;

    if (a->of_group != b->of_group)
        return a->of_group ? -1 : 1;
    order = advice_compare_frames(a->frame, b->frame);
    /* Sites are ranked: the first of a line is the largest. */
    return order ? order : a->site < b->site ? -1 : a->site > b->site;
}

static size_t collect_sites(const struct stretches *s, const struct thread_groups *groups,
                            const struct thread_index *index, const struct sum *sum, struct candidate *candidates)
{
    size_t n = 0;

    for (size_t i = 0; i < s->m->n_sites; i++) {
        const struct site *site = &s->m->sites[i];
        size_t thread;
        bool of_group;

        if (site->n_frames == 0 || site->on_cpu != (sum->what == STRETCH_ON_CPU) ||
            (!site->on_cpu && (int)site->cause != (int)sum->what))
            continue;
        thread = thread_index_find(index, site->tid, s->m->wall_ns);
        of_group = thread != THREAD_INDEX_NONE && thread_groups_of(groups, thread) == sum->group;
        if (of_group || (site->threads > 1 && site->pid == s->m->threads[sum->thread].pid))
            candidates[n++] = (struct candidate){site, advice_near_frame_in(site->frames, site->n_frames), of_group};
    }
    qsort(candidates, n, sizeof(*candidates), by_frame);
    return n;
}

/*
 * The line where the threads of a group spent most in that state, as the largest site that has it; one of others in the
 * process will do when there is none.
 * @return 0 (ret_site NULL: none) or -ENOMEM
 */
static int find_site(const struct stretches *s, const struct thread_groups *groups, const struct thread_index *index,
                     const struct sum *sum, const struct site **ret_site)
{
    AUTO_FREE struct candidate *candidates = calloc(s->m->n_sites + 1, sizeof(*candidates));
    uint64_t best_ns = 0;
    size_t n;

    if (!candidates)
        return -ENOMEM;
    *ret_site = NULL;
    if (sum->thread == THREAD_INDEX_NONE || sum->what >= STRETCH_RUN_QUEUE)
        return 0;
    n = collect_sites(s, groups, index, sum, candidates);
    for (size_t i = 0; i < n && candidates[i].of_group == candidates[0].of_group;) {
        size_t first = i;
        uint64_t time_ns = 0;

        for (; i < n && candidates[i].of_group == candidates[first].of_group &&
               advice_compare_frames(candidates[i].frame, candidates[first].frame) == 0;
             i++)
            time_ns += candidates[i].site->time_ns;
        if (time_ns > best_ns) {
            best_ns = time_ns;
            *ret_site = candidates[first].site;
        }
    }
    return 0;
}

static int fill_part(const struct stretches *s, const struct thread_groups *groups, const struct thread_index *index,
                     const struct sum *sum, struct path_part *part)
{
    const struct site *site;
    int r = find_site(s, groups, index, sum, &site);

    if (r < 0)
        return r;
    part->state = state_of(sum->what);
    part->cause = cause_of(sum->what);
    part->time_ns = sum->time_ns;
    part->share = (double)sum->time_ns / (double)s->m->wall_ns;
    part->threads = (uint32_t)sum->threads;
    if (sum->thread == THREAD_INDEX_NONE) {
        part->who = strdup("");
    } else {
        part->who = thread_groups_label(groups, sum->thread, sum->threads, sum->processes);
        part->pid = s->m->threads[sum->thread].pid;
        part->tid = s->m->threads[sum->thread].tid;
    }
    if (!part->who)
        return -ENOMEM;
    if (site && advice_copy_frames(site->frames, site->n_frames, &part->frames) < 0)
        return -ENOMEM;
    part->n_frames = site ? site->n_frames : 0;
    return 0;
}

static int fill_parts(const struct stretches *s, const struct thread_groups *groups, const struct thread_index *index,
                      struct critical_path *path)
{
    AUTO_FREE struct sum *sums = calloc(count_sums(s) + 1, sizeof(*sums));
    size_t n;

    if (!sums)
        return -ENOMEM;
    n = collect(s, groups, sums);
    path->parts = calloc(n < PARTS_KEPT ? n + 1 : PARTS_KEPT, sizeof(*path->parts));
    if (!path->parts)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (i >= PARTS_KEPT) {
            path->rest_ns += sums[i].time_ns;
            continue;
        }
        path->n_parts++;
        if (fill_part(s, groups, index, &sums[i], &path->parts[i]) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int by_begin(const void *left, const void *right)
{
    const struct stay *a = left, *b = right;

    return a->from_ns < b->from_ns ? -1 : a->from_ns > b->from_ns;
}

static int fill_stays(struct stretches *s, const struct thread_groups *groups, struct critical_path *path)
{
    close_stay(s);
    s->current = (struct stay){0};
    qsort(s->longest, s->n_longest, sizeof(s->longest[0]), by_begin);
    path->stays = calloc(STAYS_KEPT, sizeof(*path->stays));
    if (!path->stays)
        return -ENOMEM;
    for (size_t i = 0; i < s->n_longest; i++) {
        const struct stay *from = &s->longest[i];
        struct path_stay *to = &path->stays[path->n_stays];
        int most = 0;

        if (from->thread == THREAD_INDEX_NONE)
            continue;
        for (int what = 1; what < STRETCH_COUNT; what++)
            if (from->spent_ns[what] > from->spent_ns[most])
                most = what;
        *to = (struct path_stay){
            .who = thread_groups_label(groups, from->thread, 1, 1),
            .pid = s->m->threads[from->thread].pid,
            .tid = s->m->threads[from->thread].tid,
            .from_ns = from->from_ns,
            .to_ns = from->to_ns,
            .state = state_of((enum stretch)most),
            .cause = cause_of((enum stretch)most),
            .state_ns = from->spent_ns[most],
        };
        if (!to->who)
            return -ENOMEM;
        path->n_stays++;
    }
    return 0;
}

int stretches_condense(struct stretches *s, const struct thread_groups *groups, const struct thread_index *index,
                       struct critical_path *ret_path)
{
    CLEANUP(critical_path_clear) struct critical_path path = {.wall_ns = s->m->wall_ns};
    int r = fill_parts(s, groups, index, &path);

    if (r == 0)
        r = fill_stays(s, groups, &path);
    if (r < 0)
        return r;
    path.hops = s->hops;
    *ret_path = path;
    path = (struct critical_path){0};
    return 0;
}
