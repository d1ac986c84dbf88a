/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * sampler_parts: the sampler's state, as the files sampler*.c share it. Refuses to be known by anybody else.
 *
 * sampler.c is the thread and its rounds; sampler_tree.c finds threads and processes, sampler_present.c those that are
 * there already (-p); sampler_look.c looks at one thread, sampler_ends.c at the end of one; sampler_stacks.c takes
 * stacks; sampler_wire.c says it all, sampler_live.c what is in progress.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/bpf/abi.h"
#include "probe/procfs/account.h"
#include "probe/procfs/sampler_rate.h"
#include "probe/procfs/task_files.h"

struct descriptors;

struct sampler_process {
    uint32_t pid, parent;
    int tasks;                 /* its folder task/, kept open; -1: could not be */
    uint64_t links;            /* of that folder, when it was read last: grows and shrinks with the threads */
    bool moved;                /* one of its threads did something since the last round */
    bool unchecked;            /* it did something since it was last looked for another program */
    bool lost;                 /* one of its threads is gone: look who is left */
    uint32_t live;             /* threads */
    uint64_t born;             /* when it was found */
    uint64_t died;             /* its last thread so far */
    uint64_t program;          /* hash of what exec told it (auxv): another one after each exec */
    uint64_t next_program;     /* when to look at that again */
    uint64_t closed_on_cpu_ns; /* of its threads that ended, as the kernel counts */
    bool has_python;
    struct wire_python python;
    uint64_t next_tstates; /* when its thread states may be listed again */
};

struct sampler_thread {
    struct sampler_process *process;
    struct task_files files;
    struct account account;
    struct look last;      /* at it; counters raw */
    struct look voluntary; /* of which only that was read, and the switches up to then, now and then */
    struct slot slot;      /* what the wire wants to know at its end */
    struct {
        uint64_t switch_ins, utime, stime;
    } before; /* -p: by the kernel's counters, when measuring began */
    struct wire_futex *futexes;
    size_t n_futexes, futexes_capacity;
    bool moved;      /* it did something since the last round */
    bool opaque;     /* its system call is not shown to us */
    bool look_again; /* although nothing has changed: its stack may be had by now */
    bool loop_known; /* kind of the epoll descriptor loop_fd, until loop_until */
    int loop_fd;
    uint16_t loop_kind;
    uint64_t loop_until;
    uint64_t unsampled_ns;   /* on-CPU time since its last CPU sample */
    uint64_t tstate, fsbase; /* of CPython; 0: not known */
    uint64_t next_stat;      /* when to read user and system time again */
};

/* What was seen of a process just before it was reaped. */
struct last_words {
    uint32_t pid;
    uint64_t time;
    uint64_t cpu_ns; /* of all its threads */
};

#define LAST_WORDS 64
#define TIDS_MAX 4194304u /* PID_MAX_LIMIT, include/linux/threads.h */

/* Messages of one type, to be sent together. */
struct outbox {
    char *data;
    size_t size, capacity;
};

struct sampler {
    pthread_t thread;
    int socket, front; /* its own end, and the front end's */
    bool stacks, finished;
    bool attached; /* -p: the target is no child of ours */
    bool seeding;  /* what is found now was there before */
    int spare_fds;
    pthread_mutex_t mutex; /* for what comes from other threads: */
    uint64_t released;     /* 0: the target is held */
    struct last_words words[LAST_WORDS];
    size_t n_words;
    uint64_t reaped_cpu_ns;
    /* Of the sampler's thread alone: */
    uint32_t *known; /* pids of the target's processes that live */
    size_t n_known, known_capacity;
    uint32_t root;
    uint32_t strangers[64]; /* children of ours that are not of the target */
    size_t n_strangers;
    uint64_t next_orphans; /* when to look for orphans that came to us */
    bool running;          /* the target has been let go */
    struct sampler_process **processes;
    size_t n_processes, processes_capacity;
    uint8_t *tids; /* bits: threads that are looked at */
    struct sampler_thread **threads;
    size_t n_threads, threads_capacity;
    struct descriptors *descriptors;
    struct sampler_rate rate;
    uint64_t round, last_round; /* times */
    uint64_t rounds;
    uint32_t extras;          /* dear reads in this round */
    uint64_t round_on_cpu_ns; /* of all threads, in this round */
    uint64_t moved;           /* when a thread was last seen to have run */
    uint64_t next_status;
    int64_t stack_credit_ns, stack_floor_ns; /* CPU time for stacks; what this round must leave of it */
    uint32_t next_stack;
    uint64_t parallel_ns[PARALLELISM_MAX];
    uint32_t opaque;          /* threads whose system calls are not shown to us */
    uint64_t merged;          /* waits that were told together with others */
    uint64_t children_cpu_ns; /* accounted to threads that have ended, of other processes than the first */
    uint64_t children_ended;  /* of these processes */
    int loadavg;              /* open file; -1: none */
    uint32_t last_id;         /* of a thread or process, as the kernel gave it away last */
    uint64_t ids_given;       /* since measuring began */
    uint64_t last_given;      /* when that was seen to grow */
    bool unseen_forks;        /* somebody may have children that we have not seen */
    bool looked_for;          /* WIRE_LOOK has come: tell where the threads are after the next round, */
    uint32_t live_waits;      /* with at most so many waits */
    struct totals totals;
    struct grave grave;
    struct outbox records, stacks_out, natives, obituaries, survivors, futexes;
};

uint64_t sampler_clock(void);
uint64_t sampler_cpu_clock(void); /* CPU time of the calling thread */

/* --- sampler_tree.c --- */

/* Begin to look at the held target. @return 0, -ENOMEM, -ESRCH */
int sampler_take_root(struct sampler *sampler);
/* Find new threads and processes, and programs that replaced others. @return 0 or -ENOMEM */
int sampler_find(struct sampler *sampler);
/* A round of it over everything that is known, whether it moved or not. @return as sampler_find() */
int sampler_find_all(struct sampler *sampler);
void sampler_free_tree(struct sampler *sampler);
void sampler_free_thread(struct sampler_thread *thread);

/* --- sampler_present.c --- */

/* Begin to look at a process that runs, all its threads and descendants. @return 0, -ENOMEM, -ESRCH */
int sampler_take_running(struct sampler *sampler);
/* Tell of them. @return 0 or -errno */
int sampler_send_present(struct sampler *sampler);

/* --- sampler_ends.c --- */

/* A thread has ended at about this time, or, `alive`, measuring has. It is freed. @return 0 or -ENOMEM */
int sampler_close_thread(struct sampler *sampler, size_t index, const struct look *last, bool alive);
/* One that was not there any more. @return 0 or -ENOMEM */
int sampler_lose_thread(struct sampler *sampler, size_t index, uint64_t now);

/* --- sampler_look.c --- */

/* Look at one thread. @return 0, 1: it has ended and its index is free or another's, -errno */
int sampler_look_at(struct sampler *sampler, size_t index);
void sampler_stretch(const struct stretch *stretch, void *userdata); /* userdata: struct stretch_target */
struct stretch_target {
    struct sampler *sampler;
    struct sampler_thread *thread;
    int error;
};
/* Its name, and its user and system time. */
void sampler_read_stat(struct sampler *sampler, struct sampler_thread *thread);
/* What the futex waits of a thread came to. @return 0 or -ENOMEM */
int sampler_tell_futexes(struct sampler *sampler, const struct sampler_thread *thread);

/* --- sampler_stacks.c --- */

/* Take a stack of a thread that waits for `address` (0: no futex). @return its id; 0: none was taken */
uint32_t sampler_stack_of_wait(struct sampler *sampler, struct sampler_thread *thread, const struct task_call *call,
                               uint64_t begin, uint64_t address);
/* A thread was found computing, and has for so long since the last look: count it, and take its stack. */
void sampler_sample_cpu(struct sampler *sampler, struct sampler_thread *thread, uint64_t now, uint64_t on_cpu_ns);

/* --- sampler_wire.c --- */

int outbox_add(struct outbox *outbox, const void *data, size_t size);
int sampler_record(struct sampler *sampler, const struct record *record);
/* @return 0 or -errno */
int sampler_flush(struct sampler *sampler);
int sampler_send_status(struct sampler *sampler);
int sampler_send_rest(struct sampler *sampler, uint64_t end);
/* Tell where the threads are, as the last round saw them (sampler_live.c). @return 0 or -errno */
int sampler_send_live(struct sampler *sampler);
/* Take one request. @return 2: look and tell now, 1: go on, 0: finish, -errno */
int sampler_take_request(struct sampler *sampler, void **buffer, size_t *capacity);
