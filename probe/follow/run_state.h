/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * run_state: the threads and processes of a run while it is being followed.
 *
 * Raw: kinds, not causes; CLOCK_MONOTONIC times. collector.c fills it from the helper's messages, watch.c adds what
 * /proc shows, spaces.c the mappings, assemble.c turns it into a measurement when all is known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/bpf/abi.h"
#include "probe/follow/habits.h"

struct image;
struct mappings;
struct memory_point;
struct pin_table;
struct loop_track;

/* A slice as it came, with the end of its wait; several neighbours may have been merged into one. */
struct run_slice {
    uint64_t time;
    uint64_t on_cpu_ns;
    uint64_t runnable_ns;
    uint64_t blocked_ns;
    uint64_t waker_on_cpu_ns;
    uint32_t waker_tid;
    uint32_t address_low;
    uint32_t kind; /* enum wait_kind; of the longest wait where merged */
};

struct run_thread {
    struct slot account; /* filled when the thread ends, or at the end of the run */
    bool closed;         /* account is filled */
    bool alive;          /* closed at the end of the run, not by its death */
    uint32_t tid, tgid, parent_tid;
    uint32_t serial;   /* struct slot.serial; 0: not known yet */
    uint32_t previous; /* index + 1 of the row that had this tid before; 0: none */
    uint32_t goes_on;  /* index + 1 of the row that took over from this one (exec); 0: none */
    uint64_t birth;
    struct run_slice *slices;
    size_t n_slices, capacity;
    uint32_t last_merged; /* slices that went into the last one; at most run_state.decimation */
    uint64_t interpreter_lock_ns[WAIT_KIND_COUNT]; /* futex waits on the interpreter lock, by kind */
    uint64_t interpreter_lock_count[WAIT_KIND_COUNT];
    /* Event loop (loops.h). */
    struct loop_track *loop; /* owned; NULL: none so far */
    uint32_t epoll_fd;       /* waited on last */
    uint64_t last_epoll_end;
    uint64_t setup_cpu_ns;  /* CPU before the first wait in epoll */
    bool uvloop;            /* its process has that loaded */
    uint32_t early_samples; /* with a stack, before there was a loop */
    struct habit_sums habits;
    /* A worker of libuv's pool: bits 0-31 of where idle ones wait; 0: none. Filled when the run is over. */
    uint32_t pool_futex;
    uint64_t pool_idle_ns, pool_idle_count;
    uint64_t outstanding_sum, outstanding_looks, outstanding_max; /* from the first look on that saw any */
    uint32_t early_looks;                                         /* of watch_new_loops() */
    /* While it had one outbound connection: segments with data, as far as seen; and where that was at the last look. */
    uint64_t sent_segments, received_segments;
    uint64_t talk_inode, talk_sent, talk_received;
};

/* Bytes and calls of read- and write-like system calls (proc_pid_io(5)). */
struct run_io {
    uint64_t read_bytes, written_bytes, reads, writes;
};

/*
 * The executable mappings of a process since its last exec. A forked child shares its parent's until it maps something
 * itself. Kept to the end of the run: stacks refer to it.
 */
struct run_space {
    struct mappings *mappings; /* owned */
    const struct image *image; /* borrowed from run_state.images; NULL: not known (yet) */
    uint32_t tgid;             /* whose mappings these are */
    uint32_t reads;            /* how often /proc/PID/maps was read */
    uint64_t next_read;        /* when to read it again */
    bool told;                 /* the kernel tells of its mappings as they are made */
    uint64_t marked;           /* when the kernel told that the exec began that made it; 0: it did not */
    struct {
        uint64_t time, start;
    } recent[32]; /* ring: an exec's own mappings come before the news of the exec */
    uint32_t next_recent;
};

struct run_process {
    uint32_t tgid, parent_tgid;
    uint64_t birth, death;
    bool alive;
    bool execed;
    uint64_t exec_time; /* of its last exec; 0: none */
    uint32_t threads;
    uint64_t cpu_ns; /* of its closed threads */
    uint64_t peak_rss_bytes, private_bytes;
    bool uses_sockets;
    bool uses_uvloop, uses_libuv; /* has the library mapped */
    uint32_t library_looks;
    bool listens;
    uint32_t max_connections;
    struct habit_places habit_places;
    struct image *image; /* borrowed from run_state.images; NULL: not known */
    uint32_t image_tries;
    uint64_t next_look;          /* when to look for the image again; 0: no need */
    struct run_space *space;     /* borrowed from run_state.spaces; NULL: no memory */
    struct run_io io_dead;       /* sums over its threads that ended */
    struct run_io io_alive;      /* those of the threads there at the end (watch.c) */
    struct memory_point *memory; /* looks at its memory (watch.c), at_ns in CLOCK_MONOTONIC; owned */
    size_t n_memory, memory_capacity;
    uint64_t memory_interval; /* between two of them at least; 0: none yet */
    uint32_t looks;           /* at its memory, since its last exec */
};

struct run_state {
    struct run_thread *threads;
    size_t n_threads, threads_capacity;
    struct run_process *processes;
    size_t n_processes, processes_capacity;
    struct image **images; /* owned */
    size_t n_images, images_capacity;
    struct run_space **spaces; /* owned */
    size_t n_spaces, spaces_capacity;
    struct pin_table *pins;  /* owned; outlives the spaces */
    uint64_t next_map_read;  /* earliest next_read of a space */
    uint32_t *thread_index;  /* open addressing: tid -> index + 1 of the newest thread with that tid */
    uint32_t *process_index; /* likewise tgid */
    size_t index_size;       /* of both; a power of two */
    size_t max_threads;      /* rows kept; further threads live in the totals only */
    size_t slices, max_slices;
    uint32_t decimation; /* slices that go into one */
    uint64_t threads_omitted;
    uint64_t next_look;      /* earliest next_look of a process; UINT64_MAX: none is due */
    uint64_t next_loop_look; /* when to look at the selectors of new loops; 0: no need */
};

/* @return 0 or -ENOMEM */
int run_state_init(struct run_state *state, size_t max_slices);
void run_state_clear(struct run_state *state);

/*
 * The row of the thread that a slice with this tid and serial_low (struct record) is of, made when missing: rings are
 * read one after the other, so a slice may come before the news of its thread's birth, or after its end. NULL: no more
 * rows (counted) or no memory.
 */
struct run_thread *run_state_thread_of_slice(struct run_state *state, const struct record *slice);

/* The newest thread's row with that tid, made when missing; NULL: as above. */
struct run_thread *run_state_thread(struct run_state *state, uint32_t tid, uint32_t tgid, uint64_t time);
struct run_thread *run_state_find_thread(const struct run_state *state, uint32_t tid); /* NULL: none */
struct run_process *run_state_find_process(const struct run_state *state, uint32_t tgid);

/*
 * The row of the thread with this tid and serial, whoever has the tid by now; else the newest one with that tid that
 * waits for an account and has no serial yet, which it gets. NULL: none.
 */
struct run_thread *run_state_find_serial(const struct run_state *state, uint32_t tid, uint32_t serial);

/*
 * A thread takes over the tid of its group's first thread (exec): what is in its row goes on in a row under that tid.
 * Nothing happens where the thread is not known or there are no more rows.
 * @return 0 or -ENOMEM
 */
int run_state_take_over(struct run_state *state, uint32_t tid, uint32_t new_tid, uint32_t serial);

/* Begin a new row even where the tid was seen before (pid reuse). */
struct run_thread *run_state_new_thread(struct run_state *state, uint32_t tid, uint32_t tgid, uint32_t parent,
                                        uint64_t time);
struct run_process *run_state_new_process(struct run_state *state, uint32_t tgid, uint32_t parent, uint64_t time);

/* Keep a slice; merges neighbours everywhere when there are too many. @return 0 or -ENOMEM */
int run_state_add_slice(struct run_state *state, struct run_thread *thread, const struct run_slice *slice);

/*
 * Put a thread's slices in order of time. They come ring by ring: a thread that changed CPUs between two readings of
 * the rings has the later ones first.
 */
void run_thread_sort_slices(struct run_thread *thread);

/* Is this futex the interpreter lock of that process? `address_low` is bits 0-31. */
bool run_state_is_interpreter_lock(const struct run_process *process, uint32_t address_low);
