/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * stack: whether a stack is taken, and taking it: user registers, return addresses and a bounded copy of the stack of
 * the current thread, and its Python frames where it has some.
 *
 * A wait is picked at random, with probability 2^-shift: of waits that repeat in a pattern none is preferred, and with
 * weight 2^shift the sums are unbiased, because the shift is settled before the wait's length is known. Each thread
 * adapts a shift for each class of waits; on top, each CPU has one for all its stacks.
 */

const volatile __u8 take_stacks = 1;  /* set by user space before loading; 0: none at all */
const volatile __u32 native_mask = 0; /* native stacks per CPU - 1 */

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct native_record);
} natives SEC(".maps");

#define STACK_WINDOW_BITS 24    /* 16.8 ms */
#define STACK_CLASS_ALLOWANCE 4 /* 240 a second */
#define STACK_CPU_ALLOWANCE 48  /* 2,900 a second */
#define STACK_SHIFT_MAX 15
#define STACK_PAGE 4096u
#define STACK_PIECE 1024u
/* What is copied of a Python process: only the frames between the call and the interpreter matter. */
#define STACK_COPY_SHORT 2048u

__u32 next_stack_id;

/* Windows that passed since the last one with a pick bring the shift down again, so that what is rare is taken. */
static __always_inline void limiter_adapt(struct stack_limiter *limiter, __u16 window, __u8 allowance)
{
    __u16 gone = window - limiter->window;
    __u32 down;

    if (!gone)
        return;
    down = limiter->taken >= allowance / 2 ? 0 : limiter->taken >= (allowance + 7) / 8 ? 1 : 2;
    down += (__u32)(gone - 1) * 2;
    limiter->shift = limiter->shift > down ? limiter->shift - down : 0;
    limiter->window = window;
    limiter->taken = 0;
}

/* @return the shift with which it was picked, -1: not picked */
static __always_inline int limiter_pick(struct stack_limiter *limiter, __u16 window, __u8 allowance, __u32 random)
{
    __u8 shift;

    limiter_adapt(limiter, window, allowance);
    shift = limiter->shift & 15;
    if (random & ((1u << shift) - 1))
        return -1;
    if (++limiter->taken >= allowance && shift < STACK_SHIFT_MAX) {
        limiter->shift = shift + 1;
        limiter->taken = allowance / 2;
    }
    return shift;
}

/*
 * Which limiters a kind has: the number of the first, and a mask of how many (0x87: 8 to 15). Kinds that are often
 * mixed don't share one; 0: the rest.
 */
#define CLASSES_FUTEX 0x87
#define CLASSES_FD 0x43
#define CLASSES_EPOLL 0x21
#define CLASS_SLEEP 0x10

const volatile __u8 stack_classes[64] = {
    [WAIT_FUTEX_MUTEX] = CLASSES_FUTEX,
    [WAIT_FUTEX_OTHER] = CLASSES_FUTEX,
    [WAIT_FUTEX_JOIN] = CLASSES_FUTEX,
    [WAIT_FUTEX_PI] = CLASSES_FUTEX,
    [WAIT_INTERPRETER_LOCK] = CLASSES_FUTEX,
    [WAIT_RUBY_SLEEP] = CLASS_SLEEP,
    [WAIT_RUBY_QUEUE] = CLASSES_FUTEX,
    [WAIT_SLEEP] = CLASS_SLEEP,
    [WAIT_EPOLL_OUTSIDE] = CLASSES_EPOLL,
    [WAIT_POLL_OUTSIDE] = CLASSES_EPOLL,
    [WAIT_INET_OUTSIDE] = CLASSES_FD,
    [WAIT_INET_SIBLING] = CLASSES_FD,
    [WAIT_INET_SERVED] = CLASSES_FD,
    [WAIT_ACCEPT] = CLASSES_FD,
    [WAIT_UNIX_OUTSIDE] = CLASSES_FD,
    [WAIT_PIPE_OUTSIDE] = CLASSES_FD,
    [WAIT_EVENTFD] = CLASSES_FD,
};

static __always_inline __u32 stack_class(__u16 kind, __u64 address, int fd)
{
    __u32 first = stack_classes[kind & 63] >> 4, mask = stack_classes[kind & 63] & 15;
    __u32 mixed = address > 0xffff ? ((__u32)(address >> 2) * 2654435761u) >> 24 : (__u32)address + (__u32)fd;

    return (first + (mixed & mask)) & (STACK_LIMITERS - 1);
}

/* xorshift (Marsaglia 2003), since a call of bpf_get_prandom_u32() at every wait shows in the cost of a switch. */
static __always_inline __u32 next_random(struct slot *slot)
{
    __u32 x = slot->random;

    if (!x)
        x = bpf_get_prandom_u32() | 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    slot->random = x;
    return x;
}

/* @return the total shift, -1: no stack of this one */
static __always_inline int stack_picked(struct slot *slot, __u32 class, __u64 now)
{
    __u16 window = (__u16)(now >> STACK_WINDOW_BITS);
    struct ring_head *head;
    __u32 random = next_random(slot);
    int of_class, of_cpu;
    __u32 cpu;

    of_class = limiter_pick(&slot->limiters[class & (STACK_LIMITERS - 1)], window, STACK_CLASS_ALLOWANCE, random >> 16);
    if (of_class < 0)
        return -1;
    head = ring_head(&cpu);
    if (!head)
        return -1;
    of_cpu = limiter_pick(&head->limiter, window, STACK_CPU_ALLOWANCE, random);
    return of_cpu < 0 ? -1 : of_class + of_cpu;
}

/* Copied in pieces that end with a page at the latest: a read across a page that is not there fails as a whole. */
__noinline int native_copy(struct native_record *native, __u64 sp, int brief)
{
    __u32 at = STACK_PAGE - ((__u32)sp & (STACK_PAGE - 1));

    if (!native)
        return 0;
    if (brief && at > STACK_COPY_SHORT)
        at = STACK_COPY_SHORT;
    if (bpf_probe_read_user(native->copy, at, (void *)sp))
        return 0;
    if (!brief) {
        barrier_var(at);
        if (at > STACK_PAGE || bpf_probe_read_user(native->copy + at, STACK_PAGE, (void *)(sp + at)))
            return at;
        at += STACK_PAGE;
    }
    for (int i = 0; i < 3; i++) {
        barrier_var(at);
        if (at > STACK_COPY - STACK_PIECE || (brief && at > STACK_COPY_SHORT - STACK_PIECE))
            break;
        if (bpf_probe_read_user(native->copy + at, STACK_PIECE, (void *)(sp + at)))
            break;
        at += STACK_PIECE;
    }
    return at;
}

/* A callback that reads or writes is over soon after: tells many short ones from a long one. */
static __always_inline __u32 transfers_so_far(void)
{
    struct task_struct *task = bpf_get_current_task_btf();

    return bpf_core_field_exists(task->ioac.syscr) ? (__u32)(task->ioac.syscr + task->ioac.syscw) : 0;
}

static __always_inline int native_stack(void *context, const struct stack_request *request, struct ring_head *head,
                                        __u32 cpu, __u64 mutex, int brief)
{
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
    __u32 key = cpu * (native_mask + 1) + ((__u32)head->natives & native_mask);
    struct native_record *native = bpf_map_lookup_elem(&natives, &key);
    long bytes;

    if (!native)
        return 0;
    native->time = request->now;
    native->id = request->id;
    native->tid = request->tid;
    native->tgid = request->tgid;
    native->role = request->role;
    native->transfers = request->role == STACK_SAMPLE ? transfers_so_far() : 0;
    native->owner_tid = 0;
    if (mutex && knows_own_number(bpf_get_current_task_btf())) /* pthread_mutex_t: __lock, __count, __owner */
        native->owner_tid = read_user_u32(mutex + 8);
    native->registers.ip = regs->ip;
    native->registers.sp = regs->sp;
    native->registers.bp = regs->bp;
    native->registers.bx = regs->bx;
    native->registers.r12 = regs->r12;
    native->registers.r13 = regs->r13;
    native->registers.r14 = regs->r14;
    native->registers.r15 = regs->r15;
    bytes = bpf_get_stack(context, native->chain, sizeof(native->chain), BPF_F_USER_STACK);
    if (bytes >= 8) {
        native->n_chain = (__u16)(bytes / 8);
    } else { /* no memory of its own any more: it exits */
        native->chain[0] = regs->ip;
        native->n_chain = 1;
    }
    native->n_copy = (__u32)native_copy(native, regs->sp, brief);
    asm volatile("" ::: "memory");
    head->natives++;
    return 1;
}

/* The Python half of a stack. @return number of records written */
__noinline int stack_take_python(struct slot *slot, struct stack_request *request)
{
    struct python_process *python;
    __u64 fsbase, address = 0;
    __u32 tgid;

    if (!slot || !request)
        return 0;
    tgid = slot->tgid;
    python = bpf_map_lookup_elem(&pythons, &tgid);
    if (!python)
        return 0;
    fsbase = bpf_get_current_task_btf()->thread.fsbase;
    if (request->role == STACK_SAMPLE)
        request->lock_held = (__u8)python_count_sample(python, slot, fsbase);
    else if (request->role == STACK_WAIT && (slot->kind == WAIT_FUTEX_OTHER || slot->kind == WAIT_INTERPRETER_LOCK))
        address = slot->address;
    return python_stack(python, request, fsbase, address);
}

/*
 * Take the stack of the current thread.
 *
 * @param slot  of the current thread
 * @param id    joins it to others; 0: a new one
 * @return its id; 0: none was taken
 */
static __noinline __u32 stack_take(void *context, struct slot *slot, __u64 now, __u32 id, __u32 role)
{
    struct stack_request request = {.now = now, .tid = slot->tid, .tgid = slot->tgid, .role = (__u8)role};
    __u64 mutex = role == STACK_WAIT && slot->kind == WAIT_FUTEX_MUTEX ? slot->address : 0;
    __u32 tgid = slot->tgid, cpu;
    struct ring_head *head = ring_head(&cpu);
    struct totals *t;
    int python, n;

    if (!may_read()) {
        t = run_totals();
        if (t)
            __sync_fetch_and_add(&t->stacks_denied, 1);
        return 0;
    }
    if (!head || head->busy) {
        t = run_totals();
        if (t)
            __sync_fetch_and_add(&t->stacks_failed, 1);
        return 0;
    }
    head->busy = 1;
    asm volatile("" ::: "memory");
    if (!id)
        id = __sync_fetch_and_add(&next_stack_id, 1) + 1;
    if (!id) /* after four thousand million stacks */
        id = 1;
    request.id = id;
    python = pythons_seen && bpf_map_lookup_elem(&pythons, &tgid);
    n = native_stack(context, &request, head, cpu, mutex, python);
    if (python)
        n += stack_take_python(slot, &request);
    asm volatile("" ::: "memory");
    head->busy = 0;
    return n ? id : 0;
}

/* A tick while no stacks are taken: whether it held the lock is counted all the same. */
static __always_inline void sample_without_stack(struct slot *slot, struct task_struct *task)
{
    struct python_process *python;
    __u32 tgid = slot->tgid;

    if (!pythons_seen || !may_read())
        return;
    python = bpf_map_lookup_elem(&pythons, &tgid);
    if (python)
        python_count_sample(python, slot, task->thread.fsbase);
}

/* Kinds that the runtime's own structures tell apart. Only for futex waits, and where may_read(). */
__noinline int runtime_kind(struct slot *slot)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u16 kind = 0;

    if (!slot)
        return 0;
    if (pythons_seen && python_waits_for_own_gil(slot->tgid, task, slot->address))
        return WAIT_INTERPRETER_LOCK;
    if (rubies_seen)
        kind = ruby_kind(slot->tgid, slot->address);
    return kind ? kind : slot->kind;
}

#define BIT(kind) (1ULL << (kind))

/* Ends of threads and of programs, page faults and stops have no place in the code that waits; io_uring's workers have
 * no code. */
#define KINDS_WITHOUT_STACK (BIT(WAIT_EXIT) | BIT(WAIT_EXEC) | BIT(WAIT_FAULT) | BIT(WAIT_STOPPED) | BIT(WAIT_POOL))

#define KINDS_FUTEX                                                                              \
    (BIT(WAIT_FUTEX_MUTEX) | BIT(WAIT_FUTEX_OTHER) | BIT(WAIT_FUTEX_JOIN) | BIT(WAIT_FUTEX_PI) | \
     BIT(WAIT_INTERPRETER_LOCK) | BIT(WAIT_RUBY_SLEEP) | BIT(WAIT_RUBY_QUEUE))

/* Waits that another thread has ended by a call, as they are called when that is known. */
#define KINDS_WITH_WAKER                                                                                               \
    (KINDS_FUTEX | BIT(WAIT_EPOLL_SIBLING) | BIT(WAIT_EPOLL_TARGET) | BIT(WAIT_POLL_SIBLING) | BIT(WAIT_POLL_TARGET) | \
     BIT(WAIT_INET_SIBLING) | BIT(WAIT_INET_TARGET) | BIT(WAIT_UNIX_SIBLING) | BIT(WAIT_UNIX_TARGET) |                 \
     BIT(WAIT_PIPE_SIBLING) | BIT(WAIT_PIPE_TARGET) | BIT(WAIT_EVENTFD) | BIT(WAIT_CHILD))

/*
 * Whether it is one of an asyncio loop, and if so its timers, are left for the record of its Python frames. In the way
 * of waits alone, so that only one of the programs has to be verified with it.
 */
static __always_inline void timers_at_wait(struct slot *slot)
{
    struct python_process *python;
    struct ring_head *head;
    __u32 tgid = slot->tgid, cpu;

    if (!pythons_seen)
        return;
    head = ring_head(&cpu);
    if (!head)
        return;
    head->timers.known = 0;
    if (!is_select() || !may_read())
        return;
    python = bpf_map_lookup_elem(&pythons, &tgid);
    if (python)
        asyncio_timers(python, head);
}

/*
 * A wait begins. What it is for is read back from the slot: as values of map memory they are alike on every way that
 * leads here, and the verifier walks what follows once.
 */
static __always_inline void stack_at_wait(void *context, struct slot *slot, __u64 now)
{
    int shift;

    asm volatile("" ::: "memory");
    slot->stack_id = 0; /* of a wait that was called off as it began */
    slot->stack_shift = 0;
    if (!take_stacks || KINDS_WITHOUT_STACK & BIT(slot->kind & 63))
        return;
    shift = stack_picked(slot, stack_class(slot->kind, slot->address, slot->fd), now);
    if (shift < 0)
        return;
    timers_at_wait(slot);
    slot->stack_id = stack_take(context, slot, now, 0, STACK_WAIT);
    slot->stack_shift = (__u32)shift;
}

/*
 * A timer or a packet that ends the wait by way of an interrupt hits whoever runs: is the current thread in a system
 * call that may have ended it? An exit ends the waits of joiners.
 */
static __always_inline int is_waker(const struct slot *wakee, const struct task_struct *task)
{
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs((void *)task);
    __u16 class;

    if (task->flags & PF_EXITING)
        return 1;
    if ((long)regs->orig_ax < 0)
        return 0;
    if (!(KINDS_FUTEX & BIT(wakee->kind & 63)))
        return 1;
    class = syscall_class[regs->orig_ax & 511];
    return class == CALL_FUTEX || class == CALL_EXIT || class == CALL_EXEC;
}

/* The current thread has ended the wait of `wakee`, whose kind is settled. */
static __always_inline void stack_of_waker(void *context, struct slot *wakee, struct slot *waker, __u64 now)
{
    struct ring_head *head;
    __u32 cpu;

    if (!wakee->stack_id || waker->state != SLOT_RUNNING || !(KINDS_WITH_WAKER & BIT(wakee->kind & 63)))
        return;
    if (!is_waker(wakee, bpf_get_current_task_btf()))
        return;
    stack_take(context, waker, now, wakee->stack_id, STACK_WAKER);
    head = ring_head(&cpu);
    if (head && head->limiter.taken < 2 * STACK_CPU_ALLOWANCE) /* it leaves less for others */
        head->limiter.taken++;
}
