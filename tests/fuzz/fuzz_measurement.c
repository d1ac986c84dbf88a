/* SPDX-License-Identifier: BSD-2-Clause */

/* A saved measurement that somebody else wrote: loaded, checked, judged, reported in each form, exported. */

#include "analyzer/advice.h"
#include "analyzer/analyze.h"
#include "base/base.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"
#include "report/report.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_mutator.h"

static const struct report_options forms[] = {
    {.format = REPORT_JSON},
    {.format = REPORT_TEXT, .width = 40},
    {.format = REPORT_TEXT, .width = 80, .color = true, .utf8 = true, .verbose = true},
    {.format = REPORT_TEXT, .width = 80, .verbose = true},
    {.format = REPORT_MARKDOWN},
    {.format = REPORT_HTML},
};

/* One form for each input, by chance: all of them for each would take ten times as long. */
static void report(const struct measurement *m, const struct advice *a, unsigned int form)
{
    unsigned int n = form % (ARRAY_SIZE(forms) + REPORT_EXPORT_COUNT);

    if (n < ARRAY_SIZE(forms))
        FUZZ_CHECK(report_write(fuzz_nowhere(), m, a, &forms[n]) == 0);
    else
        FUZZ_CHECK(report_export(fuzz_nowhere(), (enum report_export)(n - ARRAY_SIZE(forms)), m, a) == 0);
    FUZZ_CHECK(report_summary(fuzz_nowhere(), a) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(measurement_freep) struct measurement *m = NULL;
    char message[256] = "";
    struct advice *a = NULL;
    int r = measurement_load(fuzz_file(data, size), &m, message, sizeof(message));

    if (r < 0) {
        FUZZ_CHECK(!m);
        return 0;
    }
    FUZZ_CHECK(measurement_check(m, NULL) == 0);
    if (analyze(m, &(struct analyze_options){0}, &a) == 0)
        report(m, a, (unsigned int)size);
    advice_free(a);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return json_mutate(data, size, max_size, seed, json_mutator_balance);
}
