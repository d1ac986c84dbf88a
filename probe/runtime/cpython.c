/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/runtime/cpython.h"

#include <sys/uio.h>

#include "base/base.h"

/* Longest things believed; what is longer is cut. */
#define MAX_NAME 512
#define MAX_FILENAME 4096
#define MAX_TABLE ((size_t)1 << 20)

/* @return 0, -EFAULT, -ESRCH, -EPERM */
static int read_memory(pid_t pid, uint64_t address, void *buffer, size_t size)
{
    struct iovec local = {buffer, size};
    struct iovec remote = {(void *)(uintptr_t)address, size}; /* NOLINT: an address of the other process */
    ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

    if (n < 0)
        return errno == ESRCH || errno == EPERM ? -errno : -EFAULT;
    return (size_t)n == size ? 0 : -EFAULT;
}

static uint64_t field_u64(const uint8_t *object, uint32_t offset)
{
    uint64_t value;

    memcpy(&value, object + offset, sizeof(value));
    return value;
}

static uint32_t field_u32(const uint8_t *object, uint32_t offset)
{
    uint32_t value;

    memcpy(&value, object + offset, sizeof(value));
    return value;
}

static size_t put_utf8(uint32_t code, char *out)
{
    /* How Python spells a byte of a file's name that is not UTF-8 (PEP 383). */
    if (code >= 0xdc80 && code <= 0xdcff) {
        out[0] = (char)(code - 0xdc00);
        return 1;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code == 0)
        code = '?'; /* no NUL inside our strings */
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Bytes, UCS2 or UCS4 to UTF-8. @return owned by the caller, or NULL */
static char *to_utf8(const uint8_t *data, size_t length, unsigned width)
{
    char *text = malloc(length * 4 + 1);
    char *out = text;

    if (!text)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        uint32_t code = data[i];
        uint16_t pair;

        if (width == 2) {
            memcpy(&pair, data + i * 2, sizeof(pair));
            code = pair;
        } else if (width == 4) {
            memcpy(&code, data + i * 4, sizeof(code));
        }
        out += put_utf8(code, out);
    }
    *out = '\0';
    return text;
}

/*
 * A compact str (Include/cpython/unicodeobject.h): length at 16; state at 32 with, from bit 0: interned:2, kind:3,
 * compact:1, ascii:1. Names and file names are always compact.
 */
static int read_string(pid_t pid, const struct cpython_offsets *offsets, uint64_t address, size_t max, char **ret_text)
{
    uint8_t head[40];
    AUTO_FREE uint8_t *data = NULL;
    uint64_t length;
    uint32_t state;
    unsigned width;
    int r = read_memory(pid, address, head, sizeof(head));

    if (r < 0)
        return r;
    length = field_u64(head, 16);
    state = field_u32(head, 32);
    width = state >> 2 & 7;
    if (!(state >> 5 & 1) || (width != 1 && width != 2 && width != 4) || length > INT64_MAX)
        return -EBADMSG;
    if (length > max)
        length = max;
    data = malloc(length * width + 1);
    if (!data)
        return -ENOMEM;
    if (length > 0) {
        bool ascii = state >> 6 & 1;

        r = read_memory(pid, address + (ascii ? offsets->str_ascii : offsets->str_compact), data, length * width);
        if (r < 0)
            return r;
    }
    *ret_text = to_utf8(data, length, width);
    return *ret_text ? 0 : -ENOMEM;
}

/* A bytes object: size at 16, data at 32. */
static int read_table(pid_t pid, uint64_t address, struct cpython_code *code)
{
    uint8_t head[32];
    int r = read_memory(pid, address, head, sizeof(head));
    uint64_t size;

    if (r < 0)
        return r;
    size = field_u64(head, 16);
    if (size > MAX_TABLE)
        return -EBADMSG;
    if (size == 0)
        return 0;
    code->table = malloc(size);
    if (!code->table)
        return -ENOMEM;
    r = read_memory(pid, address + 32, code->table, size);
    if (r == 0)
        code->table_size = size;
    return r;
}

void cpython_code_free(struct cpython_code *code)
{
    if (!code)
        return;
    free(code->name);
    free(code->filename);
    free(code->table);
    free(code);
}

void cpython_code_freep(struct cpython_code **code)
{
    cpython_code_free(*code);
}

/* Offsets may come from the process itself (3.13+). */
static bool fits(const struct cpython_offsets *offsets, size_t size)
{
    const uint32_t members[] = {offsets->code_filename,    offsets->code_name,  offsets->code_qualname,
                                offsets->code_firstlineno, offsets->code_flags, offsets->code_table};

    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if (members[i] > size - sizeof(uint64_t))
            return false;
    return true;
}

#define CODE_SIZE 144 /* every member used lies in here */

static uint64_t identity_of(const uint8_t *object, const struct cpython_offsets *offsets)
{
    uint64_t identity = field_u64(object, offsets->code_filename) * 0x9e3779b97f4a7c15ULL;

    identity = (identity ^ field_u64(object, offsets->code_name)) * 0x9e3779b97f4a7c15ULL;
    return identity ^ field_u32(object, offsets->code_firstlineno);
}

int cpython_code_identity(pid_t pid, const struct cpython_offsets *offsets, uint64_t address, uint64_t *ret_identity)
{
    uint8_t object[CODE_SIZE];
    int r;

    if (!fits(offsets, sizeof(object)))
        return -EBADMSG;
    r = read_memory(pid, address, object, sizeof(object));
    if (r == 0)
        *ret_identity = identity_of(object, offsets);
    return r;
}

int cpython_code_read(pid_t pid, const struct cpython_offsets *offsets, uint64_t address,
                      struct cpython_code **ret_code)
{
    CLEANUP(cpython_code_freep) struct cpython_code *code = calloc(1, sizeof(*code));
    uint8_t object[CODE_SIZE];
    int r;

    if (!code)
        return -ENOMEM;
    if (!fits(offsets, sizeof(object)))
        return -EBADMSG;
    r = read_memory(pid, address, object, sizeof(object));
    if (r < 0)
        return r;
    code->minor = offsets->minor;
    code->identity = identity_of(object, offsets);
    code->first_line = field_u32(object, offsets->code_firstlineno);
    code->flags = field_u32(object, offsets->code_flags);
    code->coroutine = code->flags & CPYTHON_CO_COROUTINE;
    code->bytecode = offsets->code_adaptive ? address + offsets->code_adaptive : 0;
    if (code->first_line > INT32_MAX)
        return -EBADMSG;
    r = read_string(pid, offsets,
                    field_u64(object, offsets->code_qualname ? offsets->code_qualname : offsets->code_name), MAX_NAME,
                    &code->name);
    if (r == 0)
        r = read_string(pid, offsets, field_u64(object, offsets->code_filename), MAX_FILENAME, &code->filename);
    if (r == 0)
        r = read_table(pid, field_u64(object, offsets->code_table), code);
    if (r < 0)
        return r;
    *ret_code = TAKE_PTR(code);
    return 0;
}

/* co_lnotab: pairs of (bytes, signed lines). */
static int64_t line_from_lnotab(const struct cpython_code *code, uint64_t offset)
{
    int64_t line = code->first_line;
    uint64_t at = 0;

    for (size_t i = 0; i + 1 < code->table_size; i += 2) {
        at += code->table[i];
        if (at > offset)
            break;
        line += (int8_t)code->table[i + 1];
    }
    return line;
}

/* co_linetable of 3.10: pairs of (bytes, signed lines; -128: no line). */
static int64_t line_from_pairs(const struct cpython_code *code, uint64_t offset)
{
    int64_t line = code->first_line;
    uint64_t end = 0;

    for (size_t i = 0; i + 1 < code->table_size; i += 2) {
        int8_t delta = (int8_t)code->table[i + 1];

        end += code->table[i];
        if (delta != -128)
            line += delta;
        if (offset < end)
            return delta == -128 ? -1 : line;
    }
    return -1;
}

/* Six bits a byte, least significant first; bit 6: more follow. Advances *at; stops at the end of the table. */
static uint32_t take_varint(const struct cpython_code *code, size_t *at)
{
    uint32_t value = 0;

    for (unsigned shift = 0; *at < code->table_size && shift < 32; shift += 6) {
        uint8_t byte = code->table[(*at)++];

        value |= (uint32_t)(byte & 63) << shift;
        if (!(byte & 64))
            break;
    }
    return value;
}

static int32_t take_signed_varint(const struct cpython_code *code, size_t *at)
{
    uint32_t value = take_varint(code, at);

    return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

/* co_linetable of 3.11+: entries of a byte 1CCCCLLL (code, instructions - 1), then what the code asks for. */
static int64_t line_from_locations(const struct cpython_code *code, uint64_t offset)
{
    int64_t line = code->first_line;
    uint64_t end = 0;
    size_t i = 0;

    while (i < code->table_size) {
        uint8_t head = code->table[i++];
        unsigned kind = head >> 3 & 15;
        size_t at = i;

        if (kind == 13 || kind == 14) /* no columns; long form */
            line += take_signed_varint(code, &at);
        else if (kind >= 10 && kind <= 12) /* one line: +0, +1, +2 */
            line += kind - 10;
        end += ((head & 7U) + 1) * 2;
        if (offset < end)
            return kind == 15 ? -1 : line;
        while (i < code->table_size && !(code->table[i] & 0x80))
            i++;
    }
    return -1;
}

uint32_t cpython_code_line(const struct cpython_code *code, uint64_t offset)
{
    int64_t line;

    if (code->minor >= 11)
        line = line_from_locations(code, offset);
    else if (code->minor == 10)
        line = line_from_pairs(code, offset);
    else
        line = line_from_lnotab(code, offset);
    return line > 0 && line <= INT32_MAX ? (uint32_t)line : code->first_line;
}

uint32_t cpython_frame_line(const struct cpython_code *code, uint64_t instr)
{
    int32_t index = (int32_t)(uint32_t)instr;

    if (code->minor >= 11) {
        /* Before the first instruction the pointer is one in front of the code. */
        if (instr < code->bytecode || instr - code->bytecode > INT32_MAX)
            return code->first_line;
        return cpython_code_line(code, instr - code->bytecode);
    }
    if (index < 0)
        return code->first_line;
    return cpython_code_line(code, code->minor == 10 ? (uint64_t)index * 2 : (uint64_t)index);
}

/* Is the pointer in slot `key` a thread state of the thread with that FS base? */
static bool slot_holds_tstate(pid_t pid, const struct cpython_walk_config *config, uint64_t fs_base, uint32_t key,
                              uint64_t *ret_tstate)
{
    uint64_t tstate, thread_id;

    if (key >= CPYTHON_TLS_KEYS ||
        read_memory(pid, fs_base + CPYTHON_TLS_BLOCK + key * 16 + 8, &tstate, sizeof(tstate)) < 0 || tstate == 0 ||
        read_memory(pid, tstate + config->tstate_thread_id, &thread_id, sizeof(thread_id)) < 0 || thread_id != fs_base)
        return false;
    *ret_tstate = tstate;
    return true;
}

int cpython_find_tstate(pid_t pid, const struct cpython_walk_config *config, uint64_t runtime, uint64_t fs_base,
                        uint64_t *ret_tstate)
{
    uint64_t probe;
    int r = read_memory(pid, fs_base, &probe, sizeof(probe));
    uint32_t key;

    if (r < 0)
        return r;
    if (runtime && config->runtime_tss_key &&
        read_memory(pid, runtime + config->runtime_tss_key, &key, sizeof(key)) == 0 &&
        slot_holds_tstate(pid, config, fs_base, key, ret_tstate))
        return 0;
    for (key = 0; key < CPYTHON_TLS_KEYS; key++)
        if (slot_holds_tstate(pid, config, fs_base, key, ret_tstate))
            return 0;
    return -ENOENT;
}

/* The part of a frame that a walk needs, in one read: each is a system call. */
#define FRAME_MAX 256u

static size_t frame_size(const struct cpython_walk_config *config)
{
    const size_t ends[] = {config->frame_code + sizeof(uint64_t), config->frame_previous + sizeof(uint64_t),
                           (size_t)config->frame_instr + config->frame_instr_size, config->frame_owner + 1};
    size_t size = 0;

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        if (ends[i] > size)
            size = ends[i];
    return size;
}

ssize_t cpython_walk_user(pid_t pid, const struct cpython_walk_config *config, uint64_t tstate,
                          struct cpython_frame *ret_frames, size_t max)
{
    size_t n = 0, size = frame_size(config);
    uint8_t bytes[FRAME_MAX];
    uint64_t frame;
    int r = size > sizeof(bytes) ? -EFAULT : read_memory(pid, tstate + config->tstate_frame, &frame, sizeof(frame));

    if (r == 0 && frame && config->frame_access == CPYTHON_FRAME_CFRAME)
        r = read_memory(pid, frame + config->cframe_current, &frame, sizeof(frame));
    /* A circle of frames that are all skipped would never fill the result: bound the steps, too. */
    for (size_t steps = 0; r == 0 && frame && n < max && steps < 4 * max; steps++) {
        struct cpython_frame found = {.frame = frame};

        r = read_memory(pid, frame, bytes, size);
        if (r < 0)
            break;
        memcpy(&found.code, bytes + config->frame_code, sizeof(found.code));
        memcpy(&found.instr, bytes + config->frame_instr, config->frame_instr_size);
        memcpy(&frame, bytes + config->frame_previous, sizeof(frame));
        if (!config->frame_owner || bytes[config->frame_owner] != config->owner_c_shim)
            ret_frames[n++] = found;
    }
    return r < 0 && n == 0 ? r : (ssize_t)n;
}
