/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/mappings.h"

#include <sys/stat.h>

#include "base/base.h"
#include "probe/symbols/maps_line.h"
#include "probe/symbols/pins.h"

struct mappings {
    struct pin_table *pins;
    struct mapping *items; /* by address, disjoint */
    size_t n, capacity;
    uint64_t generation;
    uid_t owner;
    struct mappings_filter filter;
};

struct mappings *mappings_new(struct pin_table *pins)
{
    struct mappings *mappings = calloc(1, sizeof(*mappings));

    if (!mappings)
        return NULL;
    mappings->pins = pins;
    mappings->owner = (uid_t)-1;
    return mappings;
}

void mappings_free(struct mappings *mappings)
{
    if (!mappings)
        return;
    free(mappings->items);
    free(mappings);
}

struct mappings *mappings_fork(const struct mappings *parent)
{
    struct mappings *child = mappings_new(parent->pins);

    if (!child)
        return NULL;
    if (base_grow(&child->items, &child->capacity, parent->n, sizeof(*child->items)) < 0) {
        mappings_free(child);
        return NULL;
    }
    if (parent->n > 0)
        memcpy(child->items, parent->items, parent->n * sizeof(*child->items));
    child->n = parent->n;
    child->generation = parent->generation;
    child->owner = parent->owner;
    child->filter = parent->filter;
    return child;
}

size_t mappings_count(const struct mappings *mappings)
{
    return mappings->n;
}

uint64_t mappings_generation(const struct mappings *mappings)
{
    return mappings->generation;
}

uid_t mappings_owner(const struct mappings *mappings)
{
    return mappings->owner;
}

const struct mapping *mappings_at(const struct mappings *mappings, size_t i)
{
    return &mappings->items[i];
}

const struct mappings_filter *mappings_filter(const struct mappings *mappings)
{
    return &mappings->filter;
}

/* Index of the first mapping that ends after an address; n: none does. */
static size_t first_after(const struct mappings *mappings, uint64_t address)
{
    size_t low = 0, high = mappings->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mappings->items[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address)
{
    size_t i = first_after(mappings, address);

    return i < mappings->n && mappings->items[i].start <= address ? &mappings->items[i] : NULL;
}

/* Bits are only ever set: one too many costs a look-up. */
static void add_to_filter(struct mappings_filter *filter, uint64_t start, uint64_t end)
{
    const uint64_t stretches = ((end - 1) >> MAPPINGS_FILTER_SHIFT) - (start >> MAPPINGS_FILTER_SHIFT) + 1;

    if (stretches >= UINT64_C(1) << MAPPINGS_FILTER_BITS) {
        memset(filter, 0xff, sizeof(*filter));
        return;
    }
    for (uint64_t i = 0; i < stretches; i++) {
        uint64_t stretch = (start >> MAPPINGS_FILTER_SHIFT) + i;
        uint64_t bit = (stretch * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - MAPPINGS_FILTER_BITS);

        filter->words[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
}

static bool is_known(const struct mappings *mappings, const struct mapping *wanted)
{
    const struct mapping *known = mappings_find(mappings, wanted->start);

    if (!known || known->end < wanted->end || known->file != wanted->file)
        return false;
    return !wanted->file || known->offset + (wanted->start - known->start) == wanted->offset;
}

/* Put a mapping in its place; what it overlaps is cut, and split where it lies within. */
static int insert(struct mappings *mappings, const struct mapping *added)
{
    size_t first = first_after(mappings, added->start), last = first, n_new = 0;
    struct mapping pieces[3];

    if (mappings->n >= MAPPINGS_MAX)
        return 0;
    if (base_grow(&mappings->items, &mappings->capacity, mappings->n + 2, sizeof(*mappings->items)) < 0)
        return -ENOMEM;
    while (last < mappings->n && mappings->items[last].start < added->end)
        last++;
    if (last > first && mappings->items[first].start < added->start) {
        pieces[n_new] = mappings->items[first];
        pieces[n_new++].end = added->start;
    }
    pieces[n_new++] = *added;
    if (last > first && mappings->items[last - 1].end > added->end) {
        struct mapping *rest = &pieces[n_new++];

        *rest = mappings->items[last - 1];
        rest->offset += added->end - rest->start;
        rest->start = added->end;
    }
    memmove(&mappings->items[first + n_new], &mappings->items[last], (mappings->n - last) * sizeof(*mappings->items));
    memcpy(&mappings->items[first], pieces, n_new * sizeof(*pieces));
    mappings->n += n_new - (last - first);
    mappings->generation++;
    add_to_filter(&mappings->filter, added->start, added->end);
    return 0;
}

/* Who owns it is asked while it lives: later it can't be. */
static void learn_owner(struct mappings *mappings, pid_t pid)
{
    char path[32];
    struct stat st;

    if (mappings->owner != (uid_t)-1 || pid <= 0)
        return;
    (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &st) == 0)
        mappings->owner = st.st_uid;
}

static bool names_a_file(const char *path)
{
    return path && ((path[0] == '/' && path[1] != '/') || strcmp(path, "[vdso]") == 0);
}

int mappings_add(struct mappings *mappings, pid_t pid, uint64_t start, uint64_t end, uint64_t offset, uint32_t major,
                 uint32_t minor, uint64_t inode, const char *path)
{
    struct mapping added = {.start = start, .end = end};

    if (start >= end)
        return 0;
    learn_owner(mappings, pid);
    if (names_a_file(path)) {
        const struct pin_request request = {
            .pid = pid,
            .start = start,
            .end = end,
            .major = major,
            .minor = minor,
            .inode = inode,
            .path = path,
        };
        int r = pin_table_get(mappings->pins, &request, &added.file);

        if (r < 0)
            return r;
        added.offset = offset;
    }
    return is_known(mappings, &added) ? 0 : insert(mappings, &added);
}

int mappings_add_line(struct mappings *mappings, pid_t pid, char *text)
{
    struct maps_line line;

    if (!maps_line_parse(text, &line) || !line.executable)
        return 0;
    return mappings_add(mappings, pid, line.start, line.end, line.offset, line.major, line.minor, line.inode,
                        line.path);
}

int mappings_read(struct mappings *mappings, pid_t pid)
{
    AUTO_FCLOSE FILE *file = NULL;
    AUTO_FREE char *line = NULL;
    size_t capacity = 0;
    char path[32];
    int r = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? -ESRCH : -errno;
    while (r == 0 && getline(&line, &capacity, file) > 0)
        r = mappings_add_line(mappings, pid, line);
    if (r == 0 && ferror(file))
        return -ESRCH;
    return r;
}
