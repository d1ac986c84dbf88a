/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * bpf_session_state: the inside of a session, shared by the two files that make it: bpf_session.c loads, attaches and
 * detaches; bpf_session_read.c reads the maps.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "probe/bpf/bpf_seed.h"
#include "probe/wire.h"

struct bpf_link;
struct mapping_news;
struct switch_bpf;

#define STACKS_PER_CPU 512u
#define NATIVES_BYTES (5u << 20) /* for all CPUs together */
#define NATIVES_PER_CPU_MIN 64u
#define NATIVES_PER_CPU_MAX 256u
#define OBITUARIES_PER_CPU 2048u

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
    bool ticks; /* samples are taken at the scheduler's ticks instead */
    uint32_t cpus;
    uint32_t ring_records;
    uint32_t ring_natives;
    uint32_t pid_max;
    uint32_t max_threads;
    struct view heads, records, stacks, natives, obituaries, slots, totals, parallel;
    uint64_t *read_records, *read_stacks, *read_natives, *read_obituaries; /* reader's positions, per CPU */
    uint64_t records_lost, stacks_lost, obituaries_lost;
    struct mapping_news *news; /* NULL: no news of mappings */
    void *scratch;             /* copy of one CPU's news */
    size_t scratch_size;
    uint64_t start_ns;
    struct bpf_ids ids;
    bool seeded;             /* attached to a process that was running, */
    uint64_t seed_ns;        /* since then (CLOCK_MONOTONIC) */
    double fill;             /* of the fullest ring at the last drain */
    struct wire_status said; /* the last status emitted */
};

/* File descriptor of a map that can't be mmapped. */
int bpf_session_futexes_fd(const struct bpf_session *session);
int bpf_session_graves_fd(const struct bpf_session *session);
int bpf_session_peers_fd(const struct bpf_session *session);

/* Sums over the threads that ended: the graves are per CPU. @return 0, -ENOMEM, -errno */
int bpf_session_graves(const struct bpf_session *session, struct grave *ret_sum);

void bpf_session_detach(struct bpf_session *session); /* safe to call again */

/* A clock in nanoseconds. */
uint64_t bpf_session_clock(clockid_t clock);
