/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/wording.h"

#include "base/base.h"

static const struct {
    const char *label;
    const char *meaning;
} causes[CAUSE_COUNT] = {
    [CAUSE_INTERPRETER_LOCK] = {"lock of interp", "queued for the interpreter lock (GIL, GVL)"},
    [CAUSE_LOCK] = {"mutex", "queued for a mutex"},
    [CAUSE_HANDOFF] = {"hand-off", "waiting for another thread of the program: condition, semaphore, queue"},
    [CAUSE_JOIN] = {"join", "waiting for a thread or child process to end"},
    [CAUSE_NETWORK] = {"network", "waiting for a peer over the network"},
    [CAUSE_DISK] = {"disk", "waiting for storage"},
    [CAUSE_IPC] = {"IPC", "pipe or socket whose other end is in the program"},
    [CAUSE_PIPE] = {"pipe", "pipe or local socket whose other end is another program"},
    [CAUSE_SLEEP] = {"sleep", "a timer the program asked for"},
    [CAUSE_IDLE] = {"idle", "nothing to do: an event loop, server or pool without work"},
    [CAUSE_MEMORY] = {"memory", "page fault or swap-in"},
    [CAUSE_TERMINAL] = {"terminal", "waiting for a person at the terminal"},
    [CAUSE_STOPPED] = {"stopped", "stopped by a signal or a debugger"},
    [CAUSE_OTHER] = {"other", "a known wait that fits nowhere else"},
};

const char *wording_cause(enum cause cause, enum runtime_kind runtime)
{
    if ((unsigned)cause >= CAUSE_COUNT)
        return "?";
    if (cause == CAUSE_INTERPRETER_LOCK && (runtime == RUNTIME_CPYTHON || runtime == RUNTIME_PYPY))
        return "GIL wait";
    if (cause == CAUSE_INTERPRETER_LOCK && runtime == RUNTIME_RUBY)
        return "GVL wait";
    return causes[cause].label;
}

const char *wording_cause_meaning(enum cause cause)
{
    return (unsigned)cause < CAUSE_COUNT ? causes[cause].meaning : "?";
}

const char *wording_model(enum model model)
{
    switch (model) {
    case MODEL_SERIAL:
        return "serial";
    case MODEL_THREADS:
        return "threads";
    case MODEL_COROUTINES:
        return "coroutines";
    case MODEL_PROCESSES:
        return "processes";
    case MODEL_PROCESSES_COROUTINES:
        return "processes + coroutines";
    case MODEL_COUNT:
    case MODEL_NONE:
        break;
    }
    return "no verdict";
}

const char *wording_model_upper(enum model model)
{
    switch (model) {
    case MODEL_SERIAL:
        return "SERIAL";
    case MODEL_THREADS:
        return "THREADS";
    case MODEL_COROUTINES:
        return "COROUTINES";
    case MODEL_PROCESSES:
        return "PROCESSES";
    case MODEL_PROCESSES_COROUTINES:
        return "PROCESSES + COROUTINES";
    case MODEL_COUNT:
    case MODEL_NONE:
        break;
    }
    return "NO VERDICT";
}

const char *wording_interpreter_lock(enum runtime_kind runtime)
{
    if (runtime == RUNTIME_CPYTHON || runtime == RUNTIME_PYPY)
        return "GIL";
    return runtime == RUNTIME_RUBY ? "GVL" : "interpreter lock";
}

const char *wording_construct(const struct recommendation *r)
{
    for (size_t i = 0; i < r->n_actions && r->construct; i++)
        if (strstr(r->actions[i], r->construct))
            return NULL;
    return r->construct;
}
