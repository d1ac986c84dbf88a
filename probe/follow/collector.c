/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/collector.h"

#include <time.h>

#include "base/base.h"
#include "probe/cause.h"
#include "probe/follow/collector_present.h"
#include "probe/follow/collector_stacks.h"
#include "probe/follow/live.h"
#include "probe/sites/joins.h"
#include "probe/follow/loops.h"
#include "probe/sites/natives.h"
#include "probe/runtime/cpython.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/ruby.h"
#include "probe/sites/spaces.h"
#include "probe/sites/stacks.h"
#include "probe/follow/watch.h"
#include "probe/follow/watch_runtime.h"

#define LOOK_INTERVAL_NS (100 * NSEC_PER_MSEC)

/*
 * A look at the sockets makes the kernel walk its whole table of connections, some milliseconds where that is large.
 * The first second or so may be looked at closely; in a long run looks take no more than this share of a CPU.
 */
#define LOOK_CREDIT_NS (200 * (int64_t)NSEC_PER_MSEC)
#define LOOK_PERCENT 1
#define CHEAP_LOOK_NS (2 * NSEC_PER_MSEC)

int collector_init(struct collector *collector, pid_t root, int helper, size_t max_slices)
{
    struct run_process *process;
    int r;

    memset(collector, 0, sizeof(*collector));
    collector->root = (uint32_t)root;
    collector->helper = helper;
    r = run_state_init(&collector->state, max_slices);
    if (r < 0)
        return r;
    collector->stacks = stack_table_new();
    collector->natives = natives_new();
    collector->joins = joins_new();
    if (tally_init(&collector->tally) < 0)
        return -ENOMEM;
    process = run_state_new_process(&collector->state, (uint32_t)root, 0, 0);
    if (!collector->stacks || !collector->natives || !collector->joins || !process ||
        !run_state_new_thread(&collector->state, process->tgid, process->tgid, 0, 0))
        return -ENOMEM;
    process->threads = 1;
    return watch_init(&collector->watch);
}

void collector_clear(struct collector *collector)
{
    live_free(collector->live);
    natives_free(collector->natives);
    run_state_clear(&collector->state);
    watch_clear(&collector->watch);
    stack_table_free(collector->stacks);
    joins_free(collector->joins);
    tally_clear(&collector->tally);
    hash_index_clear(&collector->connect_index);
    free(collector->connects);
    free(collector->futexes);
    free(collector->peers);
    memset(collector, 0, sizeof(*collector));
}

/*
 * Rings are read one CPU after the other, so news of a process may come before its birth: the row is made by whichever
 * comes first. NULL: no more rows, or no memory.
 */
static struct run_process *process_of(struct run_state *state, const struct record *r)
{
    struct run_process *process = run_state_find_process(state, r->tgid);

    return process ? process : run_state_new_process(state, r->tgid, 0, r->time);
}

static void take_new_process(struct collector *collector, const struct record *r)
{
    struct run_state *state = &collector->state;
    uint32_t parent_tgid = (uint32_t)r->other_on_cpu_ns;
    struct run_process *process = run_state_find_process(state, r->tgid);
    const struct run_space *before = process ? process->space : NULL;
    struct run_process *parent;

    if (process && !process->parent_tgid && r->tgid != collector->root && process->birth >= r->time) {
        process->parent_tgid = parent_tgid;
        process->birth = r->time;
    } else {
        process = run_state_new_process(state, r->tgid, parent_tgid, r->time);
    }
    if (!process)
        return;
    process->threads++;
    parent = run_state_find_process(state, parent_tgid);
    if (!parent || process->execed)
        return;
    spaces_fork(state, process, parent, before, r->time);
    process->image = parent->image;
    process->listens = parent->listens;
    if (!process->image)
        watch_new_image(state, process, r->time);
}

static void take_fork(struct collector *collector, const struct record *r)
{
    struct run_state *state = &collector->state;
    struct run_thread *thread = run_state_find_thread(state, r->tid);
    struct run_process *process;

    if (!thread || thread->closed || thread->birth < r->time || thread->parent_tid)
        thread = run_state_new_thread(state, r->tid, r->tgid, r->other_tid, r->time);
    if (thread) {
        thread->parent_tid = r->other_tid;
        thread->serial = (uint32_t)r->on_cpu_ns;
    } else {
        state->threads_omitted++;
    }
    if (r->tid == r->tgid) {
        take_new_process(collector, r);
        return;
    }
    process = process_of(state, r);
    if (process)
        process->threads++;
}

static int take_exec(struct collector *collector, const struct record *r)
{
    struct run_process *process = process_of(&collector->state, r);

    if (r->other_tid && run_state_take_over(&collector->state, r->other_tid, r->tid, (uint32_t)r->on_cpu_ns) < 0)
        return -ENOMEM;
    if (!process)
        return 0;
    spaces_exec(&collector->state, process, r->time);
    process->execed = true;
    process->exec_time = r->time;
    process->listens = false;
    watch_new_image(&collector->state, process, r->time);
    return 0;
}

static void take_group_exit(struct collector *collector, const struct record *r)
{
    struct run_process *process = process_of(&collector->state, r);
    uint64_t peak = r->on_cpu_ns * (uint64_t)sysconf(_SC_PAGESIZE);

    if (!process)
        return;
    process->alive = false;
    process->death = r->time;
    if (peak > process->peak_rss_bytes)
        process->peak_rss_bytes = peak;
}

/*
 * The stack of a wait that was called off as it began must not be taken for that of the next. A slice ends when its
 * thread runs again: some or all of its runnable time came after the wait.
 */
#define BEGIN_SLACK_NS (2 * NSEC_PER_USEC) /* two CPUs' clocks may differ a little */

static bool is_of_this_wait(const struct join *join, const struct record *r)
{
    uint64_t latest = r->time - r->blocked_ns + BEGIN_SLACK_NS;

    return join->taken && !join->sample && join->tid == r->tid && join->time <= latest &&
           join->time + r->runnable_ns + 2 * BEGIN_SLACK_NS >= latest;
}

static int take_stack_wait(struct collector *collector, struct run_thread *thread, struct record *r, bool gil)
{
    struct join join;
    bool found = joins_take(collector->joins, r->stack_id, &join) && is_of_this_wait(&join, r);
    uint32_t stack = found ? join.stack.python : JOIN_NONE;
    uint64_t weight = UINT64_C(1) << (r->stack_shift & 63);
    struct run_process *process = run_state_find_process(&collector->state, r->tgid);
    unsigned int kind = r->kind;
    enum stack_place place;
    int error;

    if (!gil)
        habits_take_wait(collector->stacks, stack, process, thread, r);
    live_take_wait(collector->live, process, kind, r, gil, found ? &join : NULL);
    error = collector_tally_wait(collector, thread, r, found ? &join : NULL, gil);
    if (error < 0 || stack == JOIN_NONE || gil)
        return error;
    place = stack_table_place(collector->stacks, stack);
    loops_take_wait(thread, r, place, weight, join.step);
    if (place == STACK_IN_SELECTOR && join.timers_known)
        loops_take_timers(thread, r->blocked_ns * weight, join.timers, join.sleepers);
    return 0;
}

/* Nothing lasts longer than the machine has been up: a difference that wrapped around is no slice. */
static bool is_possible(const struct record *r)
{
    return r->on_cpu_ns <= r->time && r->runnable_ns <= r->time && r->blocked_ns <= r->time &&
           r->other_on_cpu_ns <= r->time;
}

static int take_slice(struct collector *collector, const struct record *r)
{
    struct run_state *state = &collector->state;
    struct run_thread *thread = run_state_thread_of_slice(state, r);
    struct run_process *process = run_state_find_process(state, r->tgid);
    struct run_slice slice = {
        .time = r->time,
        .on_cpu_ns = r->on_cpu_ns,
        .runnable_ns = r->runnable_ns,
        .blocked_ns = r->blocked_ns,
        .waker_on_cpu_ns = r->other_on_cpu_ns,
        .waker_tid = r->other_tid,
        .address_low = r->address_low,
        .kind = r->kind,
    };
    struct record named = *r;
    bool new_loop;
    int error;

    if (!thread)
        return 0;
    new_loop = !thread->last_epoll_end;
    loops_take_slice(thread, r);
    if (new_loop && thread->last_epoll_end)
        state->next_loop_look = 1;
    if (process && cause_is_socket(r->kind))
        process->uses_sockets = true;
    error = take_stack_wait(collector, thread, &named,
                            cause_is_futex(r->kind) && run_state_is_interpreter_lock(process, r->address_low));
    slice.kind = named.kind;
    return error < 0 ? error : run_state_add_slice(state, thread, &slice);
}

static int take_records(struct collector *collector, const struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = 0;

        switch (records[i].type) {
        case RECORD_SLICE:
            if (is_possible(&records[i]))
                r = take_slice(collector, &records[i]);
            else
                collector->slices_refused++;
            break;
        case RECORD_FORK:
            take_fork(collector, &records[i]);
            break;
        case RECORD_EXEC:
            r = take_exec(collector, &records[i]);
            break;
        case RECORD_GROUP_EXIT:
            take_group_exit(collector, &records[i]);
            break;
        default:
            return -EPROTO;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static void take_stacks(struct collector *collector, const struct stack_record *stacks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct run_process *process = run_state_find_process(&collector->state, stacks[i].tgid);
        uint32_t stack = JOIN_NONE;
        struct run_thread *thread;
        uint64_t step = 0;

        if (process && process->image &&
            stack_table_add(collector->stacks, &stacks[i], process->image, &stack, &step) < 0)
            stack = JOIN_NONE;
        collector_join_python(collector, &stacks[i], stack, step);
        if (stacks[i].role != STACK_SAMPLE || stack == JOIN_NONE)
            continue;
        thread = run_state_thread(&collector->state, stacks[i].tid, stacks[i].tgid, stacks[i].time);
        if (thread)
            loops_take_sample(thread, stacks[i].time, stack_table_place(collector->stacks, stack), step);
    }
}

static void add_io(struct run_io *io, const struct slot *slot)
{
    io->read_bytes += slot->rchar;
    io->written_bytes += slot->wchar;
    io->reads += slot->syscr;
    io->writes += slot->syscw;
}

static void take_accounts(struct collector *collector, const struct slot *slots, size_t n, bool alive)
{
    for (size_t i = 0; i < n; i++) {
        struct run_thread *thread = run_state_find_serial(&collector->state, slots[i].tid, slots[i].serial);
        struct run_process *process;

        if (thread && thread->closed) /* it came with the ring, and again from the slot */
            continue;
        if (!thread)
            thread = run_state_new_thread(&collector->state, slots[i].tid, slots[i].tgid, slots[i].parent_tid,
                                          slots[i].birth);
        if (!thread) {
            collector->state.threads_omitted++;
            continue;
        }
        thread->serial = slots[i].serial;
        thread->account = slots[i];
        thread->tgid = slots[i].tgid;
        thread->birth = slots[i].birth;
        thread->closed = true;
        thread->alive = alive;
        process = run_state_find_process(&collector->state, slots[i].tgid);
        if (process) {
            process->cpu_ns += slots[i].on_cpu_ns;
            add_io(&process->io_dead, &slots[i]);
        }
        if (process && !alive && slots[i].death > process->death)
            process->death = slots[i].death;
    }
}

static int take_futexes(struct collector *collector, const struct wire_futex *futexes, size_t n)
{
    if (base_grow(&collector->futexes, &collector->futexes_capacity, collector->n_futexes + n, sizeof(*futexes)) < 0)
        return -ENOMEM;
    memcpy(collector->futexes + collector->n_futexes, futexes, n * sizeof(*futexes));
    collector->n_futexes += n;
    return 0;
}

static int take_peers(struct collector *collector, const struct wire_peer *peers, size_t n)
{
    if (base_grow(&collector->peers, &collector->peers_capacity, collector->n_peers + n, sizeof(*peers)) < 0)
        return -ENOMEM;
    memcpy(collector->peers + collector->n_peers, peers, n * sizeof(*peers));
    collector->n_peers += n;
    return 0;
}

static void take_status(struct collector *collector, const struct wire_status *status)
{
    collector->status = *status;
    collector_flush_samples(collector, false);
}

/* Number of elements in a payload; -1: it does not hold whole ones. */
static long elements(const struct wire_header *header, size_t size)
{
    return header->size % size ? -1 : (long)(header->size / size);
}

int collector_feed(struct collector *collector, const struct wire_header *header, const void *payload)
{
    long n = 0;

    switch (header->type) {
    case WIRE_STATUS:
        if (header->size != sizeof(collector->status))
            return -EPROTO;
        take_status(collector, payload);
        return 0;
    case WIRE_STACKS:
        n = elements(header, sizeof(struct stack_record));
        if (n > 0)
            take_stacks(collector, payload, (size_t)n);
        break;
    case WIRE_NATIVES:
        return collector_take_natives(collector, payload, header->size);
    case WIRE_MAPPINGS:
        return collector_take_mappings(collector, payload, header->size);
    case WIRE_LIVE:
        return live_take_answer(collector->live, payload, header->size);
    case WIRE_PEERS:
        n = elements(header, sizeof(struct wire_peer));
        if (n > 0)
            return take_peers(collector, payload, (size_t)n);
        break;
    case WIRE_RECORDS:
        n = elements(header, sizeof(struct record));
        if (n > 0)
            return take_records(collector, payload, (size_t)n);
        break;
    case WIRE_OBITUARIES:
    case WIRE_SURVIVORS:
        n = elements(header, sizeof(struct slot));
        if (header->type == WIRE_OBITUARIES && n > 0)
            collector->obituaries += (uint64_t)n;
        if (n > 0)
            take_accounts(collector, payload, (size_t)n, header->type == WIRE_SURVIVORS);
        break;
    case WIRE_PRESENT:
        n = elements(header, sizeof(struct slot));
        if (n > 0)
            collector_take_present(collector, payload, (size_t)n);
        break;
    case WIRE_FUTEXES:
        n = elements(header, sizeof(struct wire_futex));
        if (n > 0)
            return take_futexes(collector, payload, (size_t)n);
        break;
    case WIRE_PARALLEL:
        if (header->size != sizeof(collector->parallelism_ns))
            return -EPROTO;
        memcpy(collector->parallelism_ns, payload, sizeof(collector->parallelism_ns));
        return 0;
    case WIRE_FINAL:
        if (header->size != sizeof(collector->final))
            return -EPROTO;
        memcpy(&collector->final, payload, sizeof(collector->final));
        collector->finished = true;
        return 0;
    default:
        return -EPROTO;
    }
    return n < 0 ? -EPROTO : 0;
}

void collector_finish(struct collector *collector)
{
    collector_flush_samples(collector, true);
    tally_settle(&collector->tally);
    spaces_name_images(&collector->state);
}

/* Tell the helper where the frames, or the threads' states, of a process are; a vanished helper is noticed by the
 * reader. */
/* Never waits for the helper, which may be waiting for us to read: then it is told at the next look. */
static bool register_runtime(const struct run_process *process, void *userdata)
{
    const struct collector *collector = userdata;
    struct wire_python message = {.tgid = process->tgid};
    struct wire_ruby ruby = {.tgid = process->tgid};

    if (!wire_has_room(collector->helper))
        return false;
    if (ruby_process_of(process->image, &ruby.process) == 0)
        (void)wire_send(collector->helper, WIRE_RUBY, &ruby, sizeof(ruby));
    if (!process->image->has_offsets)
        return true;
    message.process.runtime = process->image->runtime_address;
    message.process.runtime_end = process->image->gil_end;
    cpython_walk_config(&process->image->offsets, &message.process.walk);
    message.interpreters_head = process->image->interpreters_head;
    message.interpreter_next = process->image->interpreter_next;
    message.threads_head = process->image->offsets.interp_threads_head;
    (void)wire_send(collector->helper, WIRE_PYTHON, &message, sizeof(message));
    return true;
}

static uint64_t own_cpu_ns(void)
{
    struct timespec used;

    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) < 0
               ? 0
               : (uint64_t)used.tv_sec * NSEC_PER_SEC + (uint64_t)used.tv_nsec;
}

void collector_tick(struct collector *collector, uint64_t now)
{
    uint64_t before, cost;

    watch_images(&collector->watch, &collector->state, now, register_runtime, collector);
    spaces_read(&collector->state, now);
    if (collector->state.next_loop_look && now >= collector->state.next_loop_look && collector->look_credit_ns > 0) {
        before = own_cpu_ns();
        watch_new_loops(&collector->watch, &collector->state, now);
        cost = own_cpu_ns() - before;
        collector->look_credit_ns -= (int64_t)cost;
        /* Where the table of connections is long, there is no credit for looks beyond everybody's. */
        if (cost > CHEAP_LOOK_NS)
            collector->state.next_loop_look = 0;
    }
    if (now < collector->next_look)
        return;
    if (!collector->last_tick)
        collector->look_credit_ns = LOOK_CREDIT_NS;
    else if (collector->look_credit_ns < LOOK_CREDIT_NS)
        collector->look_credit_ns += (int64_t)((now - collector->last_tick) * LOOK_PERCENT / 100);
    collector->last_tick = now;
    collector->next_look = now + LOOK_INTERVAL_NS;
    if (collector->look_credit_ns <= 0)
        return;
    before = own_cpu_ns();
    watch_processes(&collector->watch, &collector->state, now);
    watch_runtimes(&collector->state);
    collector->look_credit_ns -= (int64_t)(own_cpu_ns() - before);
}
