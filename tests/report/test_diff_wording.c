/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "report/buffer.h"
#include "report/diff_wording.h"

#define MS NSEC_PER_MSEC

static void says(struct buffer *b, const char *expected)
{
    assert_int_equal(b->error, 0);
    assert_string_equal(buffer_text(b), expected);
    buffer_reset(b);
}

static struct compare_wall wall_of(enum compare_verdict verdict, uint64_t before_ns, uint64_t after_ns)
{
    return (struct compare_wall){
        .verdict = verdict,
        .method = COMPARE_BY_RANKS,
        .ratio = (double)before_ns / (double)after_ns,
        .interval = {0.9, 1.1},
        .confidence = 0.96,
        .runs = {5, 4},
        .median_ns = {before_ns, after_ns},
    };
}

static void verdicts_name_direction_and_times(void **state)
{
    struct compare_wall wall = wall_of(COMPARE_FASTER, 12400 * MS, 4300 * MS);
    AUTO_BUFFER b = {0};

    (void)state;
    diff_wording_verdict(&b, &wall);
    says(&b, "AFTER is 2.9x faster: 12.4 s -> 4.30 s");
    wall = wall_of(COMPARE_SLOWER, 4300 * MS, 12400 * MS);
    diff_wording_verdict(&b, &wall);
    says(&b, "AFTER is 2.9x slower: 4.30 s -> 12.4 s");
    wall = wall_of(COMPARE_TIE, 4300 * MS, 4310 * MS);
    diff_wording_verdict(&b, &wall);
    says(&b, "No difference beyond the noise (tie): 4.30 s -> 4.31 s");
    wall.small = true;
    diff_wording_verdict(&b, &wall);
    says(&b, "No difference worth the name (tie): 4.30 s -> 4.31 s");
    wall = wall_of(COMPARE_NOT_COMPARABLE, 10000 * MS, 5000 * MS);
    diff_wording_verdict(&b, &wall);
    says(&b, "Times can't be compared: watched for 10.0 s and 5.00 s");
}

static void the_method_says_how_sure_it_is(void **state)
{
    struct compare_wall wall = wall_of(COMPARE_TIE, 1000 * MS, 1000 * MS);
    AUTO_BUFFER b = {0};

    (void)state;
    diff_wording_method(&b, &wall);
    says(&b, "BEFORE takes 0.90x - 1.10x as long as AFTER (96 % interval, Mann-Whitney, 5 and 4 runs).");
    wall.confidence = 0.9;
    diff_wording_method(&b, &wall);
    assert_non_null(strstr(buffer_text(&b), "So few runs can't give 95 %"));
    buffer_reset(&b);
    wall.method = COMPARE_BY_RULE;
    wall.noise_share = 0.1;
    wall.runs[0] = wall.runs[1] = 1;
    diff_wording_method(&b, &wall);
    assert_non_null(strstr(buffer_text(&b), "One run each: differences below 10 % can't be told from noise"));
    buffer_reset(&b);
    wall.runs[1] = 2;
    diff_wording_method(&b, &wall);
    assert_non_null(strstr(buffer_text(&b), "1 run and 2: "));
}

static void every_caveat_is_a_sentence(void **state)
{
    (void)state;
    for (int i = 0; i < COMPARE_CAVEATS; i++) {
        const char *text = diff_wording_caveat((enum compare_caveat)i);

        assert_true(strlen(text) > 10 && text[strlen(text) - 1] == '.');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(text, diff_wording_caveat((enum compare_caveat)k));
    }
}

/* 4.1 s expected of 4 processes, 4.3 s measured. */
static struct comparison checked(void)
{
    return (struct comparison){
        .forecast = {.kind = COMPARE_FORECAST_RECOMMENDED,
                     .model = MODEL_PROCESSES,
                     .workers = 4,
                     .measured_workers = 4,
                     .replayed = true,
                     .interval_known = true,
                     .inside = true,
                     .expected_ns = 4100 * MS,
                     .interval_ns = {3800 * MS, 4500 * MS},
                     .measured_ns = 4300 * MS,
                     .error = -0.0465},
    };
}

static void a_forecast_is_held_against_the_measurement(void **state)
{
    struct recommendation advice = {.model = MODEL_PROCESSES, .change = CHANGE_SWITCH};
    struct comparison c = checked();
    AUTO_BUFFER b = {0};

    (void)state;
    diff_wording_forecast(&b, &c, &advice);
    says(&b, "BEFORE's advice expected 4.10 s of processes (4) (95 % CI 3.80 - 4.50 s, replayed); measured 4.30 s: the "
             "forecast was 5 % too short, inside the interval.");
    c.forecast.inside = c.forecast.replayed = false;
    c.forecast.error = 0.25;
    advice.change = CHANGE_FIX;
    diff_wording_forecast(&b, &c, &advice);
    says(&b,
         "BEFORE's advice expected 4.10 s of processes (4) (95 % CI 3.80 - 4.50 s, a forecast, not replayed); "
         "measured 4.30 s: the forecast was 25 % too long, outside the interval. That was for the same model mended: "
         "it says something if AFTER has the fix.");
    advice.change = CHANGE_SWITCH;
    c.forecast.kind = COMPARE_FORECAST_OTHER_MODEL;
    c.forecast.model = MODEL_THREADS;
    c.forecast.measured_workers = 8;
    c.forecast.other_workers = true;
    c.forecast.error = 0.001;
    diff_wording_forecast(&b, &c, &advice);
    says(&b, "BEFORE's advice was processes; of what AFTER runs its evidence expected 4.10 s of threads (4) (95 % CI "
             "3.80 - 4.50 s, a forecast, not replayed); measured 4.30 s: right on it. That was with 8 instead of 4 "
             "workers: no fair test of the forecast.");
}

static void what_is_not_compared_has_a_reason(void **state)
{
    static const enum compare_forecast_kind kinds[] = {COMPARE_FORECAST_NONE, COMPARE_FORECAST_KEEP,
                                                       COMPARE_FORECAST_NOT_FOLLOWED, COMPARE_FORECAST_NO_ROW,
                                                       COMPARE_FORECAST_ATTACHED};
    struct recommendation advice = {.model = MODEL_PROCESSES, .change = CHANGE_SWITCH};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct comparison c = {.forecast = {.kind = kinds[i], .model = MODEL_THREADS}};
        AUTO_BUFFER b = {0};

        diff_wording_forecast(&b, &c, &advice);
        assert_true(b.length > 20 && buffer_text(&b)[b.length - 1] == '.');
        assert_null(strstr(buffer_text(&b), "measured"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_name_direction_and_times),
        cmocka_unit_test(the_method_says_how_sure_it_is),
        cmocka_unit_test(every_caveat_is_a_sentence),
        cmocka_unit_test(a_forecast_is_held_against_the_measurement),
        cmocka_unit_test(what_is_not_compared_has_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
