/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay.h"

#include <math.h>

#include "analyzer/profile/profile.h"
#include "analyzer/replay/replay_child.h"
#include "analyzer/replay/replay_choice.h"
#include "analyzer/replay/replay_plan.h"
#include "analyzer/replay/replay_protocol.h"
#include "analyzer/replay/replay_sample.h"
#include "analyzer/simulate/simulate.h"
#include "base/base.h"
#include "probe/measurement.h"

#define MIN_RUNS 3
#define MAX_RUNS 10
#define PLANNED_RUNS 7                  /* samples are cut for so many; what time is left buys more runs */
#define PLANNED_SHARE 0.75              /* of the budget after calibration: the machine may be slower than forecast */
#define MIN_SLOT_NS (2 * NSEC_PER_MSEC) /* a run shorter than this measures noise */
#define OUT_OF_THE_RACE 3.0             /* times the best forecast: the fewest runs will do */
#define SOFT_LIMIT 1.1                  /* times the budget: no round begins that would end later */
#define HARD_LIMIT 1.12                 /* times the budget: then the replayer is killed */
#define LATE_LIMIT 3.0                  /* the same while no round is complete: one that is late is better than none */
#define SHORT_START 0.03 /* of the budget: what starts so fast does so twice, the first time to warm up */
#define LEAST_SHARE 0.5  /* of the budget is for the runs, however long calibration took */
#define MAX_PLANS (MODEL_COUNT + 1)

/* One replay session: a replayer, the plans, and the times so far. */
struct session {
    const struct replay_options *options;
    struct replay_child child;
    bool keeps_processes;                /* the replayer starts them once, not for each run */
    struct replay_plan plans[MAX_PLANS]; /* the last is the program as it is now */
    size_t n_plans;
    size_t executes[MAX_PLANS]; /* plan whose execution serves this one; itself, or an earlier one */
    bool dropped[MAX_PLANS];    /* there is no time for it */
    uint64_t slot_ns;           /* samples are cut for runs of this length */
    struct replay_times empty[MAX_PLANS];
    struct replay_times runs[MAX_PLANS][MAX_RUNS];
    size_t counts[MAX_PLANS];       /* of runs, in complete rounds */
    uint64_t longest_ns[MAX_PLANS]; /* run so far, as seen from here */
    size_t n_rounds;                /* complete ones */
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

/* Executed for itself, not through another plan? */
static bool is_executed(const struct session *s, size_t i)
{
    return s->executes[i] == i && !s->dropped[i];
}

/* When the replayer is killed. */
static uint64_t deadline_ns(const struct session *s)
{
    double limit = s->n_rounds ? HARD_LIMIT : LATE_LIMIT;

    return s->begin_ns + (uint64_t)(limit * (double)s->options->budget_ns);
}

/* Many runs where the race is decided and for the program as it is now, which all others are compared with. */
static void plan_runs(struct session *s)
{
    const struct replay_options *options = s->options;
    double best_ns = INFINITY;

    for (size_t i = 0; i < s->n_plans; i++)
        best_ns = fmin(best_ns, (double)s->plans[i].fixed_ns + (double)s->plans[i].forecast_ns);
    for (size_t i = 0; i < s->n_plans; i++) {
        struct replay_plan *plan = &s->plans[i], *executed = &s->plans[s->executes[i]];
        double forecast_ns = (double)plan->fixed_ns + (double)plan->forecast_ns;

        plan->runs = !plan->current && forecast_ns >= OUT_OF_THE_RACE * best_ns ? MIN_RUNS : PLANNED_RUNS;
        if (options->runs)
            plan->runs = options->runs < MAX_RUNS ? options->runs : MAX_RUNS;
        if (executed->runs < plan->runs)
            executed->runs = plan->runs;
    }
}

/* The length of runs that what is left of the budget allows. @return 0 when it is too short to measure anything */
static uint64_t find_slot(const struct session *s)
{
    double budget_ns = (double)s->options->budget_ns;
    double left_ns = budget_ns - (double)(replay_now_ns() - s->begin_ns);
    double time_ns = PLANNED_SHARE * fmax(left_ns, LEAST_SHARE * budget_ns);
    struct replay_plan executed[MAX_PLANS];
    bool all_short = true;
    uint64_t slot_ns;
    size_t n = 0;

    for (size_t i = 0; i < s->n_plans; i++)
        if (is_executed(s, i)) {
            executed[n] = s->plans[i];
            time_ns -= 2 * (double)s->plans[i].overhead_ns; /* the runs without durations */
            if (s->keeps_processes && s->plans[i].processes > 1)
                executed[n].overhead_ns = 0;
            n++;
        }
    slot_ns = time_ns > 0 ? replay_plan_slot(executed, n, (uint64_t)time_ns) : 0;
    for (size_t i = 0; i < n; i++)
        all_short = all_short && executed[i].forecast_ns <= slot_ns;
    return slot_ns >= MIN_SLOT_NS || all_short ? slot_ns : 0;
}

/* Do without the plan whose workers take the longest to start; the program as it is now goes last. @return false: none
 * is left whose workers take any time */
static bool drop_dearest(struct session *s)
{
    size_t now = s->executes[s->n_plans - 1], dearest = MAX_PLANS;

    for (size_t i = 0; i < s->n_plans; i++)
        if (is_executed(s, i) && s->plans[i].overhead_ns && i != now &&
            (dearest == MAX_PLANS || s->plans[i].overhead_ns > s->plans[dearest].overhead_ns))
            dearest = i;
    if (dearest == MAX_PLANS && s->plans[now].overhead_ns && !s->dropped[now])
        dearest = now;
    if (dearest == MAX_PLANS)
        return false;
    for (size_t i = 0; i < s->n_plans; i++)
        s->dropped[i] |= s->executes[i] == dearest;
    return true;
}

/* Decide what is run, how often and how long, so that all of it fits the budget. @return 0 or -ETIME */
static int share_budget(struct session *s)
{
    plan_runs(s);
    s->slot_ns = find_slot(s);
    for (size_t i = 0; i < s->n_plans && !s->slot_ns && !s->options->runs; i++)
        s->plans[i].runs = MIN_RUNS;
    while (!s->slot_ns) {
        s->slot_ns = find_slot(s);
        if (!s->slot_ns && !drop_dearest(s))
            return -ETIME;
    }
    return 0;
}

static int draw_samples(struct session *s, const struct profile *p)
{
    for (size_t i = 0; i < s->n_plans; i++) {
        int r = s->dropped[i] ? 0 : replay_sample_draw(p, s->slot_ns, &s->plans[i]);

        if (r == 0 && is_executed(s, i))
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

        if (!is_executed(s, i))
            continue;
        r = replay_protocol_run(&s->child, i, true, &s->empty[i], s->message, s->size);
        if (r == 0 && s->plans[i].shrink < 1.0 &&
            (double)s->empty[i].wall_ns < SHORT_START * (double)s->options->budget_ns) {
            r = replay_protocol_run(&s->child, i, true, &again, s->message, s->size);
            if (r == 0 && again.wall_ns - again.start_ns < s->empty[i].wall_ns - s->empty[i].start_ns)
                s->empty[i] = again;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* Does the plan take part in that round? */
static bool is_due(const struct session *s, size_t i, size_t round)
{
    return is_executed(s, i) && (round < MIN_RUNS || s->plans[i].runs > MIN_RUNS);
}

/* One run of each plan. The order turns with the round, so that neither drift nor a neighbour favours a model. */
static int run_round(struct session *s, size_t round, size_t rounds)
{
    for (size_t k = 0; k < s->n_plans; k++) {
        size_t i = (k + round) % s->n_plans;
        uint64_t begin_ns = replay_now_ns(), took_ns;
        int r;

        if (!is_due(s, i, round))
            continue;
        if (s->options->progress)
            s->options->progress(label_of(s->plans[i].model, round, rounds), s->options->userdata);
        r = replay_protocol_run(&s->child, i, false, &s->runs[i][round], s->message, s->size);
        if (r < 0)
            return r;
        took_ns = replay_now_ns() - begin_ns;
        if (took_ns > s->longest_ns[i])
            s->longest_ns[i] = took_ns;
    }
    for (size_t i = 0; i < s->n_plans; i++)
        s->counts[i] += is_due(s, i, round);
    s->n_rounds++;
    return 0;
}

/* What a round will take: as long as the longest of each so far. */
static uint64_t expect_round(const struct session *s, size_t round)
{
    uint64_t sum_ns = 0;

    for (size_t i = 0; i < s->n_plans; i++)
        sum_ns += is_due(s, i, round) ? s->longest_ns[i] : 0;
    return sum_ns;
}

/* Rounds until runs or time are used up. Rounds completed before the hard limit count even if a later one was cut. */
static int run_rounds(struct session *s)
{
    size_t least = s->options->runs ? s->plans[0].runs : MIN_RUNS;
    size_t most = s->options->runs ? least : MAX_RUNS;

    while (s->n_rounds < most) {
        double end_ns = (double)(replay_now_ns() - s->begin_ns + expect_round(s, s->n_rounds));
        double budget_ns = (double)s->options->budget_ns;
        int r;

        if ((s->n_rounds >= least && end_ns > budget_ns) || (s->n_rounds && end_ns > SOFT_LIMIT * budget_ns))
            break;
        s->child.deadline_ns = deadline_ns(s);
        r = run_round(s, s->n_rounds, most);
        if (r == -ETIME && s->n_rounds)
            break;
        if (r < 0)
            return r;
    }
    return 0;
}

/* By how much samples have to be cut for the fewest rounds to fit into what is left; 0 or less: they never do. */
static double find_cut(const struct session *s, uint64_t empty_took_ns)
{
    double left_ns = (double)s->options->budget_ns - (double)(replay_now_ns() - s->begin_ns);
    double round_ns = (double)expect_round(s, 0), start_ns = 0.0;

    if (round_ns * (MIN_RUNS - 1) <= left_ns)
        return 1.0;
    for (size_t i = 0; i < s->n_plans; i++)
        start_ns += is_executed(s, i) ? (double)s->empty[i].wall_ns : 0.0;
    left_ns = PLANNED_SHARE * left_ns - (double)empty_took_ns;
    return fmin(1.0, (left_ns / MIN_RUNS - start_ns) / fmax(round_ns - start_ns, 1.0));
}

/*
 * The first round shows how far runs take longer than was forecast. When the fewest rounds would not fit, samples are
 * cut shorter, once, and it begins again; where that would not help, too few runs are better than none.
 */
static int run_first_round(struct session *s, const struct profile *p)
{
    uint64_t begin_ns = replay_now_ns(), empty_took_ns = 0;
    int r = run_empty(s);
    double cut;

    if (r == 0) {
        empty_took_ns = replay_now_ns() - begin_ns;
        r = run_round(s, 0, MAX_RUNS);
    }
    if (r < 0)
        return r;
    cut = find_cut(s, empty_took_ns);
    if (cut >= 1.0 || cut * (double)s->slot_ns < MIN_SLOT_NS)
        return 0;
    s->slot_ns = (uint64_t)(cut * (double)s->slot_ns);
    memset(s->counts, 0, sizeof(s->counts));
    memset(s->longest_ns, 0, sizeof(s->longest_ns));
    s->n_rounds = 0;
    r = draw_samples(s, p);
    return r < 0 ? r : run_empty(s);
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
        .workers = plan->recorded ? plan->recorded : plan->workers,
        .n_runs = s->counts[from],
        .share = replay_plan_share(plan),
        .current = plan->current,
    };
    uint64_t cpu_ns[MAX_RUNS];

    result.runs_ns = calloc(result.n_runs, sizeof(*result.runs_ns));
    if (!result.runs_ns)
        return -ENOMEM;
    for (size_t i = 0; i < result.n_runs; i++) {
        const struct replay_times *run = &s->runs[from][i];

        result.runs_ns[i] = replay_plan_scale_wall(plan, run, &s->empty[from]);
        cpu_ns[i] = replay_plan_scale_cpu(plan, run, &s->empty[from]);
        if (run->peak_rss_bytes > result.peak_rss_bytes)
            result.peak_rss_bytes = run->peak_rss_bytes;
    }
    qsort(cpu_ns, result.n_runs, sizeof(cpu_ns[0]), compare_u64);
    result.cpu_ns = cpu_ns[result.n_runs / 2];
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
    size_t n = 0;

    if (!results)
        return -ENOMEM;
    for (size_t i = 0; i < s->n_plans; i++) {
        if (s->dropped[i])
            continue;
        if (fill_result(s, i, &results[n]) < 0) {
            free_results(results, n);
            return -ENOMEM;
        }
        n++;
    }
    free_results(m->replays, m->n_replays);
    m->replays = results;
    m->n_replays = n;
    m->replay_process_start_ns = costs->process_start_ns;
    m->replay_thread_start_ns = costs->thread_start_ns;
    m->replay_ipc_item_ns = costs->ipc_item_ns;
    m->replay_ipc_byte_ps = costs->ipc_byte_ps;
    m->replay_loop_turn_ns = costs->loop_turn_ns;
    m->replay_thread_switch_ns = costs->thread_switch_ns;
    m->replay_threads_setup_ns = costs->setup_ns[MODEL_THREADS];
    m->replay_coroutines_setup_ns = costs->setup_ns[MODEL_COROUTINES];
    m->replay_processes_setup_ns = costs->setup_ns[MODEL_PROCESSES];
    m->replay_hybrid_setup_ns = costs->setup_ns[MODEL_PROCESSES_COROUTINES];
    m->replay_slowdown = costs->slowdown;
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

/* Private memory of the largest process: what a fork of it has to copy the tables of. */
static uint64_t private_bytes(const struct measurement *m)
{
    uint64_t most = 0;

    for (size_t i = 0; i < m->n_processes; i++)
        if (m->processes[i].private_bytes > most)
            most = m->processes[i].private_bytes;
    return most;
}

/* What is known of the costs before: the measurement's own figures; now replaced by those of this machine. */
static void use_costs(const struct measurement *m, const struct replay_costs *measured, struct simulate_costs *costs)
{
    costs->process_start_ns = measured->process_start_ns;
    costs->thread_start_ns = measured->thread_start_ns;
    costs->ipc_item_ns = measured->ipc_item_ns;
    costs->ipc_byte_ps = measured->ipc_byte_ps;
    if (measured->loop_turn_ns)
        costs->loop_turn_ns = measured->loop_turn_ns;
    if (measured->thread_switch_ns)
        costs->thread_switch_ns = measured->thread_switch_ns;
    memcpy(costs->setup_ns, measured->setup_ns, sizeof(costs->setup_ns));
    simulate_costs_skip_imported(m, costs);
    costs->slowdown = fmax(1.0, measured->slowdown);
}

/* Everything that needs the replayer. */
static int run_session(struct session *s, struct measurement *m, const struct profile *p)
{
    uint32_t cpus = s->options->cpus ? s->options->cpus : measurement_cpus(m);
    struct replay_conditions conditions = {.cpus = cpus, .private_bytes = private_bytes(m)};
    struct simulate_costs costs;
    struct replay_costs measured;
    int r;

    simulate_costs_from_measurement(m, &costs);
    conditions.parallel = busy_cpus(p, &costs, cpus);
    r = replay_choice_start(&m->target.runtime, s->options->replayer_dir, deadline_ns(s), &s->child, s->message,
                            s->size);
    if (r == 0)
        r = replay_protocol_greeting(&s->child, &s->keeps_processes, s->message, s->size);
    if (r == 0)
        r = replay_protocol_calibrate(&s->child, &conditions, &measured, s->message, s->size);
    if (r < 0)
        return r;
    use_costs(m, &measured, &costs);
    r = make_plans(s, p, &costs, cpus);
    if (r == 0)
        r = share_budget(s);
    if (r == 0)
        r = draw_samples(s, p);
    if (r == 0)
        r = run_first_round(s, p);
    if (r == 0)
        r = run_rounds(s);
    return r < 0 ? r : append_results(s, &measured, m);
}

int replay_run(struct measurement *m, const struct replay_options *options, char *message, size_t size)
{
    CLEANUP(profile_freep) struct profile *p = NULL;
    CLEANUP(session_clear) struct session session = {.options = options, .message = message, .size = size};
    int r;

    session.begin_ns = replay_now_ns();
    r = profile_from_measurement(m, &p);
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
