/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#pragma once

/*
 * asyncio: how many timers a loop has scheduled as it begins to wait. The kernel is told of the earliest only.
 *
 * BaseEventLoop._run_once() calls the selector's select(): the caller's first local variable is the loop. Two of its
 * attributes are read from its dictionary, whatever shape that has: `_scheduled`, the heap of its timers, and
 * `_timer_cancelled_count`, how many of these will never come. Names are compared, so that anything else that waits
 * like this is found to be no loop. All reads are bounded; a number is known only where all was there.
 *
 * A few timers are looked at: those that end an asyncio.sleep() are tasks that wait for nothing else, others may be
 * limits on waits for something that has a descriptor (wait_for()), or calls of the program's own.
 */

/* The same in CPython 3.6 to 3.13 (Include/object.h, cpython/{object,dictobject,listobject}.h, longintrepr.h). */
#define PY_TYPE 8
#define PY_SIZE 16 /* of a list, a str, an int before 3.12 */
#define PY_TYPE_BASICSIZE 32
#define PY_TYPE_FLAGS 168
#define PY_TYPE_DICTOFFSET 288
#define PY_LIST_ITEMS 24
#define PY_DICT_KEYS 32
#define PY_DICT_VALUES 40
#define PY_INT_DIGIT 24 /* the lowest 30 bits; of bool, too */
#define PY_INLINE_VALUES (1u << 2)
#define PY_LIST_SUBCLASS (1u << 25)
#define PY_BEFORE_DICT 24   /* of a managed dictionary: so far before the object */
#define PY_BEFORE_VALUES 32 /* 3.11 */

/* Slots of asyncio.events.Handle, which type_new() sorts by name: _args, _callback, _cancelled, ... */
#define HANDLE_SLOTS 24

struct handle_slots {
    __u64 callback;
    __u64 cancelled;
};

#define ATTRIBUTES_MAX 40 /* a loop has some 30 */
#define TIMERS_LOOKED_AT 16
#define TIMERS_MAX (1u << 24) /* more is no list */

/*
 * What is known on the way, of the current CPU. In a map, because the verifier does not follow the values there: it
 * sees the second round of a loop equal the first, and the ways to find a dictionary meet again.
 */
struct asyncio_look {
    __u64 entries; /* of the keys of its attributes */
    __u64 values;  /* 0: each is behind its key */
    __u32 n;
    __u32 stride;
    __u32 key; /* within an entry */
    __u32 ascii;
    __u64 scheduled; /* attributes; 0: not there */
    __u64 cancelled_count;
    __u64 items; /* of the heap */
    __u64 size;
    __u64 not_cancelled; /* False */
    __u64 sleep;         /* the callback of an asyncio.sleep(); 0: not seen yet */
    __u32 code_name;
    __u32 func_code;
    __u32 random;
    __u32 looked; /* at, less the cancelled ones */
    __u32 sleeps;
    __u32 pad;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct asyncio_look);
} asyncio_looks SEC(".maps");

struct asyncio_round {
    struct asyncio_look *look;
};

/* Is this str the text of `length` characters that begins with these eight and ends with those? */
static __always_inline int python_str_is(__u64 str, __u32 ascii, __u32 length, __u64 head, __u64 tail)
{
    return read_user_u64(str + PY_SIZE) == length && read_user_u64(str + ascii) == head &&
           read_user_u64(str + ascii + length - 8) == tail;
}

/* Eight characters as they lie in memory. */
#define TEXT8(a, b, c, d, e, f, g, h)                                                                           \
    ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | \
     (__u64)(g) << 48 | (__u64)(h) << 56)

static long asyncio_attribute(__u32 index, struct asyncio_round *round)
{
    struct asyncio_look *look = round->look;
    __u64 entry = look->entries + index * look->stride, key, value;

    if (index >= look->n)
        return 1;
    key = read_user_u64(entry + look->key);
    value = look->values ? look->values + index * 8 : entry + look->key + 8;
    if (python_str_is(key, look->ascii, 10, TEXT8('_', 's', 'c', 'h', 'e', 'd', 'u', 'l'),
                      TEXT8('c', 'h', 'e', 'd', 'u', 'l', 'e', 'd')))
        look->scheduled = read_user_u64(value);
    else if (python_str_is(key, look->ascii, 22, TEXT8('_', 't', 'i', 'm', 'e', 'r', '_', 'c'),
                           TEXT8('e', 'd', '_', 'c', 'o', 'u', 'n', 't')))
        look->cancelled_count = read_user_u64(value);
    return look->scheduled && look->cancelled_count;
}

/* Where the values of an object's attributes are, if apart from the keys. @return the keys; 0: not known */
static __always_inline __u64 python_attributes(const struct cpython_walk_config *walk, __u64 object,
                                               struct asyncio_look *look)
{
    __u64 type = read_user_u64(object + PY_TYPE), dict;

    look->values = 0;
    if (walk->dict_access == CPYTHON_DICT_OFFSET) {
        dict = read_user_u64(object + (read_user_u64(type + PY_TYPE_DICTOFFSET) & 0xfff));
    } else {
        dict = read_user_u64(object - PY_BEFORE_DICT);
        if (walk->dict_access == CPYTHON_DICT_VALUES)
            look->values = read_user_u64(object - PY_BEFORE_VALUES);
        else if (walk->dict_access == CPYTHON_DICT_TAGGED)
            look->values = dict & 1 ? dict + 1 : 0;
        else if (!dict && read_user_u64(type + PY_TYPE_FLAGS) & PY_INLINE_VALUES)
            look->values = object + (read_user_u64(type + PY_TYPE_BASICSIZE) & 0xffff) + walk->values_first;
        if (look->values)
            return read_user_u64(type + walk->type_cached_keys);
    }
    if (!dict)
        return 0;
    look->values = read_user_u64(dict + PY_DICT_VALUES);
    if (look->values)
        look->values += walk->values_first;
    return read_user_u64(dict + PY_DICT_KEYS);
}

/* Objects/dict-common.h (3.6 to 3.10), Include/internal/pycore_dict.h: struct _dictkeysobject. */
static __always_inline void python_key_entries(const struct cpython_walk_config *walk, __u64 keys,
                                               struct asyncio_look *look)
{
    __u32 sizes;

    if (walk->dict_access == CPYTHON_DICT_OFFSET) {
        __u64 size = read_user_u64(keys + 8);

        look->n = read_user_u32(keys + 32);
        look->entries = keys + 40 + (size <= 0xff ? size : size * 2);
        look->stride = 24;
        look->key = 8;
        return;
    }
    /* dk_log2_size, dk_log2_index_bytes, dk_kind: general (a hash comes first), unicode, split */
    sizes = read_user_u32(keys + 8);
    look->n = read_user_u32(keys + 24);
    look->entries = keys + 32 + (1ULL << ((sizes >> 8) & 15));
    look->stride = (sizes >> 16) & 0xff ? 16 : 24;
    look->key = look->stride - 16;
}

/*
 * asyncio.sleep() schedules futures._set_result_unless_cancelled(). That function, and False, are the same object for
 * all timers: each is recognised once.
 */
static long asyncio_timer(__u32 index, struct asyncio_round *round)
{
    struct asyncio_look *look = round->look;
    struct handle_slots handle = {};
    __u64 at = index, code;

    if (index >= look->size)
        return 1;
    if (look->size > TIMERS_LOOKED_AT) { /* all over the heap, and in no step with a pattern of its own */
        look->random = look->random * 1664525u + 1013904223u; /* Numerical Recipes, ch. 7.1 */
        at = (index * 65536ULL + (look->random >> 16)) * look->size / TIMERS_LOOKED_AT >> 16;
    }
    bpf_probe_read_user(&handle, sizeof(handle), (void *)(read_user_u64(look->items + at * 8) + HANDLE_SLOTS));
    if (!handle.cancelled)
        return 0;
    if (handle.cancelled != look->not_cancelled) {
        if (read_user_u32(handle.cancelled + PY_INT_DIGIT))
            return 0;
        look->not_cancelled = handle.cancelled;
    }
    look->looked++;
    if (handle.callback != look->sleep) {
        code = read_user_u64(handle.callback + look->func_code);
        if (!python_str_is(read_user_u64(code + look->code_name), look->ascii, 28,
                           TEXT8('_', 's', 'e', 't', '_', 'r', 'e', 's'),
                           TEXT8('a', 'n', 'c', 'e', 'l', 'l', 'e', 'd')))
            return 0;
        look->sleep = handle.callback;
    }
    look->sleeps++;
    return 0;
}

/* By the type's flags: its name may lie in a page of the executable that a forked child has not touched yet. */
static __always_inline int python_is_list(__u64 object)
{
    return (read_user_u64(read_user_u64(object + PY_TYPE) + PY_TYPE_FLAGS) & PY_LIST_SUBCLASS) != 0;
}

/* The loop, if it is one, whose wait the current thread begins: it is the first local variable of select()'s caller. */
static __always_inline __u64 asyncio_loop(struct python_process *process)
{
    __u64 tstate = python_tstate(process, bpf_get_current_task_btf()->thread.fsbase), caller;

    if (!tstate)
        return 0;
    caller = read_user_u64(python_first_frame(process, tstate) + process->walk.frame_previous);
    return caller ? read_user_u64(caller + process->walk.frame_locals) : 0;
}

/* Does the current thread wait in epoll_wait(), poll(), select() or one of their kin? */
static __always_inline int is_select(void)
{
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
    __u16 class = (long)regs->orig_ax < 0 ? 0 : syscall_class[regs->orig_ax & 511];

    return class >= CALL_EPOLL && class <= CALL_PSELECT;
}

/*
 * The timers of the loop whose wait the current thread begins; nothing is written where there is none.
 *
 * @return 1 when they are known
 */
__noinline int asyncio_timers(struct python_process *process, struct ring_head *ret_head)
{
    __u64 loop, keys, cancelled;
    struct asyncio_round round;
    struct asyncio_look *look;
    __u32 zero = 0;

    if (!process || !ret_head)
        return 0;
    look = bpf_map_lookup_elem(&asyncio_looks, &zero);
    loop = look ? asyncio_loop(process) : 0;
    keys = loop ? python_attributes(&process->walk, loop, look) : 0;
    if (!keys)
        return 0;
    python_key_entries(&process->walk, keys, look);
    look->ascii = process->walk.str_ascii;
    look->scheduled = look->cancelled_count = 0;
    round.look = look;
    bpf_loop(ATTRIBUTES_MAX, asyncio_attribute, &round, 0);
    if (!look->scheduled || !look->cancelled_count || !python_is_list(look->scheduled))
        return 0;
    look->size = read_user_u64(look->scheduled + PY_SIZE);
    cancelled = read_user_u32(look->cancelled_count + PY_INT_DIGIT);
    if (look->size >= TIMERS_MAX || cancelled > look->size)
        return 0;
    look->items = read_user_u64(look->scheduled + PY_LIST_ITEMS);
    look->code_name = process->walk.code_name;
    look->func_code = process->walk.func_code;
    look->random = bpf_get_prandom_u32();
    look->looked = look->sleeps = 0;
    look->not_cancelled = look->sleep = 0;
    bpf_loop(TIMERS_LOOKED_AT, asyncio_timer, &round, 0);
    ret_head->timers.n = (__u32)(look->size - cancelled);
    ret_head->timers.looked = (__u8)look->looked;
    ret_head->timers.sleeps = (__u8)look->sleeps;
    ret_head->timers.known = 1;
    return 1;
}
