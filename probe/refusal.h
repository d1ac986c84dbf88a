/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * refusal: why the kernel does not let the BPF programs in, in one sentence that names what is missing and how to get
 * it.
 *
 * Reads files of the kernel by fixed names, and the flags of the helper's own file. Judges nothing else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum refusal {
    REFUSAL_KERNEL,         /* older than what the programs need */
    REFUSAL_BTF,            /* /sys/kernel/btf/vmlinux is missing */
    REFUSAL_LOCKDOWN,       /* lockdown=confidentiality */
    REFUSAL_USER_NAMESPACE, /* capabilities are those of a namespace, not the kernel's */
    REFUSAL_NO_NEW_PRIVS,   /* file capabilities and sudo have no effect */
    REFUSAL_NOSUID,         /* the file's capabilities have no effect where it lies */
    REFUSAL_CONTAINER,      /* root without the capabilities */
    REFUSAL_RIGHTS,         /* an ordinary user, a helper without capabilities */
    REFUSAL_FILTER,         /* everything is there, and it was refused all the same */
    REFUSAL_OTHER,
};

/* What decides which it is. */
struct circumstances {
    unsigned major, minor; /* of the kernel */
    bool btf;
    bool confidential;  /* lockdown=confidentiality */
    uint64_t effective; /* capabilities of this process, bit by number */
    bool root;          /* user 0 */
    bool no_new_privs;
    bool user_namespace;    /* not the initial one */
    bool file_capabilities; /* the helper's file has some */
    bool nosuid;            /* ... on a file system mounted so that they have no effect */
};

/* @param helper  path of concadvise-probe; NULL: not known */
void circumstances_read(const char *helper, struct circumstances *ret_circumstances);

/* Which of them it is that the programs were refused for. @param error  -errno of the attempt */
enum refusal refusal_of(const struct circumstances *circumstances, int error);

/* One sentence, without a full stop. @param helper  path of concadvise-probe; NULL: its name is used */
void refusal_say(enum refusal refusal, const struct circumstances *circumstances, int error, const char *helper,
                 char *message, size_t size);
