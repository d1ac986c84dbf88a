/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/findings/detect.h"

#include <math.h>

#define MIN_STACKS 20
#define MIN_SITES_NS (100 * NSEC_PER_MSEC)

/* Every stack begins in the C library and many end there: its names say nothing about the program. */
/* Where nobody needs a name: workers that are parked, a parent that waits for its children. */
static bool is_rest(const struct site *site)
{
    return !site->on_cpu && (site->cause == CAUSE_IDLE || site->cause == CAUSE_HANDOFF || site->cause == CAUSE_JOIN ||
                             site->cause == CAUSE_TERMINAL || site->cause == CAUSE_STOPPED);
}

static bool is_nameless(const struct site *site)
{
    bool program = false;

    if (is_rest(site))
        return false;
    for (size_t i = 0; i < site->n_frames; i++) {
        const struct frame *frame = &site->frames[i];

        if (frame->module && advice_is_c_library(frame->module))
            continue;
        if (strcmp(frame->function, "?") != 0)
            return false;
        program = true;
    }
    return program;
}

/* By time, of the sites that have a stack. */
static double nameless_share(const struct measurement *m)
{
    uint64_t nameless_ns = 0, all_ns = 0;

    for (size_t i = 0; i < m->n_sites; i++) {
        if (m->sites[i].n_frames == 0 || is_rest(&m->sites[i]))
            continue;
        all_ns += m->sites[i].time_ns;
        nameless_ns += is_nameless(&m->sites[i]) ? m->sites[i].time_ns : 0;
    }
    return all_ns >= MIN_SITES_NS ? (double)nameless_ns / (double)all_ns : 0.0;
}

/* Where the innermost frame of the largest nameless site is. NULL: not known */
static const char *nameless_module(const struct measurement *m)
{
    for (size_t i = 0; i < m->n_sites; i++)
        for (size_t k = 0; is_nameless(&m->sites[i]) && k < m->sites[i].n_frames; k++)
            if (m->sites[i].frames[k].module && !advice_is_c_library(m->sites[i].frames[k].module))
                return m->sites[i].frames[k].module;
    return NULL;
}

static char *remedy_of(enum runtime_kind runtime)
{
    switch (runtime) {
    case RUNTIME_NODE:
        return words_format("start node with --perf-basic-prof, which writes /tmp/perf-PID.map");
    case RUNTIME_JVM:
        return words_format("have the JVM write /tmp/perf-PID.map (-XX:+DumpPerfMapAtExit, or perf-map-agent)");
    case RUNTIME_NATIVE:
    case RUNTIME_CPYTHON:
    case RUNTIME_PYPY:
    case RUNTIME_RUBY:
    case RUNTIME_GO:
    case RUNTIME_COUNT:
        break;
    }
    return words_format("build with -g (and -fno-omit-frame-pointer), do not strip, or install the debug packages");
}

/* CA9005: where time went can't be said by name for many of the stacks. */
int find_missing_symbols(const struct finding_context *c, struct finding_list *list)
{
    const struct loss *loss = &c->m->loss;
    double failed =
        loss->stacks_taken >= MIN_STACKS ? fmin(1.0, (double)loss->stacks_failed / (double)loss->stacks_taken) : 0.0;
    double nameless = nameless_share(c->m), share = fmax(failed, nameless);
    const char *module = nameless_module(c->m), *slash = module ? strrchr(module, '/') : NULL;
    char text[WORDS_NUMBER];
    int r;

    if (share <= 0.3)
        return 0;
    r = finding_add(list, c, (struct finding){.id = 9005, .severity = SEVERITY_INFO, .share = share},
                    words_format("%s of the stacks %s%s%.80s", words_share(share, text),
                                 failed > nameless ? "could not be walked or named" : "have no names",
                                 module ? "; largest in " : "", module ? (slash ? slash + 1 : module) : ""),
                    is_nameless);
    return r < 0 ? r : finding_remedy(list, remedy_of(c->m->target.runtime.kind));
}
