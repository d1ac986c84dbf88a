/* SPDX-License-Identifier: BSD-2-Clause */
/* dump_html FOLDER: the stories of the fixtures, and a run of 10,000 threads with a million slices, as pages. */
#include "base/base.h"
#include "fixture_diff.h"
#include "report/report.h"

#define BIG_THREADS 10000
#define BIG_SLICES 100 /* of each */

static const struct report_options options = {.format = REPORT_HTML};

static FILE *page_open(const char *folder, const char *story)
{
    char path[512];
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/%s.html", folder, story);
    out = fopen(path, "we");
    if (!out) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
    return out;
}

/* @param r  what writing it said */
static void page_close(FILE *out, const char *story, int r)
{
    if (fclose(out) != 0)
        r = -EIO;
    if (r < 0) {
        (void)fprintf(stderr, "%s: %s\n", story, strerror(-r));
        exit(EXIT_FAILURE);
    }
}

static void dump(const char *folder, const char *story, const struct measurement *m, const struct advice *a)
{
    FILE *out = page_open(folder, story);

    page_close(out, story, report_write(out, m, a, &options));
}

/* A command of two million bytes, each of which takes six within a script. */
static void make_long(struct measurement *m)
{
    struct target *target = &m->target;

    for (size_t i = 1; i < target->n_argv; i++) {
        free(target->argv[i]);
        target->argv[i] = malloc((1u << 20) + 1);
        if (!target->argv[i])
            exit(EXIT_FAILURE);
        memset(target->argv[i], '<', 1u << 20);
        target->argv[i][1u << 20] = '\0';
    }
}

static void dump_diffs(const char *folder)
{
    static void (*const stories[])(struct fixture_diff * s) = {
        fixture_diff_faster, fixture_diff_hostile, fixture_diff_tie, fixture_diff_attached, fixture_diff_faster};
    static const char *const names[] = {"diff-faster", "diff-hostile", "diff-tie", "diff-attached", "diff-long"};

    for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
        struct fixture_diff s = {0};
        FILE *out = page_open(folder, names[i]);

        stories[i](&s);
        if (strcmp(names[i], "diff-long") == 0) {
            make_long(s.before.m);
            make_long(s.after.m);
        }
        page_close(out, names[i], report_write_diff(out, &s.diff, &options));
        fixture_diff_clear(&s);
    }
}

/* Places sixty templates deep, as C++ has them: names of a thousand bytes, no two alike. */
static void make_deep(struct site *site, size_t i)
{
    *site = (struct site){.on_cpu = i & 1, .time_ns = (1000 - i) * NSEC_PER_USEC, .count = 1, .pid = 4711, .tid = 4711};
    site->n_frames = 60;
    site->frames = calloc(site->n_frames, sizeof(*site->frames));
    if (!site->frames)
        exit(EXIT_FAILURE);
    for (size_t k = 0; k < site->n_frames; k++) {
        char name[1001];

        memset(name, '<', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        (void)snprintf(name, 32, "f%zu_%zu", i, k);
        name[strlen(name)] = '>';
        site->frames[k] = (struct frame){.function = strdup(name), .file = strdup("deep.cpp"), .line = 1};
    }
}

static void dump_deep(const char *folder)
{
    struct fixture f = fixture_convoy();

    for (size_t i = 0; i < f.m->n_sites; i++)
        site_clear(&f.m->sites[i]);
    free(f.m->sites);
    f.m->n_sites = 300;
    f.m->sites = calloc(f.m->n_sites, sizeof(*f.m->sites));
    if (!f.m->sites)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < f.m->n_sites; i++)
        make_deep(&f.m->sites[i], i);
    for (size_t i = 0; i < f.a->n_findings; i++) {
        struct finding *finding = &f.a->findings[i];

        for (size_t k = 0; k < finding->n_sites; k++)
            site_clear(&finding->sites[k]);
        free(finding->sites);
        finding->n_sites = 12;
        finding->sites = calloc(finding->n_sites, sizeof(*finding->sites));
        if (!finding->sites)
            exit(EXIT_FAILURE);
        for (size_t k = 0; k < finding->n_sites; k++)
            make_deep(&finding->sites[k], 400 + i * 100 + k);
    }
    dump(folder, "deep", f.m, f.a);
    fixture_free(&f);
}

static void dump_long(const char *folder)
{
    struct fixture f = fixture_convoy();

    make_long(f.m);
    dump(folder, "long", f.m, f.a);
    fixture_free(&f);
}

/* Ten runs of the recommended model, as its row says. */
static void add_replays(struct measurement *m)
{
    struct replay_result *replay = calloc(1, sizeof(*replay));

    if (!replay || m->replays)
        exit(EXIT_FAILURE);
    *replay = (struct replay_result){.model = MODEL_PROCESSES, .workers = 4, .n_runs = 10, .share = 1.0};
    replay->runs_ns = calloc(replay->n_runs, sizeof(*replay->runs_ns));
    if (!replay->runs_ns)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < replay->n_runs; i++)
        replay->runs_ns[i] = 3520 * NSEC_PER_MSEC + i * 30 * NSEC_PER_MSEC;
    m->replays = replay;
    m->n_replays = 1;
}

static void make_thread(struct thread *thread, size_t i)
{
    *thread = (struct thread){.tid = (int32_t)(1000 + i), .pid = 1000, .birth_ns = i * 10000, .n_slices = BIG_SLICES};
    (void)snprintf(thread->name, sizeof(thread->name), "worker-%zu", i);
    thread->slices = calloc(BIG_SLICES, sizeof(*thread->slices));
    if (!thread->slices)
        exit(EXIT_FAILURE);
    for (size_t k = 0; k < BIG_SLICES; k++) {
        thread->slices[k] = (struct slice){.on_cpu_ns = 20000 + 1000 * ((i + k) % 7),
                                           .runnable_ns = 5000,
                                           .blocked_ns = 60000 + 10000 * (k % 11),
                                           .cause = (enum cause)((i + k) % CAUSE_COUNT),
                                           .waker_tid = (int32_t)(1000 + (i + 1) % BIG_THREADS),
                                           .waker_on_cpu_ns = 20000 * k};
        thread->on_cpu_ns += thread->slices[k].on_cpu_ns;
        thread->runnable_ns += thread->slices[k].runnable_ns;
        thread->blocked_ns[thread->slices[k].cause] += thread->slices[k].blocked_ns;
        thread->death_ns += thread->slices[k].on_cpu_ns + thread->slices[k].runnable_ns + thread->slices[k].blocked_ns;
    }
    thread->death_ns += thread->birth_ns;
}

static void dump_big(const char *folder)
{
    struct fixture f = fixture_convoy();

    for (size_t i = 0; i < f.m->n_threads; i++)
        free(f.m->threads[i].slices);
    free(f.m->threads);
    f.m->threads = calloc(BIG_THREADS, sizeof(*f.m->threads));
    if (!f.m->threads)
        exit(EXIT_FAILURE);
    f.m->n_threads = f.m->threads_total = f.m->max_live_threads = BIG_THREADS;
    f.m->wall_ns = 0;
    for (size_t i = 0; i < BIG_THREADS; i++) {
        make_thread(&f.m->threads[i], i);
        if (f.m->threads[i].death_ns > f.m->wall_ns)
            f.m->wall_ns = f.m->threads[i].death_ns;
    }
    measurement_sum_threads(f.m);
    dump(folder, "big", f.m, f.a);
    fixture_free(&f);
}

int main(int argc, char **argv)
{
    static struct fixture (*const stories[])(void) = {fixture_convoy, fixture_short, fixture_hostile};
    static const char *const names[] = {"convoy", "short", "hostile"};

    if (argc != 2)
        return 2;
    for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
        struct fixture f = stories[i]();

        if (i == 0)
            add_replays(f.m);
        dump(argv[1], names[i], f.m, f.a);
        fixture_free(&f);
    }
    dump_big(argv[1]);
    dump_long(argv[1]);
    dump_deep(argv[1]);
    dump_diffs(argv[1]);
    return 0;
}
