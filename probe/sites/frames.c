/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/sites/frames.h"

#include "base/base.h"
#include "probe/sites/hash_index.h"
#include "probe/measurement.h"
#include "probe/sites/natives.h"
#include "probe/follow/run_state.h"
#include "probe/runtime/detect.h"
#include "probe/sites/stacks.h"

#define DEPTH_MAX 128

struct merged {
    uint64_t function_hash;
    uint32_t first, n; /* into frames */
    bool named;
};

struct frame_table {
    const struct stack_table *stacks;
    const struct natives *natives;
    struct frame *frames; /* strings borrowed */
    size_t n_frames, frames_capacity;
    struct merged *merged; /* [0]: FRAMES_NONE */
    size_t n_merged, merged_capacity;
    struct hash_index index;  /* by contents */
    struct hash_index halves; /* by the indices of the halves */
};

struct frame_table *frame_table_new(const struct stack_table *stacks, const struct natives *natives)
{
    AUTO_FREE struct frame_table *table = calloc(1, sizeof(*table));

    if (!table || base_grow(&table->merged, &table->merged_capacity, 1, sizeof(*table->merged)) < 0)
        return NULL;
    table->merged[table->n_merged++] = (struct merged){0};
    table->stacks = stacks;
    table->natives = natives;
    return TAKE_PTR(table);
}

void frame_table_free(struct frame_table *table)
{
    if (!table)
        return;
    free(table->frames);
    free(table->merged);
    hash_index_clear(&table->index);
    hash_index_clear(&table->halves);
    free(table);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool has_prefix(const char *text, const char *const *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (starts_with(text, prefixes[i]))
            return true;
    return false;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool frames_is_interpreter(const char *function, const char *module, const char *executable)
{
    static const char *const modules[] = {"libpython", "python", "libpypy", "pypy"};
    /* Where it is linked into another program. */
    static const char *const functions[] = {"_PyEval_",    "PyEval_",      "_PyObject_",  "PyObject_", "_PyFunction_",
                                            "PyCFunction", "PyVectorcall", "_PyMethod",   "PyThread_", "PyGILState_",
                                            "PyRun_",      "Py_RunMain",   "Py_BytesMain"};

    if (has_prefix(function, functions, ARRAY_SIZE(functions)))
        return true;
    if (!module)
        return false;
    /* The standard library's extensions are built in elsewhere. */
    return has_prefix(base_of(module), modules, ARRAY_SIZE(modules)) || strstr(module, "/lib-dynload/") ||
           (executable && executable[0] && strcmp(module, executable) == 0);
}

/* The C library and the loader: inside of somebody's call. */
static bool is_libc(const struct frame *frame)
{
    static const char *const modules[] = {"libc.so", "libc-", "libpthread", "ld-", "ld.so", "[vdso]", "libc.musl"};

    return frame->module && has_prefix(base_of(frame->module), modules, ARRAY_SIZE(modules));
}

/* How a program or a thread starts (glibc, musl): outside of everything its author wrote. */
static bool is_outer_start(const struct frame *frame)
{
    return is_libc(frame) &&
           (starts_with(frame->function, "__libc_start") || strcmp(frame->function, "start_thread") == 0);
}

static bool is_start(const struct frame *frame)
{
    static const char *const functions[] = {"_start",  "__libc_start", "start_thread",   "clone",
                                            "__clone", "thread_start", "__thread_start", "_dl_start"};

    if (strcmp(frame->function, "?") == 0)
        return is_libc(frame);
    return has_prefix(frame->function, functions, ARRAY_SIZE(functions)) &&
           (is_libc(frame) || starts_with(frame->function, "_start"));
}

static size_t native_alone(const struct frame_table *table, uint32_t native, struct frame *frames)
{
    size_t n = natives_depth(table->natives, native);

    if (n > DEPTH_MAX)
        n = DEPTH_MAX;
    for (size_t i = 0; i < n; i++) {
        frames[i] = *natives_frame(table->natives, native, i);
        if (i && is_outer_start(&frames[i]))
            n = i;
    }
    while (n > 1 && is_start(&frames[n - 1]))
        n--;
    return n;
}

/* The native frames inside of the innermost Python call. */
static size_t native_inside(const struct frame_table *table, uint32_t native, struct frame *frames)
{
    size_t depth = natives_depth(table->natives, native), n = 0;
    const struct run_space *space = natives_space(table->natives, native);
    const char *executable = space && space->image ? space->image->runtime.executable : NULL;

    for (size_t i = 0; i < depth && n < DEPTH_MAX; i++) {
        const struct frame *frame = natives_frame(table->natives, native, i);

        if (is_libc(frame)) {
            if (n) /* a callback out of libc (qsort): part of the picture */
                frames[n++] = *frame;
            continue;
        }
        if (frames_is_interpreter(frame->function, frame->module, executable))
            return n;
        frames[n++] = *frame;
    }
    /* The way to the interpreter was lost: only what is surely inside. */
    while (n && is_start(&frames[n - 1]))
        n--;
    return n;
}

/* A Python frame's `module` is not known; its strings are not written to. */
static struct frame python_frame(const struct frame_table *table, uint32_t python, size_t depth)
{
    struct stack_frame from = stack_table_frame(table->stacks, python, depth);

    return (struct frame){
        .function = (char *)from.function,
        .file = (char *)from.file,
        .line = from.line,
        .coroutine = from.coroutine,
    };
}

static size_t merge(const struct frame_table *table, struct join_stack stack, struct frame *frames)
{
    size_t n = 0, depth;

    if (stack.python == JOIN_NONE)
        return stack.native == JOIN_NONE ? 0 : native_alone(table, stack.native, frames);
    if (stack.native != JOIN_NONE)
        n = native_inside(table, stack.native, frames);
    depth = stack_table_depth(table->stacks, stack.python);
    for (size_t i = 0; i < depth && n < DEPTH_MAX; i++)
        frames[n++] = python_frame(table, stack.python, i);
    return n;
}

static uint64_t hash_frames(const struct frame *frames, size_t n, bool leaf_line)
{
    uint64_t hash = HASH_START;

    for (size_t i = 0; i < n; i++) {
        hash = hash_text(hash, frames[i].function);
        hash = hash_text(hash, frames[i].file);
        hash = hash_text(hash, frames[i].module);
        hash = hash_mix(hash, i || leaf_line ? frames[i].line : 0);
    }
    return hash;
}

static int keep(struct frame_table *table, const struct frame *frames, size_t n, uint32_t *ret_index)
{
    uint32_t *place = hash_index_place(&table->index, hash_frames(frames, n, true));
    struct merged *merged;

    if (!place)
        return -ENOMEM;
    if (!*place) {
        if (base_grow(&table->frames, &table->frames_capacity, table->n_frames + n, sizeof(*frames)) < 0 ||
            base_grow(&table->merged, &table->merged_capacity, table->n_merged + 1, sizeof(*merged)) < 0)
            return -ENOMEM;
        merged = &table->merged[table->n_merged++];
        *merged = (struct merged){.first = (uint32_t)table->n_frames, .n = (uint32_t)n};
        memcpy(table->frames + table->n_frames, frames, n * sizeof(*frames));
        table->n_frames += n;
        merged->function_hash = hash_frames(frames, n, !frames[0].module);
        for (size_t i = 0; i < n; i++)
            merged->named = merged->named || strcmp(frames[i].function, "?") != 0;
        *place = (uint32_t)table->n_merged;
    }
    *ret_index = *place - 1;
    return 0;
}

int frame_table_merge(struct frame_table *table, struct join_stack stack, uint32_t *ret_index)
{
    uint32_t *place =
        hash_index_place(&table->halves, hash_mix(HASH_START, (uint64_t)stack.python << 32 | stack.native));
    struct frame frames[DEPTH_MAX];
    uint32_t index = FRAMES_NONE;
    size_t n;
    int r = 0;

    if (!place)
        return -ENOMEM;
    if (!*place) {
        n = merge(table, stack, frames);
        if (n)
            r = keep(table, frames, n, &index);
        if (r < 0)
            return r;
        *place = index + 1;
    }
    *ret_index = *place - 1;
    return 0;
}

const struct frame *frame_table_frames(const struct frame_table *table, uint32_t index, size_t *ret_n)
{
    *ret_n = table->merged[index].n;
    return *ret_n > 0 ? table->frames + table->merged[index].first : NULL;
}

bool frame_table_is_named(const struct frame_table *table, uint32_t index)
{
    return table->merged[index].named;
}

uint64_t frame_table_function_hash(const struct frame_table *table, uint32_t index)
{
    return table->merged[index].function_hash;
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;

    *failed = *failed || (text && !copy);
    return copy;
}

int frame_table_copy(const struct frame_table *table, uint32_t index, struct frame **ret_frames, size_t *ret_n)
{
    size_t n;
    const struct frame *from = frame_table_frames(table, index, &n);
    struct frame *frames;
    bool failed = false;

    if (!n)
        return 0;
    frames = calloc(n, sizeof(*frames));
    if (!frames)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        frames[i] = from[i];
        frames[i].function = copy_text(from[i].function, &failed);
        frames[i].file = copy_text(from[i].file, &failed);
        frames[i].module = copy_text(from[i].module, &failed);
    }
    if (failed) {
        frames_free(frames, n);
        return -ENOMEM;
    }
    *ret_frames = frames;
    *ret_n = n;
    return 0;
}
