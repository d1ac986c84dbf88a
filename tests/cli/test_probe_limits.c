/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "cli/probe_limits.h"
#include "probe/probe.h"

static void unset_means_the_default(void **state)
{
    struct probe_options options = {0};
    char message[256] = "";

    (void)state;
    assert_int_equal(setenv("CONCADVISE_TEST_MAX_SLICES", "", 1), 0);
    assert_int_equal(probe_limits_from_environment(&options, message, sizeof(message)), 0);
    assert_int_equal(options.ring_records + options.max_threads + options.max_slices, 0);
}

static void each_variable_sets_its_limit(void **state)
{
    struct probe_options options = {0};
    char message[256] = "";

    (void)state;
    assert_int_equal(setenv("CONCADVISE_TEST_RING_RECORDS", "128", 1), 0);
    assert_int_equal(setenv("CONCADVISE_TEST_MAX_THREADS", "7", 1), 0);
    assert_int_equal(setenv("CONCADVISE_TEST_MAX_SLICES", "1000", 1), 0);
    assert_int_equal(probe_limits_from_environment(&options, message, sizeof(message)), 0);
    assert_int_equal(options.ring_records, 128);
    assert_int_equal(options.max_threads, 7);
    assert_int_equal(options.max_slices, 1000);
}

static void nonsense_is_said(void **state)
{
    static const char *const values[] = {"0", "-1", "many", "16385", "1e3"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct probe_options options = {0};
        char message[256] = "";

        assert_int_equal(setenv("CONCADVISE_TEST_MAX_THREADS", values[i], 1), 0);
        assert_int_equal(probe_limits_from_environment(&options, message, sizeof(message)), -EINVAL);
        assert_non_null(strstr(message, "CONCADVISE_TEST_MAX_THREADS"));
        assert_non_null(strstr(message, values[i]));
        assert_non_null(strstr(message, "16384"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unset_means_the_default),
        cmocka_unit_test(each_variable_sets_its_limit),
        cmocka_unit_test(nonsense_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
