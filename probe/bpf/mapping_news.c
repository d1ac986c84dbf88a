/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/bpf/mapping_news.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/base.h"
#include "probe/wire.h"

/* When a pid belonged to a process of the target: [birth, death]. */
struct lifetime {
    uint64_t birth; /* 0 with death 0: never */
    uint64_t death; /* 0: alive */
    bool hidden;    /* its program is none that the reader may look into */
};

struct perf_ring {
    struct perf_event_mmap_page *page;
    size_t bytes;   /* mapped */
    uint64_t until; /* fixed head */
};

/* Where an element lies in `packed`. */
struct place {
    uint64_t time;
    size_t at;
};

struct mapping_news {
    struct perf_ring *rings;
    size_t n_rings, max_rings;
    struct lifetime *lifetimes; /* by pid; pages that are not touched cost nothing */
    uint32_t pid_max;
    uid_t reader;
    unsigned char *linear; /* one ring's news, unwrapped */
    unsigned char *packed, *sorted;
    size_t packed_size, packed_capacity, sorted_capacity;
    struct place *places;
    size_t n_places, places_capacity;
};

/* Fixed parts of the events (perf_event_open(2)); PERF_SAMPLE_TID | PERF_SAMPLE_TIME follow at the end of each. */
struct mmap2_event {
    struct perf_event_header header;
    uint32_t pid, tid;
    uint64_t start, length, offset;
    uint32_t major, minor;
    uint64_t inode, generation;
    uint32_t protection, flags;
};

struct comm_event {
    struct perf_event_header header;
    uint32_t pid, tid;
};

struct lost_event {
    struct perf_event_header header;
    uint64_t id, lost;
};

struct event_tail {
    uint32_t pid, tid;
    uint64_t time;
};

struct mapping_news *mapping_news_new(uint32_t cpus, uint32_t pid_max, uid_t reader)
{
    struct mapping_news *news = calloc(1, sizeof(*news));

    if (!news)
        return NULL;
    news->max_rings = cpus;
    news->pid_max = pid_max;
    news->reader = reader;
    news->rings = calloc(cpus, sizeof(*news->rings));
    news->lifetimes = calloc(pid_max, sizeof(*news->lifetimes));
    news->linear = malloc(MAPPING_RING_BYTES);
    if (!news->rings || !news->lifetimes || !news->linear) {
        mapping_news_free(news);
        return NULL;
    }
    return news;
}

void mapping_news_free(struct mapping_news *news)
{
    if (!news)
        return;
    for (size_t i = 0; i < news->n_rings; i++)
        (void)munmap(news->rings[i].page, news->rings[i].bytes);
    free(news->rings);
    free(news->lifetimes);
    free(news->linear);
    free(news->packed);
    free(news->sorted);
    free(news->places);
    free(news);
}

int mapping_news_add_ring(struct mapping_news *news, int fd)
{
    struct perf_ring ring = {.bytes = (size_t)sysconf(_SC_PAGESIZE) + MAPPING_RING_BYTES};
    void *base;

    if (news->n_rings == news->max_rings)
        return -ENOSPC;
    base = mmap(NULL, ring.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    ring.page = base;
    news->rings[news->n_rings++] = ring;
    return 0;
}

void mapping_news_add_process(struct mapping_news *news, uint32_t tgid, uint64_t birth)
{
    if (tgid < news->pid_max)
        news->lifetimes[tgid] = (struct lifetime){.birth = birth ? birth : 1};
}

/* A birth and a death may be learned in either order, and more than once: they lie on two CPUs. */
void mapping_news_learn(struct mapping_news *news, const struct record *record)
{
    struct lifetime *life;

    if (record->tgid >= news->pid_max)
        return;
    life = &news->lifetimes[record->tgid];
    if (record->type == RECORD_FORK && record->tid == record->tgid && record->time >= life->birth) {
        life->birth = record->time;
        if (life->death < record->time)
            life->death = 0;
        if (record->other_on_cpu_ns < news->pid_max) /* the parent's tgid */
            life->hidden = news->lifetimes[record->other_on_cpu_ns].hidden;
    } else if (record->type == RECORD_GROUP_EXIT && record->time >= life->birth) {
        life->death = record->time;
    } else if (record->type == RECORD_EXEC && !life->birth) {
        life->birth = record->time; /* its fork was lost */
    }
    if (record->type == RECORD_EXEC)
        life->hidden = record->other_on_cpu_ns != 0;
}

void mapping_news_forget(struct mapping_news *news)
{
    for (uint32_t pid = 0; pid < news->pid_max; pid++)
        if (news->lifetimes[pid].birth || news->lifetimes[pid].death)
            news->lifetimes[pid] = (struct lifetime){0};
}

bool mapping_news_fix(struct mapping_news *news)
{
    bool any = false;

    for (size_t i = 0; i < news->n_rings; i++) {
        struct perf_ring *ring = &news->rings[i];

        ring->until = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
        any |= ring->until != ring->page->data_tail;
    }
    return any;
}

static bool is_targets(const struct mapping_news *news, uint32_t pid, uint64_t time)
{
    const struct lifetime *life;

    if (pid >= news->pid_max)
        return false;
    life = &news->lifetimes[pid];
    return life->birth && time >= life->birth && (!life->death || time <= life->death);
}

/*
 * May the reader know where things lie in this process? What began with a program's rights is known from its exec; who
 * gained them otherwise, or just now, from /proc while it is alive: its files there belong to root then (proc(5)).
 */
static bool may_be_told(const struct mapping_news *news, uint32_t pid)
{
    struct stat maps;
    char path[32];

    if (news->reader == 0)
        return true;
    if (news->lifetimes[pid].hidden)
        return false;
    (void)snprintf(path, sizeof(path), "/proc/%u/maps", pid);
    return stat(path, &maps) < 0 ? errno == ENOENT : maps.st_uid == news->reader;
}

/* @param path  need not be terminated within `length` */
static int pack(struct mapping_news *news, const struct wire_mapping *fields, const char *path, size_t length)
{
    size_t size;
    struct wire_mapping *out;

    length = strnlen(path, length);
    size = (sizeof(*fields) + length + 1 + 7) & ~(size_t)7;
    if (base_grow(&news->packed, &news->packed_capacity, news->packed_size + size, 1) < 0 ||
        base_grow(&news->places, &news->places_capacity, news->n_places + 1, sizeof(*news->places)) < 0)
        return -ENOMEM;
    out = (struct wire_mapping *)(void *)(news->packed + news->packed_size);
    memset(out, 0, size);
    memcpy(out, fields, sizeof(*fields));
    memcpy(out->path, path, length);
    out->size = (uint32_t)size;
    news->places[news->n_places++] = (struct place){.time = fields->time, .at = news->packed_size};
    news->packed_size += size;
    return 0;
}

/* @param event  whole and aligned to 8 bytes; its size is at least that of header and tail */
static int take_event(struct mapping_news *news, const unsigned char *event, uint64_t *lost)
{
    const struct perf_event_header *header = (const void *)event;
    const struct event_tail *tail = (const void *)(event + header->size - sizeof(*tail));
    size_t room = header->size - sizeof(*tail);
    struct wire_mapping fields = {.time = tail->time};

    if (header->type == PERF_RECORD_LOST && room >= sizeof(struct lost_event)) {
        *lost += ((const struct lost_event *)(const void *)event)->lost;
    } else if (header->type == PERF_RECORD_COMM && room >= sizeof(struct comm_event) &&
               header->misc & PERF_RECORD_MISC_COMM_EXEC) {
        fields.tgid = ((const struct comm_event *)(const void *)event)->pid;
        if (is_targets(news, fields.tgid, tail->time))
            return pack(news, &fields, "", 0);
    } else if (header->type == PERF_RECORD_MMAP2 && room > sizeof(struct mmap2_event)) {
        const struct mmap2_event *mapped = (const void *)event;

        if (!is_targets(news, mapped->pid, tail->time) || !may_be_told(news, mapped->pid))
            return 0;
        fields.start = mapped->start;
        fields.length = mapped->length;
        fields.offset = mapped->offset;
        fields.inode = mapped->inode;
        fields.major = mapped->major;
        fields.minor = mapped->minor;
        fields.tgid = mapped->pid;
        return pack(news, &fields, (const char *)event + sizeof(*mapped), room - sizeof(*mapped));
    }
    return 0;
}

/* Copy what has arrived in a ring out of it, so that no event wraps around, and free its place. @return bytes */
static size_t unwrap(struct mapping_news *news, const struct perf_ring *ring)
{
    const unsigned char *data = (const unsigned char *)ring->page + ring->page->data_offset;
    uint64_t size = ring->page->data_size, from = ring->page->data_tail, count = ring->until - from, first;

    if (size > MAPPING_RING_BYTES || count > size)
        return 0;
    first = size - from % size < count ? size - from % size : count;
    memcpy(news->linear, data + from % size, first);
    memcpy(news->linear + first, data, count - first);
    __atomic_store_n(&ring->page->data_tail, ring->until, __ATOMIC_RELEASE);
    return count;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    if (left->time != right->time)
        return left->time < right->time ? -1 : 1;
    return left->at < right->at ? -1 : left->at > right->at;
}

static int emit_sorted(struct mapping_news *news, bpf_session_emit_fn emit, void *userdata)
{
    size_t size = 0;

    if (base_grow(&news->sorted, &news->sorted_capacity, news->packed_size, 1) < 0)
        return -ENOMEM;
    qsort(news->places, news->n_places, sizeof(*news->places), compare_places);
    for (size_t i = 0; i < news->n_places; i++) {
        const struct wire_mapping *element = (const void *)(news->packed + news->places[i].at);

        memcpy(news->sorted + size, element, element->size);
        size += element->size;
    }
    return emit(WIRE_MAPPINGS, news->sorted, size, userdata);
}

int mapping_news_emit(struct mapping_news *news, uint64_t *lost, bpf_session_emit_fn emit, void *userdata)
{
    news->n_places = 0;
    news->packed_size = 0;
    for (size_t i = 0; i < news->n_rings; i++) {
        size_t bytes = unwrap(news, &news->rings[i]), at = 0;

        while (bytes - at >= sizeof(struct perf_event_header)) {
            const struct perf_event_header *header = (const void *)(news->linear + at);
            int r = 0;

            if (header->size < sizeof(*header) || header->size % 8 || header->size > bytes - at)
                break;
            if (header->size >= sizeof(*header) + sizeof(struct event_tail))
                r = take_event(news, news->linear + at, lost);
            if (r < 0)
                return r;
            at += header->size;
        }
    }
    return news->n_places ? emit_sorted(news, emit, userdata) : 0;
}
