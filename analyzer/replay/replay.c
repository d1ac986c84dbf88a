/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay.h"

#include <libgen.h>
#include <limits.h>
#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/replay/replay_child.h"
#include "analyzer/replay/replay_plan.h"
#include "analyzer/replay/replay_protocol.h"
#include "analyzer/simulate/simulate.h"
#include "base/base.h"
#include "probe/measurement.h"

#define MIN_RUNS 3
#define MAX_RUNS 10
#define PLANNED_RUNS 7                  /* samples are cut for so many; what time is left buys more runs */
#define PLANNED_SHARE 0.80              /* of the budget after calibration: the machine may be slower than forecast */
#define MIN_SLOT_NS (2 * NSEC_PER_MSEC) /* a run shorter than this measures noise */
#define HARD_LIMIT 1.2                  /* times the budget: then the replayer is killed */
#define MAX_PLANS (MODEL_COUNT + 1)

/* One replay session: a replayer, the plans, and the times so far. */
struct session {
    const struct replay_options *options;
    struct replay_child child;
    struct replay_plan plans[MAX_PLANS]; /* the last is the program as it is now */
    size_t n_plans;
    size_t executes[MAX_PLANS]; /* plan whose execution serves this one; itself, or an earlier one */
    struct replay_times empty[MAX_PLANS];
    struct replay_times runs[MAX_PLANS][MAX_RUNS];
    size_t n_runs; /* complete rounds */
    uint64_t begin_ns;
    char *message;
    size_t size;
};

static void session_clear(struct session *s)
{
    replay_child_end(&s->child);
    for (size_t i = 0; i < MAX_PLANS; i++)
        replay_plan_clear(&s->plans[i]);
}

/* --- Which replayer --- */

/* The interpreter of the target, if it is one that the replayer can run on: 3.6 or later, and really a python. */
static int check_python(const struct runtime *runtime, char *message, size_t size)
{
    const char *name = strrchr(runtime->executable, '/');
    unsigned major = 0, minor = 0;

    if (!name || strncmp(name + 1, "python", strlen("python")) != 0) {
        (void)snprintf(message, size, "no replay: the target's Python interpreter is not known");
        return -ENOENT;
    }
    if (sscanf(runtime->version, "%u.%u", &major, &minor) == 2 && (major < 3 || (major == 3 && minor < 6))) {
        (void)snprintf(message, size, "no replay: the replayer needs Python 3.6 or later, the target runs %u.%u", major,
                       minor);
        return -ENOENT;
    }
    return 0;
}

static bool readable(char *path, size_t size, const char *dir, const char *between, const char *name)
{
    int n = snprintf(path, size, "%s%s/%s", dir, between, name);

    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

/* `name` beside this executable, in the build tree, or installed. @return true when readable */
static bool find_replayer(const char *dir, const char *name, char *path, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *own;

    if (dir)
        return readable(path, size, dir, "", name);
    self[n > 0 ? n : 0] = '\0';
    own = dirname(self);
    return readable(path, size, own, "", name) || readable(path, size, own, "/../analyzer/replay", name) ||
           readable(path, size, CONCADVISE_LIBEXECDIR, "", name);
}

static int start_replayer(struct session *s, const struct measurement *m, uint64_t deadline_ns)
{
    const struct runtime *runtime = &m->target.runtime;
    bool python = runtime->kind == RUNTIME_CPYTHON;
    const char *name = python ? "cpython.py" : "concadvise-replay-native";
    char path[PATH_MAX + 64], interpreter[sizeof(runtime->executable)];
    /* Isolated: neither the environment nor site packages of the target run in the replayer. */
    char *python_argv[] = {interpreter, (char[]){"-I"}, (char[]){"-S"}, (char[]){"-B"}, path, NULL};
    char *native_argv[] = {path, NULL};
    int r = python ? check_python(runtime, s->message, s->size) : 0;

    if (r < 0)
        return r;
    if (!find_replayer(s->options->replayer_dir, name, path, sizeof(path))) {
        (void)snprintf(s->message, s->size, "no replay: %s was not found", name);
        return -ENOENT;
    }
    (void)snprintf(interpreter, sizeof(interpreter), "%s", runtime->executable);
    r = replay_child_start(python ? python_argv : native_argv, deadline_ns, &s->child);
    if (r < 0) {
        (void)snprintf(s->message, s->size, "no replay: %s could not be started: %s", python ? interpreter : path,
                       strerror(-r));
        return r == -ENOENT || r == -EACCES ? -ENOENT : -ECHILD;
    }
    return replay_protocol_greeting(&s->child, s->message, s->size);
}

/* --- Planning --- */

static int make_plans(struct session *s, const struct profile *p, const struct simulate_costs *costs, uint32_t cpus)
{
    int r = 0;

    for (int model = 0; model < MODEL_COUNT && r == 0; model++)
        r = replay_plan_model(p, costs, (enum model)model, cpus, &s->plans[s->n_plans++]);
    if (r == 0)
        r = replay_plan_current(p, costs, cpus, &s->plans[s->n_plans++]);
    for (size_t i = 0; i < s->n_plans && r == 0; i++) {
        s->executes[i] = i;
        for (size_t k = 0; k < i; k++)
            if (replay_plan_same(&s->plans[k], &s->plans[i])) {
                s->executes[i] = k;
                break;
            }
    }
    return r;
}

static int planned_runs(const struct replay_options *options)
{
    if (!options->runs)
        return PLANNED_RUNS;
    return options->runs < MAX_RUNS ? (int)options->runs : MAX_RUNS;
}

/* Cut samples so that the planned rounds, and one without durations before them, fit what is left of the budget. */
static int draw_samples(struct session *s, const struct profile *p)
{
    uint64_t used_ns = replay_now_ns() - s->begin_ns;
    double left_ns = (double)s->options->budget_ns - (double)used_ns;
    double round_ns = PLANNED_SHARE * left_ns / planned_runs(s->options);
    struct replay_plan distinct[MAX_PLANS];
    size_t n = 0;
    uint64_t slot_ns;

    for (size_t i = 0; i < s->n_plans; i++)
        if (s->executes[i] == i)
            distinct[n++] = s->plans[i];
    slot_ns = round_ns > 0 ? replay_plan_slot(distinct, n, (uint64_t)round_ns) : 0;
    if (slot_ns < MIN_SLOT_NS) {
        bool all_short = slot_ns > 0;

        for (size_t i = 0; i < n; i++)
            all_short = all_short && distinct[i].forecast_ns <= slot_ns;
        if (!all_short)
            return -ETIME;
    }
    for (size_t i = 0; i < s->n_plans; i++) {
        int r = replay_plan_sample(p, slot_ns, &s->plans[i]);

        if (r == 0 && s->executes[i] == i)
            r = replay_protocol_plan(&s->child, i, &s->plans[i], s->message, s->size);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- Running --- */

/* Labels are static by contract: one per model and run. */
static const char *label_of(enum model model, size_t run, size_t runs)
{
    static char label[64];

    (void)snprintf(label, sizeof(label), "%s %zu/%zu", model_to_str(model), run + 1, runs);
    return label;
}

/* The runs without durations: what they take is not scaled, and the first of each model warms it up. */
static int run_empty(struct session *s)
{
    for (size_t i = 0; i < s->n_plans; i++) {
        struct replay_times again;
        int r;

        if (s->executes[i] != i)
            continue;
        r = replay_protocol_run(&s->child, i, true, &s->empty[i], s->message, s->size);
        if (r == 0 && s->plans[i].shrink < 1.0) {
            r = replay_protocol_run(&s->child, i, true, &again, s->message, s->size);
            if (r == 0 && again.wall_ns - again.start_ns < s->empty[i].wall_ns - s->empty[i].start_ns)
                s->empty[i] = again;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* One run of each plan. The order turns with the round, so that neither drift nor a neighbour favours a model. */
static int run_round(struct session *s, size_t round, size_t rounds)
{
    for (size_t k = 0; k < s->n_plans; k++) {
        size_t i = (k + round) % s->n_plans;
        int r;

        if (s->executes[i] != i)
            continue;
        if (s->options->progress)
            s->options->progress(label_of(s->plans[i].model, round, rounds), s->options->userdata);
        r = replay_protocol_run(&s->child, i, false, &s->runs[i][round], s->message, s->size);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Rounds until runs or time are used up. Rounds completed before the hard limit count even if a later one was cut. */
static int run_rounds(struct session *s)
{
    size_t least = s->options->runs ? (size_t)planned_runs(s->options) : MIN_RUNS;
    size_t most = s->options->runs ? least : MAX_RUNS;
    uint64_t longest_ns = 0;

    while (s->n_runs < most) {
        uint64_t begin_ns = replay_now_ns(), took_ns;
        int r;

        if (s->n_runs >= least && begin_ns - s->begin_ns + longest_ns > s->options->budget_ns)
            break;
        r = run_round(s, s->n_runs, most);
        if (r == -ETIME && s->n_runs)
            break;
        if (r < 0)
            return r;
        s->n_runs++;
        took_ns = replay_now_ns() - begin_ns;
        if (took_ns > longest_ns)
            longest_ns = took_ns;
    }
    return 0;
}

/* --- Results --- */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int fill_result(const struct session *s, size_t index, struct replay_result *ret_result)
{
    const struct replay_plan *plan = &s->plans[index];
    size_t from = s->executes[index];
    struct replay_result result = {
        .model = plan->model,
        .workers = plan->workers,
        .n_runs = s->n_runs,
        .share = replay_plan_share(plan),
        .current = plan->current,
    };
    uint64_t cpu_ns[MAX_RUNS];

    result.runs_ns = calloc(s->n_runs, sizeof(*result.runs_ns));
    if (!result.runs_ns)
        return -ENOMEM;
    for (size_t i = 0; i < s->n_runs; i++) {
        const struct replay_times *run = &s->runs[from][i];

        result.runs_ns[i] = replay_plan_scale_wall(plan, run, &s->empty[from]);
        cpu_ns[i] = replay_plan_scale_cpu(plan, run, &s->empty[from]);
        if (run->peak_rss_bytes > result.peak_rss_bytes)
            result.peak_rss_bytes = run->peak_rss_bytes;
    }
    qsort(cpu_ns, s->n_runs, sizeof(cpu_ns[0]), compare_u64);
    result.cpu_ns = cpu_ns[s->n_runs / 2];
    *ret_result = result;
    return 0;
}

static void free_results(struct replay_result *results, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(results[i].runs_ns);
    free(results);
}

/* Put the results into the measurement, in place of those of an earlier replay. */
static int append_results(const struct session *s, const struct replay_costs *costs, struct measurement *m)
{
    struct replay_result *results = calloc(s->n_plans, sizeof(*results));

    if (!results)
        return -ENOMEM;
    for (size_t i = 0; i < s->n_plans; i++)
        if (fill_result(s, i, &results[i]) < 0) {
            free_results(results, i);
            return -ENOMEM;
        }
    free_results(m->replays, m->n_replays);
    m->replays = results;
    m->n_replays = s->n_plans;
    m->replay_process_start_ns = costs->process_start_ns;
    m->replay_thread_start_ns = costs->thread_start_ns;
    m->replay_ipc_item_ns = costs->ipc_item_ns;
    return 0;
}

static int too_short(struct session *s)
{
    (void)snprintf(s->message, s->size, "no replay: %.1f s is too little time for this profile on this machine",
                   (double)s->options->budget_ns / NSEC_PER_SEC);
    return -ETIME;
}

/* CPUs that the program keeps busy at once while it works on its items. */
static uint32_t busy_cpus(const struct profile *p, const struct simulate_costs *costs, uint32_t cpus)
{
    struct simulate_result now;
    double wall_ns, cpu_ns;

    if (simulate_current(p, costs, cpus, &now) < 0)
        return 1;
    wall_ns = (double)now.wall_ns - (double)p->head_ns - (double)p->tail_ns;
    cpu_ns = (double)now.cpu_ns - (double)p->serial_cpu_ns;
    return wall_ns > 0 && cpu_ns > wall_ns ? (uint32_t)lround(cpu_ns / wall_ns) : 1;
}

/* Everything that needs the replayer. */
static int run_session(struct session *s, struct measurement *m, const struct profile *p)
{
    uint64_t limit_ns = (uint64_t)(HARD_LIMIT * (double)s->options->budget_ns);
    uint32_t cpus = s->options->cpus ? s->options->cpus : measurement_cpus(m);
    struct simulate_costs costs;
    struct replay_costs measured;
    int r;

    s->begin_ns = replay_now_ns();
    simulate_costs_from_measurement(m, &costs);
    r = start_replayer(s, m, s->begin_ns + limit_ns);
    if (r == 0)
        r = replay_protocol_calibrate(&s->child, busy_cpus(p, &costs, cpus), &measured, s->message, s->size);
    if (r < 0)
        return r;
    costs.process_start_ns = measured.process_start_ns;
    costs.thread_start_ns = measured.thread_start_ns;
    costs.ipc_item_ns = measured.ipc_item_ns;
    r = make_plans(s, p, &costs, cpus);
    if (r == 0)
        r = draw_samples(s, p);
    if (r == 0)
        r = run_empty(s);
    if (r == 0)
        r = run_rounds(s);
    return r < 0 ? r : append_results(s, &measured, m);
}

int replay_run(struct measurement *m, const struct replay_options *options, char *message, size_t size)
{
    CLEANUP(profile_freep) struct profile *p = NULL;
    CLEANUP(session_clear) struct session session = {.options = options, .message = message, .size = size};
    int r = profile_from_measurement(m, &p);

    if (r == -ENODATA)
        (void)snprintf(message, size, "no replay: nothing in this run could be arranged differently");
    if (r == 0)
        r = run_session(&session, m, p);
    if (r == -ETIME)
        r = too_short(&session);
    else if (r == -ENOMEM)
        (void)snprintf(message, size, "no replay: out of memory");
    return r;
}
