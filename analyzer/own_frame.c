/* SPDX-License-Identifier: BSD-2-Clause */

/* Which frame of a stack is the program's own code: what is left when the runtime's and the libraries' are taken out.
 */

#include "analyzer/advice.h"

#include <ctype.h>

#include "base/base.h"

/* Folders that installed code lies in, anywhere in a path: Debian's, pip's, toolchains' and package managers'. */
static const char *const installed[] = {
    "/lib/python",       "/site-packages/", "/dist-packages/",   "/usr/include/",  "/usr/lib/", "/usr/share/",
    "/usr/local/go/src", "/rustc/",         "/.cargo/registry/", "/node_modules/", "/usr/src/", "/lib/ruby/",
};

/* How paths begin that are no files of the program: "<frozen importlib>", "node:internal", glibc's own "./nptl/...". */
static const char *const foreign_starts[] = {"<",          "node:",    "./nptl/",   "./csu/",    "./elf/",
                                             "../sysdeps", "./stdlib", "./malloc/", "./socket/", "./io/"};

/* What the names of the runtimes' and system's own binaries begin with, up to a version. */
static const char *const foreign_binaries[] = {
    "libc.so", "libc-2", "libpthread", "ld-linux",  "libstdc++",  "libm.so", "libgcc_s", "libpython",
    "python",  "pypy",   "libpypy",    "libruby",   "ruby",       "libjvm",  "java",     "node",
    "libnode", "libuv",  "libssl",     "libcrypto", "linux-vdso", "[vdso]",
};

static bool begins_with_one_of(const char *text, const char *const *starts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(text, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* A binary whose code is nobody's own; scripts are judged by their path alone. */
static bool is_foreign_binary(const struct frame *frame)
{
    const char *slash = frame->module ? strrchr(frame->module, '/') : NULL;
    const char *name = slash ? slash + 1 : frame->module;

    if (!name)
        return false;
    if (frame->file && (base_ends_with(frame->file, ".py") || base_ends_with(frame->file, ".rb") ||
                        base_ends_with(frame->file, ".js")))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(foreign_binaries); i++) {
        size_t n = strlen(foreign_binaries[i]);

        /* "node", "node18", "libpython3.11.so", but not "nodework" */
        if (strncmp(name, foreign_binaries[i], n) == 0 && !isalpha((unsigned char)name[n]))
            return true;
    }
    return strncmp(frame->module, "/usr/lib/", 9) == 0 || strncmp(frame->module, "/lib/", 5) == 0;
}

/* "/usr/lib", "/lib/x86_64-linux-gnu/libc.so.6", a runtime's binary: a frame of it says how, not what for. */
static bool is_of_a_library(const struct frame *frame)
{
    for (size_t i = 0; frame->file && i < ARRAY_SIZE(installed); i++)
        if (strstr(frame->file, installed[i]))
            return true;
    return (frame->file && begins_with_one_of(frame->file, foreign_starts, ARRAY_SIZE(foreign_starts))) ||
           is_foreign_binary(frame);
}

bool advice_is_c_library(const char *module)
{
    static const char *const names[] = {"libc.so", "libc-", "libc.musl", "ld-", "libpthread", "[vdso]"};
    const char *slash = strrchr(module, '/');

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strncmp(slash ? slash + 1 : module, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool is_own(const struct frame *frame)
{
    if (!frame->file || frame->line == 0)
        return false;
    return !is_of_a_library(frame);
}

const struct frame *advice_own_frame_in(const struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_own(&frames[i]))
            return &frames[i];
    return NULL;
}

const struct frame *advice_program_frame_in(const struct frame *frames, size_t n)
{
    const struct frame *own = advice_own_frame_in(frames, n);

    for (size_t i = 0; i < n && !own; i++)
        if (strcmp(frames[i].function, "?") != 0 && !is_of_a_library(&frames[i]))
            own = &frames[i];
    return own;
}

const struct frame *advice_near_frame_in(const struct frame *frames, size_t n)
{
    const struct frame *own = advice_program_frame_in(frames, n);

    if (own)
        return own;
    for (size_t i = 0; i < n; i++)
        if (strcmp(frames[i].function, "?") != 0 && !(frames[i].module && advice_is_c_library(frames[i].module)))
            return &frames[i];
    for (size_t i = 0; i < n; i++)
        if (frames[i].file)
            return &frames[i];
    for (size_t i = 0; i < n; i++)
        if (strcmp(frames[i].function, "?") != 0)
            return &frames[i];
    return n > 0 ? &frames[0] : NULL;
}

const struct frame *advice_own_frame(const struct site *site)
{
    return advice_own_frame_in(site->frames, site->n_frames);
}

static int compare_text(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

int advice_compare_frames(const struct frame *a, const struct frame *b)
{
    int order;

    if (!a || !b)
        return (a != NULL) - (b != NULL);
    order = compare_text(a->file, b->file);
    if (!order)
        order = a->line < b->line ? -1 : a->line > b->line;
    if (!order)
        order = compare_text(a->function, b->function);
    return order ? order : compare_text(a->module, b->module);
}
