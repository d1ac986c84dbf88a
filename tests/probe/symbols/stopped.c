/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/symbols.h"
#include "tests/probe/symbols/stopped.h"

/* nanosleep, clock_nanosleep, read, futex */
static bool is_blocked(pid_t pid)
{
    AUTO_FCLOSE FILE *file = NULL;
    char path[64];
    int number = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    return fscanf(file, "%d", &number) == 1 && (number == 35 || number == 230 || number == 0 || number == 202);
}

void stopped_start(struct stopped *stopped, const char *path, const char *how, const char *depth, int blocked)
{
    int input[2], output[2];
    char full[4096], byte;

    memset(stopped, 0, sizeof(*stopped));
    (void)snprintf(full, sizeof(full), "%s%s%s", strchr(path, '/') ? "" : TARGETS, strchr(path, '/') ? "" : "/", path);
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    stopped->pid = fork();
    assert_true(stopped->pid >= 0);
    if (stopped->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(input[0], 0) == 0 && dup2(output[1], 1) == 1)
            execl(full, path, how, depth, NULL);
        _exit(127);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    for (int i = 0; i < (blocked ? 1 : 2); i++)
        assert_int_equal(read(output[0], &byte, 1), 1);
    (void)close(output[0]);
    stopped->input = input[1];
    while (blocked && !is_blocked(stopped->pid))
        usleep(1000);
}

static bool peek(pid_t pid, uint64_t address, void *buffer, size_t size)
{
    struct iovec here = {buffer, size}, there = {(void *)address, size}; // NOLINT

    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* As the kernel walks frame pointers (arch/x86/events/core.c, perf_callchain_user()). */
static void walk(struct stopped *stopped)
{
    uint64_t frame[2] = {0}, fp = stopped->registers.bp;

    stopped->chain[0] = stopped->registers.ip;
    stopped->n_chain = 1;
    while (stopped->n_chain < CHAIN_DEPTH && fp % 8 == 0 && peek(stopped->pid, fp, frame, sizeof(frame))) {
        stopped->chain[stopped->n_chain++] = frame[1];
        fp = frame[0];
    }
}

void stopped_look(struct stopped *stopped)
{
    struct user_regs_struct regs;
    int status = 0;

    assert_int_equal(ptrace(PTRACE_SEIZE, stopped->pid, NULL, NULL), 0);
    assert_int_equal(ptrace(PTRACE_INTERRUPT, stopped->pid, NULL, NULL), 0);
    assert_int_equal(waitpid(stopped->pid, &status, 0), stopped->pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(ptrace(PTRACE_GETREGS, stopped->pid, NULL, &regs), 0);
    stopped->registers = (struct user_registers){
        .ip = regs.rip,
        .sp = regs.rsp,
        .bp = regs.rbp,
        .bx = regs.rbx,
        .r12 = regs.r12,
        .r13 = regs.r13,
        .r14 = regs.r14,
        .r15 = regs.r15,
    };
    stopped->n_copy = sizeof(stopped->copy);
    while (stopped->n_copy > 0 && !peek(stopped->pid, regs.rsp, stopped->copy, stopped->n_copy))
        stopped->n_copy -= 8;
    walk(stopped);
    if (!stopped->pins) {
        stopped->pins = pin_table_new();
        stopped->mappings = mappings_new(stopped->pins);
    }
    assert_int_equal(mappings_read(stopped->mappings, stopped->pid), 0);
    assert_int_equal(ptrace(PTRACE_DETACH, stopped->pid, NULL, NULL), 0);
}

void stopped_kill(struct stopped *stopped)
{
    if (stopped->pid <= 0)
        return;
    assert_int_equal(kill(stopped->pid, SIGKILL), 0);
    assert_int_equal(waitpid(stopped->pid, NULL, 0), stopped->pid);
    (void)close(stopped->input);
    stopped->pid = 0;
}

void stopped_clear(struct stopped *stopped)
{
    stopped_kill(stopped);
    mappings_free(stopped->mappings);
    pin_table_free(stopped->pins);
    memset(stopped, 0, sizeof(*stopped));
}

static void print_frame(FILE *stream, struct frame *frame)
{
    (void)fprintf(stream, "%s:%u,", frame->function, frame->line);
    if (frame->line > 0)
        assert_non_null(frame->file);
    free(frame->function);
    free(frame->file);
    free(frame->module);
}

char *stopped_trace(const struct stopped *stopped, struct symbols *symbols, size_t n_copy)
{
    uint64_t pcs[128];
    size_t n =
        symbols_unwind(symbols, &stopped->registers, stopped->copy, n_copy < stopped->n_copy ? n_copy : stopped->n_copy,
                       stopped->chain, stopped->n_chain, pcs, ARRAY_SIZE(pcs));
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    assert_non_null(stream);
    assert_in_range(n, 1, ARRAY_SIZE(pcs));
    assert_int_equal(pcs[0], stopped->registers.ip);
    for (size_t i = 0; i < n; i++) {
        struct frame frames[32];
        ssize_t n_frames = symbols_resolve(symbols, pcs[i] - (i > 0), frames, ARRAY_SIZE(frames));

        assert_in_range(n_frames, 1, ARRAY_SIZE(frames));
        for (ssize_t k = 0; k < n_frames; k++)
            print_frame(stream, &frames[k]);
    }
    assert_int_equal(fclose(stream), 0);
    return text;
}

unsigned stopped_line(const char *name, const char *mark)
{
    AUTO_FCLOSE FILE *file = NULL;
    char path[4096], wanted[128], line[512];

    (void)snprintf(path, sizeof(path), "%s/%s", TARGET_SOURCES, name);
    (void)snprintf(wanted, sizeof(wanted), "/* at: %s */", mark);
    file = fopen(path, "re");
    assert_non_null(file);
    for (unsigned number = 1; fgets(line, sizeof(line), file); number++)
        if (strstr(line, wanted))
            return number;
    fail_msg("%s has no \"%s\"", path, wanted);
    return 0;
}

void stopped_expect(const char *trace, const char *name, const char *const *expected)
{
    char wanted[2048] = ",";
    AUTO_FREE char *whole = NULL;
    bool open_end = false;

    for (size_t i = 0; expected[i]; i++) {
        const char *mark = strstr(expected[i], " at: ");
        size_t used = strlen(wanted);
        int length = (int)(mark ? mark - expected[i] : (ssize_t)strlen(expected[i]));

        assert_false(open_end);
        open_end = !mark && expected[i + 1] == NULL;
        if (mark)
            (void)snprintf(wanted + used, sizeof(wanted) - used, "%.*s:%u,", length, expected[i],
                           stopped_line(name, mark + 5));
        else
            (void)snprintf(wanted + used, sizeof(wanted) - used, "%.*s:%s", length, expected[i], open_end ? "" : "0,");
    }
    assert_true(asprintf(&whole, ",%s", trace) > 0);
    if (!strstr(whole, wanted))
        fail_msg("expected \"%s\" in \"%s\"", wanted, whole);
}
