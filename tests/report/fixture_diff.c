/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture_diff.h"

#include "base/base.h"

void fixture_diff_clear(struct fixture_diff *s)
{
    comparison_clear(&s->comparison);
    fixture_free(&s->before);
    fixture_free(&s->after);
}

static void compare_them(struct fixture_diff *s, const char *after_name)
{
    s->sides[COMPARE_BEFORE] = (struct compare_side){s->before.m, s->before.a};
    s->sides[COMPARE_AFTER] = (struct compare_side){s->after.m, s->after.a};
    if (compare(&s->sides[0], &s->sides[1], &s->comparison) < 0)
        abort();
    s->diff = (struct report_diff){{"before.json", after_name}, s->sides, &s->comparison};
}

void fixture_diff_faster(struct fixture_diff *s)
{
    struct measurement *m;

    s->before = fixture_convoy();
    s->after = fixture_convoy();
    m = s->after.m;
    for (size_t i = 0; i < m->n_repeats; i++) {
        m->repeats[i].wall_ns = m->repeats[i].wall_ns * 3 / 10;
        m->repeats[i].blocked_ns[CAUSE_INTERPRETER_LOCK] = 0;
    }
    m->wall_ns = m->wall_ns * 3 / 10;
    m->thread_time_ns -= m->blocked_ns[CAUSE_INTERPRETER_LOCK];
    m->blocked_ns[CAUSE_INTERPRETER_LOCK] = 0;
    m->processes_total = 5;
    s->after.a->current_model = MODEL_PROCESSES;
    s->after.a->current_workers = 4;
    s->after.a->recommendation.change = CHANGE_KEEP;
    finding_clear(&s->after.a->findings[0]);
    s->after.a->n_findings--;
    memmove(s->after.a->findings, s->after.a->findings + 1, s->after.a->n_findings * sizeof(struct finding));
    compare_them(s, "after.json");
}

void fixture_diff_hostile(struct fixture_diff *s)
{
    s->before = fixture_convoy();
    s->after = fixture_hostile();
    compare_them(s, "evil\033[31m\xe2\x80\xae\n\xff.json");
}

void fixture_diff_tie(struct fixture_diff *s)
{
    s->before = fixture_short();
    s->after = fixture_short();
    compare_them(s, "after.json");
}

void fixture_diff_attached(struct fixture_diff *s)
{
    s->before = fixture_convoy();
    s->after = fixture_convoy();
    for (int side = 0; side < COMPARE_SIDES; side++) {
        struct measurement *m = side == COMPARE_BEFORE ? s->before.m : s->after.m;

        m->target.attached = true;
        m->target.exited = false;
        m->target.ran_before_ns = 3600 * NSEC_PER_SEC;
        m->n_repeats = 0;
    }
    s->after.m->wall_ns /= 2;
    s->after.m->on_cpu_ns /= 2;
    s->after.m->runnable_ns /= 2;
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        s->after.m->blocked_ns[cause] /= 2;
    s->after.m->blocked_ns[CAUSE_INTERPRETER_LOCK] /= 4;
    s->after.m->thread_time_ns = s->after.m->on_cpu_ns + s->after.m->runnable_ns;
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        s->after.m->thread_time_ns += s->after.m->blocked_ns[cause];
    /* of the convoy a quarter of what it was in a second; of the other one as much */
    s->after.a->findings[0].time_ns /= 8;
    s->after.a->findings[1].time_ns /= 2;
    compare_them(s, "after.json");
}
