/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * floor: runs a command while an empty BPF program is attached to context switches (floor.bpf.c).
 *
 *   floor COMMAND [ARGUMENT]...
 */

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floor.skel.h"

int main(int argc, char **argv)
{
    struct floor_bpf *skeleton;
    int status = -1;
    pid_t child;

    if (argc < 2)
        return 2;
    skeleton = floor_bpf__open_and_load();
    if (!skeleton || floor_bpf__attach(skeleton)) {
        perror("attaching the empty program");
        floor_bpf__destroy(skeleton);
        return 1;
    }
    child = fork();
    if (!child) {
        (void)execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (child > 0)
        (void)waitpid(child, &status, 0);
    floor_bpf__destroy(skeleton);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
