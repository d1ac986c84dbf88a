/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/export/export.h"

#include "base/base.h"
#include "report/report.h"

static const char *const ids[] = {
#define X(symbol, id, purpose) [symbol] = (id),
    REPORT_EXPORT_LIST(X)
#undef X
};

int report_export(FILE *out, enum report_export to, const struct measurement *m, const struct advice *a)
{
    static int (*const writers[])(FILE * out, const struct measurement *m, const struct advice *a) = {
        [REPORT_EXPORT_FOLDED] = export_folded, [REPORT_EXPORT_PERFETTO] = export_perfetto,
        [REPORT_EXPORT_PPROF] = export_pprof,   [REPORT_EXPORT_FIREFOX] = export_firefox,
        [REPORT_EXPORT_SARIF] = export_sarif,   [REPORT_EXPORT_OPENMETRICS] = export_openmetrics,
    };
    int r = writers[to](out, m, a);

    return r == 0 && ferror(out) ? -EIO : r;
}

int report_export_from_str(const char *text, enum report_export *ret_to)
{
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        if (strcmp(text, ids[i]) == 0) {
            *ret_to = (enum report_export)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *report_export_to_str(enum report_export to)
{
    return ids[to];
}

const char *report_export_names(void)
{
    return "folded, perfetto, pprof, firefox, sarif or openmetrics";
}
