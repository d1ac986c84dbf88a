/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay_protocol.h"

#include <jansson.h>

#include "base/base.h"

#define PROTOCOL 1
#define MAX_NS ((json_int_t)3600 * 1000000000) /* no run, no cost is longer than an hour */
#define MAX_PS_PER_BYTE 1000000000             /* a millisecond */
#define MIN_SLOWDOWN_PPM 500000
#define MAX_SLOWDOWN_PPM 4000000
#define MAX_BYTES ((json_int_t)1024 * 1024 * 1024 * 1024) /* 1 TiB */

/* A failure of the channel in the caller's terms. */
static int channel_failed(const struct replay_child *child, int r, char *message, size_t size)
{
    char words[256];

    if (r == -ETIME || r == -ENOMEM)
        return r;
    replay_child_last_words(child, words, sizeof(words));
    (void)snprintf(message, size, "the replayer ended early%s%s", *words ? ": " : "", words);
    return -ECHILD;
}

static int broken(const char *what, char *message, size_t size)
{
    (void)snprintf(message, size, "the replayer answered something else than expected: %s", what);
    return -ECHILD;
}

static int receive(struct replay_child *child, json_t **ret_answer, char *message, size_t size)
{
    json_t *answer;
    char *line;
    int r = replay_child_receive(child, &line);

    if (r < 0)
        return channel_failed(child, r, message, size);
    answer = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(answer)) {
        json_decref(answer);
        return broken("not a JSON object", message, size);
    }
    *ret_answer = answer;
    return 0;
}

/* Send `request` (consumed) and take an answer that says ok. */
static int ask(struct replay_child *child, json_t *request, json_t **ret_answer, char *message, size_t size)
{
    AUTO_FREE char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_auto_t *answer = NULL;
    const char *error;
    int r;

    json_decref(request);
    if (!text)
        return -ENOMEM;
    r = replay_child_send(child, text);
    if (r < 0)
        return channel_failed(child, r, message, size);
    r = receive(child, &answer, message, size);
    if (r < 0)
        return r;
    if (!json_is_true(json_object_get(answer, "ok"))) {
        error = json_string_value(json_object_get(answer, "error"));
        (void)snprintf(message, size, "the replayer failed: %.200s", error ? error : "no reason given");
        return -ECHILD;
    }
    *ret_answer = TAKE_PTR(answer);
    return 0;
}

/* A whole number in min..max. */
static int get_number(const json_t *answer, const char *key, json_int_t min, json_int_t max, uint64_t *ret_value)
{
    const json_t *number = json_object_get(answer, key);

    if (!json_is_integer(number) || json_integer_value(number) < min || json_integer_value(number) > max)
        return -ERANGE;
    *ret_value = (uint64_t)json_integer_value(number);
    return 0;
}

int replay_protocol_greeting(struct replay_child *child, bool *ret_keeps, char *message, size_t size)
{
    json_auto_t *greeting = NULL;
    uint64_t protocol;
    int r = receive(child, &greeting, message, size);

    if (r < 0)
        return r;
    if (!json_is_string(json_object_get(greeting, "replayer")) ||
        get_number(greeting, "protocol", PROTOCOL, PROTOCOL, &protocol) < 0)
        return broken("no greeting, or another protocol", message, size);
    *ret_keeps = json_is_true(json_object_get(greeting, "keeps_processes"));
    return 0;
}

/* The same for a field that a replayer may leave out: 0 then. */
static int get_optional(const json_t *answer, const char *key, json_int_t min, json_int_t max, uint64_t *ret_value)
{
    if (json_object_get(answer, key))
        return get_number(answer, key, min, max, ret_value);
    *ret_value = 0;
    return 0;
}

int replay_protocol_calibrate(struct replay_child *child, const struct replay_conditions *conditions,
                              struct replay_costs *ret_costs, char *message, size_t size)
{
    json_auto_t *answer = NULL;
    struct replay_costs costs;
    uint64_t ppm;
    json_t *request =
        json_pack("{s:s, s:I, s:I, s:I}", "op", "calibrate", "parallel", (json_int_t)conditions->parallel, "cpus",
                  (json_int_t)conditions->cpus, "private_bytes", (json_int_t)(conditions->private_bytes & INT64_MAX));
    int r = ask(child, request, &answer, message, size);

    if (r < 0)
        return r;
    if (get_number(answer, "process_start_ns", 1, MAX_NS, &costs.process_start_ns) < 0 ||
        get_number(answer, "thread_start_ns", 1, MAX_NS, &costs.thread_start_ns) < 0 ||
        get_number(answer, "ipc_item_ns", 1, MAX_NS, &costs.ipc_item_ns) < 0 ||
        get_optional(answer, "ipc_byte_ps", 0, MAX_PS_PER_BYTE, &costs.ipc_byte_ps) < 0 ||
        get_optional(answer, "loop_turn_ns", 1, MAX_NS, &costs.loop_turn_ns) < 0 ||
        get_optional(answer, "thread_switch_ns", 1, MAX_NS, &costs.thread_switch_ns) < 0 ||
        get_optional(answer, "slowdown_ppm", MIN_SLOWDOWN_PPM, MAX_SLOWDOWN_PPM, &ppm) < 0)
        return broken("costs out of range", message, size);
    for (int model = 0; model < MODEL_COUNT; model++)
        if (get_optional(json_object_get(answer, "setup_ns"), model_to_str((enum model)model), 0, MAX_NS,
                         &costs.setup_ns[model]) < 0)
            return broken("costs out of range", message, size);
    costs.slowdown = (double)ppm / 1e6;
    *ret_costs = costs;
    return 0;
}

static json_t *steps_to_json(const struct replay_plan *plan)
{
    json_auto_t *steps = json_array();

    for (size_t i = 0; steps && i < plan->n_steps; i++) {
        const struct profile_step *step = &plan->steps[i];

        json_t *fields = json_pack("[I, I, I, i, i]", (json_int_t)step->locked_cpu_ns, (json_int_t)step->free_cpu_ns,
                                   (json_int_t)step->wait_ns, (int)step->lock, plan->staged ? (int)step->stage : 0);

        if (fields && plan->executor && step->offload && json_array_append_new(fields, json_integer(1)) < 0) {
            json_decref(fields);
            return NULL;
        }
        if (json_array_append_new(steps, fields) < 0)
            return NULL;
    }
    return TAKE_PTR(steps);
}

static json_t *sizes_to_json(const size_t *sizes, size_t n)
{
    json_auto_t *array = json_array();

    for (size_t i = 0; array && i < n; i++)
        if (json_array_append_new(array, json_integer((json_int_t)sizes[i])) < 0)
            return NULL;
    return TAKE_PTR(array);
}

static json_t *numbers_to_json(const uint32_t *numbers, size_t n)
{
    json_auto_t *array = json_array();

    for (size_t i = 0; array && i < n; i++)
        if (json_array_append_new(array, json_integer(numbers[i])) < 0)
            return NULL;
    return TAKE_PTR(array);
}

/* What only some plans have. `request` may be NULL. @return 0 or -ENOMEM */
static int add_structure(const struct replay_plan *plan, json_t *request)
{
    int r = request ? 0 : -1;

    if (r == 0 && plan->n_phases > 1)
        r = json_object_set_new(request, "phases", sizes_to_json(plan->phases, plan->n_phases));
    if (r == 0 && plan->lanes)
        r = json_object_set_new(request, "lanes", numbers_to_json(plan->lanes, plan->n_items));
    if (r == 0 && plan->executor)
        r = json_object_set_new(request, "executor", json_integer(plan->executor));
    if (r == 0 && plan->nothing_to_await)
        r = json_object_set_new(request, "nothing_to_await", json_true());
    if (r == 0 && plan->staged)
        r = json_object_set_new(request, "stages", numbers_to_json(plan->stage_lanes, plan->n_stages));
    return r < 0 ? -ENOMEM : 0;
}

int replay_protocol_plan(struct replay_child *child, size_t id, const struct replay_plan *plan, char *message,
                         size_t size)
{
    enum model model = plan->executable_serial ? MODEL_SERIAL : plan->beside_the_loop ? MODEL_THREADS : plan->model;
    json_auto_t *answer = NULL;
    /* json_pack() consumes steps and items, also when it fails. */
    json_t *request =
        json_pack("{s:s, s:I, s:s, s:I, s:I, s:b, s:b, s:I, s:o, s:o}", "op", "plan", "plan", (json_int_t)id, "model",
                  model_to_str(model), "workers", (json_int_t)plan->workers, "processes", (json_int_t)plan->processes,
                  "worker_per_item", plan->worker_per_item ? 1 : 0, "interpreter_lock", plan->interpreter_lock ? 1 : 0,
                  "switch_interval_ns", (json_int_t)plan->switch_interval_ns, "steps", steps_to_json(plan), "items",
                  sizes_to_json(plan->items, plan->n_items));

    if (add_structure(plan, request) < 0) {
        json_decref(request);
        return -ENOMEM;
    }
    return ask(child, request, &answer, message, size);
}

int replay_protocol_run(struct replay_child *child, size_t id, bool empty, struct replay_times *ret_times,
                        char *message, size_t size)
{
    json_auto_t *answer = NULL;
    struct replay_times times;
    json_t *request = json_pack("{s:s, s:I, s:b}", "op", "run", "plan", (json_int_t)id, "empty", empty ? 1 : 0);
    int r = ask(child, request, &answer, message, size);

    if (r < 0)
        return r;
    if (get_number(answer, "wall_ns", 1, MAX_NS, &times.wall_ns) < 0 ||
        get_number(answer, "start_ns", 0, (json_int_t)times.wall_ns, &times.start_ns) < 0 ||
        get_number(answer, "cpu_ns", 0, 1024 * MAX_NS, &times.cpu_ns) < 0 ||
        get_number(answer, "peak_rss_bytes", 0, MAX_BYTES, &times.peak_rss_bytes) < 0)
        return broken("times out of range", message, size);
    *ret_times = times;
    return 0;
}
