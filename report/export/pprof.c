/* SPDX-License-Identifier: BSD-2-Clause */
#include <zlib.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "report/buffer.h"
#include "report/escape.h"
#include "report/export/export.h"
#include "report/export/intern.h"
#include "report/export/proto.h"
#include "report/export/stacks.h"

/* Field numbers of github.com/google/pprof/proto/profile.proto. */
enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_DURATION_NS = 10,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};

struct profile {
    struct buffer samples, locations, functions, mappings; /* encoded fields of the profile */
    struct intern strings;                                 /* number 0 is the empty one, as the format wants */
    /* What has an id already, by a text that tells it apart; an id is the number + 1. */
    struct intern known_locations, known_functions, known_mappings;
    int error;
};

static void profile_clear(struct profile *p)
{
    buffer_clear(&p->samples);
    buffer_clear(&p->locations);
    buffer_clear(&p->functions);
    buffer_clear(&p->mappings);
    intern_clear(&p->strings);
    intern_clear(&p->known_locations);
    intern_clear(&p->known_functions);
    intern_clear(&p->known_mappings);
}

static uint64_t number_of(struct profile *p, struct intern *intern, const char *text)
{
    uint64_t number = 0;
    int r = intern_number(intern, text, &number);

    if (r < 0)
        p->error = r;
    return number;
}

/* The id of what `key` tells apart. @return whether it is new, and must be described */
static bool is_new(struct profile *p, struct intern *intern, const struct buffer *key, uint64_t *ret_id)
{
    size_t before = intern->n;

    if (key->error)
        p->error = key->error;
    *ret_id = number_of(p, intern, buffer_text(key)) + 1;
    return intern->n > before;
}

/* Number of a text the target named: the format wants UTF-8. */
static uint64_t string_of(struct profile *p, const char *raw)
{
    AUTO_BUFFER text = {0};

    escape_terminal(&text, raw, true);
    if (text.error)
        p->error = text.error;
    return number_of(p, &p->strings, buffer_text(&text));
}

static uint64_t mapping_of(struct profile *p, const char *module)
{
    AUTO_BUFFER key = {0}, mapping = {0};
    uint64_t id;

    if (!module)
        return 0;
    buffer_add(&key, module);
    if (!is_new(p, &p->known_mappings, &key, &id))
        return id;
    proto_number(&mapping, 1, id);
    proto_number(&mapping, 5, string_of(p, module)); /* filename */
    proto_number(&mapping, 7, 1);                    /* has_functions: nothing is left to symbolize */
    proto_message(&p->mappings, PROFILE_MAPPING, &mapping);
    return id;
}

static uint64_t function_of(struct profile *p, const struct frame *frame)
{
    AUTO_BUFFER key = {0}, function = {0};
    uint64_t id;

    buffer_format(&key, "%s\n%s", frame->function, frame->file ? frame->file : "");
    if (!is_new(p, &p->known_functions, &key, &id))
        return id;
    proto_number(&function, 1, id);
    proto_number(&function, 2, string_of(p, frame->function)); /* name */
    proto_number(&function, 3, string_of(p, frame->function)); /* system_name */
    if (frame->file)
        proto_number(&function, 4, string_of(p, frame->file));
    proto_message(&p->functions, PROFILE_FUNCTION, &function);
    return id;
}

static uint64_t location_of(struct profile *p, const struct frame *frame)
{
    AUTO_BUFFER key = {0}, location = {0}, line = {0};
    uint64_t id, function = function_of(p, frame), mapping = mapping_of(p, frame->module);

    buffer_format(&key, "%llu %llu %u", (unsigned long long)function, (unsigned long long)mapping, frame->line);
    if (!is_new(p, &p->known_locations, &key, &id))
        return id;
    proto_number(&line, 1, function);
    proto_number(&line, 2, frame->line);
    proto_number(&location, 1, id);
    proto_number(&location, 2, mapping);
    proto_message(&location, 4, &line);
    proto_message(&p->locations, PROFILE_LOCATION, &location);
    return id;
}

static void add_label(struct profile *p, struct buffer *sample, const char *key, const char *text, uint64_t number)
{
    AUTO_BUFFER label = {0};

    proto_number(&label, 1, number_of(p, &p->strings, key));
    if (text)
        proto_number(&label, 2, number_of(p, &p->strings, text));
    else
        proto_number(&label, 3, number);
    proto_message(sample, 3, &label);
}

static void add_site(struct profile *p, const struct measurement *m, const struct site *site)
{
    const uint64_t values[] = {site->count, site->on_cpu ? site->time_ns : 0, site->on_cpu ? 0 : site->time_ns};
    AUTO_FREE uint64_t *locations = calloc(site->n_frames + 1, sizeof(*locations));
    AUTO_BUFFER sample = {0}, process = {0};

    if (!locations) {
        p->error = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < site->n_frames; i++)
        locations[i] = location_of(p, &site->frames[i]);
    stacks_process(&process, m, site->pid);
    proto_packed(&sample, 1, locations, site->n_frames);
    proto_packed(&sample, 2, values, ARRAY_SIZE(values));
    add_label(p, &sample, "state", stacks_state(m, site), 0);
    add_label(p, &sample, "process", buffer_text(&process), 0);
    add_label(p, &sample, "threads", NULL, site->threads);
    proto_message(&p->samples, PROFILE_SAMPLE, &sample);
}

static void add_sample_type(struct profile *p, struct buffer *out, const char *type, const char *unit)
{
    AUTO_BUFFER value_type = {0};

    proto_number(&value_type, 1, number_of(p, &p->strings, type));
    proto_number(&value_type, 2, number_of(p, &p->strings, unit));
    proto_message(out, PROFILE_SAMPLE_TYPE, &value_type);
}

static void add_fields(struct buffer *out, const struct buffer *fields)
{
    if (fields->error && !out->error)
        out->error = fields->error;
    buffer_add_bytes(out, buffer_text(fields), fields->length);
}

/* The whole profile: the table of strings last, when all are known. */
static void encode(struct profile *p, const struct measurement *m, struct buffer *out)
{
    AUTO_BUFFER comment = {0};

    (void)number_of(p, &p->strings, "");
    add_sample_type(p, out, "samples", "count");
    add_sample_type(p, out, "on_cpu", "nanoseconds");
    add_sample_type(p, out, "off_cpu", "nanoseconds");
    for (size_t i = 0; i < m->n_sites; i++)
        add_site(p, m, &m->sites[i]);
    buffer_format(&comment, "concadvise %s", m->tool_version);
    proto_number(out, PROFILE_COMMENT, string_of(p, buffer_text(&comment)));
    proto_number(out, PROFILE_DURATION_NS, m->wall_ns);
    proto_number(out, PROFILE_DEFAULT_SAMPLE_TYPE,
                 number_of(p, &p->strings, m->on_cpu_ns * 2 > m->thread_time_ns ? "on_cpu" : "off_cpu"));
    add_fields(out, &p->samples);
    add_fields(out, &p->mappings);
    add_fields(out, &p->locations);
    add_fields(out, &p->functions);
    for (size_t i = 0; i < p->strings.n; i++)
        proto_bytes(out, PROFILE_STRING, p->strings.texts[i], strlen(p->strings.texts[i]));
}

static int write_gzip(FILE *out, const struct buffer *bytes)
{
    z_stream stream = {0};
    AUTO_FREE Bytef *packed = NULL;
    uLong most;
    int r = 0;

    /* 15 bits of window, + 16: with a gzip header, without a time in it */
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    most = deflateBound(&stream, bytes->length);
    packed = malloc(most);
    if (packed) {
        stream.next_in = (z_const Bytef *)buffer_text(bytes);
        stream.avail_in = (uInt)bytes->length;
        stream.next_out = packed;
        stream.avail_out = (uInt)most;
        r = deflate(&stream, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
    } else {
        r = -ENOMEM;
    }
    if (r == 0 && fwrite(packed, 1, stream.total_out, out) != stream.total_out)
        r = -EIO;
    (void)deflateEnd(&stream);
    return r;
}

int export_pprof(FILE *out, const struct measurement *m, const struct advice *a)
{
    CLEANUP(profile_clear) struct profile profile = {0};
    AUTO_BUFFER bytes = {0};

    (void)a;
    encode(&profile, m, &bytes);
    if (profile.error || bytes.error)
        return -ENOMEM;
    return write_gzip(out, &bytes);
}
