/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>

#include "analyzer/advice.h"
#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "report/buffer.h"
#include "report/export/export.h"
#include "report/json_out.h"
#include "report/wording.h"

/* SARIF's own three: "error" is for what breaks the program, which a slow one is not. */
static const char *level_of(enum severity severity)
{
    return severity >= SEVERITY_MEDIUM ? "warning" : "note";
}

static json_t *text_object(struct json_out *o, const char *text)
{
    json_t *out = json_object();

    out_set(o, out, "text", out_text(text));
    return out;
}

static json_t *rule_object(struct json_out *o, const struct finding *finding)
{
    const struct wording_finding *wording = wording_finding(finding->id);
    json_t *out = json_object();

    out_set(o, out, "id", json_sprintf("CA%04d", finding->id));
    out_set(o, out, "name", json_string(finding_slug(finding->id) ? finding_slug(finding->id) : "finding"));
    if (!wording)
        return out;
    out_set(o, out, "shortDescription", text_object(o, wording->title));
    out_set(o, out, "fullDescription", text_object(o, wording->why));
    out_set(o, out, "help", text_object(o, wording->action));
    return out;
}

/* Path as a URI reference (RFC 3986): everything but unreserved characters and slashes is percent-encoded. */
static void add_uri(struct buffer *b, const char *path)
{
    if (*path == '/')
        buffer_add(b, "file://");
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~/", c))
            buffer_add_bytes(b, path, 1);
        else
            buffer_format(b, "%%%02X", c);
    }
}

static json_t *location_object(struct json_out *o, const struct frame *frame)
{
    json_t *location = json_object(), *physical = json_object(), *artifact = json_object(), *region = json_object();
    AUTO_BUFFER uri = {0};

    add_uri(&uri, frame->file);
    if (uri.error)
        o->failed = true;
    out_set(o, artifact, "uri", json_string(buffer_text(&uri)));
    out_set(o, physical, "artifactLocation", artifact);
    out_set(o, region, "startLine", out_number(frame->line));
    out_set(o, physical, "region", region);
    out_set(o, location, "physicalLocation", physical);
    return location;
}

static bool has_line(const struct frame *frame)
{
    return frame && frame->file && frame->line > 0;
}

/* People's own code where there is some, else the innermost place in a file. */
static const struct frame *place_of(const struct finding *finding)
{
    for (size_t i = 0; i < finding->n_sites; i++)
        if (has_line(advice_own_frame(&finding->sites[i])))
            return advice_own_frame(&finding->sites[i]);
    for (size_t i = 0; i < finding->n_sites; i++)
        for (size_t k = 0; k < finding->sites[i].n_frames; k++)
            if (has_line(&finding->sites[i].frames[k]))
                return &finding->sites[i].frames[k];
    return NULL;
}

static json_t *result_object(struct json_out *o, const struct finding *finding, size_t rule)
{
    const struct wording_finding *wording = wording_finding(finding->id);
    const struct frame *place = place_of(finding);
    json_t *out = json_object(), *locations = json_array();
    AUTO_BUFFER text = {0};

    buffer_format(&text, "%s: %s.", wording ? wording->title : "Finding", finding->detail);
    if (finding->remedy || wording)
        buffer_format(&text, " %s", finding->remedy ? finding->remedy : wording->action);
    if (text.error)
        o->failed = true;
    if (place)
        out_push(o, locations, location_object(o, place));
    out_set(o, out, "ruleId", json_sprintf("CA%04d", finding->id));
    out_set(o, out, "ruleIndex", out_number(rule));
    out_set(o, out, "level", json_string(level_of(finding->severity)));
    out_set(o, out, "message", text_object(o, buffer_text(&text)));
    out_set(o, out, "locations", locations);
    return out;
}

static json_t *root_object(struct json_out *o, const struct measurement *m, const struct advice *a)
{
    json_t *root = json_object(), *run = json_object(), *tool = json_object(), *driver = json_object();
    json_t *rules = json_array(), *results = json_array(), *runs = json_array();

    for (size_t i = 0; i < a->n_findings; i++) {
        out_push(o, rules, rule_object(o, &a->findings[i]));
        out_push(o, results, result_object(o, &a->findings[i], i));
    }
    out_set(o, driver, "name", json_string("concadvise"));
    out_set(o, driver, "version", OUT_FIELD(m->tool_version));
    out_set(o, driver, "rules", rules);
    out_set(o, tool, "driver", driver);
    out_set(o, run, "tool", tool);
    out_set(o, run, "results", results);
    out_push(o, runs, run);
    out_set(o, root, "$schema", json_string("https://json.schemastore.org/sarif-2.1.0.json"));
    out_set(o, root, "version", json_string("2.1.0"));
    out_set(o, root, "runs", runs);
    return root;
}

int export_sarif(FILE *out, const struct measurement *m, const struct advice *a)
{
    struct json_out o = {0};
    json_t *root = root_object(&o, m, a);
    int r = -ENOMEM;

    if (root && !o.failed)
        r = json_dumpf(root, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF ? -EIO : 0;
    json_decref(root);
    return r;
}
