/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/bpf/bpf_session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/base.h"
#include "base/parse.h"
#include "probe/bpf/abi.h"
#include "probe/wire.h"

#include "switch.skel.h"

/* Memory for the event ring of all CPUs together; a CPU gets at most RING_RECORDS_MAX records of 64 bytes. */
#define RING_BYTES (16u << 20)
#define RING_RECORDS_MAX 32768u
#define RING_RECORDS_MIN 64u
#define STACKS_PER_CPU 1024u
#define OBITUARIES_PER_CPU 2048u
#define MAX_THREADS 16384u
#define FUTEX_ENTRIES 32768u
#define SAMPLE_HZ 249

/* An mmapped array map. */
struct view {
    unsigned char *data;
    size_t stride;
    size_t bytes;
};

struct bpf_session {
    struct switch_bpf *skeleton;
    struct bpf_link **samplers;
    size_t n_samplers;
    uint32_t cpus;
    uint32_t ring_records;
    uint32_t max_threads;
    struct view heads, records, stacks, obituaries, slots, totals, parallel;
    uint64_t *read_records, *read_stacks, *read_obituaries; /* reader's positions, per CPU */
    uint64_t records_lost, stacks_lost, obituaries_lost;
    void *scratch; /* copy of one CPU's news */
    size_t scratch_size;
    uint64_t start_ns;
    double fill;             /* of the fullest ring at the last drain */
    struct wire_status said; /* the last status emitted */
};

static uint64_t clock_now(clockid_t clock)
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

static void size_maps(struct bpf_session *session)
{
    struct switch_bpf *skeleton = session->skeleton;
    uint32_t cpus = session->cpus, pid_max = read_pid_max();

    (void)bpf_map__set_max_entries(skeleton->maps.slot_of, pid_max / 4 + 1);
    (void)bpf_map__set_max_entries(skeleton->maps.slots, session->max_threads);
    (void)bpf_map__set_max_entries(skeleton->maps.free_slots, session->max_threads);
    (void)bpf_map__set_max_entries(skeleton->maps.heads, cpus);
    (void)bpf_map__set_max_entries(skeleton->maps.records, cpus * session->ring_records);
    (void)bpf_map__set_max_entries(skeleton->maps.stacks, cpus * STACKS_PER_CPU);
    (void)bpf_map__set_max_entries(skeleton->maps.obituaries, cpus * OBITUARIES_PER_CPU);
    (void)bpf_map__set_max_entries(skeleton->maps.futexes, FUTEX_ENTRIES);
    skeleton->rodata->max_slots = session->max_threads;
    skeleton->rodata->ring_mask = session->ring_records - 1;
    skeleton->rodata->stack_mask = STACKS_PER_CPU - 1;
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

static void start_sampling(struct bpf_session *session)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_freq = SAMPLE_HZ,
        .freq = 1,
    };

    session->samplers = calloc(session->cpus, sizeof(*session->samplers));
    if (!session->samplers)
        return;
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++) {
        int fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
        struct bpf_link *link;

        if (fd < 0)
            continue; /* offline, or perf_event_paranoid forbids it: no samples, said in the measurement */
        link = bpf_program__attach_perf_event(session->skeleton->progs.on_sample, fd);
        if (!link) {
            (void)close(fd);
            continue;
        }
        session->samplers[session->n_samplers++] = link;
    }
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

static int allocate_reader(struct bpf_session *session)
{
    session->scratch_size = (size_t)session->ring_records * sizeof(struct record);
    if (session->scratch_size < OBITUARIES_PER_CPU * sizeof(struct slot))
        session->scratch_size = OBITUARIES_PER_CPU * sizeof(struct slot);
    session->read_records = calloc(session->cpus, sizeof(uint64_t));
    session->read_stacks = calloc(session->cpus, sizeof(uint64_t));
    session->read_obituaries = calloc(session->cpus, sizeof(uint64_t));
    session->scratch = malloc(session->scratch_size);
    if (!session->read_records || !session->read_stacks || !session->read_obituaries || !session->scratch)
        return -ENOMEM;
    return 0;
}

static int load_and_attach(struct bpf_session *session, const struct bpf_session_options *options, char *message,
                           size_t size)
{
    int r;

    session->skeleton = switch_bpf__open();
    if (!session->skeleton)
        return explain_load_failure(-errno, message, size);
    size_maps(session);
    r = switch_bpf__load(session->skeleton);
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
    start_sampling(session);
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
    r = load_and_attach(session, options, message, size);
    if (r < 0) {
        bpf_session_free(session);
        return r;
    }
    session->start_ns = clock_now(CLOCK_PROCESS_CPUTIME_ID);
    *ret_session = session;
    return 0;
}

bool bpf_session_samples(const struct bpf_session *session)
{
    return session->n_samplers > 0;
}

static struct ring_head *head_of(const struct bpf_session *session, uint32_t cpu)
{
    return (struct ring_head *)(void *)(session->heads.data + cpu * session->heads.stride);
}

/*
 * Copy what one CPU wrote between *position and `head` out of its ring and emit it. The writer does not wait: what it
 * has overwritten before, or while we copied, is counted as lost.
 */
static int drain_ring(struct bpf_session *session, const struct view *ring, uint32_t per_cpu, uint32_t cpu,
                      const uint64_t *live_head, uint64_t head, uint64_t *position, uint64_t *lost, uint32_t type,
                      size_t element, bpf_session_emit_fn emit, void *userdata)
{
    const unsigned char *base = ring->data + (size_t)cpu * per_cpu * ring->stride;
    uint64_t from = *position, after, count;
    unsigned char *out = session->scratch;

    if (head != from && (double)(head - from) / (double)per_cpu > session->fill)
        session->fill = (double)(head - from) / (double)per_cpu;
    if (head - from > per_cpu) {
        *lost += head - from - per_cpu;
        from = head - per_cpu;
    }
    count = head - from;
    if (count * element > session->scratch_size)
        count = session->scratch_size / element;
    for (uint64_t i = 0; i < count; i++)
        memcpy(out + i * element, base + ((from + i) & (per_cpu - 1)) * ring->stride, element);
    *position = from + count;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    after = __atomic_load_n(live_head, __ATOMIC_ACQUIRE);
    /* The record after `after` may be half written: it occupies the oldest place. */
    if (after + 1 - from > per_cpu) {
        uint64_t overrun = after + 1 - from - per_cpu;

        if (overrun > count)
            overrun = count;
        *lost += overrun;
        out += overrun * element;
        count -= overrun;
    }
    return count ? emit(type, out, (size_t)count * element, userdata) : 0;
}

/* A status that says the same as the last one can wait a tenth of a second, unless it was asked for. */
static bool is_news(const struct bpf_session *session, const struct wire_status *status)
{
    return session->fill > 0 || status->live_processes != session->said.live_processes ||
           status->live_threads != session->said.live_threads ||
           status->now_ns - session->said.now_ns > 100 * NSEC_PER_MSEC;
}

void bpf_session_speak(struct bpf_session *session)
{
    session->said.now_ns = 0;
}

int bpf_session_drain(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    AUTO_FREE uint64_t *heads = calloc(session->cpus, sizeof(*heads));
    struct wire_status status;
    int r = 0;

    if (!heads)
        return -ENOMEM;
    session->fill = 0;
    /* A slice names the stack taken before it: fix how far to read slices first, then read the stacks. */
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++)
        heads[cpu] = __atomic_load_n(&head_of(session, cpu)->records, __ATOMIC_ACQUIRE);
    for (uint32_t cpu = 0; r == 0 && cpu < session->cpus; cpu++) {
        uint64_t *live = (uint64_t *)&head_of(session, cpu)->stacks;

        r = drain_ring(session, &session->stacks, STACKS_PER_CPU, cpu, live, __atomic_load_n(live, __ATOMIC_ACQUIRE),
                       &session->read_stacks[cpu], &session->stacks_lost, WIRE_STACKS, sizeof(struct stack_record),
                       emit, userdata);
    }
    for (uint32_t cpu = 0; r == 0 && cpu < session->cpus; cpu++)
        r = drain_ring(session, &session->records, session->ring_records, cpu,
                       (uint64_t *)&head_of(session, cpu)->records, heads[cpu], &session->read_records[cpu],
                       &session->records_lost, WIRE_RECORDS, sizeof(struct record), emit, userdata);
    for (uint32_t cpu = 0; r == 0 && cpu < session->cpus; cpu++) {
        uint64_t *live = (uint64_t *)&head_of(session, cpu)->obituaries;

        r = drain_ring(session, &session->obituaries, OBITUARIES_PER_CPU, cpu, live,
                       __atomic_load_n(live, __ATOMIC_ACQUIRE), &session->read_obituaries[cpu],
                       &session->obituaries_lost, WIRE_OBITUARIES, sizeof(struct slot), emit, userdata);
    }
    if (r < 0)
        return r;
    status = (struct wire_status){
        .now_ns = clock_now(CLOCK_MONOTONIC),
        .live_threads = totals->live,
        .live_processes = totals->live_processes,
        .records_lost = session->records_lost,
        .stacks_lost = session->stacks_lost,
        .obituaries_lost = session->obituaries_lost,
    };
    if (!is_news(session, &status))
        return 0;
    session->said = status;
    return emit(WIRE_STATUS, &status, sizeof(status), userdata);
}

double bpf_session_fill(const struct bpf_session *session)
{
    return session->fill;
}

int bpf_session_add_python(struct bpf_session *session, uint32_t tgid, const struct python_process *process)
{
    if (bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.pythons), &tgid, process, BPF_ANY) < 0)
        return -errno;
    session->skeleton->bss->pythons_seen++;
    return 0;
}

/* Close the account of a thread that is alive: the stretch since its last transition belongs to the state it is in. */
static void close_account(struct slot *slot, uint64_t end)
{
    uint64_t rest = end > slot->stamp ? end - slot->stamp : 0;

    if (slot->state == SLOT_RUNNING)
        slot->on_cpu_ns += rest;
    else if (slot->state == SLOT_BLOCKED && slot->kind < WAIT_KIND_COUNT) {
        slot->blocked_ns[slot->kind] += rest;
        slot->blocked_count[slot->kind]++;
    } else
        slot->runnable_ns += rest;
    slot->stamp = end;
}

static int emit_survivors(struct bpf_session *session, uint64_t end, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    size_t batch = 0, capacity = session->scratch_size / sizeof(struct slot);
    struct slot *out = session->scratch;
    int r = 0;

    for (uint64_t i = 1; r == 0 && i < totals->fresh && i < session->max_threads; i++) {
        const struct slot *slot = (const struct slot *)(const void *)(session->slots.data + i * session->slots.stride);

        if (slot->state == SLOT_FREE || slot->state == SLOT_HELD || slot->state == SLOT_NEW)
            continue;
        out[batch] = *slot;
        close_account(&out[batch], end);
        if (++batch < capacity)
            continue;
        r = emit(WIRE_SURVIVORS, out, batch * sizeof(*out), userdata);
        batch = 0;
    }
    if (r == 0 && batch)
        r = emit(WIRE_SURVIVORS, out, batch * sizeof(*out), userdata);
    return r;
}

static int emit_futexes(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    struct wire_futex *out = session->scratch;
    size_t batch = 0, capacity = session->scratch_size / sizeof(*out);
    int fd = bpf_map__fd(session->skeleton->maps.futexes), r = 0;
    struct futex_key key, *previous = NULL;

    while (r == 0 && bpf_map_get_next_key(fd, previous, &key) == 0) {
        out[batch].key = key;
        if (bpf_map_lookup_elem(fd, &key, &out[batch].value) == 0)
            batch++;
        previous = &key;
        if (batch < capacity)
            continue;
        r = emit(WIRE_FUTEXES, out, batch * sizeof(*out), userdata);
        batch = 0;
    }
    if (r == 0 && batch)
        r = emit(WIRE_FUTEXES, out, batch * sizeof(*out), userdata);
    return r;
}

static int emit_parallelism(struct bpf_session *session, uint64_t end, bpf_session_emit_fn emit, void *userdata)
{
    const struct parallelism *parallel = (const struct parallelism *)(const void *)session->parallel.data;
    uint64_t time_ns[PARALLELISM_MAX];
    uint64_t running = parallel->running < PARALLELISM_MAX ? parallel->running : PARALLELISM_MAX - 1;

    memcpy(time_ns, parallel->time_ns, sizeof(time_ns));
    if (parallel->since && end > parallel->since)
        time_ns[running] += end - parallel->since;
    return emit(WIRE_PARALLEL, time_ns, sizeof(time_ns), userdata);
}

/* The graves are per CPU: add them up. */
static int sum_graves(struct bpf_session *session, struct grave *ret_sum)
{
    size_t words = sizeof(struct grave) / sizeof(uint64_t);
    AUTO_FREE uint64_t *values = calloc(session->cpus, sizeof(struct grave));
    uint64_t *sum = (uint64_t *)ret_sum;
    uint32_t zero = 0;

    if (!values)
        return -ENOMEM;
    if (bpf_map_lookup_elem(bpf_map__fd(session->skeleton->maps.graves), &zero, values) < 0)
        return -errno;
    memset(ret_sum, 0, sizeof(*ret_sum));
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++)
        for (size_t i = 0; i < words; i++)
            sum[i] += values[cpu * words + i];
    return 0;
}

static void detach(struct bpf_session *session)
{
    for (size_t i = 0; i < session->n_samplers; i++)
        (void)bpf_link__destroy(session->samplers[i]);
    session->n_samplers = 0;
    if (session->skeleton)
        switch_bpf__detach(session->skeleton);
}

int bpf_session_finish(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    struct wire_final final = {0};
    int r;

    detach(session);
    final.end_ns = clock_now(CLOCK_MONOTONIC);
    r = bpf_session_drain(session, emit, userdata);
    if (r == 0)
        r = emit_survivors(session, final.end_ns, emit, userdata);
    if (r == 0)
        r = emit_futexes(session, emit, userdata);
    if (r == 0)
        r = emit_parallelism(session, final.end_ns, emit, userdata);
    if (r == 0)
        r = sum_graves(session, &final.grave);
    if (r < 0)
        return r;
    final.cpu_ns = clock_now(CLOCK_PROCESS_CPUTIME_ID) - session->start_ns;
    final.records_lost = session->records_lost;
    final.stacks_lost = session->stacks_lost;
    final.obituaries_lost = session->obituaries_lost;
    final.totals = *totals;
    return emit(WIRE_FINAL, &final, sizeof(final), userdata);
}

void bpf_session_free(struct bpf_session *session)
{
    if (!session)
        return;
    detach(session);
    free(session->samplers);
    view_close(&session->heads);
    view_close(&session->records);
    view_close(&session->stacks);
    view_close(&session->obituaries);
    view_close(&session->slots);
    view_close(&session->totals);
    view_close(&session->parallel);
    free(session->read_records);
    free(session->read_stacks);
    free(session->read_obituaries);
    free(session->scratch);
    switch_bpf__destroy(session->skeleton);
    free(session);
}
