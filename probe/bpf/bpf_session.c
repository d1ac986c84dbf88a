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
#include "probe/bpf/bpf_session_state.h"
#include "probe/bpf/mapping_news.h"

#include "switch.skel.h"

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
    if (level == LIBBPF_WARN && getenv("CONCADVISE_PROBE_DEBUG"))
        return vfprintf(stderr, format, args);
    return 0;
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
static int place_root(struct bpf_session *session, pid_t root)
{
    struct slot *slot = (struct slot *)(void *)(session->slots.data + session->slots.stride);
    struct totals *totals = (struct totals *)(void *)session->totals.data;
    uint16_t quad[4] = {0};
    uint32_t key = (uint32_t)root >> 2;

    totals->fresh = 2;
    totals->threads = totals->live = totals->max_live = 1;
    totals->processes = totals->live_processes = totals->max_live_processes = 1;
    slot->tid = slot->tgid = (uint32_t)root;
    slot->is_process = 1;
    slot->state = SLOT_HELD;
    quad[root & 3] = 1;
    return bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.slot_of), &key, quad, BPF_ANY) < 0 ? -errno : 0;
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
    session->news = mapping_news_new(session->cpus, session->pid_max);
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
    char self[256] = "concadvise-probe";
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length > 0)
        self[length] = '\0';
    if (error == -EPERM || error == -EACCES)
        (void)snprintf(message, size,
                       "loading the BPF programs was refused (%s). Run concadvise with sudo, or give the helper its "
                       "capabilities: sudo setcap cap_bpf,cap_perfmon+ep %s",
                       strerror(-error), self);
    else if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
        (void)snprintf(message, size,
                       "this kernel has no BTF (/sys/kernel/btf/vmlinux: %s), which the probe needs to find its way in "
                       "kernel structures. Use a kernel built with CONFIG_DEBUG_INFO_BTF=y (Debian and Ubuntu's are)",
                       strerror(errno));
    else
        (void)snprintf(message, size,
                       "the kernel did not take the BPF programs (%s). Needed: Linux 5.18 or later with tp_btf "
                       "programs, not locked down. CONCADVISE_PROBE_DEBUG=1 shows the kernel's own words",
                       strerror(-error));
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

/* @param peers  whether the program that counts connects is loaded, too: the kernel may lack its tracepoint */
static int load(struct bpf_session *session, const struct bpf_session_options *options, bool peers)
{
    switch_bpf__destroy(session->skeleton); /* NULL-safe */
    session->skeleton = switch_bpf__open();
    if (!session->skeleton)
        return -errno;
    size_maps(session);
    session->skeleton->rodata->take_stacks = !options->no_stacks && !options->light;
    session->skeleton->rodata->light = options->light;
    if (options->light)
        (void)bpf_program__set_autoload(session->skeleton->progs.on_waking, false);
    session->skeleton->rodata->reader_uid = (uint32_t)getuid();
    if (!peers)
        (void)bpf_program__set_autoload(session->skeleton->progs.on_tcp_state, false);
    return switch_bpf__load(session->skeleton);
}

static int load_and_attach(struct bpf_session *session, const struct bpf_session_options *options, char *message,
                           size_t size)
{
    int r = load(session, options, true);

    if (r < 0 && r != -EPERM && r != -ENOMEM)
        r = load(session, options, false);
    if (r < 0)
        return explain_load_failure(r, message, size);
    r = open_views(session);
    if (r == 0)
        r = allocate_reader(session);
    if (r == 0)
        r = place_root(session, options->root);
    if (r < 0) {
        (void)snprintf(message, size, "the probe's maps could not be set up (%s)", strerror(-r));
        return r;
    }
    r = switch_bpf__attach(session->skeleton);
    if (r < 0)
        return explain_load_failure(r, message, size);
    start_sampling(session, options->root);
    return 0;
}

int bpf_session_start(const struct bpf_session_options *options, struct bpf_session **ret_session, char *message,
                      size_t size)
{
    struct bpf_session *session = calloc(1, sizeof(*session));
    int cpus, r;

    if (!session)
        return -ENOMEM;
    (void)libbpf_set_print(be_quiet);
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

bool bpf_session_samples(const struct bpf_session *session)
{
    return session->n_samplers > 0;
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
