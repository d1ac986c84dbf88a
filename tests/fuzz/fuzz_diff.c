/* SPDX-License-Identifier: BSD-2-Clause */

/* Two reports that somebody else wrote: what `concadvise diff` reads and says. The input is one, or two with a NUL. */

#include "analyzer/advice.h"
#include "analyzer/compare/compare.h"
#include "base/base.h"
#include "probe/measurement.h"
#include "report/report.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_mutator.h"

struct side {
    struct measurement *m;
    struct advice *a;
};

static int read_side(unsigned int which, const uint8_t *data, size_t size, struct side *side)
{
    char message[256] = "";
    int r = report_read(fuzz_file_at(which, data, size), &side->m, &side->a, message, sizeof(message));

    FUZZ_CHECK(r == 0 || (message[0] && !side->m && !side->a));
    return r;
}

static const struct report_options forms[] = {
    {.format = REPORT_JSON},
    {.format = REPORT_TEXT, .width = 40},
    {.format = REPORT_TEXT, .width = 80, .verbose = true, .utf8 = true},
    {.format = REPORT_MARKDOWN},
    {.format = REPORT_HTML},
};

static void show(const struct side *before, const struct side *after)
{
    const struct compare_side sides[] = {{before->m, before->a}, {after->m, after->a}};
    CLEANUP(comparison_clear) struct comparison comparison = {0};
    const struct report_diff diff = {{"before.json", "\xff\x1b.json"}, sides, &comparison};

    if (compare(&sides[0], &sides[1], &comparison) < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        FUZZ_CHECK(report_write_diff(fuzz_nowhere(), &diff, &forms[i]) == 0);
    FUZZ_CHECK(report_diff_summary(fuzz_nowhere(), &diff) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *gap = size ? memchr(data, 0, size) : NULL;
    size_t first = gap ? (size_t)(gap - data) : size;
    struct side sides[2] = {{0}};

    if (read_side(0, data, first, &sides[0]) == 0) {
        if (!gap)
            show(&sides[0], &sides[0]);
        else if (read_side(1, gap + 1, size - first - 1, &sides[1]) == 0)
            show(&sides[0], &sides[1]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
        measurement_free(sides[i].m);
        advice_free(sides[i].a);
    }
    return 0;
}

/* One of the two is changed, value by value. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    uint8_t *gap = size ? memchr(data, 0, size) : NULL;
    size_t first = gap ? (size_t)(gap + 1 - data) : 0;

    if (gap && seed % 2)
        return first + json_mutate(data + first, size - first, max_size - first, seed / 2, NULL);
    if (!gap && seed % 16 == 0 && 2 * size + 1 <= max_size) {
        data[size] = 0;
        memcpy(data + size + 1, data, size);
        return 2 * size + 1;
    }
    return gap ? LLVMFuzzerMutate(data, size, max_size) : json_mutate(data, size, max_size, seed / 2, NULL);
}
