/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/sketch.h"

#include <ctype.h>

#include "report/wording_sketches.h"

/* Longer names leave no room for code. */
#define MOST_NAME 40

/* Names that stand in a template, and what for. */
struct names {
    const struct sketch *sketch;
    const char *function;
    const char *coroutine;
    const char *item;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Is `name` a word of the code? Then it means something there already. */
static bool occurs(const struct buffer *code, const char *name)
{
    const char *text = buffer_text(code);
    size_t n = strlen(name);

    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || !is_word(at[-1])) && !is_word(at[n]))
            return true;
    return false;
}

/* https://docs.python.org/3/reference/lexical_analysis.html#keywords */
static bool is_keyword(const char *name)
{
    static const char *const keywords[] = {
        "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
        "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
        "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
        "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
    };

    for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
        if (strcmp(name, keywords[i]) == 0)
            return true;
    return false;
}

/* A plain identifier: of other alphabets' letters some look alike, and some turn what stands beside them around. */
static bool is_plain(const char *name)
{
    size_t n = 0;

    for (; name[n]; n++)
        if (n >= MOST_NAME || !isascii(name[n]) || !is_word(name[n]))
            return false;
    return n > 0 && !isdigit((unsigned char)name[0]) && !is_keyword(name);
}

/* `name`, where it can stand in the code and means nothing else there; else the neutral one that stands there now. */
static const char *name_or(const struct sketch_text *code, const char *name, const char *neutral)
{
    if (!name || !is_plain(name))
        return neutral;
    return occurs(&code->imports, name) || occurs(&code->before, name) || occurs(&code->after, name) ? neutral : name;
}

static void expand(const struct names *names, struct buffer *b, const char *template);

/* A number that nobody knows is a name, too. */
static void add_number(struct buffer *b, uint32_t number)
{
    if (number > 0)
        buffer_format(b, "%u", number);
    else
        buffer_add(b, "N");
}

/* What the libraries of is_http() (analyzer/sketch.c) call a request. */
static void add_request(const struct names *names, struct buffer *b)
{
    const char *library = names->sketch->library;

    if (library && strcmp(library, "urllib.request") == 0)
        buffer_format(b, "urlopen(%s).read()", names->item);
    else
        buffer_format(b, "requests.get(%s).content", names->item);
}

static void add_value(const struct names *names, struct buffer *b, char what)
{
    const struct sketch *sketch = names->sketch;

    switch (what) {
    case 'f':
        buffer_add(b, names->function);
        break;
    case 'c':
        buffer_add(b, names->coroutine);
        break;
    case 'u':
        buffer_add(b, names->item);
        break;
    case 'w':
        add_number(b, sketch->workers);
        break;
    case 'o':
        add_number(b, sketch->workers_now);
        break;
    case 'n':
        add_number(b, sketch->in_flight);
        break;
    case 'b':
        add_number(b, sketch->batch);
        break;
    case 'q':
        if (sketch->workers > 0)
            buffer_format(b, "%llu", 4ULL * sketch->workers);
        else
            buffer_add(b, "(4 * N)");
        break;
    case 'g':
        add_request(names, b);
        break;
    case 'F':
        expand(names, b, wording_sketch_from(sketch->from));
        break;
    case 'R':
        expand(names, b, wording_sketch_resized(sketch->from));
        break;
    case 'C':
        expand(names, b, wording_sketch_chunked(sketch->from));
        break;
    default:
        break;
    }
}

static void expand(const struct names *names, struct buffer *b, const char *template)
{
    for (const char *at = template; at && *at; at++) {
        if (*at == '$' && at[1])
            add_value(names, b, *++at);
        else
            buffer_add_bytes(b, at, 1);
    }
}

static const char *after_of(const struct sketch *sketch, const struct wording_sketch *w)
{
    return w->after_many && sketch->in_flight > WORDING_SKETCH_MANY ? w->after_many : w->after;
}

static int fill(const struct names *names, struct sketch_text *text)
{
    const struct wording_sketch *w = wording_sketch(names->sketch->id);

    sketch_text_clear(text);
    text->title = w->title;
    expand(names, &text->imports, w->imports);
    expand(names, &text->before, w->before);
    expand(names, &text->after, after_of(names->sketch, w));
    expand(names, &text->note, w->note);
    return text->imports.error || text->before.error || text->after.error || text->note.error ? -ENOMEM : 0;
}

int sketch_text_fill(const struct sketch *sketch, struct sketch_text *ret_text)
{
    const struct wording_sketch *w = wording_sketch(sketch->id);
    struct names names = {.sketch = sketch};
    int r;

    if (!w)
        return -ENOENT;
    names.item = w->item ? w->item : "item";
    names.function = w->function ? w->function : "work";
    names.coroutine = w->coroutine ? w->coroutine : "handle";
    r = fill(&names, ret_text);
    if (r < 0)
        return r;
    names.coroutine = name_or(ret_text, sketch->coroutine, names.coroutine);
    if (!sketch->function || strcmp(names.coroutine, sketch->function) != 0)
        names.function = name_or(ret_text, sketch->function, names.function);
    return fill(&names, ret_text);
}

void sketch_text_clear(struct sketch_text *text)
{
    buffer_clear(&text->imports);
    buffer_clear(&text->before);
    buffer_clear(&text->after);
    buffer_clear(&text->note);
    text->title = NULL;
}

void sketch_place(struct buffer *b, const struct sketch *sketch)
{
    const char *name = sketch->function ? sketch->function : sketch->coroutine;

    if (!sketch->file)
        return;
    if (name)
        buffer_format(b, "%s() at ", name);
    buffer_add(b, base_last_part(sketch->file));
    if (sketch->line > 0)
        buffer_format(b, ":%u", sketch->line);
}
