/* SPDX-License-Identifier: BSD-2-Clause */
/* dump_exports FOLDER: every story of the fixture in every export format, as STORY.FORMAT, for test_export.py. */
#include "base/base.h"
#include "fixture.h"
#include "report/report.h"

static const char *const formats[] = {
#define X(symbol, id, purpose) [symbol] = (id),
    REPORT_EXPORT_LIST(X)
#undef X
};

static void dump(const char *folder, const char *story, struct fixture f)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        char path[512];
        FILE *out;
        int r;

        (void)snprintf(path, sizeof(path), "%s/%s.%s", folder, story, formats[i]);
        out = fopen(path, "we");
        r = out ? report_export(out, (enum report_export)i, f.m, f.a) : -errno;
        if (out && fclose(out) != 0)
            r = -EIO;
        if (r < 0) {
            (void)fprintf(stderr, "%s: %s\n", path, strerror(-r));
            exit(EXIT_FAILURE);
        }
    }
    fixture_free(&f);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    dump(argv[1], "convoy", fixture_convoy());
    dump(argv[1], "short", fixture_short());
    dump(argv[1], "hostile", fixture_hostile());
    return 0;
}
