/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/follow/watch_runtime.h"

#include "base/base.h"
#include "probe/procfs/segments.h"
#include "probe/follow/run_state.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/interpreters.h"

#define PROCESSES_A_LOOK 64u
#define LIBRARY_LOOKS 8u /* each reads the maps; a loop's library is there before the loop is */

/* Which library makes the loop that a thread of this process was seen in? */
static void look_for_libraries(struct run_process *process)
{
    AUTO_FCLOSE FILE *maps = NULL;
    AUTO_FREE char *line = NULL;
    size_t capacity = 0;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%u/maps", process->tgid);
    maps = fopen(path, "re");
    while (maps && getline(&line, &capacity, maps) > 0) {
        process->uses_uvloop = process->uses_uvloop || strstr(line, "/uvloop/loop.");
        process->uses_libuv = process->uses_libuv || strstr(line, "/libuv.so");
    }
}

static void look_at_loops(struct run_state *state)
{
    for (size_t i = 0, looks = 0; i < state->n_threads && looks < PROCESSES_A_LOOK; i++) {
        struct run_thread *thread = &state->threads[i];
        struct run_process *process =
            thread->loop && !thread->closed ? run_state_find_process(state, thread->tgid) : NULL;

        if (process && process->uses_uvloop)
            thread->uvloop = true;

        if (!process || !process->alive || process->library_looks >= LIBRARY_LOOKS || process->uses_uvloop ||
            process->uses_libuv)
            continue;
        process->library_looks++;
        looks++;
        look_for_libraries(process);
    }
}

static void look_at_interpreters(struct run_state *state)
{
    size_t looks = 0;

    for (size_t i = 0; i < state->n_processes && looks < PROCESSES_A_LOOK; i++) {
        struct run_process *process = &state->processes[i];
        uint32_t count;

        if (!process->alive || !process->image || process->image->runtime.kind != RUNTIME_CPYTHON)
            continue;
        looks++;
        if (interpreters_count((pid_t)process->tgid, process->image, &count) == 0 &&
            count > process->image->runtime.interpreters)
            process->image->runtime.interpreters = count;
    }
}

void watch_runtimes(struct run_state *state)
{
    look_at_loops(state);
    look_at_interpreters(state);
}

void watch_talk(struct run_thread *thread, uint16_t port, uint64_t inode)
{
    struct segments now;

    if (segments_of(port, inode, &now) < 0)
        return;
    /* Another connection than at the last look: its own count starts at 0. */
    if (thread->talk_inode != inode)
        thread->talk_sent = thread->talk_received = 0;
    thread->sent_segments += now.sent > thread->talk_sent ? now.sent - thread->talk_sent : 0;
    thread->received_segments += now.received > thread->talk_received ? now.received - thread->talk_received : 0;
    thread->talk_inode = inode;
    thread->talk_sent = now.sent;
    thread->talk_received = now.received;
}
