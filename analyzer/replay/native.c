/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * concadvise-replay-native: executes a measured profile under each model with pthreads, fork and epoll.
 *
 * Speaks the protocol of docs/replayer-protocol.md: one JSON document a line in on stdin, one out on stdout. Planning
 * and scaling are done by replay.c.
 */
#include <jansson.h>
#include <sys/prctl.h>

#include "analyzer/replay/native_models.h"
#include "analyzer/replay/native_work.h"
#include "base/base.h"

#define PROTOCOL 1
#define MAX_PLANS 32
#define MAX_WORKERS 4096

static struct native_plan plans[MAX_PLANS];

static json_t *failure(const char *error)
{
    return json_pack("{s:b, s:s}", "ok", 0, "error", error);
}

static json_t *calibrate(json_t *request)
{
    json_int_t parallel = json_integer_value(json_object_get(request, "parallel"));
    uint64_t process_ns, thread_ns, ipc_ns;

    if (parallel < 1 || parallel > MAX_WORKERS)
        return failure("calibrate: parallel is missing or out of range");
    native_calibrate((uint32_t)parallel);
    if (native_costs(&process_ns, &thread_ns, &ipc_ns) < 0)
        return failure("the costs of processes and threads could not be measured");
    return json_pack("{s:b, s:I, s:I, s:I}", "ok", 1, "process_start_ns", (json_int_t)process_ns, "thread_start_ns",
                     (json_int_t)thread_ns, "ipc_item_ns", (json_int_t)ipc_ns);
}

static void plan_clear(struct native_plan *plan)
{
    free(plan->steps);
    free(plan->empty_steps);
    free(plan->items);
    *plan = (struct native_plan){0};
}

/* [locked_ns, free_ns, wait_ns, critical] */
static int read_step(const json_t *from, struct native_step *step, struct native_step *empty)
{
    json_int_t value[4];

    for (size_t i = 0; i < 4; i++) {
        const json_t *number = json_array_get(from, i);

        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return -EINVAL;
        value[i] = json_integer_value(number);
    }
    *step = (struct native_step){.locked_ns = (uint64_t)value[0],
                                 .free_ns = (uint64_t)value[1],
                                 .wait_ns = (uint64_t)value[2],
                                 .waits = value[2] > 0,
                                 .critical = value[3] != 0};
    *empty = (struct native_step){.waits = step->waits, .critical = step->critical};
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
    for (size_t i = 0; i < plan->n_steps; i++)
        if (read_step(json_array_get(steps, i), &plan->steps[i], &plan->empty_steps[i]) < 0)
            return -EINVAL;
    for (size_t i = 0; i < plan->n_items; i++) {
        json_int_t count = json_integer_value(json_array_get(items, i));

        if (count < 1 || (uint64_t)count > plan->n_steps - first)
            return -EINVAL;
        plan->items[i] = (struct native_item){.first = first, .count = (size_t)count};
        first += (size_t)count;
    }
    return 0;
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
    if (read_work(steps, items, plan) < 0) {
        plan_clear(plan);
        return failure("plan: steps and items do not agree");
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

int main(void)
{
    AUTO_FREE char *line = NULL;
    size_t size = 0;
    int r;

    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* waits as long as asked for, not 50 us more */
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
