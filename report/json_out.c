/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/json_out.h"

#include <math.h>

#include "base/base.h"
#include "report/buffer.h"
#include "report/escape.h"

void out_set(struct json_out *o, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        o->failed = true;
}

void out_push(struct json_out *o, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        o->failed = true;
}

json_t *out_number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *out_number_or_null(uint64_t value)
{
    return value > 0 ? out_number(value) : json_null();
}

json_t *out_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *out_bytes(const char *raw, size_t n)
{
    AUTO_BUFFER b = {0};

    escape_utf8(&b, raw, n);
    return b.error ? NULL : json_stringn(buffer_text(&b), b.length);
}

json_t *out_text(const char *raw)
{
    return raw ? out_bytes(raw, strlen(raw)) : json_null();
}

json_t *out_field(const char *raw, size_t n)
{
    return out_bytes(raw, strnlen(raw, n));
}

json_t *out_pair(struct json_out *o, json_t *first, json_t *second)
{
    json_t *array = json_array();

    out_push(o, array, first);
    out_push(o, array, second);
    return array;
}

json_t *out_strings(struct json_out *o, char *const *items, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        out_push(o, array, out_text(items[i]));
    return array;
}

json_t *out_causes(struct json_out *o, const uint64_t values[CAUSE_COUNT])
{
    json_t *out = json_object();

    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        out_set(o, out, cause_to_str((enum cause)cause), out_number(values[cause]));
    return out;
}

json_t *out_frames(struct json_out *o, const struct frame *frames, size_t n)
{
    json_t *stack = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *item = json_object();

        out_set(o, item, "function", out_text(frames[i].function));
        out_set(o, item, "file", out_text(frames[i].file));
        out_set(o, item, "line", out_number_or_null(frames[i].line));
        out_set(o, item, "module", out_text(frames[i].module));
        out_set(o, item, "coroutine", json_boolean(frames[i].coroutine));
        out_push(o, stack, item);
    }
    return stack;
}

json_t *out_site(struct json_out *o, const struct site *site)
{
    json_t *out = json_object();

    out_set(o, out, "cause", json_string(site->on_cpu ? "on_cpu" : cause_to_str(site->cause)));
    out_set(o, out, "time_ns", out_number(site->time_ns));
    out_set(o, out, "count", out_number(site->count));
    out_set(o, out, "longest_ns", out_number(site->longest_ns));
    out_set(o, out, "pid", json_integer(site->pid));
    out_set(o, out, "tid", json_integer(site->tid));
    out_set(o, out, "threads", out_number(site->threads));
    out_set(o, out, "in_event_loop", json_boolean(site->in_event_loop));
    out_set(o, out, "stack", out_frames(o, site->frames, site->n_frames));
    return out;
}

int out_document(const json_t *root, FILE *out)
{
    AUTO_FREE char *document = json_dumps(root, JSON_INDENT(2));
    AUTO_BUFFER safe = {0};

    if (!document)
        return -ENOMEM;
    escape_json(&safe, document, strlen(document));
    buffer_add(&safe, "\n");
    if (safe.error)
        return safe.error;
    return fwrite(safe.data, 1, safe.length, out) == safe.length ? 0 : -EIO;
}

json_t *out_model(enum model model)
{
    return model == MODEL_NONE ? json_null() : json_string(model_to_str(model));
}
