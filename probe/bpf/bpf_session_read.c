/* SPDX-License-Identifier: BSD-2-Clause */

/* Reading a session's maps: the rings while the target runs, the sums at the end. */

#include "probe/bpf/bpf_session.h"

#include <bpf/bpf.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/bpf/bpf_session_state.h"
#include "probe/bpf/mapping_news.h"

static struct ring_head *head_of(const struct bpf_session *session, uint32_t cpu)
{
    return (struct ring_head *)(void *)(session->heads.data + cpu * session->heads.stride);
}

/* One kind of per-CPU ring, and how far it has been read. */
struct ring {
    const struct view *view;
    uint32_t per_cpu;
    size_t head;        /* offset in struct ring_head */
    uint64_t *position; /* per CPU */
    uint64_t *lost;
    uint32_t type;  /* of the message */
    size_t element; /* bytes on the wire, at most */
    /* Make a message's element of a ring's; NULL: copy it. @return its size */
    size_t (*pack)(void *out, const void *in);
};

static uint64_t *live_head(const struct bpf_session *session, const struct ring *ring, uint32_t cpu)
{
    return (uint64_t *)(void *)((unsigned char *)head_of(session, cpu) + ring->head);
}

/* Without what is not in use. Lengths are bounded here: the writer may be at it again. */
static size_t pack_native(void *out, const void *in)
{
    const struct native_record *native = in;
    struct wire_native *wire = out;
    size_t n_chain = native->n_chain < CHAIN_DEPTH ? native->n_chain : CHAIN_DEPTH;
    size_t n_copy = native->n_copy < STACK_COPY ? native->n_copy : STACK_COPY, padded = (n_copy + 7) & ~(size_t)7;
    unsigned char *copy = (unsigned char *)(wire->chain + n_chain);
    size_t size = sizeof(*wire) + n_chain * sizeof(wire->chain[0]) + padded;

    *wire = (struct wire_native){
        .time = native->time,
        .size = (uint32_t)size,
        .id = native->id,
        .tid = native->tid,
        .tgid = native->tgid,
        .owner_tid = native->owner_tid,
        .n_copy = (uint32_t)n_copy,
        .n_chain = (uint16_t)n_chain,
        .role = native->role,
        .transfers = native->transfers,
        .registers = native->registers,
    };
    memcpy(wire->chain, native->chain, n_chain * sizeof(wire->chain[0]));
    memcpy(copy, native->copy, n_copy);
    memset(copy + n_copy, 0, padded - n_copy);
    return size;
}

/* Where the kernel keeps the thread is nobody's business outside. */
static size_t pack_slot(void *out, const void *in)
{
    struct slot *slot = out;

    memcpy(slot, in, sizeof(*slot));
    slot->task = 0;
    return sizeof(*slot);
}

static size_t size_of_packed(const struct ring *ring, const unsigned char *out)
{
    return ring->type == WIRE_NATIVES ? ((const struct wire_native *)(const void *)out)->size : ring->element;
}

/*
 * Copy what one CPU wrote between its position and `head` out of its ring and emit it. The writer does not wait: what
 * it has overwritten before, or while we copied, is counted as lost.
 */
static int drain_ring(struct bpf_session *session, const struct ring *ring, uint32_t cpu, uint64_t head,
                      bpf_session_emit_fn emit, void *userdata)
{
    const unsigned char *base = ring->view->data + (size_t)cpu * ring->per_cpu * ring->view->stride;
    uint64_t from = ring->position[cpu], after, count;
    unsigned char *out = session->scratch;
    size_t size = 0;

    if (head != from && (double)(head - from) / (double)ring->per_cpu > session->fill)
        session->fill = (double)(head - from) / (double)ring->per_cpu;
    if (head - from > ring->per_cpu) {
        *ring->lost += head - from - ring->per_cpu;
        from = head - ring->per_cpu;
    }
    count = head - from;
    if (count * ring->element > session->scratch_size)
        count = session->scratch_size / ring->element;
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *in = base + ((from + i) & (ring->per_cpu - 1)) * ring->view->stride;

        if (ring->pack) {
            size += ring->pack(out + size, in);
        } else {
            memcpy(out + size, in, ring->element);
            size += ring->element;
        }
    }
    ring->position[cpu] = from + count;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    after = __atomic_load_n(live_head(session, ring, cpu), __ATOMIC_ACQUIRE);
    /* The record after `after` may be half written: it occupies the oldest place. */
    if (after + 1 - from > ring->per_cpu) {
        uint64_t overrun = after + 1 - from - ring->per_cpu;

        if (overrun > count)
            overrun = count;
        *ring->lost += overrun;
        for (uint64_t i = 0; i < overrun; i++) {
            size_t dropped = size_of_packed(ring, out);

            out += dropped;
            size -= dropped;
        }
    }
    return size ? emit(ring->type, out, size, userdata) : 0;
}

/* Learn of births and deaths from what has not been read yet, without reading it. */
static void peek_processes(struct bpf_session *session, const struct ring *ring)
{
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++) {
        const unsigned char *base = ring->view->data + (size_t)cpu * ring->per_cpu * ring->view->stride;
        uint64_t head = __atomic_load_n(live_head(session, ring, cpu), __ATOMIC_ACQUIRE), from = ring->position[cpu];

        if (head - from >= ring->per_cpu)
            from = head - ring->per_cpu + 1;
        for (; from != head; from++)
            mapping_news_learn(
                session->news,
                (const struct record *)(const void *)(base + (from & (ring->per_cpu - 1)) * ring->view->stride));
    }
}

/* Records were lost, perhaps of deaths: only what is alive now is known to be the target's. */
static void start_over_with_the_living(struct bpf_session *session)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;

    mapping_news_forget(session->news);
    for (uint64_t i = 1; i < totals->fresh && i < session->max_threads; i++) {
        const struct slot *slot = (const struct slot *)(const void *)(session->slots.data + i * session->slots.stride);

        if (slot->state != SLOT_FREE && slot->is_process)
            mapping_news_add_process(session->news, slot->tgid, slot->birth);
    }
}

/* Up to session->records as read so far, births and deaths have been learned: peeking covers the rest. */
static int drain_news(struct bpf_session *session, const struct ring *records, bpf_session_emit_fn emit, void *userdata)
{
    if (!session->news || !mapping_news_fix(session->news))
        return 0;
    peek_processes(session, records);
    return mapping_news_emit(session->news, &session->stacks_lost, emit, userdata);
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

static int emit_status(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    struct wire_status status = {
        .now_ns = bpf_session_clock(CLOCK_MONOTONIC),
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

enum { NATIVES, STACKS, RECORDS, OBITUARIES, N_RINGS };

int bpf_session_drain(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct ring rings[N_RINGS] = {
        [NATIVES] = {&session->natives, session->ring_natives, offsetof(struct ring_head, natives),
                     session->read_natives, &session->stacks_lost, WIRE_NATIVES, sizeof(struct native_record),
                     pack_native},
        [STACKS] = {&session->stacks, STACKS_PER_CPU, offsetof(struct ring_head, stacks), session->read_stacks,
                    &session->stacks_lost, WIRE_STACKS, sizeof(struct stack_record), NULL},
        [RECORDS] = {&session->records, session->ring_records, offsetof(struct ring_head, records),
                     session->read_records, &session->records_lost, WIRE_RECORDS, sizeof(struct record), NULL},
        [OBITUARIES] = {&session->obituaries, OBITUARIES_PER_CPU, offsetof(struct ring_head, obituaries),
                        session->read_obituaries, &session->obituaries_lost, WIRE_OBITUARIES, sizeof(struct slot),
                        pack_slot},
    };
    static const int fixed_in_order[N_RINGS] = {OBITUARIES, RECORDS, STACKS, NATIVES};
    AUTO_FREE uint64_t *heads = calloc(session->cpus * (size_t)N_RINGS, sizeof(*heads));
    uint64_t lost = session->records_lost;
    int r;

    if (!heads)
        return -ENOMEM;
    session->fill = 0;
    /* An account needs the thread's slices, a slice its stack, a stack the mappings: fix how far to read in that order.
     */
    for (int i = 0; i < N_RINGS; i++)
        for (uint32_t cpu = 0; cpu < session->cpus; cpu++)
            heads[(size_t)fixed_in_order[i] * session->cpus + cpu] =
                __atomic_load_n(live_head(session, &rings[fixed_in_order[i]], cpu), __ATOMIC_ACQUIRE);
    r = drain_news(session, &rings[RECORDS], emit, userdata);
    for (int i = 0; i < N_RINGS; i++)
        for (uint32_t cpu = 0; r == 0 && cpu < session->cpus; cpu++)
            r = drain_ring(session, &rings[i], cpu, heads[(size_t)i * session->cpus + cpu], emit, userdata);
    if (r == 0 && session->news && session->records_lost != lost)
        start_over_with_the_living(session);
    return r < 0 ? r : emit_status(session, emit, userdata);
}

double bpf_session_fill(const struct bpf_session *session)
{
    return session->fill;
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

/* Slots of one sort, in batches: those of the living, or what the dead left in theirs. */
static int emit_slots(struct bpf_session *session, bool alive, uint64_t end, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    size_t batch = 0, capacity = session->scratch_size / sizeof(struct slot);
    uint32_t type = alive ? WIRE_SURVIVORS : WIRE_OBITUARIES;
    struct slot *out = session->scratch;
    int r = 0;

    for (uint64_t i = 1; r == 0 && i < totals->fresh && i < session->max_threads; i++) {
        const struct slot *slot = (const struct slot *)(const void *)(session->slots.data + i * session->slots.stride);

        if (slot->state == SLOT_HELD || slot->state == SLOT_NEW || (slot->state == SLOT_FREE) == alive)
            continue;
        if (!alive && !slot->death) /* withdrawn (seed.bpf.c) */
            continue;
        (void)pack_slot(&out[batch], slot);
        if (alive)
            close_account(&out[batch], end);
        if (++batch < capacity)
            continue;
        r = emit(type, out, batch * sizeof(*out), userdata);
        batch = 0;
    }
    if (r == 0 && batch)
        r = emit(type, out, batch * sizeof(*out), userdata);
    return r;
}

/*
 * Where more threads ended at once than the ring holds (ten thousand may end before the reader gets a turn: it has but
 * one share of a CPU among theirs), their slots still know them as long as nobody else got these.
 */
static int emit_overrun_obituaries(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    return session->obituaries_lost ? emit_slots(session, false, 0, emit, userdata) : 0;
}

/* The wait in progress, as a slice: for a thread that never woke it is all there is. */
static void open_wait(const struct slot *slot, uint64_t end, struct record *ret_record)
{
    *ret_record = (struct record){
        .time = end,
        .tid = slot->tid,
        .tgid = slot->tgid,
        .type = RECORD_SLICE,
        .serial_low = (uint8_t)slot->serial,
        .kind = (uint8_t)slot->kind,
        .stack_shift = (uint8_t)slot->stack_shift,
        .on_cpu_ns = slot->slice_on_cpu_ns,
        .runnable_ns = slot->slice_runnable_ns,
        .blocked_ns = end - slot->stamp,
        .stack_id = slot->stack_id,
        .address_low = (uint32_t)slot->address,
    };
}

/* As account_blocked() in account.bpf.h does where a wait ends. The programs are detached. */
static void add_to_futexes(struct bpf_session *session, const struct slot *slot, uint64_t ns)
{
    struct futex_key key = {.tid = slot->tid, .kind = slot->kind, .address = slot->address};
    struct futex_value value = {0};
    int fd = bpf_session_futexes_fd(session);

    if (slot->kind < WAIT_FUTEX_MUTEX || slot->kind > WAIT_FUTEX_TIMEOUT)
        return;
    (void)bpf_map_lookup_elem(fd, &key, &value);
    value.wait_ns += ns;
    value.waits++;
    value.tgid = slot->tgid;
    (void)bpf_map_update_elem(fd, &key, &value, BPF_ANY);
}

/*
 * -p: a long-running program's waits are most of what there is to see, and many of them don't end while it is watched.
 * Those that are in progress at the end count like those that ended.
 */
static int emit_open_waits(struct bpf_session *session, uint64_t end, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    size_t n = 0, capacity = session->scratch_size / sizeof(struct record);
    struct record *out = session->scratch;
    int r = 0;

    for (uint64_t i = 1; r == 0 && session->seeded && i < totals->fresh && i < session->max_threads; i++) {
        const struct slot *slot = (const struct slot *)(const void *)(session->slots.data + i * session->slots.stride);

        if (slot->state != SLOT_BLOCKED || slot->stamp >= end)
            continue;
        add_to_futexes(session, slot, end - slot->stamp);
        open_wait(slot, end, &out[n++]);
        if (n < capacity)
            continue;
        r = emit(WIRE_RECORDS, out, n * sizeof(*out), userdata);
        n = 0;
    }
    return r == 0 && n ? emit(WIRE_RECORDS, out, n * sizeof(*out), userdata) : r;
}

int bpf_session_emit_present(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    struct slot *out = session->scratch;
    size_t batch = 0, capacity = session->scratch_size / sizeof(*out);
    int r = 0;

    if (!session->seeded)
        return 0;
    if (session->news)
        start_over_with_the_living(session);
    for (uint64_t i = 1; r == 0 && i < totals->fresh && i < session->max_threads; i++) {
        const struct slot *slot = (const struct slot *)(const void *)(session->slots.data + i * session->slots.stride);

        /* Born since: its birth is in the records. */
        if (slot->state == SLOT_FREE || slot->birth != session->seed_ns)
            continue;
        (void)pack_slot(&out[batch++], slot);
        if (batch < capacity)
            continue;
        r = emit(WIRE_PRESENT, out, batch * sizeof(*out), userdata);
        batch = 0;
    }
    return r == 0 && batch ? emit(WIRE_PRESENT, out, batch * sizeof(*out), userdata) : r;
}

/* A hash as it is: pairs of key and value, as struct wire_futex and struct wire_peer are. */
static int emit_hash(struct bpf_session *session, int fd, size_t key_size, size_t value_size, uint32_t type,
                     bpf_session_emit_fn emit, void *userdata)
{
    size_t element = key_size + value_size, batch = 0, capacity = session->scratch_size / element;
    unsigned char key[64], *out = session->scratch;
    const void *previous = NULL;
    int r = 0;

    if (key_size > sizeof(key))
        return -EINVAL;
    while (r == 0 && bpf_map_get_next_key(fd, previous, key) == 0) {
        memcpy(out + batch * element, key, key_size);
        if (bpf_map_lookup_elem(fd, key, out + batch * element + key_size) == 0)
            batch++;
        previous = key;
        if (batch < capacity)
            continue;
        r = emit(type, out, batch * element, userdata);
        batch = 0;
    }
    if (r == 0 && batch)
        r = emit(type, out, batch * element, userdata);
    return r;
}

static int emit_hashes(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    int r = emit_hash(session, bpf_session_futexes_fd(session), sizeof(struct futex_key), sizeof(struct futex_value),
                      WIRE_FUTEXES, emit, userdata);

    if (r < 0)
        return r;
    return emit_hash(session, bpf_session_peers_fd(session), sizeof(struct peer_key), sizeof(struct peer_value),
                     WIRE_PEERS, emit, userdata);
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

int bpf_session_graves(const struct bpf_session *session, struct grave *ret_sum)
{
    size_t words = sizeof(struct grave) / sizeof(uint64_t);
    AUTO_FREE uint64_t *values = calloc(session->cpus, sizeof(struct grave));
    uint64_t *sum = (uint64_t *)ret_sum;
    uint32_t zero = 0;

    if (!values)
        return -ENOMEM;
    if (bpf_map_lookup_elem(bpf_session_graves_fd(session), &zero, values) < 0)
        return -errno;
    memset(ret_sum, 0, sizeof(*ret_sum));
    for (uint32_t cpu = 0; cpu < session->cpus; cpu++)
        for (size_t i = 0; i < words; i++)
            sum[i] += values[cpu * words + i];
    return 0;
}

int bpf_session_finish(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata)
{
    const struct totals *totals = (const struct totals *)(const void *)session->totals.data;
    struct wire_final final = {0};
    int r;

    bpf_session_detach(session);
    final.end_ns = bpf_session_clock(CLOCK_MONOTONIC);
    r = bpf_session_drain(session, emit, userdata);
    if (r == 0)
        r = emit_open_waits(session, final.end_ns, emit, userdata);
    if (r == 0)
        r = emit_overrun_obituaries(session, emit, userdata);
    if (r == 0)
        r = emit_slots(session, true, final.end_ns, emit, userdata);
    if (r == 0)
        r = emit_hashes(session, emit, userdata);
    if (r == 0)
        r = emit_parallelism(session, final.end_ns, emit, userdata);
    if (r == 0)
        r = bpf_session_graves(session, &final.grave);
    if (r < 0)
        return r;
    final.cpu_ns = bpf_session_clock(CLOCK_PROCESS_CPUTIME_ID) - session->start_ns;
    final.records_lost = session->records_lost;
    final.stacks_lost = session->stacks_lost;
    final.obituaries_lost = session->obituaries_lost;
    final.totals = *totals;
    return emit(WIRE_FINAL, &final, sizeof(final), userdata);
}
