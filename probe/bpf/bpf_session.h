/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bpf_session: the loaded and attached BPF programs and their maps, as the helper sees them.
 *
 * The only user-space code that knows libbpf. Starting needs CAP_BPF and CAP_PERFMON; everything after start works
 * on open descriptors without any capability. Reads nothing that the target wrote.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/wire.h"

struct bpf_session; /* opaque */
struct python_process;
struct ruby_process;

struct bpf_session_options {
    pid_t root;            /* held target: its account starts when it is woken; or, with attach, a running process */
    bool attach;           /* the threads of `root` and of its descendants are there already: bpf_seed.h */
    uint32_t ring_records; /* per CPU, a power of two; 0: default */
    uint32_t max_threads;  /* live threads; 0: default 16384 */
    bool no_stacks;        /* take none */
    bool verbose;          /* the kernel's and libbpf's own words on stderr */
    bool light;            /* totals alone: no stacks, no slices, and who ended a wait is not known */
};

/* One thing to pass on; called from bpf_session_drain() and bpf_session_finish(). @return 0 or -errno (stops) */
typedef int (*bpf_session_emit_fn)(uint32_t wire_type, const void *data, size_t size, void *userdata);

/*
 * Open, size, load and attach.
 *
 * @param message  what failed and what to do, when not 0
 * @return 0, -EPERM, -EOPNOTSUPP (kernel without BTF), -errno
 */
int bpf_session_start(const struct bpf_session_options *options, struct bpf_session **ret_session, char *message,
                      size_t size);

enum sampling bpf_session_samples(const struct bpf_session *session); /* how on-CPU samples are taken */

/*
 * Emit what has arrived since, in the order in which it is of use: WIRE_MAPPINGS, WIRE_NATIVES, WIRE_STACKS,
 * WIRE_RECORDS, WIRE_OBITUARIES and WIRE_STATUS. What a stack needs to be named is never later than the stack, and a
 * stack never later than the slice that names it. @return 0 or -errno
 */
int bpf_session_drain(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata);

/* The next drain emits a status whether it is news or not. */
void bpf_session_speak(struct bpf_session *session);

/* How full the fullest ring was at the last drain: 0 (nothing had arrived) to 1 and, where records were lost, above. */
double bpf_session_fill(const struct bpf_session *session);

/* Emit WIRE_PRESENT: the threads that were there when the programs were attached. Nothing without `attach`. */
int bpf_session_emit_present(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata);

/* Emit WIRE_LIVE with at most so many waits in progress. @return 0, -ENOMEM, or as emit() has it */
int bpf_session_emit_live(struct bpf_session *session, uint32_t waits, bpf_session_emit_fn emit, void *userdata);

/* Register a CPython process for stacks. @return 0 or -errno */
int bpf_session_add_python(struct bpf_session *session, uint32_t tgid, const struct python_process *process);

/* Register a Ruby process, to tell its waits apart. @return 0 or -errno */
int bpf_session_add_ruby(struct bpf_session *session, uint32_t tgid, const struct ruby_process *process);

/* Detach, drain, close the accounts of the living at this moment and emit all sums, WIRE_FINAL last. */
int bpf_session_finish(struct bpf_session *session, bpf_session_emit_fn emit, void *userdata);

void bpf_session_free(struct bpf_session *session); /* NULL-safe; detaches */

/* Version of the libbpf in use. */
void bpf_session_libbpf(unsigned *ret_major, unsigned *ret_minor);
