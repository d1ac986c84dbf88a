/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/runtime/detect.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/base.h"
#include "probe/runtime/elf_cache.h"
#include "probe/runtime/ruby.h"
#include "probe/symbols/maps_line.h"

/* A process maps many files; these are the few that can matter. */
#define MAX_CANDIDATES 16

/* The first mapping of a file. */
struct candidate {
    char name[PATH_MAX]; /* as the process sees it */
    uint64_t start;
    uint64_t offset;
    bool executable; /* the program itself */
};

struct candidates {
    struct candidate *list;
    size_t n;
    bool musl;
    bool program; /* the program itself is among them */
};

static void candidates_clear(struct candidates *candidates)
{
    free(candidates->list);
}

static bool is_interpreter_library(const char *base)
{
    static const char *const prefixes[] = {"libpython", "libpypy", "libruby", "libnode", "libjvm"};

    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (strncmp(base, prefixes[i], strlen(prefixes[i])) == 0 && strstr(base, ".so"))
            return true;
    return false;
}

static bool already_there(const struct candidates *candidates, const char *name)
{
    for (size_t i = 0; i < candidates->n; i++)
        if (strcmp(candidates->list[i].name, name) == 0)
            return true;
    return false;
}

/* One line of /proc/PID/maps. */
static void consider(char *line, const char *exe, struct candidates *candidates)
{
    const char *name, *base;
    struct maps_line maps;
    bool executable;

    if (!maps_line_parse(line, &maps) || maps.path[0] != '/')
        return;
    name = maps.path;
    base = strrchr(name, '/') + 1;
    if (strncmp(base, "ld-musl", 7) == 0)
        candidates->musl = true;
    executable = strcmp(name, exe) == 0;
    if ((!executable && !is_interpreter_library(base)) || strlen(name) >= PATH_MAX || candidates->n >= MAX_CANDIDATES ||
        already_there(candidates, name))
        return;
    candidates->program = candidates->program || executable;
    candidates->list[candidates->n] =
        (struct candidate){.start = maps.start, .offset = maps.offset, .executable = executable};
    strcpy(candidates->list[candidates->n++].name, name);
}

static int read_maps(pid_t pid, const char *exe, struct candidates *candidates)
{
    AUTO_FCLOSE FILE *maps = NULL;
    AUTO_FREE char *line = NULL;
    size_t capacity = 0;
    char path[64];

    candidates->list = calloc(MAX_CANDIDATES, sizeof(*candidates->list));
    if (!candidates->list)
        return -ENOMEM;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    if (!maps)
        return errno == ENOENT ? -ESRCH : -errno;
    while (getline(&line, &capacity, maps) > 0)
        consider(line, exe, candidates);
    return 0;
}

/* Where we can open it: through the process' own root, or the program by its link, which survives deletion. */
static void reachable_path(pid_t pid, const struct candidate *candidate, char *path, size_t size)
{
    if (candidate->executable)
        snprintf(path, size, "/proc/%d/exe", (int)pid);
    else
        snprintf(path, size, "/proc/%d/root%s", (int)pid, candidate->name);
}

/* /proc/PID/exe into `exe`. @return 0, -EAGAIN (still our own program), -ESRCH, -EACCES */
static int read_exe(pid_t pid, char *exe, size_t size)
{
    struct stat theirs, ours;
    char path[64];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    n = readlink(path, exe, size - 1);
    if (n < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    exe[n] = '\0';
    if (pid != getpid() && stat(path, &theirs) == 0 && stat("/proc/self/exe", &ours) == 0 &&
        theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
        return -EAGAIN;
    return 0;
}

/*
 * 3.13+ publish most offsets at the start of _PyRuntime (Include/internal/pycore_runtime.h, struct _Py_DebugOffsets,
 * 3.13): prefer them, where they make sense, to those we learned from one build.
 */
static void prefer_published_offsets(pid_t pid, struct image *image)
{
    enum {
        FREE_THREADED = 2,
        INTERPRETERS_HEAD = 5,
        INTERPRETER_NEXT = 8,
        THREADS_HEAD = 9,
        CURRENT_FRAME = 23,
        THREAD_ID = 24,
        NATIVE_THREAD_ID = 25,
        STATUS = 27,
        PREVIOUS = 29,
        EXECUTABLE = 30,
        INSTR_PTR = 31,
        OWNER = 33,
        FILENAME = 35,
        NAME = 36,
        QUALNAME = 37,
        LINETABLE = 38,
        FIRSTLINENO = 39,
        ADAPTIVE = 43,
        COUNT = 44
    };
    struct cpython_offsets *offsets = &image->offsets;
    uint64_t words[COUNT];
    struct iovec local = {words, sizeof(words)};
    struct iovec remote = {(void *)(uintptr_t)image->runtime_address, sizeof(words)};

    if (image->minor != 13 || !image->runtime_address ||
        process_vm_readv(pid, &local, 1, &remote, 1, 0) != sizeof(words) || memcmp(words, "xdebugpy", 8) != 0)
        return;
    for (size_t i = INTERPRETERS_HEAD; i < COUNT; i++)
        if (words[i] > 1 << 20)
            return;
    if (words[FREE_THREADED] == 1)
        image->runtime.free_threaded = true;
    image->interpreters_head = (uint32_t)words[INTERPRETERS_HEAD];
    image->interpreter_next = (uint32_t)words[INTERPRETER_NEXT];
    offsets->runtime_interpreters_head = (uint32_t)words[INTERPRETERS_HEAD];
    offsets->interp_next = (uint32_t)words[INTERPRETER_NEXT];
    offsets->interp_threads_head = (uint32_t)words[THREADS_HEAD];
    offsets->tstate_frame = (uint32_t)words[CURRENT_FRAME];
    offsets->tstate_thread_id = (uint32_t)words[THREAD_ID];
    offsets->tstate_native_thread_id = (uint32_t)words[NATIVE_THREAD_ID];
    offsets->tstate_status = (uint32_t)words[STATUS];
    offsets->frame_previous = (uint32_t)words[PREVIOUS];
    offsets->frame_code = (uint32_t)words[EXECUTABLE];
    offsets->frame_instr = (uint32_t)words[INSTR_PTR];
    offsets->frame_owner = (uint32_t)words[OWNER];
    offsets->code_filename = (uint32_t)words[FILENAME];
    offsets->code_name = (uint32_t)words[NAME];
    offsets->code_qualname = (uint32_t)words[QUALNAME];
    offsets->code_table = (uint32_t)words[LINETABLE];
    offsets->code_firstlineno = (uint32_t)words[FIRSTLINENO];
    offsets->code_adaptive = (uint32_t)words[ADAPTIVE];
}

/* A build without the GIL. Its objects are laid out in another way: frames are not walked. */
static void without_lock(struct image *image)
{
    size_t length = strlen(image->runtime.version);

    image->runtime.interpreter_lock = INTERPRETER_LOCK_NONE;
    image->has_offsets = false;
    (void)snprintf(image->runtime.version + length, sizeof(image->runtime.version) - length, "%sfree-threaded",
                   length ? " " : "");
}

static void fill_cpython(pid_t pid, const struct elf_facts *facts, uint64_t bias, bool musl, struct image *image)
{
    const struct cpython_offsets *offsets;

    image->major = facts->major;
    image->minor = facts->minor;
    image->runtime.interpreter_lock = INTERPRETER_LOCK_PRESENT;
    if (facts->runtime.address)
        image->runtime_address = facts->runtime.address + bias;
    image->runtime.free_threaded = facts->free_threaded;
    offsets = facts->major == 3 && facts->x86_64 ? cpython_offsets_for(facts->minor) : NULL;
    if (offsets) {
        image->has_offsets = true;
        image->offsets = *offsets;
        image->interpreters_head = facts->free_threaded ? 0 : offsets->runtime_interpreters_head;
        image->interpreter_next = offsets->interp_next;
        prefer_published_offsets(pid, image);
    }
    if (image->runtime.free_threaded) {
        without_lock(image);
        return;
    }
    if (musl || facts->major < 3) {
        /* 2.7 keeps its lock on the heap; musl's condition variables wait on the stack. */
        image->runtime.interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
    } else if (facts->runtime.size) {
        image->gil_start = image->runtime_address;
        image->gil_end = image->runtime_address + facts->runtime.size;
    } else if (facts->writable_end) {
        /* 3.6: static variables; no other lock of the interpreter is one. */
        image->gil_start = facts->writable_start + bias;
        image->gil_end = facts->writable_end + bias;
    } else {
        image->runtime.interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
    }
}

/* The lock can be told apart where the inner layout of the version is known. */
static void fill_ruby(const struct elf_facts *facts, uint64_t bias, struct image *image)
{
    if (!facts->runtime.address)
        return;
    image->ruby_vm_address = facts->runtime.address + bias;
    if (facts->x86_64 && ruby_offsets_for(image->runtime.version))
        image->runtime.interpreter_lock = INTERPRETER_LOCK_PRESENT;
}

/* .../lib/server/libjvm.so: the version is in .../release as JAVA_VERSION="17.0.1". */
static void read_jvm_version(const char *library, char *version, size_t size)
{
    AUTO_FCLOSE FILE *file = NULL;
    char path[PATH_MAX + 32];
    char line[256];

    snprintf(path, sizeof(path), "%s", library);
    for (int level = 0; level < 3; level++) {
        char *slash = strrchr(path, '/');

        if (!slash)
            return;
        *slash = '\0';
    }
    strcat(path, "/release");
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        const char *value = strchr(line, '"');

        if (strncmp(line, "JAVA_VERSION=", 13) != 0 || !value)
            continue;
        snprintf(version, size, "%.*s", (int)strcspn(value + 1, "\"\n"), value + 1);
        return;
    }
}

/*
 * RPython's lock is made of static variables (rpython/translator/c/src/thread_gil.c: mutex_gil, mutex_gil_stealer, and
 * the condition beside them); locks of the program are on the heap.
 */
static void fill_pypy(const struct elf_facts *facts, uint64_t bias, bool musl, struct image *image)
{
    if (musl || !facts->writable_end)
        return;
    image->gil_start = facts->writable_start + bias;
    image->gil_end = facts->writable_end + bias;
    image->runtime.interpreter_lock = INTERPRETER_LOCK_PRESENT;
}

static void fill_image(pid_t pid, const struct candidate *candidate, const struct elf_facts *facts, bool musl,
                       struct image *image)
{
    char path[PATH_MAX + 32];
    uint64_t bias = 0;

    image->runtime.kind = facts->kind;
    snprintf(image->runtime.version, sizeof(image->runtime.version), "%s", facts->version);
    reachable_path(pid, candidate, path, sizeof(path));
    if (facts->kind == RUNTIME_JVM)
        read_jvm_version(path, image->runtime.version, sizeof(image->runtime.version));
    if (facts->kind == RUNTIME_PYPY || facts->kind == RUNTIME_RUBY)
        image->runtime.interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
    if (facts->kind != RUNTIME_CPYTHON && facts->kind != RUNTIME_RUBY && facts->kind != RUNTIME_NODE &&
        facts->kind != RUNTIME_PYPY)
        return;
    if (elf_cache_bias(path, candidate->start, candidate->offset, &bias) < 0) {
        if (facts->kind != RUNTIME_NODE)
            image->runtime.interpreter_lock = INTERPRETER_LOCK_UNKNOWN;
        return;
    }
    if (facts->kind == RUNTIME_CPYTHON)
        fill_cpython(pid, facts, bias, musl, image);
    else if (facts->kind == RUNTIME_RUBY)
        fill_ruby(facts, bias, image);
    else if (facts->kind == RUNTIME_PYPY)
        fill_pypy(facts, bias, musl, image);
    else if (facts->writable_end) {
        image->data_start = facts->writable_start + bias;
        image->data_end = facts->writable_end + bias;
    }
}

/* Only an interpreter proper can start a replay, not a program that embeds one. */
static void fill_executable(const char *exe, struct image *image)
{
    static const struct {
        enum runtime_kind kind;
        const char *prefix;
    } interpreters[] = {
        {RUNTIME_CPYTHON, "python"}, {RUNTIME_PYPY, "pypy"}, {RUNTIME_RUBY, "ruby"},
        {RUNTIME_NODE, "node"},      {RUNTIME_JVM, "java"},
    };
    const char *slash = strrchr(exe, '/');

    if (strstr(exe, " (deleted)"))
        return;
    for (size_t i = 0; slash && i < ARRAY_SIZE(interpreters); i++)
        if (interpreters[i].kind == image->runtime.kind &&
            strncmp(slash + 1, interpreters[i].prefix, strlen(interpreters[i].prefix)) == 0 &&
            strlen(exe) < sizeof(image->runtime.executable))
            strcpy(image->runtime.executable, exe);
}

int image_inspect(struct elf_cache *cache, pid_t pid, struct image *ret_image)
{
    CLEANUP(candidates_clear) struct candidates candidates = {0};
    struct image image = {0};
    enum runtime_kind needs = RUNTIME_NATIVE;
    char exe[PATH_MAX];
    int r = read_exe(pid, exe, sizeof(exe));

    if (r == 0)
        r = read_maps(pid, exe, &candidates);
    if (r < 0)
        return r;
    /* Amid its exec: not mapped yet, or it was another program when we asked for its name. */
    if (!candidates.program)
        return -EAGAIN;
    for (size_t i = 0; i < candidates.n && image.runtime.kind == RUNTIME_NATIVE; i++) {
        const struct candidate *candidate = &candidates.list[i];
        struct elf_facts facts = {0};
        char path[PATH_MAX + 32];

        reachable_path(pid, candidate, path, sizeof(path));
        r = elf_cache_inspect(cache, path, candidate->name, &facts);
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            continue;
        if (candidate->executable)
            needs = facts.needs;
        if (facts.kind != RUNTIME_NATIVE)
            fill_image(pid, candidate, &facts, candidates.musl, &image);
    }
    if (image.runtime.kind == RUNTIME_NATIVE && needs != RUNTIME_NATIVE)
        return -EAGAIN;
    fill_executable(exe, &image);
    *ret_image = image;
    return 0;
}
