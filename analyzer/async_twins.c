/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds blocking libraries on stacks. What is known of them is in async_twins.json (async_twins_table.c). */
#include "analyzer/async_twins.h"

#include "analyzer/async_twins_table.h"
#include "base/base.h"

#define DOTTED_MAX 256

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_python_file(const char *file)
{
    size_t n = strlen(file);

    return file[0] == '<' || (n > 3 && strcmp(file + n - 3, ".py") == 0);
}

/* Where the name of a module begins in the path of an installed library's file, or of the interpreter's; or NULL. */
static const char *below_library_root(const char *path)
{
    static const char *const roots[] = {"/site-packages/", "/dist-packages/", "/lib-dynload/", ".zip/"};
    const char *at = NULL, *found;

    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        for (found = strstr(path, roots[i]); found; found = strstr(at, roots[i]))
            at = found + strlen(roots[i]);
    if (at)
        return at;
    for (found = strstr(path, "/lib"); found; found = strstr(found + 1, "/lib")) {
        const char *version = found + 4 + (strncmp(found + 4, "64", 2) == 0 ? 2 : 0);

        if (strncmp(version, "/python", 7) != 0 && strncmp(version, "/pypy", 5) != 0)
            continue;
        version = strchr(version + 1, '/');
        return version ? version + 1 : NULL;
    }
    return NULL;
}

/* ".../site-packages/requests/sessions.py" -> "requests.sessions". @return false: a file of the program's own */
static bool dotted_module(const char *path, char module[static DOTTED_MAX])
{
    const char *at = below_library_root(path);
    size_t n;

    if (!at)
        return false;
    n = strlen(at);
    if (n > 3 && strcmp(at + n - 3, ".py") == 0)
        n -= 3;
    if (n > 9 && strncmp(at + n - 9, "/__init__", 9) == 0)
        n -= 9;
    n = n < DOTTED_MAX ? n : DOTTED_MAX - 1;
    for (size_t i = 0; i < n; i++)
        module[i] = at[i] == '/' ? '.' : at[i];
    module[n] = '\0';
    return true;
}

/* A Python frame: "subprocess" and "Popen.wait" are the call subprocess.wait and the module subprocess. */
static size_t row_of_python(const struct frame *frame, const char *module)
{
    const char *dot = strrchr(frame->function, '.');
    char call[2 * DOTTED_MAX];
    size_t row;

    (void)snprintf(call, sizeof(call), "%s.%.200s", module, dot ? dot + 1 : frame->function);
    row = twin_find(TWIN_CALL, call);
    return row != TWIN_NONE ? row : twin_find(TWIN_PYTHON, module);
}

static size_t row_of_object(const char *path)
{
    char module[DOTTED_MAX];
    size_t row = twin_find(TWIN_OBJECT, last_part(path));

    return row == TWIN_NONE && dotted_module(path, module) ? twin_find(TWIN_PYTHON, module) : row;
}

/* What one frame is. */
struct reading {
    size_t row;
    bool python;
    bool own; /* Python code of the program itself */
};

static struct reading read_frame(const struct frame *frame)
{
    struct reading reading = {.row = TWIN_NONE};
    char module[DOTTED_MAX];

    if (frame->file && is_python_file(frame->file)) {
        reading.python = true;
        if (dotted_module(frame->file, module))
            reading.row = row_of_python(frame, module);
        else
            reading.own = strncmp(frame->file, "<frozen", 7) != 0;
        return reading;
    }
    if (frame->file)
        reading.row = twin_find(TWIN_FILE, frame->file);
    if (reading.row == TWIN_NONE && frame->module)
        reading.row = row_of_object(frame->module);
    if (reading.row == TWIN_NONE)
        reading.row = twin_find(TWIN_FUNCTION, frame->function);
    return reading;
}

/*
 * From the wait outwards to the program's own code. A library that calls the program back (a consumer, a server) is
 * beyond that and not what is waited in.
 */
static size_t row_of_stack(const struct site *site, bool *ret_asynchronous, bool *ret_own_call)
{
    size_t best = TWIN_NONE;
    bool python = false;

    *ret_asynchronous = *ret_own_call = false;
    for (size_t i = 0; i < site->n_frames; i++) {
        struct reading reading = read_frame(&site->frames[i]);

        if (reading.row != TWIN_NONE && twin_is_asynchronous(reading.row)) {
            *ret_asynchronous = best == TWIN_NONE;
            return best;
        }
        if (reading.row != TWIN_NONE)
            best = reading.row;
        *ret_own_call |= reading.own && !python;
        python |= reading.python;
        if (reading.own)
            break;
    }
    return best;
}

/* A C function that the program's own Python code called leaves no frame: of those loaded it is one of C. */
static size_t row_of_loaded(const struct measurement *m, bool objects_only)
{
    size_t best = TWIN_NONE;

    for (size_t i = 0; i < m->n_modules; i++) {
        size_t row = objects_only ? twin_find(TWIN_OBJECT, last_part(m->modules[i])) : row_of_object(m->modules[i]);

        if (row == TWIN_NONE && !objects_only)
            row = twin_find(TWIN_PYTHON, m->modules[i]);
        if (row != TWIN_NONE && !twin_is_asynchronous(row) && row < best)
            best = row;
    }
    return best;
}

static size_t row_of_site(const struct measurement *m, const struct site *site)
{
    bool asynchronous, own_call;
    size_t row;

    if (site->n_frames == 0)
        return TWIN_NONE;
    row = row_of_stack(site, &asynchronous, &own_call);
    if (row != TWIN_NONE || asynchronous)
        return row;
    if (own_call && (site->cause == CAUSE_NETWORK || site->cause == CAUSE_PIPE))
        row = row_of_loaded(m, true);
    return row != TWIN_NONE ? row : twin_find_cause(site->cause, m->target.runtime.kind);
}

const struct async_twin *async_twin_of(const char *module, enum runtime_kind runtime)
{
    size_t row = row_of_object(module);

    if (row == TWIN_NONE)
        row = twin_find(TWIN_PYTHON, module);
    return row == TWIN_NONE || twin_is_asynchronous(row) ? NULL : twin_row(row, runtime);
}

const struct async_twin *async_twin_of_site(const struct measurement *m, const struct site *site)
{
    size_t row = row_of_site(m, site);

    return row == TWIN_NONE ? NULL : twin_row(row, m->target.runtime.kind);
}

static bool is_external(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_NETWORK || site->cause == CAUSE_PIPE || site->cause == CAUSE_SLEEP);
}

struct async_waits async_twin_waits(const struct measurement *m)
{
    AUTO_FREE uint64_t *time_ns = calloc(twin_rows() + 1, sizeof(*time_ns));
    AUTO_FREE const struct site **first = calloc(twin_rows() + 1, sizeof(*first));
    struct async_waits waits = {0};
    bool stacks = false;
    size_t best = TWIN_NONE;

    waits.all_ns = m->blocked_ns[CAUSE_NETWORK] + m->blocked_ns[CAUSE_PIPE] + m->blocked_ns[CAUSE_SLEEP];
    for (size_t i = 0; time_ns && first && i < m->n_sites; i++) {
        size_t row = is_external(&m->sites[i]) ? row_of_site(m, &m->sites[i]) : TWIN_NONE;

        stacks |= is_external(&m->sites[i]) && m->sites[i].n_frames > 0;
        if (row == TWIN_NONE)
            continue;
        time_ns[row] += m->sites[i].time_ns;
        if (!first[row])
            first[row] = &m->sites[i];
        if (best == TWIN_NONE || time_ns[row] > time_ns[best])
            best = row;
    }
    if (best != TWIN_NONE) {
        waits.time_ns = time_ns[best];
        waits.site = first[best];
    } else if (!stacks) {
        best = row_of_loaded(m, false); /* no stack tells: then the most specific library that is loaded */
    }
    waits.twin = best == TWIN_NONE ? NULL : twin_row(best, m->target.runtime.kind);
    return waits;
}

const struct async_twin *async_twin_seen(const struct measurement *m)
{
    return async_twin_waits(m).twin;
}

bool async_twin_at_hand(const struct measurement *m)
{
    const struct async_twin *seen = async_twin_seen(m);
    uint64_t disk_ns = m->blocked_ns[CAUSE_DISK];
    uint64_t other_ns = m->blocked_ns[CAUSE_NETWORK] + m->blocked_ns[CAUSE_SLEEP] + m->blocked_ns[CAUSE_PIPE];

    /* Files have no asynchronous interface worth the name: event loops hand them to threads, too. */
    if (disk_ns > other_ns)
        return false;
    if (m->target.runtime.kind == RUNTIME_NATIVE)
        return false;
    if (seen)
        return seen->twin != NULL;
    /* Sockets and timers of the standard library have a twin in asyncio, libuv, fibers, virtual threads. */
    return true;
}
