/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * mapping_news: executable mappings as processes make them, from the perf events that also drive the on-CPU samples.
 *
 * The kernel tells of every process of the machine. What is not of a process of the target, within its lifetime, is
 * dropped here and goes no further: other users' paths are none of our business. Which processes are the target's is
 * learned from the records of the BPF programs, never from what a process says of itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/bpf/bpf_session.h"

struct record;
struct mapping_news; /* opaque */

/* Bytes of each CPU's ring: some hundred mappings; 64 KiB stay below kernel.perf_event_mlock_kb (perf_event_open(2)).
 */
#define MAPPING_RING_BYTES (64u << 10)

/*
 * @param pid_max  pids are below
 * @param reader   user who gets the news; 0: root, who may know everything. Where programs with rights of their own
 *                 (setuid, setgid, capabilities) lie in memory is told to root only, as in /proc/PID/maps.
 * @return NULL: out of memory
 */
struct mapping_news *mapping_news_new(uint32_t cpus, uint32_t pid_max, uid_t reader);
void mapping_news_free(struct mapping_news *news); /* NULL-safe */

/* Map the ring of a perf event; the descriptor may be closed afterwards. @return 0 or -errno */
int mapping_news_add_ring(struct mapping_news *news, int fd);

/* A process of the target, from `birth` on. */
void mapping_news_add_process(struct mapping_news *news, uint32_t tgid, uint64_t birth);

/* Births and deaths of processes; other records say nothing. The same record may be learned again. */
void mapping_news_learn(struct mapping_news *news, const struct record *record);

/* No process is known any more: records were lost, so that a pid may belong to somebody else by now. */
void mapping_news_forget(struct mapping_news *news);

/* Fix how far mapping_news_emit() will read. @return whether anything has arrived */
bool mapping_news_fix(struct mapping_news *news);

/*
 * Emit WIRE_MAPPINGS, in order of time, for what has arrived up to the last mapping_news_fix().
 *
 * @param lost  number of events that the kernel had no room for; added to
 * @return 0 or -errno
 */
int mapping_news_emit(struct mapping_news *news, uint64_t *lost, bpf_session_emit_fn emit, void *userdata);
