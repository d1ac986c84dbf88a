/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/evidence.h"

#include <signal.h>

#include "analyzer/replay/replay.h"
#include "base/base.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "probe/measurement.h"

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

int evidence_replay(const struct options *options, struct progress *progress, struct measurement *m, char *message,
                    size_t size)
{
    struct sigaction once = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND}, before;
    struct replay_options replay = {
        .budget_ns = options->evidence_ns,
        .cpus = options->cpus,
        .progress = progress->enabled ? progress_replaying : NULL,
        .userdata = progress,
    };
    int r;

    (void)sigaction(SIGINT, &once, &before);
    r = replay_run(m, &replay, message, size);
    (void)sigaction(SIGINT, &before, NULL);
    progress_clear(progress);
    if (r == 0 && m->target.attached && !m->target.exited)
        r = measurement_note(m, "The replays ran beside the program, which went on: where it keeps CPUs busy they took "
                                "longer than they would have alone.");
    if (!interrupted)
        return r;
    if (!options->quiet)
        say("interrupted: the evidence is incomplete.");
    return -EINTR;
}
