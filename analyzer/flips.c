/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/flips.h"

#include <math.h>

#include "analyzer/calibrated.h"
#include "analyzer/flips_path.h"
#include "analyzer/flips_profile.h"
#include "analyzer/forecast.h"
#include "analyzer/profile/profile.h"
#include "analyzer/recommend.h"
#include "analyzer/simulate/simulate_change.h"
#include "analyzer/statistics.h"
#include "analyzer/words.h"
#include "base/base.h"

#define MAX_FLIPS 4
#define LARGEST_FACTOR 16.0         /* beyond, it is another program */
#define BISECTIONS TABLE_SIZE(5, 2) /* of its logarithm: a factor is found within 5 % */
#define MOST_CPUS TABLE_SIZE(64, 8)

/* What can be different about the program, and by which factor. */
enum parameter { WAITS, CPU_TIME, LOCKED_CPU, ITEMS, PROCESS_START, IPC, CPUS, NO_LOCK, PARAMETER_COUNT };

struct flip {
    enum parameter parameter;
    double factor;
    enum model winner;
    double distance; /* |log(factor)| */
};

struct search {
    const struct forecast *f;
    const struct recommendation *advised;
    struct flips_profile thin;      /* of the forecast's */
    double serial_ns;               /* simulated: one item after the other, unchanged */
    bool tied[MODEL_COUNT];         /* can't be told from what is advised (nor can that itself) */
    double correction[MODEL_COUNT]; /* what the evidence says / what the simulation says; 0: no such model */
};

static void search_clear(struct search *s)
{
    flips_profile_clear(&s->thin);
}

static struct simulate_change change_of(enum parameter parameter, double factor)
{
    struct simulate_change change = SIMULATE_NO_CHANGE;

    switch (parameter) {
    case WAITS:
        change.wait_factor = factor;
        break;
    case CPU_TIME:
        change.cpu_factor = factor;
        break;
    case LOCKED_CPU:
        change.locked_factor = factor;
        break;
    case ITEMS:
        change.items_factor = factor;
        break;
    case PROCESS_START:
        change.process_start_factor = factor;
        break;
    case IPC:
        change.ipc_factor = factor;
        break;
    case NO_LOCK:
        change.no_interpreter_lock = true;
        break;
    default:
        break;
    }
    return change;
}

static int simulated(const struct search *s, enum parameter parameter, double factor, enum model model, double *ret_ns)
{
    struct simulate_change change = change_of(parameter, factor);
    uint32_t cpus = parameter == CPUS ? (uint32_t)lround(s->f->cpus * factor) : s->f->cpus, workers;
    struct simulate_result result;
    int r = simulate_changed(&s->thin.profile, &s->thin.costs, &change, model, cpus, &workers, &result);

    if (r < 0)
        return r;
    *ret_ns = (double)result.wall_ns;
    return 0;
}

/* @param ret_ns  what the model takes then, of the whole run */
static int time_of(const struct search *s, enum parameter parameter, double factor, enum model model, double *ret_ns)
{
    int r = simulated(s, parameter, factor, model, ret_ns);

    *ret_ns *= r == 0 ? s->correction[model] : 1.0;
    return r;
}

/* Does `model` do better than the `other` by more than a tie, and by so much of the present time that it is noticed? */
static bool beats(double model_ns, double other_ns, double present_ns)
{
    return model_ns < other_ns * (1.0 - STATISTICS_TIE_SHARE) &&
           other_ns - model_ns > CALIBRATED_NOTICEABLE_SHARE * present_ns;
}

/* Would `rival` be advised in place of what is? Staying is given up for more than a tie (recommend.c). */
static bool overrules(const struct search *s, double rival_ns, double advised_ns, double present_ns)
{
    double factor = s->advised->change == CHANGE_KEEP  ? CALIBRATED_OVERRULE_KEEP
                    : s->advised->change == CHANGE_FIX ? CALIBRATED_OVERRULE_FIX
                                                       : 1.0;

    return beats(rival_ns, advised_ns, present_ns) && rival_ns * factor < advised_ns &&
           (s->advised->change == CHANGE_SWITCH || advised_ns - rival_ns >= recommend_worth_ns(s->advised->model));
}

/* A simpler model has only to keep up with one that would have to be introduced. */
static bool needs_no_lead(const struct search *s, enum model rival)
{
    return s->advised->change == CHANGE_SWITCH && rival < s->advised->model && !s->tied[rival];
}

/* What the present arrangement takes then: it grows and shrinks with the work, one thing after the other. */
static int present_time(const struct search *s, enum parameter parameter, double factor, double *ret_ns)
{
    double serial_ns;
    int r = simulated(s, parameter, factor, MODEL_SERIAL, &serial_ns);

    if (r == 0)
        *ret_ns = s->f->active_ns * serial_ns / fmax(1.0, s->serial_ns);
    return r;
}

/*
 * The model that would be advised then: a tie goes to the simpler one. Those that tie with the advised one as it is now
 * are no flip as long as it keeps up.
 */
static int winner_of(const struct search *s, enum parameter parameter, double factor, enum model *ret_winner)
{
    double times[MODEL_COUNT] = {0}, best_ns = INFINITY, present_ns = 0.0;
    enum model advised = s->advised->model, simplest = MODEL_NONE;
    int failed = present_time(s, parameter, factor, &present_ns);

    if (failed < 0)
        return failed;
    for (int i = 0; i < MODEL_COUNT; i++) {
        int r;

        if (s->correction[i] <= 0.0)
            continue;
        r = time_of(s, parameter, factor, (enum model)i, &times[i]);
        if (r < 0)
            return r;
        best_ns = fmin(best_ns, times[i]);
    }
    for (int i = MODEL_COUNT - 1; i >= 0; i--)
        if (times[i] > 0.0 && !beats(best_ns, times[i], present_ns))
            simplest = (enum model)i;
    *ret_winner = overrules(s, best_ns, times[advised], present_ns) || needs_no_lead(s, simplest) ? simplest : advised;
    return 0;
}

/* Would `rival`, which wins further on, be advised by then? */
static int is_ahead(const struct search *s, enum parameter parameter, double factor, enum model rival, bool *ret)
{
    double advised_ns, rival_ns, present_ns = 0.0;
    int r = present_time(s, parameter, factor, &present_ns);

    if (r == 0)
        r = time_of(s, parameter, factor, s->advised->model, &advised_ns);
    if (r == 0)
        r = time_of(s, parameter, factor, rival, &rival_ns);
    if (r == 0)
        *ret = needs_no_lead(s, rival) ? !beats(advised_ns, rival_ns, present_ns)
                                       : overrules(s, rival_ns, advised_ns, present_ns);
    return r;
}

/* The smallest factor between 1 and `most` at which the advice flips; ret_flip->distance 0: it does not. */
static int find_flip(const struct search *s, enum parameter parameter, double most, struct flip *ret_flip)
{
    double near = 0.0, far = log(most);
    enum model winner;
    int r = winner_of(s, parameter, most, &winner);

    *ret_flip = (struct flip){.parameter = parameter};
    if (r < 0 || winner == s->advised->model)
        return r;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = (near + far) / 2.0;
        bool ahead = false;

        r = is_ahead(s, parameter, exp(middle), winner, &ahead);
        if (r < 0)
            return r;
        if (ahead)
            far = middle;
        else
            near = middle;
    }
    *ret_flip = (struct flip){parameter, exp(far), winner, fabs(far)};
    return 0;
}

/* Machines have CPUs in powers of two: the nearest one up, and down, on which another model is ahead. */
static int find_cpus(const struct search *s, bool more, struct flip *ret_flip)
{
    *ret_flip = (struct flip){.parameter = CPUS};
    for (uint32_t cpus = 1; cpus <= MOST_CPUS; cpus *= 2) {
        uint32_t tried = more ? cpus : MOST_CPUS / cpus;
        double factor = (double)tried / s->f->cpus;
        enum model winner;
        int r;

        if (more ? tried <= s->f->cpus : tried >= s->f->cpus)
            continue;
        r = winner_of(s, CPUS, factor, &winner);
        if (r < 0)
            return r;
        if (winner != s->advised->model) {
            *ret_flip = (struct flip){CPUS, factor, winner, fabs(log(factor))};
            return 0;
        }
    }
    return 0;
}

/* --- Setting up --- */

static double speedup_of(const struct evidence *evidence, enum model model)
{
    const struct model_evidence *row = &evidence->models[model];

    return row->current ? evidence->mended_speedup : row->speedup;
}

/* Start from what the evidence says, so that unchanged the simulation says the same. */
static int correct(struct search *s, const struct evidence *evidence)
{
    int failed = simulated(s, PARAMETER_COUNT, 1.0, MODEL_SERIAL, &s->serial_ns);

    if (failed < 0)
        return failed;
    s->tied[s->advised->model] = true;
    for (size_t i = 0; i < evidence->n_ties; i++)
        s->tied[evidence->ties[i]] = true;
    for (int i = 0; i < MODEL_COUNT; i++) {
        const struct model_evidence *row = &evidence->models[i];
        double speedup = speedup_of(evidence, s->tied[i] ? s->advised->model : (enum model)i);
        double active_ns, simulated_ns;
        int r;

        if (!row->available || speedup <= 0.0)
            continue;
        active_ns = (s->f->idle_ns + s->f->active_ns) / speedup - s->f->idle_ns;
        s->correction[i] = 1.0;
        r = time_of(s, PARAMETER_COUNT, 1.0, (enum model)i, &simulated_ns);
        if (r < 0)
            return r;
        s->correction[i] = active_ns > 0.0 && simulated_ns > 0.0 ? active_ns / simulated_ns : 0.0;
    }
    return 0;
}

/* --- Words --- */

/* Sums over the whole profile, for the figures as they are now. */
struct present {
    double wait_ns;
    double waits;
    double cpu_ns;
    double locked_ns;
};

static struct present present_of(const struct profile *p)
{
    struct present now = {0};

    for (size_t i = 0; i < p->n_steps; i++) {
        now.wait_ns += (double)p->steps[i].wait_ns;
        now.waits += p->steps[i].wait_ns > 0;
        now.locked_ns += (double)p->steps[i].locked_cpu_ns;
        now.cpu_ns += (double)p->steps[i].locked_cpu_ns + (double)p->steps[i].free_cpu_ns;
    }
    return now;
}

/* "3.2 times" */
static const char *times(double factor, char buffer[static WORDS_NUMBER])
{
    double by = factor < 1.0 ? 1.0 / factor : factor;

    (void)snprintf(buffer, WORDS_NUMBER, by < 9.95 ? "%.1f times" : "%.0f times", by);
    return buffer;
}

static int describe(const struct search *s, const struct measurement *m, const struct flip *flip,
                    struct recommendation *r)
{
    const struct profile *p = s->f->profile;
    struct present now = present_of(p);
    char by[WORDS_NUMBER], number[WORDS_NUMBER], share[WORDS_NUMBER];
    const char *model = model_to_str(flip->winner);
    char ***list = &r->flips_if;
    size_t *n = &r->n_flips_if;
    bool more = flip->factor > 1.0;

    (void)times(flip->factor, by);
    switch (flip->parameter) {
    case WAITS:
        return words_append(list, n, "the waits get %s %s (now %s) -> %s", by, more ? "longer" : "shorter",
                            words_ns(now.wait_ns / fmax(1.0, now.waits), number), model);
    case CPU_TIME:
        return words_append(list, n, "the CPU work of an item gets %s %s (now %s) -> %s", by,
                            more ? "longer" : "shorter", words_ns(now.cpu_ns / (double)p->n_items, number), model);
    case LOCKED_CPU:
        return words_append(list, n, "only %s of the CPU time needs the interpreter lock (now %s) -> %s",
                            words_share(flip->factor * now.locked_ns / fmax(1.0, now.cpu_ns), number),
                            words_share(now.locked_ns / fmax(1.0, now.cpu_ns), share), model);
    case ITEMS:
        if (p->divisible)
            return words_append(list, n, "there is %s %s to compute (now %s) -> %s", by, more ? "as much" : "less",
                                words_ns(now.cpu_ns, number), model);
        return words_append(list, n, "there are %s %s items (now %zu) -> %s", by, more ? "as many" : "fewer",
                            p->n_items, model);
    case PROCESS_START:
        return words_append(list, n, "a worker process starts %s %s (now %s) -> %s", by, more ? "slower" : "faster",
                            words_ns((double)s->f->costs.process_start_ns, number), model);
    case IPC:
        return words_append(list, n, "an item costs %s %s to hand to a process (now %s) -> %s", by,
                            more ? "more" : "less", words_ns((double)s->f->costs.ipc_item_ns, number), model);
    case CPUS:
        return words_append(list, n,
                            flip->factor * s->f->cpus < 1.5 ? "there is %.0f CPU (now %u) -> %s"
                                                            : "there are %.0f CPUs (now %u) -> %s",
                            flip->factor * s->f->cpus, s->f->cpus, model);
    default:
        return words_append(list, n, "the interpreter is without its lock%s -> %s",
                            m->target.runtime.kind == RUNTIME_CPYTHON ? " (python3.13t)" : "", model);
    }
}

/* --- The search --- */

static int compare_flips(const void *a, const void *b)
{
    double x = ((const struct flip *)a)->distance, y = ((const struct flip *)b)->distance;

    return (x > y) - (x < y);
}

/* Is the parameter part of this program? Less of what is not there changes nothing. */
static bool is_present(const struct search *s, const struct present *now, enum parameter parameter, bool more)
{
    bool processes = s->advised->model == MODEL_PROCESSES || s->advised->model == MODEL_PROCESSES_COROUTINES;

    switch (parameter) {
    case WAITS:
        return now->waits > 0.0;
    case CPU_TIME:
        return now->cpu_ns > 0.0 && !s->f->profile->divisible; /* there it is the same as more items */
    case LOCKED_CPU:                                           /* the share can't rise above all of it */
        return s->f->profile->interpreter_lock && now->locked_ns > 0.0 && !more;
    case PROCESS_START: /* dearer processes are no reason to begin with them, cheaper ones none to give them up */
    case IPC:
        return processes == more;
    default:
        return true;
    }
}

static int search_all(const struct search *s, struct flip flips[static 2 * PARAMETER_COUNT], size_t *ret_n)
{
    struct present now = present_of(s->f->profile);
    size_t n = 0;
    int r;

    for (int i = 0; i < 2 * NO_LOCK; i++) {
        enum parameter parameter = (enum parameter)(i / 2);
        bool more = i % 2 > 0;

        if (!is_present(s, &now, parameter, more))
            continue;
        r = parameter == CPUS ? find_cpus(s, more, &flips[n])
                              : find_flip(s, parameter, more ? LARGEST_FACTOR : 1.0 / LARGEST_FACTOR, &flips[n]);
        if (r < 0)
            return r;
        n += flips[n].distance > 0.0;
        /* More and less of a thing lead to one model: the two hardly differ, and the nearer change says it. */
        if (n > 1 && flips[n - 1].parameter == flips[n - 2].parameter && flips[n - 1].winner == flips[n - 2].winner) {
            if (flips[n - 1].distance < flips[n - 2].distance)
                flips[n - 2] = flips[n - 1];
            n--;
        }
    }
    if (s->f->profile->interpreter_lock) {
        enum model winner;

        r = winner_of(s, NO_LOCK, 1.0, &winner);
        if (r < 0)
            return r;
        /* Another interpreter is a change of its own size: named last, but named. */
        if (winner != s->advised->model)
            flips[n++] = (struct flip){NO_LOCK, 1.0, winner, INFINITY};
    }
    qsort(flips, n, sizeof(*flips), compare_flips);
    *ret_n = n;
    return 0;
}

int flips_fill(const struct measurement *m, const struct forecast *f, const struct flips_path *path,
               struct advice *advice)
{
    CLEANUP(search_clear) struct search search = {.f = f, .advised = &advice->recommendation};
    struct flip flips[2 * PARAMETER_COUNT];
    enum model winner = MODEL_NONE;
    size_t n = 0;
    int r = 0;

    if (f->profile) {
        r = flips_profile_thin(f, &search.thin);
        if (r == 0)
            r = correct(&search, &advice->evidence);
        if (r == 0 && search.correction[advice->recommendation.model] > 0.0)
            r = winner_of(&search, PARAMETER_COUNT, 1.0, &winner);
    }
    if (r < 0)
        return r;
    if (winner != advice->recommendation.model)
        return flips_by_path(path->tree, path->metrics, path->leaf, advice);
    r = search_all(&search, flips, &n);
    if (r == -E2BIG) /* too large to be changed: nothing is known to flip */
        return 0;
    for (size_t i = 0; i < n && r == 0; i++)
        if (i < MAX_FLIPS || flips[i].parameter == NO_LOCK)
            r = describe(&search, m, &flips[i], &advice->recommendation);
    return r;
}
