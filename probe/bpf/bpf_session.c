/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/bpf/bpf_session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/base.h"
#include "base/parse.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/bpf_seed.h"
#include "probe/bpf/bpf_session_state.h"
#include "probe/bpf/mapping_news.h"
#include "probe/refusal.h"

#include "switch.skel.h"
#include "switch_plain.skel.h"

/* Memory for the event ring of all CPUs together; a CPU gets at most RING_RECORDS_MAX records of 64 bytes. */
#define RING_BYTES (16u << 20)
#define RING_RECORDS_MAX 32768u
#define RING_RECORDS_MIN 64u
#define MAX_THREADS 16384u
#define FUTEX_ENTRIES 32768u
#define SAMPLE_HZ 249

uint64_t bpf_session_clock(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* libbpf's own chatter is noise to a user; the session says what failed in its own words. */
static int be_quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0;
}

static int pass_on_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
    return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static uint32_t read_pid_max(void)
{
    AUTO_FCLOSE FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
    char text[32] = "";
    uint64_t value;

    if (!file || !fgets(text, sizeof(text), file))
        return 4194304;
    text[strcspn(text, "\n")] = '\0';
    return parse_u64(text, 1, 4194304, &value) < 0 ? 4194304 : (uint32_t)value;
}

static uint32_t power_of_two_below(uint32_t value, uint32_t min, uint32_t max)
{
    uint32_t power = min;

    while (power * 2 <= value && power * 2 <= max)
        power *= 2;
    return power;
}

/* Does the scheduler count the cycles that CLOCK_MONOTONIC counts (probe/bpf/clock.bpf.h)? */
static bool clocksource_is_tsc(void)
{
    AUTO_FCLOSE FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    char name[32] = "";

    return file && fgets(name, sizeof(name), file) && strcmp(name, "tsc\n") == 0;
}

static void size_maps(struct bpf_session *session)
{
    struct switch_bpf *skeleton = session->skeleton;
    uint32_t cpus = session->cpus;

    (void)bpf_map__set_max_entries(skeleton->maps.slot_of, session->pid_max / 4 + 1);
    (void)bpf_map__set_max_entries(skeleton->maps.living, session->pid_max / 64 + 1);
    (void)bpf_map__set_max_entries(skeleton->maps.slots, session->max_threads);
    (void)bpf_map__set_max_entries(skeleton->maps.free_slots, session->max_threads);
    (void)bpf_map__set_max_entries(skeleton->maps.heads, cpus);
    (void)bpf_map__set_max_entries(skeleton->maps.records, cpus * session->ring_records);
    (void)bpf_map__set_max_entries(skeleton->maps.stacks, cpus * STACKS_PER_CPU);
    (void)bpf_map__set_max_entries(skeleton->maps.natives, cpus * session->ring_natives);
    (void)bpf_map__set_max_entries(skeleton->maps.obituaries, cpus * OBITUARIES_PER_CPU);
    (void)bpf_map__set_max_entries(skeleton->maps.futexes, FUTEX_ENTRIES);
    skeleton->rodata->realtime_ahead = bpf_session_clock(CLOCK_REALTIME) - bpf_session_clock(CLOCK_MONOTONIC);
    skeleton->rodata->scheduler_clock = clocksource_is_tsc();
    skeleton->rodata->max_slots = session->max_threads;
    skeleton->rodata->ring_mask = session->ring_records - 1;
    skeleton->rodata->stack_mask = STACKS_PER_CPU - 1;
    skeleton->rodata->native_mask = session->ring_natives - 1;
    skeleton->rodata->obituary_mask = OBITUARIES_PER_CPU - 1;
}

static int view_open(struct view *view, const struct bpf_map *map, size_t value_size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *data;

    view->stride = (value_size + 7) & ~(size_t)7; /* kernel/bpf/arraymap.c: elem_size = round_up(value_size, 8) */
    view->bytes = (view->stride * bpf_map__max_entries(map) + page - 1) & ~(page - 1);
    data = mmap(NULL, view->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (data == MAP_FAILED)
        return -errno;
    view->data = data;
    return 0;
}

static void view_close(struct view *view)
{
    if (view->data)
        (void)munmap(view->data, view->bytes);
    view->data = NULL;
}

static int open_views(struct bpf_session *session)
{
    struct switch_bpf *skeleton = session->skeleton;
    const struct {
        struct view *view;
        const struct bpf_map *map;
        size_t value_size;
    } views[] = {
        {&session->heads, skeleton->maps.heads, sizeof(struct ring_head)},
        {&session->records, skeleton->maps.records, sizeof(struct record)},
        {&session->stacks, skeleton->maps.stacks, sizeof(struct stack_record)},
        {&session->natives, skeleton->maps.natives, sizeof(struct native_record)},
        {&session->obituaries, skeleton->maps.obituaries, sizeof(struct slot)},
        {&session->slots, skeleton->maps.slots, sizeof(struct slot)},
        {&session->totals, skeleton->maps.totals, sizeof(struct totals)},
        {&session->parallel, skeleton->maps.parallel, sizeof(struct parallelism)},
    };

    for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
        int r = view_open(views[i].view, views[i].map, views[i].value_size);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Slot 1 is the root's, held until it is woken. Slot 0 means "none". */
static int place_root(struct bpf_session *session, pid_t root, uint32_t root_first)
{
    struct slot *slot = (struct slot *)(void *)(session->slots.data + session->slots.stride);
    struct totals *totals = (struct totals *)(void *)session->totals.data;
    uint64_t living = UINT64_C(1) << (root & 63);
    uint16_t quad[4] = {0};
    uint32_t key = root_first >> 2;

    totals->fresh = 2;
    totals->threads = totals->live = totals->max_live = 1;
    totals->processes = totals->live_processes = totals->max_live_processes = 1;
    slot->tid = slot->tgid = (uint32_t)root;
    slot->is_process = 1;
    slot->number = 1;
    slot->serial = 1;
    slot->state = SLOT_HELD;
    quad[root_first & 3] = 1;
    if (bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.slot_of), &key, quad, BPF_ANY) < 0)
        return -errno;
    key = (uint32_t)root >> 6;
    return bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.living), &key, &living, BPF_ANY) < 0 ? -errno : 0;
}

/*
 * Samples go to the BPF program, which takes them all; the event's own ring gets the news of mappings and execs, of
 * every process on that CPU.
 */
static int open_sampler(uint32_t cpu)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_freq = SAMPLE_HZ,
        .freq = 1,
        .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
        .sample_id_all = 1,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
        .mmap = 1,
        .mmap2 = 1,
        .comm = 1,
        .comm_exec = 1,
        .disabled = 1,
    };

    return (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static void start_sampling(struct bpf_session *session, pid_t root)
{
    session->samplers = calloc(session->cpus, sizeof(*session->samplers));
    session->news = mapping_news_new(session->cpus, session->pid_max, getuid());
    if (!session->samplers)
        return;
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++) {
        int fd = open_sampler(cpu);
        struct bpf_link *link;

        if (fd < 0)
            continue; /* offline, or perf_event_paranoid forbids it: no samples, said in the measurement */
        if (session->news)
            (void)mapping_news_add_ring(session->news, fd);
        link = bpf_program__attach_perf_event(session->skeleton->progs.on_sample, fd);
        if (!link) {
            (void)close(fd);
            continue;
        }
        session->samplers[session->n_samplers++] = link;
    }
    if (session->news)
        mapping_news_add_process(session->news, (uint32_t)root, 0);
}

static int explain_load_failure(int error, char *message, size_t size)
{
    struct circumstances circumstances;
    char self[256];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[length > 0 ? length : 0] = '\0';
    circumstances_read(length > 0 ? self : NULL, &circumstances);
    refusal_say(refusal_of(&circumstances, error), &circumstances, error, length > 0 ? self : NULL, message, size);
    return error;
}

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static int allocate_reader(struct bpf_session *session)
{
    session->scratch_size = largest(session->ring_records * sizeof(struct record),
                                    largest(OBITUARIES_PER_CPU * sizeof(struct slot),
                                            largest(STACKS_PER_CPU * sizeof(struct stack_record),
                                                    session->ring_natives * sizeof(struct native_record))));
    session->read_records = calloc(session->cpus, sizeof(uint64_t));
    session->read_stacks = calloc(session->cpus, sizeof(uint64_t));
    session->read_natives = calloc(session->cpus, sizeof(uint64_t));
    session->read_obituaries = calloc(session->cpus, sizeof(uint64_t));
    session->scratch = malloc(session->scratch_size);
    if (!session->read_records || !session->read_stacks || !session->read_natives || !session->read_obituaries ||
        !session->scratch)
        return -ENOMEM;
    return 0;
}

/* A CPU may be offline; what one of them lets us do, the others do, too. */
static bool are_events_refused(uint32_t cpus)
{
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        int fd = open_sampler(cpu);

        if (fd < 0)
            continue;
        (void)close(fd);
        return false;
    }
    return true;
}

static_assert(sizeof(*((struct switch_bpf *)0)->rodata) == sizeof(*((struct switch_plain_bpf *)0)->rodata) &&
                  sizeof(*((struct switch_bpf *)0)->bss) == sizeof(*((struct switch_plain_bpf *)0)->bss),
              "two objects of one source: one skeleton serves both");

/*
 * A kernel function that a kernel lacks (bpf_rdonly_cast, before 6.2) makes libbpf search the kernel's modules, which
 * takes CAP_SYS_ADMIN; up to libbpf 1.1 it gives up without. The plain object asks for no kernel function.
 */
static struct switch_bpf *open_object(bool plain)
{
    struct switch_bpf *skeleton = calloc(1, sizeof(*skeleton));

    if (!skeleton || switch_bpf__create_skeleton(skeleton) < 0) {
        switch_bpf__destroy(skeleton); /* NULL-safe */
        return NULL;
    }
    if (plain)
        skeleton->skeleton->data = switch_plain_bpf__elf_bytes(&skeleton->skeleton->data_sz);
    if (bpf_object__open_skeleton(skeleton->skeleton, NULL) == 0)
        return skeleton;
    switch_bpf__destroy(skeleton);
    return NULL;
}

/* One way to load the programs. */
struct way {
    bool plain;    /* the object without kernel functions */
    bool no_peers; /* without the program that counts connects: the kernel may lack its tracepoint */
    bool no_ticks; /* without the program that samples where events are refused: likewise */
};

static int load(struct bpf_session *session, const struct bpf_session_options *options, const struct way *way)
{
    switch_bpf__destroy(session->skeleton); /* NULL-safe */
    session->skeleton = open_object(way->plain);
    if (!session->skeleton)
        return -errno;
    size_maps(session);
    session->skeleton->rodata->take_stacks = !options->no_stacks && !options->light;
    session->skeleton->rodata->light = options->light;
    if (options->light)
        (void)bpf_program__set_autoload(session->skeleton->progs.on_waking, false);
    session->skeleton->rodata->reader_uid = (uint32_t)getuid();
    session->skeleton->rodata->pid_level = session->ids.level;
    if (way->no_peers)
        (void)bpf_program__set_autoload(session->skeleton->progs.on_tcp_state, false);
    if (!session->ticks || way->no_ticks)
        (void)bpf_program__set_autoload(session->skeleton->progs.on_tick, false);
    return switch_bpf__load(session->skeleton);
}

/* -p: the threads that are there already. */
static int seed(struct bpf_session *session, const struct bpf_session_options *options, char *message, size_t size)
{
    int r = bpf_seed(session, options->root);

    session->seeded = r == 0;
    if (r == -ESRCH)
        (void)snprintf(message, size, "process %d has ended meanwhile", (int)options->root);
    else if (r < 0)
        (void)explain_load_failure(r, message, size);
    return r;
}

static int load_somehow(struct bpf_session *session, const struct bpf_session_options *options)
{
    static const struct way ways[] = {
        {.plain = false},
        {.plain = true},
        {.no_peers = true},
        {.plain = true, .no_peers = true},
        {.plain = true, .no_peers = true, .no_ticks = true},
    };
    int r = -EINVAL;

    for (size_t i = 0; i < ARRAY_SIZE(ways) && r < 0 && r != -EPERM && r != -ENOMEM; i++) {
        r = load(session, options, &ways[i]);
        if (r == 0 && ways[i].no_ticks)
            session->ticks = false;
    }
    return r;
}

static int load_and_attach(struct bpf_session *session, const struct bpf_session_options *options, char *message,
                           size_t size)
{
    int r = bpf_seed_find(options->root, &session->ids);

    if (r == -ESRCH) {
        (void)snprintf(message, size, "process %d has ended meanwhile", (int)options->root);
        return r;
    }
    if (r < 0)
        return explain_load_failure(r, message, size);
    session->ticks = are_events_refused(session->cpus);
    r = load_somehow(session, options);
    if (r < 0)
        return explain_load_failure(r, message, size);
    r = open_views(session);
    if (r == 0)
        r = allocate_reader(session);
    if (r == 0 && !options->attach)
        r = place_root(session, options->root, session->ids.root);
    if (r < 0) {
        (void)snprintf(message, size, "the probe's maps could not be set up (%s)", strerror(-r));
        return r;
    }
    r = switch_bpf__attach(session->skeleton);
    if (r < 0)
        return explain_load_failure(r, message, size);
    start_sampling(session, options->root);
    return options->attach ? seed(session, options, message, size) : 0;
}

int bpf_session_start(const struct bpf_session_options *options, struct bpf_session **ret_session, char *message,
                      size_t size)
{
    struct bpf_session *session = calloc(1, sizeof(*session));
    int cpus, r;

    if (!session)
        return -ENOMEM;
    (void)libbpf_set_print(options->verbose ? pass_on_warnings : be_quiet);
    (void)libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    cpus = libbpf_num_possible_cpus();
    session->cpus = cpus > 0 ? (uint32_t)cpus : 1;
    session->max_threads = options->max_threads ? options->max_threads + 2 : MAX_THREADS;
    session->ring_records = power_of_two_below(
        options->ring_records ? options->ring_records : RING_BYTES / (uint32_t)sizeof(struct record) / session->cpus,
        RING_RECORDS_MIN, RING_RECORDS_MAX);
    session->ring_natives = power_of_two_below(NATIVES_BYTES / (uint32_t)sizeof(struct native_record) / session->cpus,
                                               NATIVES_PER_CPU_MIN, NATIVES_PER_CPU_MAX);
    session->pid_max = read_pid_max();
    r = load_and_attach(session, options, message, size);
    if (r < 0) {
        bpf_session_free(session);
        return r;
    }
    session->start_ns = bpf_session_clock(CLOCK_PROCESS_CPUTIME_ID);
    *ret_session = session;
    return 0;
}

enum sampling bpf_session_samples(const struct bpf_session *session)
{
    if (session->n_samplers)
        return SAMPLING_CLOCK;
    return session->ticks ? SAMPLING_TICKS : SAMPLING_NONE;
}

int bpf_session_add_python(struct bpf_session *session, uint32_t tgid, const struct python_process *process)
{
    if (bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.pythons), &tgid, process, BPF_ANY) < 0)
        return -errno;
    session->skeleton->bss->pythons_seen++;
    return 0;
}

int bpf_session_add_ruby(struct bpf_session *session, uint32_t tgid, const struct ruby_process *process)
{
    if (bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.rubies), &tgid, process, BPF_ANY) < 0)
        return -errno;
    session->skeleton->bss->rubies_seen++;
    return 0;
}

void bpf_session_detach(struct bpf_session *session)
{
    for (size_t i = 0; i < session->n_samplers; i++)
        (void)bpf_link__destroy(session->samplers[i]);
    session->n_samplers = 0;
    if (session->skeleton)
        switch_bpf__detach(session->skeleton);
}

void bpf_session_free(struct bpf_session *session)
{
    if (!session)
        return;
    bpf_session_detach(session);
    free(session->samplers);
    view_close(&session->heads);
    view_close(&session->records);
    view_close(&session->stacks);
    view_close(&session->natives);
    view_close(&session->obituaries);
    view_close(&session->slots);
    view_close(&session->totals);
    view_close(&session->parallel);
    free(session->read_records);
    free(session->read_stacks);
    free(session->read_natives);
    mapping_news_free(session->news);
    free(session->read_obituaries);
    free(session->scratch);
    switch_bpf__destroy(session->skeleton);
    free(session);
}

int bpf_session_futexes_fd(const struct bpf_session *session)
{
    return bpf_map__fd(session->skeleton->maps.futexes);
}

int bpf_session_graves_fd(const struct bpf_session *session)
{
    return bpf_map__fd(session->skeleton->maps.graves);
}

int bpf_session_peers_fd(const struct bpf_session *session)
{
    return bpf_map__fd(session->skeleton->maps.peers);
}

void bpf_session_libbpf(unsigned *ret_major, unsigned *ret_minor)
{
    *ret_major = libbpf_major_version();
    *ret_minor = libbpf_minor_version();
}
