/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/jit_map.h"

#include "base/base.h"
#include "probe/symbols/regular_file.h"

#define OVERLAPS_MAX 64 /* looked through for the latest that contains an address */
#define MISSES_MAX 256  /* for which the file is looked at again */

struct entry {
    uint64_t start, size;
    uint32_t order; /* line number */
    uint32_t name;  /* offset in `names` */
};

struct jit_map {
    char *path;
    int fd;
    off_t done; /* bytes taken in, whole lines */
    struct entry *entries;
    size_t n, capacity;
    char *names;
    size_t n_names, names_capacity;
    unsigned misses;
};

/* "NSpid: 4711 1": its number in each pid namespace from that of our /proc down to its own (proc_pid_status(5)). */
static int own_number(pid_t pid)
{
    AUTO_FCLOSE FILE *file = NULL;
    char path[64], line[256];
    const char *last;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "NSpid:", strlen("NSpid:")) != 0)
            continue;
        last = strrchr(line, '\t');
        return last && atoi(last + 1) > 0 ? atoi(last + 1) : (int)pid;
    }
    return (int)pid;
}

static bool shares_our_root(pid_t pid)
{
    struct stat ours, its;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/root/", (int)pid);
    return stat(path, &its) < 0 || stat("/", &ours) < 0 || (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino);
}

void jit_map_path(pid_t pid, char *ret_path, size_t size)
{
    int number = own_number(pid);

    if (number == (int)pid && shares_our_root(pid))
        (void)snprintf(ret_path, size, "/tmp/perf-%d.map", (int)pid);
    else
        (void)snprintf(ret_path, size, "/proc/%d/root/tmp/perf-%d.map", (int)pid, number);
}

struct jit_map *jit_map_new(const char *path)
{
    struct jit_map *map = calloc(1, sizeof(*map));

    if (!map)
        return NULL;
    map->fd = -1;
    map->path = strdup(path);
    if (map->path)
        return map;
    free(map);
    return NULL;
}

void jit_map_free(struct jit_map *map)
{
    if (!map)
        return;
    base_close_fd(&map->fd);
    free(map->path);
    free(map->entries);
    free(map->names);
    free(map);
}

static bool is_of_owner(const struct stat *st, const void *owner)
{
    return st->st_uid == geteuid() || st->st_uid == *(const uid_t *)owner;
}

/* Take in one line; one that says nothing is passed over. @return 0, -ENOMEM */
static int take_line(struct jit_map *map, const char *line)
{
    unsigned long long start, size;
    size_t length;
    int at = 0;

    if (sscanf(line, "%llx %llx %n", &start, &size, &at) < 2 || at == 0 || size == 0 || start + size < start ||
        line[at] == '\0')
        return 0;
    length = strnlen(line + at, JIT_MAP_NAME_MAX);
    if (base_grow(&map->entries, &map->capacity, map->n + 1, sizeof(*map->entries)) < 0 ||
        base_grow(&map->names, &map->names_capacity, map->n_names + length + 1, 1) < 0)
        return -ENOMEM;
    map->entries[map->n] = (struct entry){
        .start = start,
        .size = size,
        .order = (uint32_t)map->n,
        .name = (uint32_t)map->n_names,
    };
    map->n++;
    memcpy(map->names + map->n_names, line + at, length);
    map->names[map->n_names + length] = '\0';
    map->n_names += length + 1;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* @return how many bytes of `text` were whole lines, and are taken in now */
static size_t take_lines(struct jit_map *map, char *text, size_t length)
{
    size_t done = 0;

    while (map->n < JIT_MAP_LINES_MAX) {
        char *line = text + done, *end = memchr(line, '\n', length - done);

        if (!end)
            break;
        *end = '\0';
        if (take_line(map, line) < 0)
            break;
        done = (size_t)(end + 1 - text);
    }
    return done;
}

/* Take in what was added to the file since. A last line without its end is still being written. */
static void read_on(struct jit_map *map, uid_t owner)
{
    AUTO_FREE char *text = NULL;
    struct stat st;
    size_t size;
    ssize_t length;

    if (map->fd < 0)
        map->fd = regular_file_open(map->path, false, is_of_owner, &owner);
    if (map->fd < 0 || fstat(map->fd, &st) < 0 || st.st_size <= map->done || map->done >= JIT_MAP_BYTES_MAX)
        return;
    size = (size_t)((st.st_size < JIT_MAP_BYTES_MAX ? st.st_size : JIT_MAP_BYTES_MAX) - map->done);
    text = malloc(size);
    length = text ? pread(map->fd, text, size, map->done) : -1;
    if (length <= 0)
        return;
    map->done += (off_t)take_lines(map, text, (size_t)length);
    if (map->n > 1)
        qsort(map->entries, map->n, sizeof(*map->entries), compare);
}

static const struct entry *find(const struct jit_map *map, uint64_t address)
{
    const struct entry *found = NULL;
    size_t low = 0, high = map->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->entries[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = 0; i < OVERLAPS_MAX && i < low; i++) {
        const struct entry *entry = &map->entries[low - 1 - i];

        if (address - entry->start < entry->size && (!found || entry->order > found->order))
            found = entry;
    }
    return found;
}

const char *jit_map_find(struct jit_map *map, uid_t owner, uint64_t address)
{
    const struct entry *entry = find(map, address);

    if (!entry && map->misses < MISSES_MAX) {
        map->misses++;
        read_on(map, owner);
        entry = find(map, address);
    }
    return entry ? map->names + entry->name : NULL;
}
