/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/async_twins_table.h"

#include <ctype.h>
#include <jansson.h>

#include "async_twins_builtin.h"
#include "base/base.h"

static const char *const members[] = {
#define X(symbol, member) [symbol] = member,
    TWIN_KEY_LIST(X)
#undef X
};

/* One name that a row is known by. */
struct pattern {
    const char *text;
    size_t row;
};

/* Rows point into the document: it stays for the life of the program. */
struct table {
    json_t *document;
    const json_t *rows;
    struct async_twin (*of)[RUNTIME_COUNT];
    struct pattern *patterns[TWIN_KEY_COUNT]; /* in order of rows */
    size_t n_patterns[TWIN_KEY_COUNT];
};

/* Languages, as the file names them: runtimes of one language share their libraries. */
static const char *language(enum runtime_kind runtime)
{
    switch (runtime) {
    case RUNTIME_CPYTHON:
    case RUNTIME_PYPY:
        return "python";
    case RUNTIME_RUBY:
        return "ruby";
    case RUNTIME_NODE:
        return "node";
    case RUNTIME_JVM:
        return "jvm";
    case RUNTIME_GO:
        return "go";
    case RUNTIME_NATIVE:
    case RUNTIME_COUNT:
        break;
    }
    return "c";
}

/* What a language is told: its own text, else that for any. */
static const char *text_for(const json_t *texts, enum runtime_kind runtime)
{
    const char *text = json_string_value(json_object_get(texts, language(runtime)));

    return text ? text : json_string_value(json_object_get(texts, "any"));
}

static void fill(struct table *table)
{
    const json_t *without = json_object_get(table->document, "without");

    for (size_t i = 0; i < json_array_size(table->rows); i++) {
        const json_t *row = json_array_get(table->rows, i);

        for (int runtime = 0; runtime < RUNTIME_COUNT; runtime++) {
            struct async_twin *twin = &table->of[i][runtime];

            twin->library = json_string_value(json_object_get(row, "library"));
            twin->twin = text_for(json_object_get(row, "twin"), (enum runtime_kind)runtime);
            twin->without = text_for(json_object_get(row, "without"), (enum runtime_kind)runtime);
            if (!twin->without)
                twin->without = text_for(without, (enum runtime_kind)runtime);
            twin->call = json_object_get(row, "causes") != NULL;
        }
    }
}

/* Looked up for every frame of every stack: without the JSON around them. */
static void fill_patterns(struct table *table, enum twin_key key)
{
    size_t capacity = 0;

    for (size_t i = 0; i < json_array_size(table->rows); i++) {
        const json_t *texts = json_object_get(json_array_get(table->rows, i), members[key]);

        for (size_t k = 0; k < json_array_size(texts); k++) {
            size_t n = table->n_patterns[key]++;

            if (base_grow(&table->patterns[key], &capacity, n + 1, sizeof(**table->patterns)) < 0)
                abort();
            table->patterns[key][n] = (struct pattern){json_string_value(json_array_get(texts, k)), i};
        }
    }
}

static const struct table *the_table(void)
{
    static struct table table;

    if (table.document)
        return &table;
    /* It is compiled in and tested: only memory can fail, and then nothing else would work either. */
    table.document = json_loadb(async_twins_builtin_json, sizeof(async_twins_builtin_json) - 1, 0, NULL);
    table.rows = json_object_get(table.document, "twins");
    table.of = calloc(json_array_size(table.rows) + 1, sizeof(*table.of));
    if (!table.rows || !table.of)
        abort();
    fill(&table);
    for (int key = 0; key < TWIN_KEY_COUNT; key++)
        fill_patterns(&table, (enum twin_key)key);
    return &table;
}

/* "requests" matches "requests.sessions" and "libpq" "libpq.so.5", neither "requestsomething". */
static bool is_prefix(const char *name, const char *pattern, const char *boundaries)
{
    size_t n = strlen(pattern);

    return strncmp(name, pattern, n) == 0 && (name[n] == '\0' || strchr(boundaries, name[n]));
}

static bool is_path_end(const char *path, const char *pattern)
{
    size_t n = strlen(path), length = strlen(pattern);

    return n >= length && strcmp(path + n - length, pattern) == 0 && (n == length || path[n - length - 1] == '/');
}

static bool is_word_character(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* A JIT decorates names: "LazyCompile:*readFileSync node:fs:442:22". */
static bool has_word(const char *name, const char *pattern)
{
    size_t n = strlen(pattern);

    for (const char *at = strstr(name, pattern); at; at = strstr(at + 1, pattern)) {
        bool begins = at == name || !is_word_character(at[-1]);

        if (begins && (!is_word_character(pattern[n - 1]) || !is_word_character(at[n])))
            return true;
    }
    return false;
}

static bool matches(enum twin_key key, const char *name, const char *pattern)
{
    switch (key) {
    case TWIN_PYTHON:
        return is_prefix(name, pattern, ".");
    case TWIN_CALL:
        return strcmp(name, pattern) == 0;
    case TWIN_OBJECT:
        return is_prefix(name, pattern, ".-_");
    case TWIN_FILE:
        return is_path_end(name, pattern);
    case TWIN_FUNCTION:
        return has_word(name, pattern);
    case TWIN_KEY_COUNT:
        break;
    }
    return false;
}

size_t twin_rows(void)
{
    return json_array_size(the_table()->rows);
}

static bool array_has(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (strcmp(json_string_value(json_array_get(array, i)), text) == 0)
            return true;
    return false;
}

size_t twin_find(enum twin_key key, const char *name)
{
    const struct table *table = the_table();

    for (size_t i = 0; i < table->n_patterns[key]; i++)
        if (matches(key, name, table->patterns[key][i].text))
            return table->patterns[key][i].row;
    return TWIN_NONE;
}

size_t twin_find_cause(enum cause cause, enum runtime_kind runtime)
{
    const struct table *table = the_table();

    for (size_t i = 0; i < json_array_size(table->rows); i++) {
        const json_t *row = json_array_get(table->rows, i), *runtimes = json_object_get(row, "runtimes");

        if (array_has(json_object_get(row, "causes"), cause_to_str(cause)) &&
            (!runtimes || array_has(runtimes, language(runtime))))
            return i;
    }
    return TWIN_NONE;
}

bool twin_is_asynchronous(size_t row)
{
    return json_is_true(json_object_get(json_array_get(the_table()->rows, row), "asynchronous"));
}

const struct async_twin *twin_row(size_t row, enum runtime_kind runtime)
{
    return &the_table()->of[row][(size_t)runtime < RUNTIME_COUNT ? runtime : RUNTIME_NATIVE];
}
