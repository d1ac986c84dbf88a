/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/runtime/elf_cache.h"

#include <sys/stat.h>

#include "base/base.h"

/* A run seldom meets more different files that matter; the oldest is then forgotten. */
#define CACHED 64

struct entry {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
    bool used;
    int result; /* also failures are remembered */
    struct elf_facts facts;
};

struct elf_cache {
    struct entry entries[CACHED];
    size_t next;
};

struct elf_cache *elf_cache_new(void)
{
    return calloc(1, sizeof(struct elf_cache));
}

void elf_cache_free(struct elf_cache *cache)
{
    free(cache);
}

enum wanted {
    PY_RUNTIME,
    PY_VERSION,
    PY_MAIN,
    PY_FREE_THREADED,
    PYPY_STARTUP,
    RUBY_VM,
    RUBY_VERSION,
    NODE_START,
    JVM_CREATE,
    WANTED_COUNT,
};

static const char *const wanted_names[WANTED_COUNT] = {
    [PY_RUNTIME] = "_PyRuntime",
    [PY_VERSION] = "Py_Version",
    [PY_MAIN] = "Py_Main",
    [PY_FREE_THREADED] = "_Py_MergeZeroLocalRefcount",
    [PYPY_STARTUP] = "pypy_main_startup",
    [RUBY_VM] = "ruby_current_vm_ptr",
    [RUBY_VERSION] = "ruby_version",
    [NODE_START] = "_ZN4node5StartEiPPc",
    [JVM_CREATE] = "JNI_CreateJavaVM",
};

/* "libpython3.8.so.1.0", "python3.13t": the version after "python". A 't' behind it means no GIL. */
static void parse_python_name(const char *name, struct elf_facts *facts)
{
    const char *python = strstr(name, "python");
    int length = 0;

    if (!python || sscanf(python, "python%d.%d%n", &facts->major, &facts->minor, &length) != 2) {
        facts->major = facts->minor = 0;
        return;
    }
    facts->free_threaded = facts->free_threaded || python[length] == 't';
}

/* The size of _PyRuntime is that of one version, should nothing else tell. */
static void guess_python_version(struct elf_facts *facts)
{
    static const struct {
        uint64_t size;
        int minor;
    } sizes[] = {{1520, 7}, {1464, 8}, {656, 9}, {672, 10}};

    for (size_t i = 0; i < ARRAY_SIZE(sizes) && facts->major == 0; i++) {
        if (facts->runtime.size != sizes[i].size)
            continue;
        facts->major = 3;
        facts->minor = sizes[i].minor;
    }
}

static void inspect_python(const struct elf_file *file, const char *name, const struct elf_symbol *symbols,
                           struct elf_facts *facts)
{
    uint32_t hex = 0;

    facts->kind = RUNTIME_CPYTHON;
    facts->runtime = symbols[PY_RUNTIME];
    facts->free_threaded = symbols[PY_FREE_THREADED].address != 0;
    parse_python_name(name, facts);
    /* PY_VERSION_HEX, Include/patchlevel.h: major, minor, micro, level << 4 | serial. */
    if (symbols[PY_VERSION].address && elf_file_read(file, symbols[PY_VERSION].address, &hex, sizeof(hex)) == 0 &&
        hex) {
        facts->major = (int)(hex >> 24);
        facts->minor = (int)(hex >> 16 & 255);
        snprintf(facts->version, sizeof(facts->version), "%d.%d.%u", facts->major, facts->minor, hex >> 8 & 255);
        return;
    }
    guess_python_version(facts);
    if (facts->major)
        snprintf(facts->version, sizeof(facts->version), "%d.%d", facts->major, facts->minor);
}

static void inspect_ruby(const struct elf_file *file, const struct elf_symbol *symbols, struct elf_facts *facts)
{
    char version[16] = "";

    facts->kind = RUNTIME_RUBY;
    facts->runtime = symbols[RUBY_VM];
    if (symbols[RUBY_VERSION].address && symbols[RUBY_VERSION].size <= sizeof(version) &&
        elf_file_read(file, symbols[RUBY_VERSION].address, version, symbols[RUBY_VERSION].size) == 0)
        snprintf(facts->version, sizeof(facts->version), "%.15s", version);
}

/* .go.buildinfo (debug/buildinfo): 14 bytes of magic, pointer size, flags; with flag 2 the version follows at 32. */
static void inspect_go(const struct elf_file *file, uint64_t address, uint64_t size, struct elf_facts *facts)
{
    uint8_t head[64] = {0};
    size_t length;

    facts->kind = RUNTIME_GO;
    if (size < 34 || elf_file_read(file, address, head, size < sizeof(head) ? (size_t)size : sizeof(head)) < 0 ||
        !(head[15] & 2))
        return;
    length = head[32] < 31 ? head[32] : 30;
    if (length > 2 && memcmp(head + 33, "go", 2) == 0)
        snprintf(facts->version, sizeof(facts->version), "%.*s", (int)length - 2, (const char *)head + 35);
}

static void find_needs(const struct elf_file *file, struct elf_facts *facts)
{
    static const struct {
        const char *prefix;
        enum runtime_kind kind;
    } libraries[] = {
        {"libpython", RUNTIME_CPYTHON}, {"libpypy", RUNTIME_PYPY}, {"libruby", RUNTIME_RUBY},
        {"libnode", RUNTIME_NODE},      {"libjli", RUNTIME_JVM},   {"libjvm", RUNTIME_JVM},
    };

    for (size_t i = 0; i < ARRAY_SIZE(libraries) && facts->needs == RUNTIME_NATIVE; i++)
        if (elf_file_needs(file, libraries[i].prefix))
            facts->needs = libraries[i].kind;
}

static void inspect(const struct elf_file *file, const char *name, struct elf_facts *facts)
{
    struct elf_symbol symbols[WANTED_COUNT];
    uint64_t address, size;

    /* A Python built without exporting its symbols still has them in .symtab unless it was stripped. */
    elf_file_find_symbols(file, wanted_names, WANTED_COUNT, strncmp(name, "python", 6) == 0, symbols);
    facts->x86_64 = elf_file_is_x86_64(file);
    (void)elf_file_writable_range(file, &facts->writable_start, &facts->writable_end);
    if (symbols[PYPY_STARTUP].address)
        facts->kind = RUNTIME_PYPY;
    else if (symbols[PY_RUNTIME].address || symbols[PY_MAIN].address)
        inspect_python(file, name, symbols, facts);
    else if (symbols[RUBY_VM].address)
        inspect_ruby(file, symbols, facts);
    else if (symbols[NODE_START].address)
        facts->kind = RUNTIME_NODE;
    else if (symbols[JVM_CREATE].address && strncmp(name, "libjvm", 6) == 0)
        facts->kind = RUNTIME_JVM;
    else if (elf_file_section(file, ".go.buildinfo", &address, &size) == 0)
        inspect_go(file, address, size, facts);
    find_needs(file, facts);
}

static struct entry *find_entry(struct elf_cache *cache, const struct stat *st)
{
    for (size_t i = 0; i < CACHED; i++) {
        struct entry *entry = &cache->entries[i];

        if (entry->used && entry->device == st->st_dev && entry->inode == st->st_ino && entry->size == st->st_size &&
            entry->changed.tv_sec == st->st_mtim.tv_sec && entry->changed.tv_nsec == st->st_mtim.tv_nsec)
            return entry;
    }
    return NULL;
}

static void remember(struct elf_cache *cache, const struct stat *st, int result, const struct elf_facts *facts)
{
    cache->entries[cache->next] = (struct entry){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = st->st_size,
        .changed = st->st_mtim,
        .used = true,
        .result = result,
        .facts = *facts,
    };
    cache->next = (cache->next + 1) % CACHED;
}

int elf_cache_inspect(struct elf_cache *cache, const char *path, const char *name, struct elf_facts *ret_facts)
{
    CLEANUP(elf_file_freep) struct elf_file *file = NULL;
    const char *slash = strrchr(name, '/');
    struct elf_facts facts = {0};
    struct entry *entry;
    struct stat st;
    int r;

    if (stat(path, &st) < 0)
        return -errno;
    entry = cache ? find_entry(cache, &st) : NULL;
    if (entry) {
        if (entry->result == 0)
            *ret_facts = entry->facts;
        return entry->result;
    }
    r = elf_file_open(path, &file);
    if (r == 0)
        inspect(file, slash ? slash + 1 : name, &facts);
    /* A process that ended between two looks at its file says nothing about the file. */
    if (cache && (r == 0 || r == -ENOEXEC))
        remember(cache, &st, r, &facts);
    if (r == 0)
        *ret_facts = facts;
    return r;
}

int elf_cache_bias(const char *path, uint64_t start, uint64_t offset, uint64_t *ret_bias)
{
    CLEANUP(elf_file_freep) struct elf_file *file = NULL;
    int r = elf_file_open(path, &file);

    return r < 0 ? r : elf_file_bias(file, start, offset, ret_bias);
}
