/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/diff_wording.h"

#include <math.h>

#include "report/buffer.h"
#include "report/format.h"
#include "report/wording.h"

void diff_wording_verdict(struct buffer *b, const struct compare_wall *wall)
{
    switch (wall->verdict) {
    case COMPARE_NOT_COMPARABLE:
        buffer_format(b, "Times can't be compared: watched for %s and %s",
                      format_duration(wall->median_ns[COMPARE_BEFORE]).text,
                      format_duration(wall->median_ns[COMPARE_AFTER]).text);
        return;
    case COMPARE_FASTER:
        buffer_format(b, "AFTER is %s faster: ", format_speedup_short(wall->ratio).text);
        break;
    case COMPARE_SLOWER:
        buffer_format(b, "AFTER is %s slower: ", format_speedup_short(1.0 / wall->ratio).text);
        break;
    case COMPARE_TIE:
        buffer_add(b, wall->small ? "No difference worth the name (tie): " : "No difference beyond the noise (tie): ");
        break;
    }
    buffer_format(b, "%s -> %s", format_duration(wall->median_ns[COMPARE_BEFORE]).text,
                  format_duration(wall->median_ns[COMPARE_AFTER]).text);
}

void diff_wording_method(struct buffer *b, const struct compare_wall *wall)
{
    size_t before = wall->runs[COMPARE_BEFORE], after = wall->runs[COMPARE_AFTER];

    if (wall->verdict == COMPARE_NOT_COMPARABLE) {
        buffer_add(b, "A process that was attached to (-p) has no wall time of its own. Its shares of the thread time "
                      "and its CPUs busy can be compared; how much it does in a second only the program can count.");
        return;
    }
    if (wall->disturbed)
        buffer_add(b, "The slower side waited for CPUs that other programs had; without that they may be equal. ");
    if (wall->method == COMPARE_BY_RULE) {
        if (before == 1 && after == 1)
            buffer_add(b, "One run each: ");
        else
            buffer_format(b, "%s run%s and %s: ", format_count(before).text, before == 1 ? "" : "s",
                          format_count(after).text);
        buffer_format(b,
                      "differences below %s can't be told from noise. Measure both with -r 5, and the noise is known.",
                      format_share(wall->noise_share).text);
        return;
    }
    buffer_format(b, "BEFORE takes %s - %s as long as AFTER (%s interval, Mann-Whitney, %s and %s runs).",
                  format_speedup(wall->interval[0]).text, format_speedup(wall->interval[1]).text,
                  format_share(wall->confidence).text, format_count(before).text, format_count(after).text);
    if (wall->small)
        buffer_add(b, " That is beyond the noise of these runs, but within the 5 % that count as equal here.");
    else if (wall->confidence < 0.95)
        buffer_add(b, " So few runs can't give 95 %; 4 each can.");
}

const char *diff_wording_caveat(enum compare_caveat caveat)
{
    switch (caveat) {
    case COMPARE_OTHER_COMMAND:
        return "The commands differ: the comparison holds if both do the same work.";
    case COMPARE_OTHER_MACHINE:
        return "Measured on different machines: times differ by that, too.";
    case COMPARE_OTHER_KERNEL:
        return "Measured under different kernels.";
    case COMPARE_OTHER_CPUS:
        return "The number of CPUs the program could use differs: times differ by that, too, and so may the forecast.";
    case COMPARE_OTHER_RUNTIME:
        return "The runtime differs (kind, version or interpreter lock).";
    case COMPARE_OTHER_PROBE:
        return "One was sampled from /proc and knows fewer causes: causes and findings can't be compared one to one.";
    case COMPARE_BEFORE_FAILED:
        return "BEFORE did not end well (exit status or signal): it may have done less work.";
    case COMPARE_AFTER_FAILED:
        return "AFTER did not end well (exit status or signal): it may have done less work.";
    case COMPARE_UNFINISHED:
        return "A program was still running when its measurement ended: wall times say little, look at the shares.";
    case COMPARE_INCOMPLETE:
        return "Threads found no slot in a measurement: their time is missing from it.";
    case COMPARE_BUSY_MACHINE:
        return "Other programs took CPU time from a run: it waited for a CPU although it had no more threads than "
               "CPUs. "
               "Measure both on a quiet machine.";
    case COMPARE_ATTACHED:
        return "Measured for a while (-p), not from start to end: compare shares and rates, not times.";
    case COMPARE_CAVEATS:
        break;
    }
    return "";
}

static void add_model(struct buffer *b, enum model model, uint32_t workers)
{
    buffer_add(b, wording_model(model));
    if (workers > 0 && model != MODEL_SERIAL)
        buffer_format(b, " (%u)", workers);
}

/* "4.10 s of processes (4) (95 % CI 3.80 - 4.50 s, replayed); measured 4.30 s: 5 % too short, inside the interval." */
static void add_numbers(struct buffer *b, const struct compare_forecast *f)
{
    double off = fabs(f->error);

    buffer_format(b, "%s of ", format_duration(f->expected_ns).text);
    add_model(b, f->model, f->workers);
    buffer_add(b, " (");
    if (f->interval_known)
        buffer_format(b, "95 %% CI %s, ", format_duration_range(f->interval_ns).text);
    buffer_format(b, "%s); measured %s: ", f->replayed ? "replayed" : "a forecast, not replayed",
                  format_duration(f->measured_ns).text);
    if (off < 0.005)
        buffer_add(b, "right on it");
    else
        buffer_format(b, "the forecast was %s too %s", format_share(off).text, f->error > 0.0 ? "long" : "short");
    if (f->interval_known && !f->other_workers)
        buffer_add(b, f->inside ? ", inside the interval." : ", outside the interval.");
    else
        buffer_add(b, ".");
    if (f->other_workers)
        buffer_format(b, " That was with %u instead of %u workers: no fair test of the forecast.", f->measured_workers,
                      f->workers);
}

void diff_wording_forecast(struct buffer *b, const struct comparison *c, const struct recommendation *before)
{
    const struct compare_forecast *f = &c->forecast;

    switch (f->kind) {
    case COMPARE_FORECAST_NONE:
        buffer_add(b, "Not comparable: BEFORE has no verdict with a number to compare.");
        break;
    case COMPARE_FORECAST_KEEP:
        buffer_format(b, "BEFORE's advice was to keep %s, and AFTER does: nothing to compare.",
                      wording_model(before->model));
        break;
    case COMPARE_FORECAST_RECOMMENDED:
        buffer_add(b, "BEFORE's advice expected ");
        add_numbers(b, f);
        if (before->change == CHANGE_FIX)
            buffer_add(b, " That was for the same model mended: it says something if AFTER has the fix.");
        break;
    case COMPARE_FORECAST_OTHER_MODEL:
        buffer_format(b, "BEFORE's advice was %s; of what AFTER runs its evidence expected ",
                      wording_model(before->model));
        add_numbers(b, f);
        break;
    case COMPARE_FORECAST_NOT_FOLLOWED:
        buffer_format(b, "Not comparable: BEFORE's advice was %s, but AFTER still runs %s.",
                      wording_model(before->model), wording_model(f->model));
        break;
    case COMPARE_FORECAST_NO_ROW:
        if (f->model == MODEL_NONE)
            buffer_add(b, "Not comparable: AFTER's model is not known.");
        else
            buffer_format(b, "Not comparable: BEFORE's evidence has no number for %s.", wording_model(f->model));
        break;
    case COMPARE_FORECAST_ATTACHED:
        buffer_add(b, "Not comparable: a process was watched for a while (-p), so there is no time of a whole run to "
                      "hold it against.");
        break;
    }
}
