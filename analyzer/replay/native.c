/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * concadvise-replay-native: executes a measured profile under each model with pthreads, fork and epoll.
 *
 * Speaks the protocol of docs/replayer-protocol.md: one JSON document a line in on stdin, one out on stdout. Planning
 * and scaling are done by replay.c.
 */
#include <jansson.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "analyzer/replay/native_costs.h"
#include "analyzer/replay/native_models.h"
#include "analyzer/replay/native_work.h"
#include "base/base.h"

#define PROTOCOL 1
#define MAX_PLANS 32
#define MAX_WORKERS 4096
#define MAX_LOCKS 65535
#define MAX_STAGES 64
#define MIN_SLOWDOWN 0.5
#define MAX_SLOWDOWN 4.0

static struct native_plan plans[MAX_PLANS];

static json_t *failure(const char *error)
{
    return json_pack("{s:b, s:s}", "ok", 0, "error", error);
}

/* A whole number, or `otherwise` where the field is missing. */
static json_int_t number_or(const json_t *request, const char *key, json_int_t otherwise)
{
    const json_t *number = json_object_get(request, key);

    return json_is_integer(number) ? json_integer_value(number) : otherwise;
}

static json_t *calibrate(json_t *request)
{
    json_int_t parallel = number_or(request, "parallel", 0), cpus = number_or(request, "cpus", parallel);
    json_int_t memory = number_or(request, "private_bytes", 0);
    struct native_costs costs;
    double slowdown;

    if (parallel < 1 || parallel > MAX_WORKERS || cpus < 1 || memory < 0)
        return failure("calibrate: parallel is missing, or a number out of range");
    slowdown = native_calibrate((uint32_t)parallel, cpus < MAX_WORKERS ? (uint32_t)cpus : MAX_WORKERS);
    slowdown = slowdown < MIN_SLOWDOWN ? MIN_SLOWDOWN : slowdown > MAX_SLOWDOWN ? MAX_SLOWDOWN : slowdown;
    native_costs_take_memory((uint64_t)memory);
    if (native_costs_measure(&costs) < 0)
        return failure("the costs of processes and threads could not be measured");
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ok", 1, "process_start_ns",
                     (json_int_t)costs.process_start_ns, "thread_start_ns", (json_int_t)costs.thread_start_ns,
                     "ipc_item_ns", (json_int_t)costs.ipc_item_ns, "ipc_byte_ps", (json_int_t)costs.ipc_byte_ps,
                     "loop_turn_ns", (json_int_t)costs.loop_turn_ns, "thread_switch_ns",
                     (json_int_t)costs.thread_switch_ns, "slowdown_ppm", (json_int_t)(slowdown * 1e6));
}

static void plan_clear(struct native_plan *plan)
{
    free(plan->steps);
    free(plan->empty_steps);
    free(plan->items);
    free(plan->phase_ends);
    free(plan->lanes);
    free(plan->stages);
    *plan = (struct native_plan){0};
}

/* [locked_ns, free_ns, wait_ns, lock, stage]; the last may be missing */
static int read_step(const json_t *from, struct native_step *step, struct native_step *empty)
{
    json_int_t value[5] = {0};
    size_t n = json_array_size(from) > 4 ? 5 : 4;

    for (size_t i = 0; i < n; i++) {
        const json_t *number = json_array_get(from, i);

        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return -EINVAL;
        value[i] = json_integer_value(number);
    }
    if (value[3] > MAX_LOCKS || value[4] >= MAX_STAGES)
        return -EINVAL;
    *step = (struct native_step){.locked_ns = (uint64_t)value[0],
                                 .free_ns = (uint64_t)value[1],
                                 .wait_ns = (uint64_t)value[2],
                                 .waits = value[2] > 0,
                                 .lock = (uint16_t)value[3],
                                 .stage = (uint16_t)value[4]};
    *empty = (struct native_step){.waits = step->waits, .lock = step->lock, .stage = step->stage};
    return 0;
}

static int read_work(const json_t *steps, const json_t *items, struct native_plan *plan)
{
    size_t first = 0;

    plan->n_steps = json_array_size(steps);
    plan->n_items = json_array_size(items);
    plan->steps = calloc(plan->n_steps + 1, sizeof(*plan->steps));
    plan->empty_steps = calloc(plan->n_steps + 1, sizeof(*plan->empty_steps));
    plan->items = calloc(plan->n_items + 1, sizeof(*plan->items));
    if (!plan->steps || !plan->empty_steps || !plan->items)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (read_step(json_array_get(steps, i), &plan->steps[i], &plan->empty_steps[i]) < 0)
            return -EINVAL;
        if (plan->steps[i].lock > plan->n_locks)
            plan->n_locks = plan->steps[i].lock;
    }
    for (size_t i = 0; i < plan->n_items; i++) {
        json_int_t count = json_integer_value(json_array_get(items, i));

        if (count < 1 || (uint64_t)count > plan->n_steps - first)
            return -EINVAL;
        plan->items[i] = (struct native_item){.first = first, .count = (size_t)count};
        first += (size_t)count;
    }
    return 0;
}

/* Items of each phase; without the field all are in one. */
static int read_phases(const json_t *phases, struct native_plan *plan)
{
    size_t end = 0;

    plan->n_phases = json_array_size(phases) ? json_array_size(phases) : 1;
    plan->phase_ends = calloc(plan->n_phases, sizeof(*plan->phase_ends));
    if (!plan->phase_ends)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_phases; i++) {
        json_int_t count = phases ? json_integer_value(json_array_get(phases, i)) : (json_int_t)plan->n_items;

        if (count < 0 || (uint64_t)count > plan->n_items - end)
            return -EINVAL;
        end += (size_t)count;
        plan->phase_ends[i] = end;
    }
    return end == plan->n_items ? 0 : -EINVAL;
}

/* Whole numbers below `limit`. @return 0, -EINVAL or -ENOMEM */
static int read_numbers(const json_t *array, size_t n, json_int_t limit, uint32_t **ret_numbers)
{
    AUTO_FREE uint32_t *numbers = calloc(n + 1, sizeof(*numbers));

    if (!numbers)
        return -ENOMEM;
    if (json_array_size(array) != n)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        const json_t *number = json_array_get(array, i);

        if (!json_is_integer(number) || json_integer_value(number) < 0 || json_integer_value(number) >= limit)
            return -EINVAL;
        numbers[i] = (uint32_t)json_integer_value(number);
    }
    *ret_numbers = TAKE_PTR(numbers);
    return 0;
}

/* Workers of each stage: together those of the plan, one at least for each stage that a step names. */
static int read_stages(const json_t *stages, struct native_plan *plan)
{
    size_t n = json_array_size(stages);
    uint64_t sum = 0;
    int r = n <= MAX_STAGES ? read_numbers(stages, n, MAX_WORKERS, &plan->stages) : -EINVAL;

    for (size_t i = 0; r == 0 && i < n; i++) {
        sum += plan->stages[i];
        r = plan->stages[i] ? 0 : -EINVAL;
    }
    for (size_t i = 0; r == 0 && i < plan->n_steps; i++)
        r = plan->steps[i].stage < n ? 0 : -EINVAL;
    plan->n_stages = (uint16_t)n;
    return r == 0 && sum != plan->workers ? -EINVAL : r;
}

static int read_structure(const json_t *request, struct native_plan *plan)
{
    const json_t *lanes = json_object_get(request, "lanes"), *stages = json_object_get(request, "stages");
    json_int_t count = (json_int_t)plan->workers;
    int r = read_phases(json_object_get(request, "phases"), plan);

    if (strcmp(plan->model, "processes+coroutines") == 0)
        count *= plan->processes;
    if (r == 0 && lanes)
        r = read_numbers(lanes, plan->n_items, count, &plan->lanes);
    if (r == 0 && stages)
        r = read_stages(stages, plan);
    return r;
}

static json_t *add_plan(json_t *request)
{
    const json_t *steps, *items;
    const char *model;
    json_int_t interval;
    int id, workers, processes, per_item, lock;

    if (json_unpack(request, "{s:i, s:s, s:i, s:i, s:b, s:b, s:I, s:o, s:o}", "plan", &id, "model", &model, "workers",
                    &workers, "processes", &processes, "worker_per_item", &per_item, "interpreter_lock", &lock,
                    "switch_interval_ns", &interval, "steps", &steps, "items", &items) < 0)
        return failure("plan: a field is missing or of another type");
    if (id < 0 || id >= MAX_PLANS || workers < 1 || workers > MAX_WORKERS || processes < 1 || processes > MAX_WORKERS ||
        interval < 0)
        return failure("plan: a number is out of range");

    struct native_plan *plan = &plans[id];

    plan_clear(plan);
    (void)snprintf(plan->model, sizeof(plan->model), "%s", model);
    plan->workers = (uint32_t)workers;
    plan->processes = (uint32_t)processes;
    plan->worker_per_item = per_item != 0;
    plan->interpreter_lock = lock != 0;
    plan->switch_interval_ns = (uint64_t)interval;
    if (read_work(steps, items, plan) < 0 || read_structure(request, plan) < 0) {
        plan_clear(plan);
        return failure("plan: steps, items and structure do not agree");
    }
    return json_pack("{s:b}", "ok", 1);
}

static json_t *run_plan(json_t *request)
{
    struct native_times times;
    int id, empty, r;

    if (json_unpack(request, "{s:i, s:b}", "plan", &id, "empty", &empty) < 0)
        return failure("run: a field is missing or of another type");
    if (id < 0 || id >= MAX_PLANS || !plans[id].items)
        return failure("run: no such plan");
    r = native_run(&plans[id], empty != 0, &times);
    if (r < 0)
        return failure(strerror(-r));
    return json_pack("{s:b, s:I, s:I, s:I, s:I}", "ok", 1, "wall_ns", (json_int_t)times.wall_ns, "start_ns",
                     (json_int_t)times.start_ns, "cpu_ns", (json_int_t)times.cpu_ns, "peak_rss_bytes",
                     (json_int_t)times.peak_rss_bytes);
}

static json_t *answer(json_t *request)
{
    const char *op = json_string_value(json_object_get(request, "op"));

    if (op && strcmp(op, "calibrate") == 0)
        return calibrate(request);
    if (op && strcmp(op, "plan") == 0)
        return add_plan(request);
    if (op && strcmp(op, "run") == 0)
        return run_plan(request);
    return failure("unknown operation");
}

static int say(json_t *document)
{
    AUTO_FREE char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

    json_decref(document);
    if (!text || puts(text) == EOF || fflush(stdout) == EOF)
        return -EIO;
    return 0;
}

/* An event loop has a descriptor for each item in flight. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 2 * MAX_WORKERS) {
        limit.rlim_cur = limit.rlim_max < 2 * MAX_WORKERS ? limit.rlim_max : 2 * MAX_WORKERS;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(void)
{
    AUTO_FREE char *line = NULL;
    size_t size = 0;
    int r;

    (void)prctl(PR_SET_TIMERSLACK,
                1UL); /* waits as long as asked for, not 50 us more: the measured waits contain the slack */
    allow_descriptors();
    r = say(json_pack("{s:s, s:i, s:s}", "replayer", "native", "protocol", PROTOCOL, "version", CONCADVISE_VERSION));
    while (r == 0 && getline(&line, &size, stdin) > 0) {
        json_t *request = json_loads(line, 0, NULL);

        r = say(request ? answer(request) : failure("not a JSON document"));
        json_decref(request);
    }
    for (size_t i = 0; i < MAX_PLANS; i++)
        plan_clear(&plans[i]);
    return r == 0 ? 0 : 1;
}
