/* SPDX-License-Identifier: BSD-2-Clause */

/* A saved measurement that somebody else wrote: loaded, checked, judged, reported, saved again. */

#include "analyzer/advice.h"
#include "analyzer/analyze.h"
#include "base/base.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"
#include "report/report.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_mutator.h"

/* One form for each input, by chance: all of them for each would take three times as long. */
static void report(const struct measurement *m, const struct advice *a, unsigned int form)
{
    const struct report_options options = {
        .format = form % 4 == 0 ? REPORT_JSON : REPORT_TEXT,
        .width = form % 4 == 1 ? 40 : 80,
        .color = form % 4 == 2,
        .utf8 = form % 4 == 2,
        .verbose = form % 4 >= 2,
    };

    FUZZ_CHECK(report_write(fuzz_nowhere(), m, a, &options) == 0);
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
