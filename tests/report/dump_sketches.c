/* SPDX-License-Identifier: BSD-2-Clause */
/* dump_sketches FOLDER NAME: every sketch as files ID.FROM.{imports,before,after}, its function, or its coroutine,
   NAME, or neutral names for "". Where the code depends on how many waits there are, ID-many.FROM.* is that for many.
 */

#include "base/base.h"
#include "report/sketch.h"
#include "report/wording_sketches.h"

static const char *const froms[SKETCH_FROM_COUNT] = {
    [SKETCH_FROM_LOOP] = "loop",           [SKETCH_FROM_THREADS] = "threads",
    [SKETCH_FROM_QUEUE] = "queue",         [SKETCH_FROM_THREAD_POOL] = "thread_pool",
    [SKETCH_FROM_PROCESSES] = "processes", [SKETCH_FROM_PROCESS_POOL] = "process_pool",
    [SKETCH_FROM_POOL] = "pool",           [SKETCH_FROM_COROUTINES] = "coroutines",
};

static int write_file(const char *stem, const char *part, const struct buffer *text)
{
    char path[4096];
    AUTO_FCLOSE FILE *out = NULL;

    (void)snprintf(path, sizeof(path), "%s.%s", stem, part);
    out = fopen(path, "w");
    if (!out || fputs(buffer_text(text), out) < 0)
        return -errno;
    return 0;
}

static int write_sketch(const char *folder, const struct sketch *sketch, const char *suffix)
{
    AUTO_SKETCH text = {0};
    char stem[2048];
    int r = sketch_text_fill(sketch, &text);

    (void)snprintf(stem, sizeof(stem), "%s/%s%s.%s", folder, sketch_id_to_str(sketch->id), suffix, froms[sketch->from]);
    /* What begins elsewhere has nothing to show there. */
    if (r == 0 && (text.before.length == 0 || text.after.length == 0))
        return 0;
    r = r < 0 ? r : write_file(stem, "imports", &text.imports);
    r = r < 0 ? r : write_file(stem, "before", &text.before);
    return r < 0 ? r : write_file(stem, "after", &text.after);
}

/* Does the code begin with how the program does its items now? Else one file is all there is. */
static bool depends_on_from(const struct wording_sketch *wording)
{
    return strstr(wording->before, "$F") != NULL;
}

static int write_id(const char *folder, char *name, enum sketch_id id)
{
    const struct wording_sketch *wording = wording_sketch(id);
    int r = wording ? 0 : -ENOENT;

    for (int from = 0; from < SKETCH_FROM_COUNT && r == 0; from++) {
        struct sketch sketch = {.id = id, .from = (enum sketch_from)from, .workers = 2, .workers_now = 3, .batch = 5};

        if (depends_on_from(wording) == (from == SKETCH_FROM_COROUTINES))
            continue;
        sketch.in_flight = 4;
        if (*name && from == SKETCH_FROM_COROUTINES)
            sketch.coroutine = name;
        else if (*name)
            sketch.function = name;
        sketch.library = from == SKETCH_FROM_THREADS ? "urllib.request" : "requests";
        r = write_sketch(folder, &sketch, "");
        sketch.in_flight = WORDING_SKETCH_MANY + 1;
        if (r == 0 && wording->after_many)
            r = write_sketch(folder, &sketch, "-many");
    }
    return r;
}

int main(int argc, char **argv)
{
    int r = argc == 3 ? 0 : -EINVAL;

    for (int id = SKETCH_NONE + 1; id < SKETCH_COUNT && r == 0; id++)
        r = write_id(argv[1], argv[2], (enum sketch_id)id);
    if (r < 0)
        (void)fprintf(stderr, "dump_sketches: %s\n", strerror(-r));
    return r < 0;
}
