/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>

#undef ARRAY_SIZE /* libiberty has one too */
#include "base/base.h"

struct output {
    char text[DEMANGLE_OUTPUT_MAX + 1];
    size_t length;
    jmp_buf full;
};

/*
 * A mangled name may refer to parts of itself, so that its length doubles every few bytes, and libiberty has no bound:
 * leave it when there is enough. Its callback interface keeps all it needs on the stack.
 */
static void take(const char *text, size_t length, void *data)
{
    struct output *output = data;
    size_t room = DEMANGLE_OUTPUT_MAX - output->length;

    if (length == 0)
        return; /* `text` may be NULL */
    memcpy(output->text + output->length, text, length < room ? length : room);
    output->length += length < room ? length : room;
    output->text[output->length] = '\0';
    if (length > room)
        longjmp(output->full, 1);
}

/* @return false: it is no mangled name */
static bool expand(const char *name, struct output *output)
{
    output->length = 0;
    output->text[0] = '\0';
    if (setjmp(output->full) != 0) {
        memcpy(output->text + DEMANGLE_OUTPUT_MAX - 3, "...", 3);
        return true;
    }
    /* Rust first: its legacy names are valid C++ ones, with a hash at the end. */
    if (rust_demangle_callback(name, DMGL_NO_OPTS, take, output))
        return output->length > 0;
    output->length = 0;
    return strncmp(name, "_Z", 2) == 0 && cplus_demangle_v3_callback(name, DMGL_NO_OPTS, take, output) &&
           output->length > 0;
}

/* Does ".cold", ".part.0.cold", ".lto_priv.3" start here? */
static bool is_suffix(const char *text)
{
    static const char *const kinds[] = {"cold", "part", "isra", "constprop", "llvm", "lto_priv", "localalias"};

    while (*text == '.') {
        size_t i = 0, length;

        text++;
        while (i < ARRAY_SIZE(kinds) && strncmp(text, kinds[i], strlen(kinds[i])) != 0)
            i++;
        if (i == ARRAY_SIZE(kinds))
            return false;
        text += strlen(kinds[i]);
        length = strspn(text + (*text == '.'), "0123456789");
        if (length > 0)
            text += length + (*text == '.');
    }
    return *text == '\0';
}

static size_t bare_length(const char *name)
{
    size_t length = strnlen(name, DEMANGLE_INPUT_MAX);

    for (size_t i = 1; i < length; i++)
        if ((name[i] == '.' && is_suffix(name + i)) || name[i] == '@')
            return i;
    return length;
}

char *demangle(const char *name)
{
    size_t length = bare_length(name);
    AUTO_FREE char *bare = strndup(name, length);
    struct output output;

    if (!bare)
        return NULL;
    if (length < DEMANGLE_INPUT_MAX && bare[0] == '_' && (bare[1] == 'Z' || bare[1] == 'R') && expand(bare, &output))
        return strdup(output.text);
    if (length > DEMANGLE_OUTPUT_MAX)
        memcpy(bare + DEMANGLE_OUTPUT_MAX - 3, "...", 4);
    return TAKE_PTR(bare);
}
