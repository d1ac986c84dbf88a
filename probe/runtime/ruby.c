/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/runtime/ruby.h"

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/runtime/detect.h"

/* Tried on 3.1.2 (vm_core.h, thread_pthread.h); the layout is that of the release series. */
static const struct {
    const char *series;
    struct ruby_offsets offsets;
} table[] = {
    {"3.1.", {.th_cond = {160, 164}, .th_vm = 32, .th_status = 92}},
};

const struct ruby_offsets *ruby_offsets_for(const char *version)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strncmp(version, table[i].series, strlen(table[i].series)) == 0)
            return &table[i].offsets;
    return NULL;
}

int ruby_process_of(const struct image *image, struct ruby_process *ret_process)
{
    const struct ruby_offsets *offsets =
        image->runtime.interpreter_lock == INTERPRETER_LOCK_PRESENT ? ruby_offsets_for(image->runtime.version) : NULL;

    if (!offsets || !image->ruby_vm_address)
        return -ENOENT;
    *ret_process = (struct ruby_process){
        .vm_pointer = image->ruby_vm_address,
        .th_cond = {offsets->th_cond[0], offsets->th_cond[1]},
        .th_vm = offsets->th_vm,
        .th_status = offsets->th_status,
    };
    return 0;
}
