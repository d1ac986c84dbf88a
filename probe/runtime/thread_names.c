/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/runtime/thread_names.h"

#include "base/base.h"

/* HotSpot: os::set_native_thread_name callers; V8: WorkerThread; Ruby: timer thread. Beginnings of names. */
static const struct {
    enum runtime_kind runtime;
    const char *prefix;
} internal[] = {
    {RUNTIME_JVM, "GC Thread"},       {RUNTIME_JVM, "G1 "},
    {RUNTIME_JVM, "C1 Compiler"},     {RUNTIME_JVM, "C2 Compiler"},
    {RUNTIME_JVM, "VM Thread"},       {RUNTIME_JVM, "VM Periodic"},
    {RUNTIME_JVM, "Sweeper"},         {RUNTIME_JVM, "Signal Dispatc"},
    {RUNTIME_JVM, "Finalizer"},       {RUNTIME_JVM, "Reference Han"},
    {RUNTIME_JVM, "Common-Cleaner"},  {RUNTIME_JVM, "Service Thread"},
    {RUNTIME_JVM, "Monitor Deflat"},  {RUNTIME_JVM, "Notification"},
    {RUNTIME_JVM, "Attach Listene"},  {RUNTIME_JVM, "Shenandoah"},
    {RUNTIME_JVM, "ZWorker"},         {RUNTIME_NODE, "V8 Worker"},
    {RUNTIME_NODE, "V8 DefaultWork"}, {RUNTIME_NODE, "DelayedTaskSch"},
    {RUNTIME_NODE, "SignalInspecto"}, {RUNTIME_RUBY, "ruby-timer-thr"},
};

bool thread_is_internal(enum runtime_kind runtime, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(internal); i++)
        if (internal[i].runtime == runtime && strncmp(name, internal[i].prefix, strlen(internal[i].prefix)) == 0)
            return true;
    return false;
}

bool thread_is_of_kernel(const char *name)
{
    return strncmp(name, "iou-wrk-", 8) == 0 || strncmp(name, "iou-sqp-", 8) == 0;
}
