/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/runs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "cli/probe_limits.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "probe/measurement.h"
#include "probe/probe.h"
#include "probe/repeats.h"

#define MESSAGE 1024
#define GONE_WAIT_MS 2000 /* for a target that was told to end by -d */

/* JSON on stdout must be all of stdout. */
static bool json_takes_stdout(const struct options *options)
{
    for (size_t i = 0; i < options->n_outputs; i++)
        if (options->outputs[i].format == REPORT_JSON && strcmp(options->outputs[i].path, "-") == 0)
            return true;
    return options->n_outputs == 0 && options->format == REPORT_JSON;
}

static void say_notice(const char *text, void *userdata)
{
    (void)userdata;
    say("%s", text);
}

/* @return 0, or the exit status (said) */
static int measure(const struct options *options, struct progress *progress, unsigned *ret_interrupts,
                   struct measurement **ret_m)
{
    struct probe_options probe = {
        .kind = options->probe,
        .argv = options->operands,
        .pid = (pid_t)options->pid,
        .user = options->user,
        .target_stdout_to_stderr = json_takes_stdout(options),
        .duration_ns = options->duration_ns,
        .sites = true,
        .light = options->light,
        .notice = options->quiet ? NULL : say_notice,
        .progress = progress->enabled && !progress->live ? progress_measuring : NULL,
        .live = progress->live ? progress_live : NULL,
        .userdata = progress,
        .ret_interrupts = ret_interrupts,
    };
    char message[MESSAGE] = "";
    int r = probe_limits_from_environment(&probe, message, sizeof(message));

    if (r < 0) {
        say("%s The program was not started.", message);
        return STATUS_FAILED;
    }
    r = probe_run(&probe, ret_m, message, sizeof(message));
    progress_clear(progress);
    if (r == PROBE_MEASURED)
        return 0;
    if (message[0])
        say("%s", message);
    else
        say("%s could not be measured: %s.", options->pid ? "the process" : options->operands[0],
            r < 0 ? strerror(-r) : "the probe gave no reason");
    if (r == PROBE_NOT_FOUND)
        return 127;
    return r == PROBE_NOT_EXECUTABLE ? 126 : STATUS_FAILED;
}

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/*
 * During a run the probe takes signals; between runs they must not kill what was measured. A signal that is ignored
 * stays so: the target would see the difference.
 */
static void catch_interrupts(struct sigaction before[2], bool begin)
{
    static const int numbers[] = {SIGINT, SIGTERM};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct sigaction action = {.sa_handler = note_interrupt};

        if (!begin) {
            (void)sigaction(numbers[i], &before[i], NULL);
            continue;
        }
        (void)sigaction(numbers[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &action, NULL);
    }
}

/* Later runs find what a shell gives to a background job. */
static void empty_stdin(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)dup2(fd, STDIN_FILENO);
    (void)close(fd);
}

static void warn_of_stdin(const struct options *options)
{
    struct stat st;
    bool null = fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);

    if (!options->quiet && !null && !isatty(STDIN_FILENO))
        say("only the first of %u runs gets this input, the others /dev/null: where that matters, let the command "
            "open its input itself (sh -c 'prog < file').",
            options->runs);
}

/* A target stopped by -d may take its time to end; two at once would disturb each other. @return whether it is gone */
static bool wait_until_gone(const struct measurement *m)
{
    if (m->target.exited)
        return true;
    for (int waited_ms = 0; waited_ms < GONE_WAIT_MS; waited_ms += 10) {
        if (waitpid(m->target.pid, NULL, WNOHANG) != 0)
            return true;
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * (long)NSEC_PER_MSEC}, NULL);
    }
    return false;
}

/* "exit status 3", "signal 9 (Killed)" */
static void describe(const struct status *status, char *text, size_t size)
{
    const char *name = status->signal ? sigdescr_np(status->signal) : NULL;

    if (status->signal)
        (void)snprintf(text, size, "signal %d (%s)", status->signal, name ? name : "unknown");
    else
        (void)snprintf(text, size, "exit status %d", status->code);
}

/* Why there are no more runs, and what the report is about. */
static void say_stopped(const struct options *options, size_t run, size_t kept, bool by_user,
                        const struct status *status)
{
    char ending[64], about[64] = "This run";

    if (options->quiet)
        return;
    describe(status, ending, sizeof(ending));
    if (kept < run)
        (void)snprintf(about, sizeof(about), kept == 1 ? "The run before it" : "The %zu runs before it", kept);
    if (by_user)
        say("interrupted in run %zu of %u: no more runs. %s is what the report is about.", run, options->runs, about);
    else
        say("run %zu of %u ended with %s: no more runs. %s is what the report is about.", run, options->runs, ending,
            about);
}

/* Take one run in, if it went well or nothing else is there. @return whether there may be another one */
static bool take_run(const struct options *options, struct repeats *repeats, struct measurement *m, unsigned signals,
                     int *ret_error, struct status *status)
{
    bool by_user = signals > 0 || interrupted;
    size_t run = repeats->n + 1;
    bool more = run < options->runs;

    *status = status_of_target(m, options->duration_ns);
    if (options->runs == 1 || (status_is_success(status) && !by_user)) {
        bool gone = !more || wait_until_gone(m);

        *ret_error = repeats_add(repeats, m);
        if (!gone && !options->quiet)
            say("the program does not end after -d and SIGTERM: no more runs after run %zu of %u.", run, options->runs);
        return more && gone;
    }
    if (repeats->n == 0)
        *ret_error = repeats_add(repeats, m);
    else
        measurement_free(m);
    say_stopped(options, run, repeats->n, by_user, status);
    return false;
}

int runs_measure(const struct options *options, struct progress *progress, struct measurement **ret_m,
                 struct status *ret_status)
{
    CLEANUP(repeats_clear) struct repeats repeats;
    struct sigaction before[2];
    struct status status = {0};
    bool more = true;
    int failed = 0, error = 0;

    repeats_init(&repeats, options->runs);
    if (options->runs > 1) {
        warn_of_stdin(options);
        catch_interrupts(before, true);
    }
    while (more && !failed && error == 0) {
        struct measurement *m = NULL;
        unsigned signals = 0;

        if (repeats.n == 1)
            empty_stdin();
        progress->run = (unsigned)repeats.n + 1;
        progress->runs = options->runs;
        failed = measure(options, progress, &signals, &m);
        if (!failed)
            more = take_run(options, &repeats, m, signals, &error, &status);
        if (more && interrupted) {
            say_stopped(options, repeats.n, repeats.n, true, &status);
            more = false;
        }
    }
    if (options->runs > 1)
        catch_interrupts(before, false);
    if (error < 0)
        say("out of memory after %zu runs.", repeats.n);
    if (repeats_take(&repeats, ret_m) < 0)
        return failed ? failed : STATUS_FAILED;
    if (failed || error < 0)
        status.code = status.code ? status.code : STATUS_FAILED;
    *ret_status = status;
    return 0;
}
