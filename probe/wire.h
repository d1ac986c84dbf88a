/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * wire: what the privileged helper (concadvise-probe) and the front end say to each other over one stream socket.
 *
 * Every message is a struct wire_header and `size` bytes. The helper never interprets what the target wrote; it passes
 * the kernel side's records on as they are (probe/bpf/abi.h). Native byte order: both ends are one machine.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/bpf/abi.h"

/* The last argument of concadvise-probe: how much is measured. */
enum wire_detail {
    WIRE_DETAIL_NO_SITES, /* no stacks */
    WIRE_DETAIL_SITES,
    WIRE_DETAIL_LIGHT, /* totals alone */
};

enum wire_type {
    /* helper -> front end */
    WIRE_READY = 1,  /* struct wire_ready: attached, the target may run */
    WIRE_FAILED,     /* text: why the probe can't start; the helper exits */
    WIRE_STATUS,     /* struct wire_status, when it is news, when asked, and ten times a second */
    WIRE_STACKS,     /* struct stack_record[] */
    WIRE_NATIVES,    /* struct wire_native[]: packed, each `size` bytes */
    WIRE_MAPPINGS,   /* struct wire_mapping[]: packed, each `size` bytes; executable mappings as they are made */
    WIRE_RECORDS,    /* struct record[], one CPU's, in time order */
    WIRE_OBITUARIES, /* struct slot[]: threads that ended; some may come again in the last one */
    WIRE_SURVIVORS,  /* struct slot[]: threads alive at the end; accounts closed at wire_final.end_ns */
    WIRE_FUTEXES,    /* struct wire_futex[] */
    WIRE_PEERS,      /* struct wire_peer[] */
    WIRE_PARALLEL,   /* uint64_t[]: time with exactly k threads on CPUs */
    WIRE_FINAL,      /* struct wire_final; the last message */
    WIRE_PRESENT,    /* struct slot[]: threads that were there when the measurement began (-p); follows WIRE_READY */
    WIRE_LIVE,       /* struct wire_live: the answer to WIRE_LOOK */
    /* front end -> helper */
    WIRE_PYTHON, /* struct wire_python: register a CPython process */
    WIRE_RUBY,   /* struct wire_ruby: register a Ruby process */
    WIRE_ASK,    /* no payload: send news, and a status, at once */
    WIRE_LOOK,   /* uint32_t: send news, then where all threads are now, with at most so many waits in progress */
    WIRE_STOP,   /* no payload: detach, send what is left and WIRE_FINAL */
};

struct wire_header {
    uint32_t type; /* enum wire_type */
    uint32_t size; /* of the payload in bytes; at most WIRE_MAX */
};

#define WIRE_MAX (16u << 20)

/* A native stack without the unused parts of its ring record (struct native_record, probe/bpf/abi.h). */
struct wire_native {
    uint64_t time;
    uint32_t size; /* of this element with all that follows, a multiple of 8 */
    uint32_t id;
    uint32_t tid;
    uint32_t tgid;
    uint32_t owner_tid;
    uint32_t n_copy; /* bytes */
    uint16_t n_chain;
    uint8_t role; /* enum stack_role */
    uint8_t pad;
    uint32_t transfers; /* SAMPLE: read- and write-like calls of the thread so far, modulo 2^32; 0: not known */
    struct user_registers registers;
    uint64_t chain[]; /* n_chain; then n_copy bytes of stack, padded to a multiple of 8 */
};

/*
 * PERF_RECORD_MMAP2 (perf_event_open(2)) of a process of the target, in order of time within a message. With length 0
 * and no path: its program is replaced (exec), what it had mapped before is gone; the mappings of the new program
 * follow this, and come before the RECORD_EXEC, which is written when they have been made.
 */
struct wire_mapping {
    uint64_t time; /* CLOCK_MONOTONIC; 0: not known */
    uint64_t start;
    uint64_t length;
    uint64_t offset; /* in the file */
    uint64_t inode;  /* 0: no file */
    uint32_t major;  /* device of the file */
    uint32_t minor;
    uint32_t tgid;
    uint32_t size; /* of this element with all that follows, a multiple of 8 */
    char path[];   /* NUL-terminated, as the process saw it; "[vdso]", "//anon" and the like: no file */
};

/* Where on-CPU samples come from. */
enum sampling {
    SAMPLING_NONE,
    SAMPLING_CLOCK, /* performance events: 249 a second and CPU */
    SAMPLING_TICKS, /* the scheduler's ticks, where performance events are refused: of user code only */
};

struct wire_ready {
    uint64_t now_ns;   /* CLOCK_MONOTONIC */
    uint32_t sampling; /* enum sampling */
    uint32_t pad;
};

struct wire_status {
    uint64_t now_ns;
    uint64_t live_threads;
    uint64_t live_processes;
    uint64_t records_lost; /* so far: overwritten before they were read */
    uint64_t stacks_lost;
    uint64_t obituaries_lost;
};

/* A wait in progress. */
struct wire_live_wait {
    uint64_t since; /* CLOCK_MONOTONIC */
    uint32_t tgid;
    uint32_t address_low; /* as in struct record */
    uint32_t stack_id;    /* 0: none taken */
    uint16_t kind;        /* enum wait_kind */
    uint16_t stack_shift; /* it stands for 2^stack_shift waits */
};

#define WIRE_LIVE_WAITS 1024u /* at most so many are told of one by one */

/*
 * Where all threads are now, and what those of the run came to so far: the dead are in the sums, and what is in
 * progress counts up to now_ns. Read while they run: a switch at this very moment may be missing in a sum, and is in
 * that of the next message.
 */
struct wire_live {
    uint64_t now_ns; /* CLOCK_MONOTONIC */
    uint64_t on_cpu_ns;
    uint64_t runnable_ns;
    uint64_t blocked_ns[WAIT_KIND_COUNT];
    uint32_t running, runnable;        /* threads */
    uint32_t blocked[WAIT_KIND_COUNT]; /* threads, by the kind of the wait in progress */
    uint32_t processes;
    uint32_t n_waits; /* of the blocked, told one by one: */
    uint32_t pad;
    struct wire_live_wait waits[];
};

static_assert(offsetof(struct wire_live, waits) == sizeof(struct wire_live), "the waits follow without a gap");

/* Send one message; waits until it is written whole. @return 0 or -errno (-EPIPE: the other end is gone) */
int wire_send(int fd, enum wire_type type, const void *payload, size_t size);

/* Would a message of up to 4 KiB be taken without waiting for the other end to read? */
bool wire_has_room(int fd);

/*
 * Receive one message; waits until it is there whole.
 *
 * @param buffer     grown as needed; owned by the caller, free()
 * @param capacity   bytes in buffer; updated
 * @param ret_header untouched on failure
 * @return 1: a message, 0: the other end closed, -errno, -EPROTO (a size beyond WIRE_MAX)
 */
int wire_receive(int fd, struct wire_header *ret_header, void **buffer, size_t *capacity);
