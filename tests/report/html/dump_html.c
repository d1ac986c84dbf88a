/* SPDX-License-Identifier: BSD-2-Clause */
/* dump_html FOLDER: the stories of the fixture, and a run of 10,000 threads with a million slices, as pages. */
#include "base/base.h"
#include "fixture.h"
#include "report/report.h"

#define BIG_THREADS 10000
#define BIG_SLICES 100 /* of each */

static void dump(const char *folder, const char *story, const struct measurement *m, const struct advice *a)
{
    const struct report_options options = {.format = REPORT_HTML};
    char path[512];
    FILE *out;
    int r;

    (void)snprintf(path, sizeof(path), "%s/%s.html", folder, story);
    out = fopen(path, "we");
    r = out ? report_write(out, m, a, &options) : -errno;
    if (out && fclose(out) != 0)
        r = -EIO;
    if (r < 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(-r));
        exit(EXIT_FAILURE);
    }
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
    return 0;
}
