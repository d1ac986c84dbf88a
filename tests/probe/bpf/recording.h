/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * recording: a program run under the helper, with everything that the helper says kept as it came. For tests of the
 * kernel side that look at what user space would make something of.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/wire.h"

struct recording {
    pid_t pid;
    int status; /* of waitpid() */
    int helper; /* socket */
    struct record *records;
    size_t n_records, records_capacity;
    struct stack_record *stacks;
    size_t n_stacks, stacks_capacity;
    struct wire_native **natives; /* each points into a message of its own */
    size_t n_natives, natives_capacity;
    struct wire_mapping **mappings;
    size_t n_mappings, mappings_capacity;
    struct slot *slots; /* obituaries, then survivors */
    size_t n_slots, slots_capacity;
    struct wire_peer *peers;
    size_t n_peers, peers_capacity;
    struct wire_final final;
    void **messages; /* kept for the pointers into them */
    size_t n_messages, messages_capacity;
    bool late; /* a stack, or a slice's stack, came after what names it */
};

/*
 * Run a program to its end; fails the test when that can't be done.
 *
 * @param hook  called about every 20 ms and after each message; NULL: none
 */
void recording_run(struct recording *recording, char *const *argv, bool sites,
                   void (*hook)(struct recording *recording, void *userdata), void *userdata);
void recording_clear(struct recording *recording);

const struct wire_native *recording_native(const struct recording *recording, uint32_t id, enum stack_role role);
const struct stack_record *recording_stack(const struct recording *recording, uint32_t id, enum stack_role role);

/* The mapping of an address in the process at that time; NULL: none was told of. */
const struct wire_mapping *recording_mapping(const struct recording *recording, uint32_t tgid, uint64_t address);
