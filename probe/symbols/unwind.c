/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/unwind.h"

#include <elf.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/symbols/mappings.h"
#include "probe/symbols/modules.h"

#define THREAD 1 /* libdwfl wants to call it something */

struct unwinder {
    const struct mappings *mappings;
    struct modules *modules;
    Elf64_Ehdr header; /* tells libdwfl the architecture */
    Elf *elf;
    const struct unwind_input *input; /* while unwinding */
    uint64_t *pcs;
    size_t n, max;
};

static pid_t next_thread(Dwfl *dwfl, void *data, void **ret_thread)
{
    bool first = *ret_thread == NULL;

    (void)dwfl;
    *ret_thread = data;
    return first ? THREAD : 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *data, void **ret_thread)
{
    (void)dwfl;
    *ret_thread = data;
    return tid == THREAD;
}

/* DWARF's numbers (System V ABI, x86-64 supplement, figure 3.36). The others are not preserved over a call: not known.
 */
static bool set_registers(Dwfl_Thread *thread, void *data)
{
    const struct user_registers *seen = ((struct unwinder *)data)->input->registers;
    const Dwarf_Word bx[] = {seen->bx}, bp_sp[] = {seen->bp, seen->sp};
    const Dwarf_Word r12_ip[] = {seen->r12, seen->r13, seen->r14, seen->r15, seen->ip};

    return dwfl_thread_state_registers(thread, 3, ARRAY_SIZE(bx), bx) &&
           dwfl_thread_state_registers(thread, 6, ARRAY_SIZE(bp_sp), bp_sp) &&
           dwfl_thread_state_registers(thread, 12, ARRAY_SIZE(r12_ip), r12_ip);
}

static bool read_copy(const struct unwind_input *input, uint64_t address, uint64_t *ret_word)
{
    uint64_t offset = address - input->registers->sp;

    if (address < input->registers->sp || input->n_copy < sizeof(*ret_word) ||
        offset > input->n_copy - sizeof(*ret_word))
        return false;
    memcpy(ret_word, input->copy + offset, sizeof(*ret_word));
    return true;
}

/* From the copy of the stack; what is not there can only be a constant next to the code. */
static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *data)
{
    const struct unwinder *unwinder = data;
    const struct mapping *mapping;
    uint64_t word = 0;

    (void)dwfl;
    if (!read_copy(unwinder->input, address, &word)) {
        mapping = mappings_find(unwinder->mappings, address);
        if (!mapping || !mapping->file || mapping->file->fd < 0 || mapping->end - address < sizeof(word) ||
            pread(mapping->file->fd, &word, sizeof(word), (off_t)(address - mapping->start + mapping->offset)) !=
                sizeof(word))
            return false;
    }
    *ret_word = word;
    return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = read_memory,
    .set_initial_registers = set_registers,
};

struct unwinder *unwinder_new(const struct mappings *mappings, struct modules *modules)
{
    struct unwinder *unwinder = calloc(1, sizeof(*unwinder));

    if (!unwinder || elf_version(EV_CURRENT) == EV_NONE)
        return unwinder;
    unwinder->mappings = mappings;
    unwinder->modules = modules;
    unwinder->header = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_ehsize = sizeof(Elf64_Ehdr),
    };
    unwinder->elf = elf_memory((char *)&unwinder->header, sizeof(unwinder->header));
    return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
    if (!unwinder)
        return;
    (void)elf_end(unwinder->elf);
    free(unwinder);
}

static size_t find_in_chain(const struct unwind_input *input, uint64_t pc)
{
    size_t i = 0;

    while (i < input->n_chain && input->chain[i] != pc)
        i++;
    return i;
}

/* Code, or at least what the kernel's walk took for code as well (a JIT's, of which there was no news)? */
static bool is_plausible(const struct unwinder *unwinder, uint64_t pc)
{
    return mappings_find(unwinder->mappings, pc) || find_in_chain(unwinder->input, pc) < unwinder->input->n_chain;
}

static int take_frame(Dwfl_Frame *frame, void *data)
{
    struct unwinder *unwinder = data;
    bool activation = false;
    Dwarf_Addr pc;

    if (unwinder->n >= unwinder->max || !dwfl_frame_pc(frame, &pc, &activation) || pc == 0)
        return DWARF_CB_ABORT;
    if (unwinder->n > 0 && !is_plausible(unwinder, pc))
        return DWARF_CB_ABORT;
    /* What a signal interrupted is where it is, and will be taken for a return address: be one behind. */
    unwinder->pcs[unwinder->n] = pc + (activation && unwinder->n > 0);
    unwinder->n++;
    return DWARF_CB_OK;
}

/* Where in the chain is the `nth` (from 1) occurrence of an address, or the last before it? @return 0: none */
static size_t nth_in_chain(const struct unwind_input *input, uint64_t pc, size_t nth)
{
    size_t found = 0;

    for (size_t i = 1; i < input->n_chain && nth > 0; i++) {
        if (input->chain[i] != pc)
            continue;
        found = i;
        nth--;
    }
    return found;
}

#define STACK_SPAN (UINT64_C(1) << 30) /* bytes above the stack pointer that may be stack */

/* Is the chain's first return address, next to where the frame pointer points to, on the stack and not in the copy? */
static bool begins_beyond_copy(const struct unwind_input *input)
{
    uint64_t offset = input->registers->bp + sizeof(uint64_t) - input->registers->sp;

    return offset < STACK_SPAN && offset + sizeof(uint64_t) > input->n_copy;
}

/*
 * What is next in the chain after what was unwound. All of the chain is on the stack, though not all of the stack is in
 * the chain (functions without a frame pointer are missed): what comes in it after the outermost caller that both know
 * lies further out. Recursion: the same address may be in both more than once.
 */
static size_t next_in_chain(const struct unwinder *unwinder)
{
    const struct unwind_input *input = unwinder->input;

    for (size_t i = unwinder->n; i-- > 1;) {
        size_t nth = 0, at;

        for (size_t k = 1; k <= i; k++)
            nth += unwinder->pcs[k] == unwinder->pcs[i];
        at = nth_in_chain(input, unwinder->pcs[i], nth);
        if (at > 0)
            return at + 1;
    }
    /* None in common: then the chain either starts beyond the copy, or the register held something else. */
    return unwinder->n <= 1 || begins_beyond_copy(input) ? 1 : input->n_chain;
}

static void go_on_with_chain(struct unwinder *unwinder)
{
    const struct unwind_input *input = unwinder->input;

    for (size_t i = next_in_chain(unwinder); i < input->n_chain && unwinder->n < unwinder->max; i++) {
        if (!mappings_find(unwinder->mappings, input->chain[i]))
            break;
        unwinder->pcs[unwinder->n++] = input->chain[i];
    }
}

size_t unwinder_unwind(struct unwinder *unwinder, const struct unwind_input *input, uint64_t *ret_pcs, size_t max)
{
    Dwfl *dwfl = modules_update(unwinder->modules);

    if (max == 0)
        return 0;
    unwinder->input = input;
    unwinder->pcs = ret_pcs;
    unwinder->max = max;
    unwinder->n = 0;
    /* Anew for each session that the modules begin. */
    if (dwfl && unwinder->elf && dwfl_pid(dwfl) < 0)
        (void)dwfl_attach_state(dwfl, unwinder->elf, THREAD, &thread_callbacks, unwinder);
    if (dwfl && dwfl_pid(dwfl) == THREAD)
        (void)dwfl_getthread_frames(dwfl, THREAD, take_frame, unwinder);
    if (unwinder->n == 0)
        unwinder->pcs[unwinder->n++] = input->registers->ip;
    go_on_with_chain(unwinder);
    unwinder->input = NULL;
    return unwinder->n;
}
