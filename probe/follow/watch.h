/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * watch: what only /proc can tell about the processes of a run, looked at now and then while they live.
 *
 * Which runtime a process runs (and where its interpreter lock lies), whether it listens, how many connections it
 * has open, how much memory it takes and took (memory_series.h), what its living threads read and wrote. Every look is
 * bounded; a process that ends first keeps what was seen.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/procfs/tcp_table.h"

struct elf_cache;
struct run_process;
struct run_state;

struct watch {
    struct elf_cache *cache;
    uint64_t rounds; /* of watch_processes() */
    size_t known;    /* processes whose first look at memory has been, or is left to a round */
    size_t turn;     /* process that the next round begins with */
    struct tcp_table connections;
};

int watch_init(struct watch *watch); /* 0 or -ENOMEM */
void watch_clear(struct watch *watch);

/*
 * Called when a CPython or Ruby process has been recognised: its frames can be walked from now on.
 * @return false: not now, ask again at the next look
 */
typedef bool (*watch_python_fn)(const struct run_process *process, void *userdata);

/* A process was started or has exec'd: forget its image and look soon. */
void watch_new_image(struct run_state *state, struct run_process *process, uint64_t now);

/* Look at images that are due, and at the memory of processes just begun. Call every few milliseconds. */
void watch_images(struct watch *watch, struct run_state *state, uint64_t now, watch_python_fn python, void *userdata);

/*
 * Look at the selectors of loops that have just begun: a program of a tenth of a second is over before a round comes.
 * Call when run_state.next_loop_look is over, which whoever sees a first wait in epoll sets; puts it off, or back to 0.
 */
void watch_new_loops(struct watch *watch, struct run_state *state, uint64_t now);

/* Sockets, selectors and memory of the living. Call about ten times a second. */
void watch_processes(struct watch *watch, struct run_state *state, uint64_t now);

/* A last look at those that go on after the measurement: memory, and all that their living threads read and wrote. */
void watch_end(struct run_state *state, uint64_t now);
