/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * abi: records, map values and limits shared by the BPF programs and user space (one header, both sides).
 *
 * Fixed-width types, explicit padding, sizes asserted. Times are CLOCK_MONOTONIC nanoseconds.
 */

#ifndef __BPF__
#include <assert.h>
#endif
#include <linux/types.h>

#include "probe/runtime/cpython_walk.h"

/*
 * What a thread was blocked in, as far as the kernel side can tell. User space turns a kind into a cause
 * (probe/cause.c), because some answers need the process: which futex is the interpreter lock, who listens.
 * _TARGET: ended by another process of the target; _SIBLING: by a thread of the same process.
 */
enum wait_kind {
    WAIT_UNKNOWN,     /* blocked, but no class fits */
    WAIT_FUTEX_MUTEX, /* FUTEX_WAIT, expected value 2: glibc's contended mutex */
    WAIT_FUTEX_OTHER, /* condition variable, semaphore, rwlock, runtime park */
    WAIT_FUTEX_JOIN,  /* shared bitset wait on a thread's tid word: pthread_join */
    WAIT_FUTEX_PI,
    WAIT_FUTEX_TIMEOUT, /* FUTEX_OTHER that ran into its timeout: nobody ended it */
    WAIT_SLEEP,
    WAIT_EPOLL_TIMEOUT,
    WAIT_EPOLL_SIBLING,
    WAIT_EPOLL_TARGET,
    WAIT_EPOLL_OUTSIDE,
    WAIT_POLL_TIMEOUT, /* poll and select over several descriptors */
    WAIT_POLL_SIBLING,
    WAIT_POLL_TARGET,
    WAIT_POLL_OUTSIDE,
    WAIT_INET_OUTSIDE,
    WAIT_INET_SIBLING,
    WAIT_INET_TARGET,
    WAIT_INET_SERVED,  /* a connection that the target accepted: the next request is awaited */
    WAIT_INET_TIMEOUT, /* poll on one socket that ran into its timeout */
    WAIT_ACCEPT,
    WAIT_UNIX_OUTSIDE,
    WAIT_UNIX_SIBLING,
    WAIT_UNIX_TARGET,
    WAIT_PIPE_OUTSIDE,
    WAIT_PIPE_SIBLING,
    WAIT_PIPE_TARGET,
    WAIT_EVENTFD,
    WAIT_CHILD, /* wait4, waitid, vfork */
    WAIT_FILE,
    WAIT_FAULT,
    WAIT_MEMORY, /* mmap_lock and friends inside memory calls */
    WAIT_TERMINAL,
    WAIT_SIGNAL,
    WAIT_SYSV, /* semop, msgrcv, mq */
    WAIT_IO_URING,
    WAIT_EXEC,
    WAIT_STOPPED,
    WAIT_EXIT,     /* on the way out */
    WAIT_OTHER_FD, /* inotify, timerfd, signalfd, devices */
    /* Told apart by the runtime's own structures when the wait began (cpython.bpf.h, ruby.bpf.h). */
    WAIT_INTERPRETER_LOCK, /* a sub-interpreter's own GIL, Ruby's GVL */
    WAIT_RUBY_SLEEP,       /* Ruby's sleep: a timed wait on the thread's own condition variable */
    WAIT_RUBY_QUEUE,       /* Ruby's Queue, Mutex, Thread#join: likewise, until another thread acts */
    /* Told by user space. */
    WAIT_POOL, /* a worker of a pool, without work */
    WAIT_KIND_COUNT,
};

enum slot_state {
    SLOT_FREE,
    SLOT_NEW, /* forked, not yet runnable */
    SLOT_RUNNING,
    SLOT_RUNNABLE,
    SLOT_BLOCKED,
    SLOT_HELD, /* the root, before its release */
};

/* A slot's allowance for stacks is kept apart for waits that look different (kind and address hashed). */
#define STACK_LIMITERS 16

/*
 * How often stacks are taken of waits of one class: each with probability 2^-shift, adapted so that about 240 a second
 * are (stack.bpf.h). Random, not periodic, so that no wait of a pattern is preferred; user space weights by 2^shift.
 */
struct stack_limiter {
    __u16 window; /* number of the current window of time */
    __u8 shift;
    __u8 taken; /* in this window */
};

/* One live thread's exact account. Kernel and user space share it through an mmapable array. */
struct slot {
    __u64 task;      /* address of its task_struct: tells a reused pid */
    __u64 registers; /* address of its struct pt_regs, for the kernel side; 0: not looked up yet */
    __u32 tid;
    __u32 tgid;
    __u32 parent_tid;
    __u16 state; /* enum slot_state */
    __u16 kind;  /* enum wait_kind while blocked; resolved when woken */
    __u64 birth; /* first runnable */
    __u64 death; /* 0: alive */
    __u64 stamp; /* of the last transition */
    __u64 on_cpu_ns;
    __u64 runnable_ns;
    __u64 exec_base; /* se.sum_exec_runtime at the last switch-out: mends a missed switch-in */
    __u64 utime;     /* as the kernel counts, at death */
    __u64 stime;
    __u64 slice_on_cpu_ns; /* of the slice in progress */
    __u64 slice_runnable_ns;
    __u64 slice_blocked_ns;
    __u64 address;    /* futex word, or epoll descriptor, of the wait in progress */
    __u64 deadline;   /* when a timed wait in progress ends; 0: never */
    __u64 early_wake; /* woken while still descheduling: see sched_waking */
    __u64 waker_on_cpu_ns;
    __u32 waker_tid; /* thread of the target, or 0 */
    __u32 waker_tgid;
    struct stack_limiter limiters[STACK_LIMITERS];
    __u32 random;      /* state of the generator that picks waits; 0: not seeded */
    __u16 call_kind;   /* enum wait_kind of the last wait in a system call: what restart_syscall(2) goes on with */
    __u16 number;      /* of this slot */
    __u32 stack_id;    /* of the wait in progress; 0: none taken */
    __u32 stack_shift; /* it stands for 2^stack_shift waits */
    __u32 voluntary;
    __u32 involuntary;
    __u32 cpu_samples;
    __u32 lock_held_samples;
    __u32 repaired;
    __u64 repaired_ns;
    __u32 is_process; /* the first thread of a process */
    __u32 execed;
    __u64 rchar; /* at death: task_struct.ioac (include/linux/task_io_accounting.h), bytes and calls */
    __u64 wchar;
    __u64 syscr;
    __u64 syscw;
    char comm[16];
    __u64 blocked_ns[WAIT_KIND_COUNT];
    __u32 blocked_count[WAIT_KIND_COUNT];
    __s32 fd;     /* descriptor that the wait in progress is for; -1: none, or several */
    __u32 serial; /* of the thread in this run, from 1 on: unlike tid, never used twice */
};

enum record_type {
    RECORD_SLICE = 1,
    RECORD_FORK,
    RECORD_EXEC,
    RECORD_GROUP_EXIT,
};

/* The per-CPU event ring; SLICE: a stretch on CPU, the wait after it, the wait for a CPU after that. */
struct record {
    __u64 time; /* SLICE: switch-in after the wait, which ended up to runnable_ns before; else of the event */
    __u32 tid;
    __u32 tgid;
    __u8 type;       /* enum record_type */
    __u8 serial_low; /* SLICE: of slot.serial, bits 0-7: tells threads apart that had the tid one after the other */
    __u8 kind;
    __u8 stack_shift; /* the stack stands for 2^stack_shift waits */
    __u32 other_tid;  /* SLICE: waker; FORK: parent thread; EXEC: the id the thread had before, where it took another */
    __u64 on_cpu_ns;  /* GROUP_EXIT: peak resident pages; FORK, EXEC: slot.serial */
    __u64 runnable_ns;
    __u64 blocked_ns;
    __u64 other_on_cpu_ns; /* waker's CPU time so far; FORK: the parent's tgid; EXEC: 1: the caller may not look into it
                            */
    __u32 stack_id;
    __u32 address_low; /* of the futex address (bits 0-31) or epoll descriptor */
};

#define STACK_DEPTH 44

/* What a stack was taken for. Several records may share an id: the Python and the native half, waiter and waker. */
enum stack_role {
    STACK_WAIT,    /* of a thread as its wait begins; the id joins it to the SLICE */
    STACK_SAMPLE,  /* of a thread on a CPU, at a tick */
    STACK_WAKER,   /* of the thread that ends the wait with that id */
    STACK_HOLDER,  /* Python only: of the holder of the interpreter lock that the wait with that id is for */
    STACK_CONNECT, /* of a thread that opens the connection with that id (struct peer_value.stack_id) */
};

/* What an asyncio loop has scheduled as it begins to wait. */
struct loop_timers {
    __u32 n; /* without the cancelled ones */
    __u8 known;
    __u8 looked; /* how many of them were looked at: */
    __u8 sleeps; /* of these, those that end an asyncio.sleep() */
    __u8 pad;
};

/* The per-CPU stack ring: Python frames, innermost first. */
struct stack_record {
    __u64 time;
    __u32 id;  /* never 0 */
    __u32 tid; /* of the thread whose frames these are; HOLDER: 0, not known */
    __u32 tgid;
    __u16 n_frames;
    __u8 role;                 /* enum stack_role */
    __u8 lock_held;            /* SAMPLE: it held the interpreter lock */
    struct loop_timers timers; /* WAIT */
    __u64 code[STACK_DEPTH];
    __u64 instr[STACK_DEPTH];
    __u64 frame[STACK_DEPTH]; /* address of the frame itself: tells one activation from the next */
};

#define CHAIN_DEPTH 64
#define STACK_COPY 8192

/* User registers at kernel entry (arch/x86/entry/entry_64.S saves them all). */
struct user_registers {
    __u64 ip, sp, bp, bx, r12, r13, r14, r15;
};

/*
 * The per-CPU ring of native stacks: return addresses by frame pointers as the kernel walked them, and a bounded copy
 * of the stack itself, from which user space unwinds what was built without frame pointers.
 */
struct native_record {
    __u64 time;
    __u32 id; /* never 0; joins as in struct stack_record */
    __u32 tid;
    __u32 tgid;
    __u32 owner_tid; /* WAIT on a glibc mutex: its owner (pthread_mutex_t.__owner); 0: not known */
    __u16 n_chain;
    __u8 role; /* enum stack_role */
    __u8 pad;
    __u32 n_copy;    /* bytes copied from registers.sp on */
    __u32 transfers; /* SAMPLE: reads and writes of the thread so far (task_struct.ioac), low bits; 0: not counted */
    __u32 pad2;
    struct user_registers registers;
    __u64 chain[CHAIN_DEPTH]; /* innermost first; chain[0] is registers.ip */
    __u8 copy[STACK_COPY];
};

/* Per-CPU ring positions, a cache line each. */
struct ring_head {
    __u64 records;
    __u64 stacks;
    __u64 obituaries;
    __u64 natives;
    struct stack_limiter limiter; /* of all stacks of this CPU */
    __u16 busy;                   /* a stack is being written: an interrupt's must not go to the same place */
    __u16 tick;                   /* jiffies at the last sample, low bits, where they are taken at ticks */
    struct loop_timers timers;    /* of the wait whose stack is taken next */
    __u64 clock_ahead;            /* CLOCK_MONOTONIC less rq->clock of this CPU, when it was */
    __u64 clock_read;             /* by rq->clock; 0: not yet */
};

/* Sums over threads that ended, and counters of the whole run. */
struct totals {
    __u64 threads;
    __u64 processes;
    __u64 live;
    __u64 max_live;
    __u64 live_processes;
    __u64 max_live_processes;
    __u64 no_slot;       /* threads that found no free slot */
    __u64 futex_unnamed; /* futex waits that found the table full */
    __u64 stacks_failed;
    __u64 fresh;         /* slots handed out for the first time */
    __u64 peers_omitted; /* connects that found the table of peers full */
    __u64 stacks_denied; /* of threads that the caller may not look into: setuid, setgid, capabilities */
    __u64 pad[4];
};

struct grave {
    __u64 threads;
    __u64 lifetime_ns;
    __u64 on_cpu_ns;
    __u64 runnable_ns;
    __u64 utime;
    __u64 stime;
    __u64 voluntary;
    __u64 involuntary;
    __u64 repaired;
    __u64 repaired_ns;
    __u64 blocked_ns[WAIT_KIND_COUNT];
    __u64 blocked_count[WAIT_KIND_COUNT];
};

#define PARALLELISM_MAX 257

/* parallelism: time with exactly k threads of the target on CPUs. */
struct parallelism {
    __u64 running;
    __u64 since;
    __u64 time_ns[PARALLELISM_MAX];
};

struct futex_key {
    __u32 tid;
    __u32 kind;
    __u64 address;
};

struct futex_value {
    __u64 wait_ns;
    __u64 waits;
    __u32 tgid;
    __u32 pad;
};

/* TCP connections opened, by process and peer. */
struct peer_key {
    __u32 tgid;
    __u16 family; /* AF_INET, AF_INET6 */
    __u16 port;   /* host byte order */
    __u8 address[16];
};

struct peer_value {
    __u64 connects;
    __u64 established;
    __u64 handshake_ns;
    __u64 first; /* CLOCK_MONOTONIC */
    __u64 last;
    __u32 stack_id; /* of the last one with a stack; 0: none */
    __u32 pad;
};

/*
 * A registered Ruby process (key: tgid). A thread waits on the condition variable of its own rb_thread_t
 * (thread_pthread.c): for a futex word at A, th is A - th_cond[i] for the i with *(th + th_vm) == *vm_pointer; then
 * *(u32 *)(th + th_status) & 3 says for what: 0 the GVL, 1 sleep, 2 queue, mutex, join.
 */
struct ruby_process {
    __u64 vm_pointer; /* address of ruby_current_vm_ptr */
    __u32 th_cond[2];
    __u32 th_vm;
    __u32 th_status;
};

/* A registered CPython process (key: tgid). */
struct python_process {
    __u64 runtime;     /* address of _PyRuntime; 0: 3.6, which has none */
    __u64 runtime_end; /* of _PyRuntime: a futex wait in [runtime, runtime_end) is for the GIL */
    struct cpython_walk_config walk;
};

/* What the helper tells the front end beyond the map values (probe/wire.h). */
struct wire_futex {
    struct futex_key key;
    struct futex_value value;
};

struct wire_peer {
    struct peer_key key;
    struct peer_value value;
};

struct wire_ruby {
    __u32 tgid;
    __u32 pad;
    struct ruby_process process;
};

struct wire_python {
    __u32 tgid;
    __u32 interpreters_head; /* within _PyRuntime; 0: not known. Offsets for walks over all threads, from user space: */
    __u32 interpreter_next;  /* within PyInterpreterState; 0 is an offset here */
    __u32 threads_head;      /* likewise: its first PyThreadState */
    struct python_process process;
};

struct wire_final {
    __u64 end_ns; /* CLOCK_MONOTONIC when the programs were detached */
    __u64 cpu_ns; /* CPU time the helper used since the target was released */
    __u64 records_lost;
    __u64 stacks_lost; /* Python and native */
    __u64 obituaries_lost;
    __u64 rounds; /* of looks; 0: nothing was sampled (BPF) */
    __u64 opaque; /* threads whose system calls were not shown to us (/proc) */
    struct totals totals;
    struct grave grave; /* sum over CPUs */
};

#ifndef __BPF__
static_assert(sizeof(struct record) == 64, "a record is a cache line");
static_assert(sizeof(struct ring_head) == 64, "a head is a cache line");
static_assert(sizeof(struct slot) % 8 == 0, "array stride");
static_assert(sizeof(struct stack_record) == 32 + 24 * STACK_DEPTH, "no hidden padding");
static_assert(sizeof(struct native_record) == 40 + 64 + 8 * CHAIN_DEPTH + STACK_COPY, "no hidden padding");
static_assert(sizeof(struct peer_key) == 24, "no hidden padding: it is hashed");
static_assert(sizeof(struct wire_futex) == sizeof(struct futex_key) + sizeof(struct futex_value), "a pair");
static_assert(sizeof(struct wire_peer) == sizeof(struct peer_key) + sizeof(struct peer_value), "a pair");
static_assert(sizeof(struct futex_key) == 16, "no hidden padding: it is hashed");
#endif
