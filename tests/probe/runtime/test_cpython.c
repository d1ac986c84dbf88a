/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/syscall.h>

#include "base/base.h"
#include "probe/runtime/cpython.h"
#include "probe/runtime/detect.h"

#include "interpreter.h"

/* Lines matter: they are checked below. Prints pthread_self() of a thread that then sleeps in a coroutine. */
static const char script[] = "import threading, time, sys\n"                              /* 1 */
                             "class Shop:\n"                                              /* 2 */
                             "    async def fetch(self):\n"                               /* 3 */
                             "        if True:\n"                                         /* 4 */
                             "\n"                                                         /* 5 */
                             "            time.sleep(\n"                                  /* 6 */
                             "                1000)\n"                                    /* 7 */
                             "def gr\xc3\xbc\xc3\x9f_\xe4\xb8\xad_\xf0\x9d\x94\x98(c):\n" /* 8: latin-1, UCS2, UCS4 */
                             "    c.send(None)\n"                                         /* 9 */
                             "def l\xc3\xa4tin(c):\n"                                     /* 10 */
                             "    x = 1\n"                                                /* 11 */
                             "    gr\xc3\xbc\xc3\x9f_\xe4\xb8\xad_\xf0\x9d\x94\x98(c)\n"  /* 12 */
                             "def \xe4\xb8\xad():\n"                                      /* 13 */
                             "    print(threading.current_thread().ident)\n"              /* 14 */
                             "    sys.stdout.flush()\n"                                   /* 15 */
                             "    l\xc3\xa4tin(Shop().fetch())\n"                         /* 16 */
                             "threading.Thread(target=\xe4\xb8\xad).start()\n"            /* 17 */
                             "time.sleep(1000)\n";                                        /* 18 */

/* What the walk must find, innermost first. */
static const struct {
    const char *name;  /* 3.11+ */
    const char *plain; /* before */
    uint32_t line, first_line;
    bool coroutine;
} expected[] = {
    {"Shop.fetch", "fetch", 6, 3, true},
    /* Identifiers are normalised (NFKC): the mathematical letter becomes a plain one. */
    {"gr\xc3\xbc\xc3\x9f_\xe4\xb8\xad_U", "gr\xc3\xbc\xc3\x9f_\xe4\xb8\xad_U", 9, 8, false},
    {"l\xc3\xa4tin", "l\xc3\xa4tin", 12, 10, false},
    {"\xe4\xb8\xad", "\xe4\xb8\xad", 16, 13, false},
    {"Thread.run", "run", 0, 0, false},
};

static void check_frame(pid_t pid, const struct image *image, const struct cpython_frame *frame, size_t index)
{
    CLEANUP(cpython_code_freep) struct cpython_code *code = NULL;
    uint32_t line;

    assert_int_equal(cpython_code_read(pid, &image->offsets, frame->code, &code), 0);
    assert_string_equal(code->name, image->minor >= 11 ? expected[index].name : expected[index].plain);
    assert_int_equal(code->coroutine, expected[index].coroutine);
    line = cpython_frame_line(code, frame->instr);
    if (expected[index].line == 0) {
        assert_non_null(strstr(code->filename, "/threading.py"));
        assert_true(line > code->first_line && line < code->first_line + 40);
        return;
    }
    assert_string_equal(code->filename, "<string>");
    assert_int_equal(code->first_line, expected[index].first_line);
    /* Before 3.8 a call that spans lines has the line of its last argument. */
    assert_int_equal(line, expected[index].line + (image->minor < 8 && index == 0));
}

static void check_walk(const char *path)
{
    struct interpreter python = interpreter_start(path, "-c", script);
    struct cpython_walk_config config;
    struct cpython_frame frames[16];
    struct image image = {0};
    uint64_t fs_base, tstate = 0, again = 0;
    char line[64];

    interpreter_read_line(&python, line, sizeof(line));
    fs_base = strtoull(line, NULL, 10);
    assert_int_equal(image_inspect(NULL, python.pid, &image), 0);
    cpython_walk_config(&image.offsets, &config);
    /* The thread sleeps without the GIL, in select (3.6-3.10) or clock_nanosleep. */
    usleep(100 * 1000);
    assert_int_equal(cpython_find_tstate(python.pid, &config, image.runtime_address, fs_base, &tstate), 0);
    config.runtime_tss_key = 0;
    assert_int_equal(cpython_find_tstate(python.pid, &config, image.runtime_address, fs_base, &again), 0);
    assert_int_equal(tstate, again);
    assert_int_equal(cpython_find_tstate(python.pid, &config, 0, fs_base + 64, &again), -ENOENT);
    assert_int_equal(cpython_find_tstate(python.pid, &config, 0, 16, &again), -EFAULT);
    assert_true(cpython_walk_user(python.pid, &config, tstate, frames, ARRAY_SIZE(frames)) >= 5);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        check_frame(python.pid, &image, &frames[i], i);
    assert_int_equal(cpython_walk_user(python.pid, &config, tstate, frames, 2), 2);
    interpreter_stop(&python);
    assert_int_equal(cpython_walk_user(python.pid, &config, tstate, frames, 2), -ESRCH);
}

static void frames_of_a_sleeping_thread_have_names_and_lines(void **state)
{
    static char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        print_message("%s\n", paths[i]);
        check_walk(paths[i]);
    }
}

/* The key in _PyRuntime alone must do: BPF uses it first. */
static void the_key_names_the_slot(void **state)
{
    static char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct interpreter python = interpreter_start(
            paths[i], "-c", "import threading, time; print(threading.get_ident(), flush=True); time.sleep(99)");
        struct image image = {0};
        uint32_t key = UINT32_MAX;
        uint64_t tstate = 0, fs_base;
        char line[64], path[64];

        interpreter_read_line(&python, line, sizeof(line));
        fs_base = strtoull(line, NULL, 10);
        assert_int_equal(image_inspect(NULL, python.pid, &image), 0);
        if (image.offsets.runtime_tss_key) {
            AUTO_FCLOSE FILE *memory = NULL;

            snprintf(path, sizeof(path), "/proc/%d/mem", (int)python.pid);
            memory = fopen(path, "r");
            assert_non_null(memory);
            assert_int_equal(fseeko(memory, (off_t)(image.runtime_address + image.offsets.runtime_tss_key), SEEK_SET),
                             0);
            assert_int_equal(fread(&key, sizeof(key), 1, memory), 1);
            assert_true(key < CPYTHON_TLS_KEYS);
            assert_int_equal(fseeko(memory, (off_t)(fs_base + CPYTHON_TLS_BLOCK + key * 16 + 8), SEEK_SET), 0);
            assert_int_equal(fread(&tstate, sizeof(tstate), 1, memory), 1);
            assert_int_equal(fseeko(memory, (off_t)(tstate + image.offsets.tstate_thread_id), SEEK_SET), 0);
            assert_int_equal(fread(&tstate, sizeof(tstate), 1, memory), 1);
            assert_int_equal(tstate, fs_base);
        }
        interpreter_stop(&python);
    }
}

/* A code object made by hand in our own memory: nothing in it may lead to a crash. */
static void rubbish_is_refused(void **state)
{
    const struct cpython_offsets *offsets = cpython_offsets_for(11);
    struct cpython_code *code = NULL;
    uint64_t object[64] = {0};
    uint64_t string[16] = {0};

    (void)state;
    assert_int_equal(cpython_code_read(getpid(), offsets, 0, &code), -EFAULT);
    assert_int_equal(cpython_code_read(getpid(), offsets, (uintptr_t)object, &code), -EFAULT);
    object[offsets->code_qualname / 8] = (uintptr_t)string;
    assert_int_equal(cpython_code_read(getpid(), offsets, (uintptr_t)object, &code), -EBADMSG);
    string[4] = 1 << 2 | 1 << 5 | 1 << 6; /* compact ASCII */
    string[2] = (uint64_t)INT64_MAX + 1;  /* of negative length */
    assert_int_equal(cpython_code_read(getpid(), offsets, (uintptr_t)object, &code), -EBADMSG);
    string[2] = INT64_MAX; /* cut to what is believed, more than is there or not: no crash */
    (void)cpython_code_read(getpid(), offsets, (uintptr_t)object, &code);
    string[2] = 3;
    memcpy(&string[6], "abc", 3);
    object[offsets->code_filename / 8] = (uintptr_t)string;
    assert_int_equal(cpython_code_read(getpid(), offsets, (uintptr_t)object, &code), -EFAULT);
    assert_null(code);
    object[offsets->code_table / 8] = (uintptr_t)&object[32];
    object[34] = UINT64_MAX;
    assert_int_equal(cpython_code_read(getpid(), offsets, (uintptr_t)object, &code), -EBADMSG);
    object[34] = 0;
    assert_int_equal(cpython_code_read(getpid(), offsets, (uintptr_t)object, &code), 0);
    assert_string_equal(code->name, "abc");
    cpython_code_free(code);
}

static void line_tables_read_as_documented(void **state)
{
    /* Objects/lnotab_notes.txt: a(1) 0-5, line 2 at 6, line 7 at 50, gap. */
    uint8_t lnotab[] = {6, 1, 44, 5, 4, 0xfe};
    struct cpython_code code = {.first_line = 1, .minor = 8, .table = lnotab, .table_size = sizeof(lnotab)};
    /* 3.10: 0-5 line 1, 6-9 no line, 10-13 line 4, 14-17 line 3. */
    uint8_t pairs[] = {6, 0, 4, 0x80, 4, 3, 4, 0xff};
    /* 3.11: 2 instructions short form (line 1), 1 one-line +2, 1 none, 1 no-column -1 (varint 3), 1 long +70. */
    uint8_t locations[] = {0x81, 0x22, 0xe0, 1, 2, 0xf8, 0xe8, 3, 0xf0, 0x40 | 12, 2, 0, 1, 2};

    (void)state;
    assert_int_equal(cpython_code_line(&code, 0), 1);
    assert_int_equal(cpython_code_line(&code, 5), 1);
    assert_int_equal(cpython_code_line(&code, 6), 2);
    assert_int_equal(cpython_code_line(&code, 49), 2);
    assert_int_equal(cpython_code_line(&code, 50), 7);
    assert_int_equal(cpython_code_line(&code, 54), 5);
    assert_int_equal(cpython_frame_line(&code, UINT32_MAX), 1);
    assert_int_equal(cpython_frame_line(&code, 6), 2);

    code = (struct cpython_code){.first_line = 1, .minor = 10, .table = pairs, .table_size = sizeof(pairs)};
    assert_int_equal(cpython_code_line(&code, 5), 1);
    assert_int_equal(cpython_code_line(&code, 6), 1); /* none: the function's */
    assert_int_equal(cpython_code_line(&code, 10), 4);
    assert_int_equal(cpython_code_line(&code, 14), 3);
    assert_int_equal(cpython_frame_line(&code, 7), 3);
    assert_int_equal(cpython_code_line(&code, 1000), 1);

    code = (struct cpython_code){
        .first_line = 1, .minor = 11, .bytecode = 1000, .table = locations, .table_size = sizeof(locations)};
    assert_int_equal(cpython_frame_line(&code, 998), 1);
    assert_int_equal(cpython_frame_line(&code, 1000), 1);
    assert_int_equal(cpython_frame_line(&code, 1002), 1);
    assert_int_equal(cpython_frame_line(&code, 1004), 3);
    assert_int_equal(cpython_frame_line(&code, 1006), 1); /* none */
    assert_int_equal(cpython_frame_line(&code, 1008), 2);
    assert_int_equal(cpython_frame_line(&code, 1010), 72);
    assert_int_equal(cpython_frame_line(&code, 5000), 1);
    /* Cut anywhere: still an answer, never a read beyond the end (the sanitizer watches). */
    for (size_t size = 0; size < sizeof(locations); size++) {
        AUTO_FREE uint8_t *cut = malloc(size + 1);

        memcpy(cut, locations, size);
        code.table = cut;
        code.table_size = size;
        assert_true(cpython_code_line(&code, 12) >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_a_sleeping_thread_have_names_and_lines),
        cmocka_unit_test(the_key_names_the_slot),
        cmocka_unit_test(rubbish_is_refused),
        cmocka_unit_test(line_tables_read_as_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
