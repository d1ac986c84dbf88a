/* SPDX-License-Identifier: BSD-2-Clause */

/* What this machine can measure: the checks behind `concadvise doctor`. */

#include <stdarg.h>
#include <sys/utsname.h>

#include "base/base.h"
#include "probe/bpf_probe.h"
#include "probe/launch.h"
#include "probe/measurement.h"
#include "probe/machine.h"
#include "probe/probe.h"
#include "probe/refusal.h"
#include "probe/wire.h"

static struct probe_check *add(struct probe_check *checks, size_t max, size_t *n, const char *name, bool ok,
                               bool needed)
{
    struct probe_check *check;

    if (*n >= max)
        return NULL;
    check = &checks[(*n)++];
    memset(check, 0, sizeof(*check));
    check->name = name;
    check->ok = ok;
    check->needed_for_bpf = needed;
    return check;
}

static void PRINTF_LIKE(2, 3) say(struct probe_check *check, const char *format, ...)
{
    va_list args;

    if (!check)
        return;
    va_start(args, format);
    (void)vsnprintf(check->detail, sizeof(check->detail), format, args);
    va_end(args);
}

/* A thing that the kernel must have; where it lacks it, a run says the same. */
static void check_kernel_part(struct probe_check *checks, size_t max, size_t *n, const char *name, bool ok,
                              const char *seen, enum refusal refusal, const struct circumstances *circumstances)
{
    struct probe_check *check = add(checks, max, n, name, ok, true);

    if (check && ok)
        say(check, "%s", seen);
    else if (check)
        refusal_say(refusal, circumstances, 0, NULL, check->detail, sizeof(check->detail));
}

static void check_kernel(struct probe_check *checks, size_t max, size_t *n)
{
    struct circumstances here;
    struct utsname name;
    char seen[160];

    (void)uname(&name);
    circumstances_read(NULL, &here);
    (void)snprintf(seen, sizeof(seen), "%s %s", name.sysname, name.release);
    check_kernel_part(checks, max, n, "kernel", refusal_of(&here, 0) != REFUSAL_KERNEL, seen, REFUSAL_KERNEL, &here);
    check_kernel_part(checks, max, n, "BTF", here.btf, "/sys/kernel/btf/vmlinux", REFUSAL_BTF, &here);
    check_kernel_part(checks, max, n, "lockdown", !here.confidential, "not confidential", REFUSAL_LOCKDOWN, &here);
}

/* @param sampling  as the helper found it */
static void check_samples(struct probe_check *checks, size_t max, size_t *n, enum sampling sampling)
{
    AUTO_FCLOSE FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
    static const char *const found[] = {
        [SAMPLING_NONE] =
            "none: the kernel refuses performance events; of what holds the interpreter lock nothing is known",
        [SAMPLING_CLOCK] = "performance events",
        [SAMPLING_TICKS] = "of user code only, at the scheduler's ticks: the kernel refuses performance events",
    };
    int level = 0;

    if (!file || fscanf(file, "%d", &level) != 1)
        level = 0;
    say(add(checks, max, n, "on-CPU samples", sampling == SAMPLING_CLOCK, false), "%s (perf_event_paranoid is %d)",
        found[sampling], level);
}

static void check_machine(struct probe_check *checks, size_t max, size_t *n)
{
    struct machine machine;

    if (machine_read(NULL, 0, &machine) < 0)
        return;
    if (machine.cpu_quota > 0)
        say(add(checks, max, n, "CPUs", true, false), "%u allowed of %u, cgroup quota %.2f", machine.cpus_allowed,
            machine.cpus, machine.cpu_quota);
    else
        say(add(checks, max, n, "CPUs", true, false), "%u allowed of %u, no cgroup quota", machine.cpus_allowed,
            machine.cpus);
}

static void check_python(struct probe_check *checks, size_t max, size_t *n)
{
    AUTO_FREE char *path = NULL;
    bool ok = launch_resolve("python3", &path) == 0;

    say(add(checks, max, n, "python3", ok, false), "%s",
        ok ? path : "not found: Python targets bring their own interpreter, so this matters for the examples only");
}

size_t probe_doctor(const char *helper_path, struct probe_check *ret_checks, size_t max)
{
    enum sampling sampling = SAMPLING_NONE;
    char message[512] = "";
    size_t n = 0;
    int r;

    check_kernel(ret_checks, max, &n);
    r = bpf_probe_try(helper_path, &sampling, message, sizeof(message));
    say(add(ret_checks, max, &n, "BPF probe", r == 0, true), "%s", message[0] ? message : strerror(-r));
    if (r == 0)
        check_samples(ret_checks, max, &n, sampling);
    check_machine(ret_checks, max, &n);
    check_python(ret_checks, max, &n);
    return n;
}
