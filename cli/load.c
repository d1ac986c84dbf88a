/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/load.h"

#include "analyzer/advice.h"
#include "base/base.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "cli/say.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"
#include "report/report.h"

#define MESSAGE 1024

int load_measurement(const char *path, struct measurement **ret_m)
{
    char message[MESSAGE] = "";
    int r = measurement_load(path, ret_m, message, sizeof(message));

    if (r == -EPROTONOSUPPORT)
        say("%s was saved by a later version: %s. Use that version to read it.", path,
            message[0] ? message : strerror(-r));
    else if (r == -EBADMSG)
        say("%s is no saved measurement, or is damaged: %s. concadvise --save FILE makes one.", path, message);
    else if (r < 0)
        say("can't read %s: %s.", path, message[0] ? message : strerror(-r));
    return r;
}

/* What was no saved measurement may be a report. @return 0 or -errno (said) */
static int load_report(const char *path, const char *why_no_measurement, struct load_judged *input)
{
    char message[MESSAGE] = "";
    int r = report_read(path, &input->m, &input->a, message, sizeof(message));

    if (r == -ENOMSG)
        say("%s is neither a saved measurement (%s) nor a JSON report (%s). --save FILE makes the one, -o FILE.json "
            "the other.",
            path, why_no_measurement, message);
    else if (r == -EBADMSG)
        say("%s is a damaged JSON report: %s.", path, message);
    else if (r == -EPROTONOSUPPORT)
        say("%s was written by a later version: %s. Use that version to read it.", path, message);
    else if (r < 0)
        say("can't read %s: %s.", path, message);
    return r;
}

int load_judged(const struct options *options, const char *path, const struct tree *tree, struct load_judged *input)
{
    char message[MESSAGE] = "";
    int r = measurement_load(path, &input->m, message, sizeof(message));

    if (r == 0)
        return deliver_analyze(options, input->m, tree, &input->a);
    if (r == -EBADMSG)
        return load_report(path, message, input);
    if (r == -EPROTONOSUPPORT)
        say("%s was saved by a later version: %s. Use that version to read it.", path, message);
    else
        say("can't read %s: %s.", path, message[0] ? message : strerror(-r));
    return r;
}

void load_judged_clear(struct load_judged *input)
{
    measurement_free(input->m);
    advice_free(input->a);
    *input = (struct load_judged){0};
}
