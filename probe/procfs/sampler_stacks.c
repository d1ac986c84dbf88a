/* SPDX-License-Identifier: BSD-2-Clause */

/* Stacks of threads that wait or compute, read from their memory (process_vm_readv(2)). */

#include <sys/uio.h>

#include "base/base.h"
#include "probe/procfs/sampler_parts.h"
#include "probe/runtime/cpython.h"
#include "probe/wire.h"

#define TSTATES_MAX 16384u
#define TSTATES_INTERVAL_NS (20 * NSEC_PER_MSEC)
#define TSTATES_OF_COST 300 /* times what it took: a third of a percent of a CPU */
#define INTERPRETERS 64
#define SAMPLE_NS NSEC_PER_MSEC
#define TSTATE_NEXT 8 /* PyThreadState.next, 3.6 to 3.13 */
#define PTHREAD_TID \
    720 /* struct pthread.tid of glibc 2.4 to 2.41 on x86-64 (nptl/descr.h), as thread debuggers use it */

static bool read_memory(const struct sampler_thread *t, uint64_t address, void *buffer, size_t size)
{
    struct iovec local = {buffer, size};
    struct iovec remote = {(void *)(uintptr_t)address, size}; /* NOLINT: theirs */

    return address && process_vm_readv(t->files.pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

static uint64_t read_u64(const struct sampler_thread *t, uint64_t address)
{
    uint64_t value = 0;

    return read_memory(t, address, &value, sizeof(value)) ? value : 0;
}

static uint32_t read_u32(const struct sampler_thread *t, uint64_t address)
{
    uint32_t value = 0;

    return read_memory(t, address, &value, sizeof(value)) ? value : 0;
}

/* --- whose thread state is whose --- */

struct tstate {
    uint32_t tid;
    uint64_t tstate, pthread;
};

static int by_tid(const void *left, const void *right)
{
    const struct tstate *a = left, *b = right;

    return (a->tid > b->tid) - (a->tid < b->tid);
}

/* All of an interpreter's: a thread state names its pthread, and that its thread. */
static size_t list_tstates(const struct sampler_thread *t, uint64_t interpreter, struct tstate *list, size_t n)
{
    const struct wire_python *python = &t->process->python;

    for (uint64_t at = read_u64(t, interpreter + python->threads_head); at && n < TSTATES_MAX;
         at = read_u64(t, at + TSTATE_NEXT)) {
        uint64_t pthread = read_u64(t, at + python->process.walk.tstate_thread_id);

        list[n++] = (struct tstate){read_u32(t, pthread + PTHREAD_TID), at, pthread};
    }
    return n;
}

/* A list of thousands is not walked for every new thread. */
static void find_tstates(struct sampler *s, struct sampler_thread *t)
{
    const struct wire_python *python = &t->process->python;
    AUTO_FREE struct tstate *list = NULL;
    uint64_t interpreter, before = sampler_cpu_clock(), pause;
    size_t n = 0;

    if (s->round < t->process->next_tstates || !python->process.runtime || !python->interpreters_head)
        return;
    list = calloc(TSTATES_MAX, sizeof(*list));
    interpreter = list ? read_u64(t, python->process.runtime + python->interpreters_head) : 0;
    for (size_t i = 0; interpreter && i < INTERPRETERS; i++) {
        n = list_tstates(t, interpreter, list, n);
        interpreter = read_u64(t, interpreter + python->interpreter_next);
    }
    if (n)
        qsort(list, n, sizeof(*list), by_tid);
    for (size_t i = 0; i < s->n_threads && n; i++) {
        const struct tstate key = {.tid = s->threads[i]->slot.tid};
        const struct tstate *found =
            s->threads[i]->process == t->process ? bsearch(&key, list, n, sizeof(key), by_tid) : NULL;

        s->threads[i]->tstate = found ? found->tstate : s->threads[i]->tstate;
        s->threads[i]->fsbase = found ? found->pthread : s->threads[i]->fsbase;
    }
    pause = (sampler_cpu_clock() - before) * TSTATES_OF_COST;
    t->process->next_tstates = s->round + (pause > TSTATES_INTERVAL_NS ? pause : TSTATES_INTERVAL_NS);
}

/* @return its PyThreadState; 0: it has none, or it is not known */
static uint64_t tstate_of(struct sampler *s, struct sampler_thread *t)
{
    if (!t->process->has_python)
        return 0;
    if (t->tstate && read_u64(t, t->tstate + t->process->python.process.walk.tstate_thread_id) == t->fsbase)
        return t->tstate;
    t->tstate = 0;
    find_tstates(s, t);
    return t->tstate;
}

/* --- the interpreter lock --- */

static bool holds_lock(const struct sampler_thread *t, uint64_t tstate)
{
    const struct python_process *python = &t->process->python.process;

    if (python->walk.tstate_status)
        return (read_u32(t, tstate + python->walk.tstate_status) & python->walk.status_active) != 0;
    return python->walk.runtime_tstate_current &&
           read_u64(t, python->runtime + python->walk.runtime_tstate_current) == tstate;
}

/* Of the lock that a futex word at `address` belongs to: the thread state that holds it. 0: it is no such word */
static uint64_t holder_of(const struct sampler_thread *t, uint64_t tstate, uint64_t address)
{
    const struct python_process *python = &t->process->python.process;
    uint64_t gil = 0, holder;

    if (python->walk.interp_gil)
        gil = read_u64(t, read_u64(t, tstate + python->walk.tstate_interp) + python->walk.interp_gil);
    else if (python->runtime && python->walk.runtime_gil)
        gil = python->runtime + python->walk.runtime_gil;
    if (!gil || address - gil >= python->walk.gil_size)
        return 0;
    holder = read_u64(t, gil + python->walk.gil_last_holder);
    return holder == tstate ? 0 : holder;
}

/* --- stacks: the dearest of what the sampler reads, hence with an allowance of their own --- */

static bool add_python(struct sampler *s, const struct sampler_thread *t, uint64_t tstate, struct stack_record *record)
{
    struct cpython_frame frames[STACK_DEPTH];
    ssize_t n = cpython_walk_user(t->files.pid, &t->process->python.process.walk, tstate, frames, STACK_DEPTH);

    if (n <= 0)
        return false;
    record->n_frames = (__u16)n;
    for (ssize_t i = 0; i < n; i++) {
        record->code[i] = frames[i].code;
        record->instr[i] = frames[i].instr;
        record->frame[i] = frames[i].frame;
    }
    return outbox_add(&s->stacks_out, record, sizeof(*record)) == 0;
}

static bool add_stack(struct sampler *s, const struct sampler_thread *t, uint64_t tstate, struct stack_record *record,
                      uint64_t address)
{
    uint64_t holder;

    record->tid = t->slot.tid;
    record->tgid = t->slot.tgid;
    if (!add_python(s, t, tstate, record))
        return false;
    holder = address ? holder_of(t, tstate, address) : 0;
    if (holder) {
        record->role = STACK_HOLDER;
        record->tid = 0;
        (void)add_python(s, t, holder, record);
    }
    return true;
}

static uint32_t next_id(struct sampler *s)
{
    if (++s->next_stack == 0)
        s->next_stack = 1;
    return s->next_stack;
}

uint32_t sampler_stack_of_wait(struct sampler *s, struct sampler_thread *t, const struct task_call *call,
                               uint64_t begin, uint64_t address)
{
    struct stack_record record = {.time = begin, .role = STACK_WAIT};
    uint64_t before, tstate;
    bool taken = false;

    (void)call;
    if (!s->stacks || s->stack_credit_ns <= s->stack_floor_ns)
        return 0;
    before = sampler_cpu_clock();
    record.id = next_id(s);
    tstate = tstate_of(s, t);
    if (tstate)
        taken = add_stack(s, t, tstate, &record, address);
    s->stack_credit_ns -= (int64_t)(sampler_cpu_clock() - before);
    return taken ? record.id : 0;
}

/*
 * A sample for each millisecond of CPU time, and not for each look: a thread that is about to run, or only just did, is
 * "running" as well, and where threads take turns that is most of them.
 */
void sampler_sample_cpu(struct sampler *s, struct sampler_thread *t, uint64_t now, uint64_t on_cpu_ns)
{
    struct stack_record record = {.time = now, .role = STACK_SAMPLE};
    uint64_t before, tstate, n;

    t->unsampled_ns += on_cpu_ns;
    n = t->unsampled_ns / SAMPLE_NS;
    if (!s->stacks || !n || s->stack_credit_ns <= s->stack_floor_ns)
        return;
    t->unsampled_ns %= SAMPLE_NS;
    before = sampler_cpu_clock();
    tstate = tstate_of(s, t);
    t->slot.cpu_samples += (__u32)n;
    if (tstate) {
        record.id = next_id(s);
        record.lock_held = holds_lock(t, tstate);
        t->slot.lock_held_samples += record.lock_held ? (__u32)n : 0;
        (void)add_stack(s, t, tstate, &record, 0);
    }
    s->stack_credit_ns -= (int64_t)(sampler_cpu_clock() - before);
}
