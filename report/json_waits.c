/* SPDX-License-Identifier: BSD-2-Clause */

/* Who waited for whom: the critical path, the summary by groups of threads, the pairs behind it. */

#include "report/json_out.h"

/* The saved measurement has them all. */
#define PAIRS_SHOWN 128

static json_t *part_object(struct json_out *o, const struct path_part *part)
{
    json_t *out = json_object();

    out_set(o, out, "who", out_text(part->who));
    out_set(o, out, "state", json_string(path_state_to_str(part->state)));
    out_set(o, out, "cause", part->state == PATH_BLOCKED ? json_string(cause_to_str(part->cause)) : json_null());
    out_set(o, out, "time_ns", out_number(part->time_ns));
    out_set(o, out, "share", out_real(part->share));
    out_set(o, out, "pid", part->pid ? json_integer(part->pid) : json_null());
    out_set(o, out, "tid", part->tid ? json_integer(part->tid) : json_null());
    out_set(o, out, "threads", out_number(part->threads));
    out_set(o, out, "stack", out_frames(o, part->frames, part->n_frames));
    return out;
}

static json_t *stay_object(struct json_out *o, const struct path_stay *stay)
{
    json_t *out = json_object();

    out_set(o, out, "who", out_text(stay->who));
    out_set(o, out, "pid", json_integer(stay->pid));
    out_set(o, out, "tid", json_integer(stay->tid));
    out_set(o, out, "from_ns", out_number(stay->from_ns));
    out_set(o, out, "to_ns", out_number(stay->to_ns));
    out_set(o, out, "state", json_string(path_state_to_str(stay->state)));
    out_set(o, out, "cause", stay->state == PATH_BLOCKED ? json_string(cause_to_str(stay->cause)) : json_null());
    out_set(o, out, "state_ns", out_number(stay->state_ns));
    return out;
}

json_t *json_critical_path(struct json_out *o, const struct critical_path *path)
{
    json_t *parts, *stays, *out;

    if (path->wall_ns == 0)
        return json_null();
    parts = json_array();
    stays = json_array();
    out = json_object();
    for (size_t i = 0; i < path->n_parts; i++)
        out_push(o, parts, part_object(o, &path->parts[i]));
    for (size_t i = 0; i < path->n_stays; i++)
        out_push(o, stays, stay_object(o, &path->stays[i]));
    out_set(o, out, "wall_ns", out_number(path->wall_ns));
    out_set(o, out, "approximate", json_boolean(path->approximate));
    out_set(o, out, "hops", out_number(path->hops));
    out_set(o, out, "parts", parts);
    out_set(o, out, "rest_ns", out_number(path->rest_ns));
    out_set(o, out, "stays", stays);
    return out;
}

json_t *json_wait_summary(struct json_out *o, const struct advice *a)
{
    json_t *out = json_array();

    for (size_t i = 0; i < a->n_waits; i++) {
        const struct wait_for *wait = &a->waits[i];
        json_t *item = json_object();

        out_set(o, item, "waiter", out_text(wait->waiter));
        out_set(o, item, "waker", out_text(wait->waker));
        out_set(o, item, "one_another", json_boolean(wait->one_another));
        out_set(o, item, "cause", json_string(cause_to_str(wait->cause)));
        out_set(o, item, "time_ns", out_number(wait->time_ns));
        out_set(o, item, "count", out_number(wait->count));
        out_set(o, item, "share", out_real(wait->share));
        out_set(o, item, "waiter_stack", out_frames(o, wait->waiter_frames, wait->n_waiter_frames));
        out_set(o, item, "waker_stack", out_frames(o, wait->waker_frames, wait->n_waker_frames));
        out_push(o, out, item);
    }
    return out;
}

json_t *json_wait_for(struct json_out *o, const struct measurement *m)
{
    json_t *out = json_array();

    for (size_t i = 0; i < m->n_wakers && i < PAIRS_SHOWN; i++) {
        const struct waker *row = &m->wakers[i];
        json_t *item = json_object();

        out_set(o, item, "waiter_pid", json_integer(row->waiter_pid));
        out_set(o, item, "waiter_tid", json_integer(row->waiter_tid));
        out_set(o, item, "waker_pid", json_integer(row->waker_pid));
        out_set(o, item, "waker_tid", json_integer(row->waker_tid));
        out_set(o, item, "cause", json_string(cause_to_str(row->cause)));
        out_set(o, item, "time_ns", out_number(row->time_ns));
        out_set(o, item, "count", out_number(row->count));
        out_set(o, item, "waiter_stack", out_frames(o, row->waiter_frames, row->n_waiter_frames));
        out_set(o, item, "waker_stack", out_frames(o, row->waker_frames, row->n_waker_frames));
        out_push(o, out, item);
    }
    return out;
}
