/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/pins.h"

#include <sys/sysmacros.h>

#include "base/base.h"
#include "probe/symbols/file_names.h"
#include "probe/symbols/image.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/regular_file.h"

#define BUCKETS 1024
#define FILES_MAX 16384 /* known by path; beyond, a mapping has no file */
#define TRIES_MAX 3     /* of opening the same file */

struct entry {
    struct pinned_file file;  /* first: what the outside holds is a pointer to it */
    struct file_names *names; /* NULL: not asked for */
    Elf *elf;                 /* likewise, or it is none */
    struct entry *next;
    unsigned tries;
};

struct pin_table {
    struct entry *buckets[BUCKETS];
    size_t n_files;
    size_t n_pinned;
};

struct pin_table *pin_table_new(void)
{
    return calloc(1, sizeof(struct pin_table));
}

static void free_entry(struct entry *entry)
{
    if (!entry)
        return;
    file_names_free(entry->names);
    (void)elf_end(entry->elf); /* reads through the descriptor */
    base_close_fd(&entry->file.fd);
    free(entry->file.path);
    free(entry);
}

void pin_table_free(struct pin_table *pins)
{
    if (!pins)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *entry = pins->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            free_entry(entry);
        }
    }
    free(pins);
}

/*
 * Is it the file that is mapped? The inode must be the same. So must the device, but for file systems on an anonymous
 * device (overlay, btrfs, and most on the network: major 0), where stat() gives another number than /proc/PID/maps:
 * overlayfs shows the lower file system's, btrfs the subvolume's.
 */
static bool is_same_file(const struct stat *st, const void *argument)
{
    const struct pin_request *request = argument;

    return st->st_ino == request->inode &&
           (major(st->st_dev) == 0 || (major(st->st_dev) == request->major && minor(st->st_dev) == request->minor));
}

/* The ways to a file, from the one that needs the least. @return a descriptor, -errno */
static int open_file(const struct pin_request *request)
{
    AUTO_FREE char *rooted = NULL;
    char link[128];
    int fd = regular_file_open(request->path, false, is_same_file, request);

    if (fd >= 0 || request->pid <= 0)
        return fd;
    /* Also leads to deleted files; for the privileged, while it is mapped. */
    (void)snprintf(link, sizeof(link), "/proc/%d/map_files/%llx-%llx", (int)request->pid,
                   (unsigned long long)request->start, (unsigned long long)request->end);
    fd = regular_file_open(link, true, is_same_file, request);
    if (fd >= 0)
        return fd;
    (void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)request->pid);
    fd = regular_file_open(link, true, is_same_file, request);
    if (fd >= 0 || asprintf(&rooted, "/proc/%d/root%s", (int)request->pid, request->path) < 0)
        return fd;
    return regular_file_open(rooted, false, is_same_file, request);
}

/* " (deleted)" is the kernel's remark. (A file that is really called so is pinned all the same, under the shorter
 * name.) */
static void strip_deleted(char *path)
{
    static const char remark[] = " (deleted)";
    size_t length = strlen(path);

    if (length > sizeof(remark) - 1 && strcmp(path + length - (sizeof(remark) - 1), remark) == 0)
        path[length - (sizeof(remark) - 1)] = '\0';
}

static void pin(struct pin_table *pins, struct entry *entry, const struct pin_request *request)
{
    int fd;

    if (request->path[0] != '/' || entry->file.fd >= 0 || entry->tries >= TRIES_MAX || pins->n_pinned >= PINS_MAX)
        return;
    entry->tries++;
    fd = open_file(request);
    if (fd < 0)
        return;
    entry->file.fd = fd;
    pins->n_pinned++;
}

/* A pinned inode can't be given to another file; one that is not pinned can, so the path counts then. */
static bool is_entry_of(const struct entry *entry, const struct pin_request *request, const char *bare_path)
{
    const struct pinned_file *file = &entry->file;

    return file->inode == request->inode && file->major == request->major && file->minor == request->minor &&
           ((file->fd >= 0 && request->inode != 0) || strcmp(file->path, bare_path) == 0 ||
            strcmp(file->path, request->path) == 0);
}

int pin_table_get(struct pin_table *pins, const struct pin_request *request, const struct pinned_file **ret_file)
{
    struct entry **bucket = &pins->buckets[(request->inode * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
    AUTO_FREE char *path = strdup(request->path);
    struct entry *entry;

    if (!path)
        return -ENOMEM;
    strip_deleted(path);
    for (entry = *bucket; entry && !is_entry_of(entry, request, path);)
        entry = entry->next;
    if (!entry && pins->n_files >= FILES_MAX) {
        *ret_file = NULL;
        return 0;
    }
    if (!entry) {
        entry = calloc(1, sizeof(*entry));
        if (!entry)
            return -ENOMEM;
        entry->file = (struct pinned_file){
            .path = TAKE_PTR(path),
            .fd = -1,
            .inode = request->inode,
            .major = request->major,
            .minor = request->minor,
        };
        entry->next = *bucket;
        *bucket = entry;
        pins->n_files++;
    }
    pin(pins, entry, request);
    *ret_file = &entry->file;
    return 0;
}

/* What is handed out is const for others, not for the table that owns it. */
static struct entry *entry_of(const struct pinned_file *file)
{
    return (struct entry *)(uintptr_t)file;
}

Elf *pinned_file_elf(const struct pinned_file *file)
{
    struct entry *entry = entry_of(file);

    if (!entry->elf)
        entry->elf = image_open(file);
    /* With a reference to one that is open, this only counts. */
    return entry->elf ? elf_begin(file->fd, ELF_C_READ, entry->elf) : NULL;
}

struct file_names *pinned_file_names(const struct pinned_file *file)
{
    struct entry *entry = entry_of(file);

    if (!entry->names)
        entry->names = file_names_new(file);
    return entry->names;
}
