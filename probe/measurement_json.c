/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/measurement_json.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/measurement_schema.h"
#include "probe/measurement_text.h"

#define FORMAT_KEY "concadvise_measurement"
#define FORMAT_VERSION 1
#define CAUSES_KEY "causes"

/* Larger files are not believed: the default of 131,072 slices takes about 7 MB. */
#define MAX_FILE_SIZE ((size_t)64 << 20)

static void decref(json_t **json)
{
    json_decref(*json);
}
#define AUTO_JSON CLEANUP(decref)

/* ---- writing ---- */

/* The encoders name the innermost field that JSON can't hold; *ret_field is a static string. */
static int encode_struct(const struct field *fields, const void *base, json_t **ret_json, const char **ret_field);

static json_t *encode_text(const char *raw)
{
    AUTO_FREE char *escaped = measurement_text_escape(raw);

    return escaped ? json_string(escaped) : NULL;
}

/* @return 0, -ENOMEM, -ERANGE (beyond what JSON readers take) */
static int append_u64(json_t *array, uint64_t value)
{
    if (value > INT64_MAX)
        return -ERANGE;
    return json_array_append_new(array, json_integer((json_int_t)value)) < 0 ? -ENOMEM : 0;
}

static int encode_slice(const struct slice *slice, json_t *array)
{
    const uint64_t numbers[MEASUREMENT_SLICE_FIELDS] = {
        slice->on_cpu_ns,           slice->runnable_ns,     slice->blocked_ns, (uint64_t)slice->cause,
        (uint64_t)slice->waker_tid, slice->waker_on_cpu_ns, slice->address,
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(numbers) && r == 0; i++)
        r = append_u64(array, numbers[i]);
    return r;
}

static int encode_element(const struct field *field, const void *element, json_t *array, const char **ret_field)
{
    json_t *json = NULL;
    int r;

    switch (field->type) {
    case FIELD_U64S:
        return append_u64(array, *(const uint64_t *)element);
    case FIELD_SLICES:
        return encode_slice(element, array);
    case FIELD_STRINGS:
        json = encode_text(*(char *const *)element);
        break;
    default:
        r = encode_struct(field->fields, element, &json, ret_field);
        if (r < 0)
            return r;
    }
    return json_array_append_new(array, json) < 0 ? -ENOMEM : 0;
}

static int encode_array(const struct field *field, const void *base, json_t **ret_json, const char **ret_field)
{
    const char *elements = *(const char *const *)((const char *)base + field->offset);
    size_t n = *(const size_t *)((const char *)base + field->count_offset);
    AUTO_JSON json_t *array = json_array();

    if (!array)
        return -ENOMEM;
    if (n > field->max_count)
        return -EFBIG;
    for (size_t i = 0; i < n; i++) {
        int r = encode_element(field, elements + i * field->size, array, ret_field);

        if (r < 0)
            return r;
    }
    *ret_json = TAKE_PTR(array);
    return 0;
}

static int encode_causes(const uint64_t *values, json_t **ret_json)
{
    AUTO_JSON json_t *object = json_object();

    for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
        if (values[cause] == 0)
            continue;
        if (values[cause] > INT64_MAX)
            return -ERANGE;
        if (json_object_set_new(object, cause_to_str((enum cause)cause), json_integer((json_int_t)values[cause])) < 0)
            return -ENOMEM;
    }
    if (!object)
        return -ENOMEM;
    *ret_json = TAKE_PTR(object);
    return 0;
}

/* Values that fit no JSON type: @return -ERANGE; out of memory: *ret_json NULL. */
static int encode_field(const struct field *field, const void *base, json_t **ret_json, const char **ret_field)
{
    const void *value = (const char *)base + field->offset;
    const char *text;

    switch (field->type) {
    case FIELD_U64:
        if (*(const uint64_t *)value > INT64_MAX)
            return -ERANGE;
        *ret_json = json_integer((json_int_t) * (const uint64_t *)value);
        return 0;
    case FIELD_U32:
        *ret_json = json_integer(*(const uint32_t *)value);
        return 0;
    case FIELD_I32:
        *ret_json = json_integer(*(const int32_t *)value);
        return *(const int32_t *)value < 0 ? -ERANGE : 0;
    case FIELD_BOOL:
        *ret_json = json_boolean(*(const bool *)value);
        return 0;
    case FIELD_DOUBLE:
        if (!isfinite(*(const double *)value))
            return -ERANGE;
        *ret_json = json_real(*(const double *)value);
        return 0;
    case FIELD_TEXT:
        *ret_json = encode_text(value);
        return 0;
    case FIELD_STRING:
        text = *(char *const *)value;
        *ret_json = text ? encode_text(text) : json_null();
        return 0;
    case FIELD_ENUM:
        text = field->ids->to_str(*(const int *)value);
        if (!text)
            return -ERANGE;
        *ret_json = json_string(text);
        return 0;
    case FIELD_CAUSES:
        return encode_causes(value, ret_json);
    case FIELD_STRUCT:
        return encode_struct(field->fields, value, ret_json, ret_field);
    default:
        return encode_array(field, base, ret_json, ret_field);
    }
}

static int encode_struct(const struct field *fields, const void *base, json_t **ret_json, const char **ret_field)
{
    AUTO_JSON json_t *object = json_object();

    if (!object)
        return -ENOMEM;
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        AUTO_JSON json_t *value = NULL;
        int r = encode_field(field, base, &value, ret_field);

        if (r == -ERANGE && !*ret_field)
            *ret_field = field->name;
        if (r < 0)
            return r;
        if (json_object_set_new(object, field->name, TAKE_PTR(value)) < 0)
            return -ENOMEM;
    }
    *ret_json = TAKE_PTR(object);
    return 0;
}

/* The header first, so that a reader sees the version before anything else. */
static int encode(const struct measurement *m, json_t **ret_json, const char **ret_field)
{
    AUTO_JSON json_t *document = json_object();
    AUTO_JSON json_t *body = NULL;
    json_t *causes = json_array();
    int r;

    if (json_object_set_new(document, FORMAT_KEY, json_integer(FORMAT_VERSION)) < 0 ||
        json_object_set(document, CAUSES_KEY, causes) < 0) {
        json_decref(causes);
        return -ENOMEM;
    }
    json_decref(causes);
    for (size_t cause = 0; cause < CAUSE_COUNT; cause++)
        if (json_array_append_new(causes, json_string(cause_to_str((enum cause)cause))) < 0)
            return -ENOMEM;
    r = encode_struct(measurement_schema, m, &body, ret_field);
    if (r < 0)
        return r;
    if (json_object_update(document, body) < 0)
        return -ENOMEM;
    *ret_json = TAKE_PTR(document);
    return 0;
}

/* @return 0 or -errno of the first write that failed */
static int write_document(const json_t *document, int fd)
{
    AUTO_FCLOSE FILE *file = NULL;
    int own = dup(fd);

    if (own < 0)
        return -errno;
    file = fdopen(own, "w");
    if (!file) {
        (void)close(own);
        return -errno;
    }
    errno = 0;
    if (json_dumpf(document, file, JSON_COMPACT) < 0 || fputc('\n', file) == EOF || fflush(file) == EOF)
        return errno ? -errno : -EIO;
    if (ftello(file) > (off_t)MAX_FILE_SIZE)
        return -EFBIG;
    return 0;
}

/* Something that can't be renamed over and holds nothing to lose: a pipe, a terminal, /dev/stdout. */
static int save_in_place(const json_t *document, const char *path)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    return fd < 0 ? -errno : write_document(document, fd);
}

static int save_by_rename(const json_t *document, const char *path, mode_t mode)
{
    AUTO_FREE char *temporary = NULL;
    AUTO_CLOSE int fd = -1;
    int r;

    for (unsigned attempt = 0; fd < 0; attempt++) {
        free(TAKE_PTR(temporary));
        if (asprintf(&temporary, "%s.%d.%u.tmp", path, (int)getpid(), attempt) < 0)
            return -ENOMEM;
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && (errno != EEXIST || attempt >= 100))
            return -errno;
    }
    r = write_document(document, fd);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(temporary);
    return r;
}

int measurement_save(const struct measurement *m, const char *path, const char **ret_field)
{
    AUTO_JSON json_t *document = NULL;
    AUTO_FREE char *resolved = NULL;
    const char *field = NULL;
    struct stat st;
    int r = encode(m, &document, &field);

    if (ret_field)
        *ret_field = field;
    if (r < 0)
        return r;
    if (stat(path, &st) < 0)
        return errno == ENOENT ? save_by_rename(document, path, 0666) : -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return save_in_place(document, path);
    /* Replace the file that a symbolic link names, not the link, and only what we could have overwritten. */
    resolved = realpath(path, NULL);
    if (!resolved || faccessat(AT_FDCWD, resolved, W_OK, AT_EACCESS) < 0)
        return -errno;
    return save_by_rename(document, resolved, st.st_mode & 0777);
}

/* ---- reading ---- */

/* One step of the way from the document to a value, for messages. */
struct place {
    const struct place *parent; /* NULL: the document itself */
    const char *name;           /* NULL: an index */
    size_t index;
};

struct reader {
    char *message;
    size_t size;
    enum cause causes[CAUSE_COUNT]; /* what the file's cause numbers mean */
    size_t n_causes;
};

static int decode_struct(struct reader *reader, const struct place *at, const struct field *fields, json_t *json,
                         void *base);

static void print_place(const struct place *at, FILE *out)
{
    if (!at->parent)
        return;
    print_place(at->parent, out);
    if (!at->name)
        fprintf(out, "[%zu]", at->index);
    else
        fprintf(out, "%s%s", at->parent->parent ? "." : "", at->name);
}

/* A message may quote the file: keep it fit for a terminal. */
static void make_printable(char *message)
{
    for (char *c = message; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* @return -EBADMSG */
PRINTF_LIKE(3, 4) static int complain(struct reader *reader, const struct place *at, const char *format, ...)
{
    AUTO_FREE char *where = NULL;
    AUTO_FREE char *what = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&where, &length);
    va_list args;

    if (out) {
        print_place(at, out);
        (void)fclose(out);
    }
    va_start(args, format);
    if (vasprintf(&what, format, args) < 0)
        what = NULL;
    va_end(args);
    snprintf(reader->message, reader->size, "%s%s%s", where ? where : "", length ? ": " : "", what ? what : "broken");
    make_printable(reader->message);
    return -EBADMSG;
}

/* @return 0, -EBADMSG */
static int decode_integer(struct reader *reader, const struct place *at, const json_t *json, uint64_t max,
                          uint64_t *ret_value)
{
    json_int_t value = json_integer_value(json);

    if (!json_is_integer(json))
        return complain(reader, at, "expected a whole number");
    if (value < 0 || (uint64_t)value > max)
        return complain(reader, at, "%" JSON_INTEGER_FORMAT " is not between 0 and %ju", value, (uintmax_t)max);
    *ret_value = (uint64_t)value;
    return 0;
}

static int decode_string(struct reader *reader, const struct place *at, const json_t *json, char **ret_raw)
{
    int r;

    if (!json_is_string(json))
        return complain(reader, at, "expected a string");
    r = measurement_text_unescape(json_string_value(json), ret_raw);
    return r == -EBADMSG ? complain(reader, at, "a %% must be followed by two hexadecimal digits, not 00") : r;
}

static int decode_text(struct reader *reader, const struct place *at, const json_t *json, char *text, size_t size)
{
    AUTO_FREE char *raw = NULL;
    int r = decode_string(reader, at, json, &raw);

    if (r < 0)
        return r;
    if (strlen(raw) >= size)
        return complain(reader, at, "longer than %zu bytes", size - 1);
    memcpy(text, raw, strlen(raw) + 1);
    return 0;
}

static int decode_enum(struct reader *reader, const struct place *at, const struct field *field, const json_t *json,
                       int *ret_value)
{
    if (!json_is_string(json))
        return complain(reader, at, "expected a string");
    if (field->ids->from_str(json_string_value(json), ret_value) < 0)
        return complain(reader, at, "\"%.40s\" is not known here", json_string_value(json));
    return 0;
}

static int decode_causes(struct reader *reader, const struct place *at, json_t *json, uint64_t *values)
{
    const char *id;
    json_t *value;

    if (!json_is_object(json))
        return complain(reader, at, "expected an object");
    json_object_foreach (json, id, value) {
        const struct place here = {.parent = at, .name = id};
        enum cause cause;
        int r;

        if (cause_from_str(id, &cause) < 0)
            return complain(reader, at, "\"%.40s\" is no cause known here", id);
        r = decode_integer(reader, &here, value, INT64_MAX, &values[cause]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int decode_slices(struct reader *reader, const struct place *at, const json_t *json, struct slice *slices,
                         size_t n)
{
    static const uint64_t max[MEASUREMENT_SLICE_FIELDS] = {
        INT64_MAX, INT64_MAX, INT64_MAX, CAUSE_COUNT - 1, INT32_MAX, INT64_MAX, INT64_MAX,
    };

    for (size_t i = 0; i < n; i++) {
        uint64_t value[MEASUREMENT_SLICE_FIELDS];

        for (size_t k = 0; k < MEASUREMENT_SLICE_FIELDS; k++) {
            const struct place here = {.parent = at, .index = i * MEASUREMENT_SLICE_FIELDS + k};
            int r = decode_integer(reader, &here, json_array_get(json, here.index), max[k], &value[k]);

            if (r < 0)
                return r;
        }
        if (value[3] >= reader->n_causes)
            return complain(reader, at, "slice %zu: cause %ju is not in \"" CAUSES_KEY "\"", i, (uintmax_t)value[3]);
        slices[i] = (struct slice){
            .on_cpu_ns = value[0],
            .runnable_ns = value[1],
            .blocked_ns = value[2],
            .cause = reader->causes[value[3]],
            .waker_tid = (int32_t)value[4],
            .waker_on_cpu_ns = value[5],
            .address = value[6],
        };
    }
    return 0;
}

static int decode_element(struct reader *reader, const struct place *at, const struct field *field, json_t *json,
                          void *element)
{
    switch (field->type) {
    case FIELD_U64S:
        return decode_integer(reader, at, json, INT64_MAX, element);
    case FIELD_STRINGS:
        return decode_string(reader, at, json, element);
    default:
        return decode_struct(reader, at, field->fields, json, element);
    }
}

/* The array is hung into its owner at once, zeroed: measurement_free() then frees it however far we get. */
static int decode_array(struct reader *reader, const struct place *at, const struct field *field, json_t *json,
                        void *base)
{
    size_t n = json_array_size(json);
    char *elements;
    int r = 0;

    if (!json_is_array(json))
        return complain(reader, at, "expected an array");
    if (field->type == FIELD_SLICES) {
        if (n % MEASUREMENT_SLICE_FIELDS != 0)
            return complain(reader, at, "%zu numbers are no multiple of %d", n, MEASUREMENT_SLICE_FIELDS);
        n /= MEASUREMENT_SLICE_FIELDS;
    }
    if (n > field->max_count)
        return complain(reader, at, "%zu elements, at most %zu are believed", n, field->max_count);
    if (n == 0)
        return 0;
    elements = calloc(n, field->size);
    if (!elements)
        return -ENOMEM;
    *(char **)((char *)base + field->offset) = elements;
    *(size_t *)((char *)base + field->count_offset) = n;
    if (field->type == FIELD_SLICES)
        return decode_slices(reader, at, json, (struct slice *)(void *)elements, n);
    for (size_t i = 0; i < n && r == 0; i++) {
        const struct place here = {.parent = at, .index = i};

        r = decode_element(reader, &here, field, json_array_get(json, i), elements + i * field->size);
    }
    return r;
}

static int decode_field(struct reader *reader, const struct place *at, const struct field *field, json_t *json,
                        void *base)
{
    void *value = (char *)base + field->offset;
    uint64_t number = 0;
    int r;

    switch (field->type) {
    case FIELD_U64:
        return decode_integer(reader, at, json, INT64_MAX, value);
    case FIELD_U32:
        r = decode_integer(reader, at, json, UINT32_MAX, &number);
        if (r == 0)
            *(uint32_t *)value = (uint32_t)number;
        return r;
    case FIELD_I32:
        r = decode_integer(reader, at, json, INT32_MAX, &number);
        if (r == 0)
            *(int32_t *)value = (int32_t)number;
        return r;
    case FIELD_BOOL:
        if (!json_is_boolean(json))
            return complain(reader, at, "expected true or false");
        *(bool *)value = json_is_true(json);
        return 0;
    case FIELD_DOUBLE:
        if (!json_is_number(json))
            return complain(reader, at, "expected a number");
        *(double *)value = json_number_value(json);
        return 0;
    case FIELD_TEXT:
        return decode_text(reader, at, json, value, field->size);
    case FIELD_STRING:
        return json_is_null(json) && !field->required ? 0 : decode_string(reader, at, json, value);
    case FIELD_ENUM:
        return decode_enum(reader, at, field, json, value);
    case FIELD_CAUSES:
        return decode_causes(reader, at, json, value);
    case FIELD_STRUCT:
        return decode_struct(reader, at, field->fields, json, value);
    default:
        return decode_array(reader, at, field, json, base);
    }
}

static int decode_struct(struct reader *reader, const struct place *at, const struct field *fields, json_t *json,
                         void *base)
{
    if (!json_is_object(json))
        return complain(reader, at, "expected an object");
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        const struct place here = {.parent = at, .name = field->name};
        json_t *value = json_object_get(json, field->name);
        int r = 0;

        if (value)
            r = decode_field(reader, &here, field, value, base);
        else if (field->required)
            r = complain(reader, &here, "missing");
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_version(struct reader *reader, const struct place *root, const json_t *document)
{
    const json_t *version = json_object_get(document, FORMAT_KEY);

    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return complain(reader, root, "not a saved measurement: \"" FORMAT_KEY "\" is missing");
    if (json_integer_value(version) > FORMAT_VERSION) {
        (void)complain(reader, root,
                       "format version %" JSON_INTEGER_FORMAT
                       ", this program reads version %d: use the concadvise that saved it, or a later one",
                       json_integer_value(version), FORMAT_VERSION);
        return -EPROTONOSUPPORT;
    }
    return 0;
}

/* Causes are numbers in slices; the legend makes them independent of the order of our enum. */
static int decode_legend(struct reader *reader, const struct place *root, const json_t *document)
{
    const struct place at = {.parent = root, .name = CAUSES_KEY};
    const json_t *legend = json_object_get(document, CAUSES_KEY);

    if (!json_is_array(legend) || json_array_size(legend) > CAUSE_COUNT)
        return complain(reader, &at, "expected an array of at most %d causes", CAUSE_COUNT);
    reader->n_causes = json_array_size(legend);
    for (size_t i = 0; i < reader->n_causes; i++) {
        const struct place here = {.parent = &at, .index = i};
        const char *id = json_string_value(json_array_get(legend, i));

        if (cause_from_str(id, &reader->causes[i]) < 0)
            return complain(reader, &here, "\"%.40s\" is no cause known here", id ? id : "");
    }
    return 0;
}

static int decode(struct reader *reader, json_t *document, struct measurement **ret_m)
{
    CLEANUP(measurement_freep) struct measurement *m = measurement_new();
    const struct place root = {0};
    const char *problem = NULL;
    int r;

    if (!m)
        return -ENOMEM;
    r = check_version(reader, &root, document);
    if (r == 0)
        r = decode_legend(reader, &root, document);
    if (r == 0)
        r = decode_struct(reader, &root, measurement_schema, document, m);
    if (r < 0)
        return r;
    if (measurement_check(m, &problem) < 0)
        return complain(reader, &root, "the numbers contradict each other: %s", problem);
    *ret_m = TAKE_PTR(m);
    return 0;
}

struct source {
    int fd;
    size_t total;
    int error; /* -errno, -EFBIG: larger than MAX_FILE_SIZE */
};

static size_t read_source(void *buffer, size_t size, void *userdata)
{
    struct source *source = userdata;
    ssize_t n;

    do
        n = read(source->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        source->error = -errno;
    else if ((source->total += (size_t)n) > MAX_FILE_SIZE)
        source->error = -EFBIG;
    return source->error ? (size_t)-1 : (size_t)n;
}

int measurement_load(const char *path, struct measurement **ret_m, char *message, size_t size)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_JSON json_t *document = NULL;
    struct source source = {.fd = fd};
    struct reader reader = {.message = message, .size = size};
    json_error_t error;
    int r;

    if (fd < 0) {
        r = -errno;
        snprintf(message, size, "cannot open: %s", strerror(-r));
        return r;
    }
    document = json_load_callback(read_source, &source, JSON_REJECT_DUPLICATES, &error);
    if (source.error == -EFBIG)
        return complain(&reader, &(struct place){0}, "larger than %zu MiB: not a saved measurement",
                        MAX_FILE_SIZE >> 20);
    if (source.error) {
        snprintf(message, size, "cannot read: %s", strerror(-source.error));
        return source.error;
    }
    if (!document)
        return complain(&reader, &(struct place){0}, "line %d, column %d: %s: broken, or cut off (%zu bytes)",
                        error.line, error.column, error.text, source.total);
    r = decode(&reader, document, ret_m);
    if (r == -ENOMEM)
        snprintf(message, size, "out of memory");
    return r;
}

const char *measurement_jansson_version(void)
{
    return jansson_version_str();
}
