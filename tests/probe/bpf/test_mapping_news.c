/* SPDX-License-Identifier: BSD-2-Clause */

/* News of mappings from a ring written here, event by event: whose get through, and odd shapes. Needs no root. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/perf_event.h>
#include <sys/mman.h>

#include "base/base.h"
#include "probe/bpf/mapping_news.h"
#include "probe/wire.h"

#define OURS 100
#define THEIRS 200

struct fake_ring {
    struct mapping_news *news;
    struct perf_event_mmap_page *page;
    unsigned char *data;
    size_t bytes;
    uint64_t lost;
    unsigned char *out; /* what was emitted last */
    size_t out_size;
};

static void open_ring_for(struct fake_ring *ring, uid_t reader)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int fd = memfd_create("ring", MFD_CLOEXEC);

    memset(ring, 0, sizeof(*ring));
    ring->bytes = page + MAPPING_RING_BYTES;
    assert_int_equal(ftruncate(fd, (off_t)ring->bytes), 0);
    ring->page = mmap(NULL, ring->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(ring->page, MAP_FAILED);
    ring->page->data_offset = page;
    ring->page->data_size = MAPPING_RING_BYTES;
    ring->data = (unsigned char *)ring->page + page;
    ring->news = mapping_news_new(1, 32768, reader);
    assert_non_null(ring->news);
    assert_int_equal(mapping_news_add_ring(ring->news, fd), 0);
    (void)close(fd);
}

static void open_ring(struct fake_ring *ring)
{
    open_ring_for(ring, 0);
}

static void close_ring(struct fake_ring *ring)
{
    mapping_news_free(ring->news);
    (void)munmap(ring->page, ring->bytes);
    free(ring->out);
}

static void put(struct fake_ring *ring, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ring->data[(ring->page->data_head + i) % MAPPING_RING_BYTES] = ((const unsigned char *)bytes)[i];
    ring->page->data_head += size;
}

/* struct perf_event_header, the words of the event, its text, struct { pid, tid, time }. */
static void put_event(struct fake_ring *ring, uint32_t type, uint16_t misc, const uint64_t *words, size_t n_words,
                      const char *text, size_t text_size, uint64_t time)
{
    struct perf_event_header header = {
        .type = type, .misc = misc, .size = (uint16_t)(sizeof(header) + n_words * 8 + text_size + 16)};
    uint64_t tail[2] = {0, time};

    put(ring, &header, sizeof(header));
    put(ring, words, n_words * 8);
    put(ring, text, text_size);
    put(ring, tail, sizeof(tail));
}

static void put_mapping(struct fake_ring *ring, uint32_t pid, uint64_t time, const char *text, size_t text_size)
{
    const uint64_t words[] = {pid | (uint64_t)pid << 32, 0x1000, 0x2000, 0x3000, 8 | (uint64_t)1 << 32, 42, 0, 5};

    put_event(ring, PERF_RECORD_MMAP2, 0, words, ARRAY_SIZE(words), text, text_size, time);
}

static int keep(uint32_t type, const void *data, size_t size, void *userdata)
{
    struct fake_ring *ring = userdata;

    assert_int_equal(type, WIRE_MAPPINGS);
    free(ring->out);
    ring->out = malloc(size);
    memcpy(ring->out, data, size);
    ring->out_size = size;
    return 0;
}

/* @return how many elements were emitted; the first is in ring->out */
static size_t news(struct fake_ring *ring)
{
    size_t n = 0;

    ring->out_size = 0;
    (void)mapping_news_fix(ring->news);
    assert_int_equal(mapping_news_emit(ring->news, &ring->lost, keep, ring), 0);
    assert_int_equal(ring->page->data_tail, ring->page->data_head);
    for (size_t at = 0; at < ring->out_size; n++) {
        const struct wire_mapping *mapping = (const void *)(ring->out + at);

        assert_true(mapping->size >= sizeof(*mapping) && mapping->size % 8 == 0 &&
                    mapping->size <= ring->out_size - at);
        assert_non_null(memchr(mapping->path, '\0', mapping->size - sizeof(*mapping)));
        at += mapping->size;
    }
    return n;
}

/* A pid that nobody has. */
static uint32_t free_pid(void)
{
    char path[32];

    for (uint32_t pid = 32767; pid > 0; pid--) {
        (void)snprintf(path, sizeof(path), "/proc/%u", pid);
        if (access(path, F_OK) < 0)
            return pid;
    }
    return 0;
}

/* As in /proc/PID/maps: not to be known by other users, and of programs with rights of their own by root alone. */
static void where_things_lie_is_told_to_who_may_look(void **state)
{
    const uid_t reader = getuid() + 12345; /* this process is another user's */
    const uint32_t dead = free_pid(), child = dead - 1;
    struct record exec = {.type = RECORD_EXEC, .time = 1100, .tid = dead, .tgid = dead};
    struct record fork = {.type = RECORD_FORK, .time = 1200, .tid = child, .tgid = child, .other_on_cpu_ns = dead};
    struct fake_ring ring;

    (void)state;
    open_ring_for(&ring, reader);
    mapping_news_add_process(ring.news, (uint32_t)getpid(), 1000);
    mapping_news_add_process(ring.news, dead, 1000);
    put_mapping(&ring, (uint32_t)getpid(), 1500, "/bin/su\0", 8);
    assert_int_equal(news(&ring), 0);
    put_mapping(&ring, dead, 1500, "/bin/us\0", 8);
    assert_int_equal(news(&ring), 1);

    exec.other_on_cpu_ns = 1; /* a setuid program */
    mapping_news_learn(ring.news, &exec);
    put_mapping(&ring, dead, 1500, "/bin/su\0", 8);
    assert_int_equal(news(&ring), 0);
    mapping_news_learn(ring.news, &fork); /* has the layout of its parent */
    put_mapping(&ring, child, 1500, "/lib/su\0", 8);
    assert_int_equal(news(&ring), 0);
    exec.other_on_cpu_ns = 0; /* an ordinary program again */
    mapping_news_learn(ring.news, &exec);
    put_mapping(&ring, dead, 1500, "/bin/us\0", 8);
    assert_int_equal(news(&ring), 1);
    close_ring(&ring);

    open_ring_for(&ring, 0);
    mapping_news_add_process(ring.news, (uint32_t)getpid(), 1000);
    put_mapping(&ring, (uint32_t)getpid(), 1500, "/bin/su\0", 8);
    assert_int_equal(news(&ring), 1);
    close_ring(&ring);
}

static void only_the_targets_get_through(void **state)
{
    const struct record fork = {.type = RECORD_FORK, .time = 1000, .tid = OURS, .tgid = OURS};
    const struct record end = {.type = RECORD_GROUP_EXIT, .time = 2000, .tid = OURS, .tgid = OURS};
    const struct wire_mapping *mapping;
    struct fake_ring ring;

    (void)state;
    open_ring(&ring);
    assert_false(mapping_news_fix(ring.news));
    put_mapping(&ring, THEIRS, 1500, "/home/x\0", 8);
    put_mapping(&ring, OURS, 1500, "/bin/us\0", 8);
    assert_true(mapping_news_fix(ring.news));
    assert_int_equal(news(&ring), 0);    /* not known yet */
    mapping_news_learn(ring.news, &end); /* from another CPU's ring, read first */
    mapping_news_learn(ring.news, &fork);
    put_mapping(&ring, OURS, 999, "/before\0", 8);
    put_mapping(&ring, THEIRS, 1500, "/home/x\0", 8);
    put_mapping(&ring, OURS, 1500, "/bin/us\0", 8);
    put_mapping(&ring, OURS, 2001, "/later!\0", 8); /* the pid is another's by now */
    assert_int_equal(news(&ring), 1);
    mapping = (const void *)ring.out;
    assert_int_equal(mapping->tgid, OURS);
    assert_int_equal(mapping->time, 1500);
    assert_int_equal(mapping->start, 0x1000);
    assert_int_equal(mapping->length, 0x2000);
    assert_int_equal(mapping->offset, 0x3000);
    assert_int_equal(mapping->major, 8);
    assert_int_equal(mapping->minor, 1);
    assert_int_equal(mapping->inode, 42);
    assert_string_equal(mapping->path, "/bin/us");
    mapping_news_forget(ring.news);
    put_mapping(&ring, OURS, 1500, "/bin/us\0", 8);
    assert_int_equal(news(&ring), 0);
    close_ring(&ring);
}

static void an_exec_is_marked_and_news_are_in_order(void **state)
{
    const uint64_t words[] = {OURS | (uint64_t)OURS << 32};
    const struct wire_mapping *mapping;
    struct fake_ring ring;

    (void)state;
    open_ring(&ring);
    mapping_news_add_process(ring.news, OURS, 0);
    put_mapping(&ring, OURS, 30, "/new\0\0\0\0", 8);
    put_event(&ring, PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC, words, 1, "program\0", 8, 20);
    put_event(&ring, PERF_RECORD_COMM, 0, words, 1, "renamed\0", 8, 25); /* prctl(PR_SET_NAME) */
    put_mapping(&ring, OURS, 10, "/old\0\0\0\0", 8);
    assert_int_equal(news(&ring), 3);
    mapping = (const void *)ring.out;
    assert_string_equal(mapping->path, "/old");
    mapping = (const void *)(ring.out + mapping->size);
    assert_int_equal(mapping->length, 0);
    assert_int_equal(mapping->time, 20);
    assert_string_equal(mapping->path, "");
    mapping = (const void *)((const unsigned char *)mapping + mapping->size);
    assert_string_equal(mapping->path, "/new");
    close_ring(&ring);
}

static void events_wrap_around(void **state)
{
    static char path[200] = "/a/long/path";
    struct fake_ring ring;
    size_t seen = 0;

    (void)state;
    open_ring(&ring);
    mapping_news_add_process(ring.news, OURS, 0);
    for (int i = 0; i < 2000; i++) {
        put_mapping(&ring, OURS, 10, path, sizeof(path));
        seen += news(&ring);
        assert_string_equal(((const struct wire_mapping *)(const void *)ring.out)->path, path);
    }
    assert_int_equal(seen, 2000);
    close_ring(&ring);
}

static void odd_events_do_no_harm(void **state)
{
    static const uint64_t lost[] = {7, 12};
    static char unterminated[64];
    static const uint16_t sizes[] = {0, 1, 7, 8, 16, 24, 32, 80, 88, 90, 65528};
    struct fake_ring ring;

    (void)state;
    memset(unterminated, 'x', sizeof(unterminated));
    open_ring(&ring);
    mapping_news_add_process(ring.news, OURS, 0);
    put_event(&ring, PERF_RECORD_LOST, 0, lost, 2, "", 0, 10);
    put_mapping(&ring, OURS, 10, unterminated, sizeof(unterminated));
    put_mapping(&ring, OURS, 10, "", 0); /* no room for a path: not one */
    put_mapping(&ring, 4000000, 10, "/pid/no\0", 8);
    assert_int_equal(news(&ring), 1);
    assert_int_equal(strlen(((const struct wire_mapping *)(const void *)ring.out)->path), sizeof(unterminated));
    assert_int_equal(ring.lost, 12);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        for (uint32_t type = 0; type < 20; type++) {
            struct perf_event_header header = {.type = type, .misc = 0xffff, .size = sizes[i]};

            put(&ring, &header, sizeof(header));
            for (uint64_t k = 0; k < 12; k++)
                put(&ring, &(uint64_t){OURS | (uint64_t)OURS << 32}, 8);
            (void)news(&ring);
        }
    close_ring(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_targets_get_through),
        cmocka_unit_test(where_things_lie_is_told_to_who_may_look),
        cmocka_unit_test(an_exec_is_marked_and_news_are_in_order),
        cmocka_unit_test(events_wrap_around),
        cmocka_unit_test(odd_events_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
