/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "interpreter.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"

size_t interpreter_list(char (*ret_paths)[256])
{
    const char *home = getenv("HOME");
    char pattern[256];
    glob_t found = {0};
    size_t n = 0;

    snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/3.*/bin/python3", home ? home : "");
    (void)glob("/usr/bin/python3", 0, NULL, &found);
    (void)glob(pattern, GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && n < MAX_INTERPRETERS; i++) {
        char resolved[PATH_MAX];

        if (!realpath(found.gl_pathv[i], resolved) || strlen(resolved) >= 256)
            continue;
        strcpy(ret_paths[n++], resolved);
    }
    globfree(&found);
    assert_true(n > 0);
    return n;
}

struct interpreter interpreter_start(const char *path, const char *option, const char *script)
{
    struct interpreter interpreter = {0};
    int pipes[2];

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    interpreter.pid = fork();
    assert_true(interpreter.pid >= 0);
    if (interpreter.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(pipes[1], STDOUT_FILENO);
        execl(path, path, option, script, NULL);
        _exit(127);
    }
    (void)close(pipes[1]);
    interpreter.output = fdopen(pipes[0], "r");
    assert_non_null(interpreter.output);
    return interpreter;
}

void interpreter_read_line(struct interpreter *interpreter, char *line, int size)
{
    assert_non_null(fgets(line, size, interpreter->output));
    line[strcspn(line, "\n")] = '\0';
}

void interpreter_stop(struct interpreter *interpreter)
{
    assert_int_equal(kill(interpreter->pid, SIGKILL), 0);
    assert_int_equal(waitpid(interpreter->pid, NULL, 0), interpreter->pid);
    (void)fclose(interpreter->output);
}

size_t interpreter_threads(pid_t pid, pid_t *ret_tids, size_t max)
{
    char path[64];
    DIR *dir;
    size_t n = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; n < max && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            ret_tids[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
    closedir(dir);
    return n;
}

uint64_t interpreter_futex(pid_t pid, pid_t tid)
{
    AUTO_FCLOSE FILE *file = NULL;
    unsigned long long address = 0;
    char path[64];
    long number;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    file = fopen(path, "re");
    return file && fscanf(file, "%ld %llx", &number, &address) == 2 && number == SYS_futex ? address : 0;
}

uint64_t interpreter_wait_for_syscall(pid_t pid, pid_t tid, long number)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    for (int attempt = 0; attempt < 50000; attempt++) {
        AUTO_FCLOSE FILE *file = fopen(path, "re");
        long seen = -1;
        unsigned long long argument = 0;

        assert_non_null(file);
        if (fscanf(file, "%ld %llx", &seen, &argument) == 2 && seen == number)
            return argument;
        usleep(100);
    }
    fail_msg("thread %d never blocks in system call %ld", (int)tid, number);
    return 0;
}
