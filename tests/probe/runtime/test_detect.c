/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/elf_cache.h"

#include "interpreter.h"

static struct elf_cache *cache;

static int make_cache(void **state)
{
    (void)state;
    cache = elf_cache_new();
    return cache ? 0 : -1;
}

static int drop_cache(void **state)
{
    (void)state;
    elf_cache_free(cache);
    return 0;
}

/* A short life history: the version, one thread that waits for a lock, two that fight for the GIL. */
static const char script[] = "import sys, threading\n"
                             "def spin():\n"
                             "    while True: pass\n"
                             "lock = threading.Lock(); lock.acquire()\n"
                             "sys.setswitchinterval(1e-3)\n"
                             "def start(f):\n"
                             "    t = threading.Thread(target=f, daemon=True); t.start()\n"
                             "start(lock.acquire)\n"
                             "print('%d.%d.%d' % sys.version_info[:3])\n"
                             "sys.stdout.flush()\n"
                             "start(spin)\n"
                             "start(spin)\n"
                             "spin()\n";

/* Once all four threads are there: look many times at those that spin, for a wait on the GIL. */
static void check_gil_range(pid_t pid, const struct image *image)
{
    pid_t tids[8];
    uint64_t address;
    size_t n = 0;

    for (int attempt = 0; n < 4 && attempt < 5000; attempt++) {
        usleep(1000);
        n = interpreter_threads(pid, tids, ARRAY_SIZE(tids));
    }
    assert_int_equal(n, 4);
    for (size_t i = 2; i < n; i++) {
        address = interpreter_wait_for_syscall(pid, tids[i], SYS_futex);
        assert_in_range(address, image->gil_start, image->gil_end - 1);
    }
    address = interpreter_wait_for_syscall(pid, tids[1], SYS_futex);
    assert_false(address >= image->gil_start && address < image->gil_end);
}

static void check_cpython(const char *path)
{
    struct interpreter python = interpreter_start(path, "-c", script);
    struct image image = {0};
    char version[32];

    interpreter_read_line(&python, version, sizeof(version));
    assert_int_equal(image_inspect(cache, python.pid, &image), 0);
    assert_int_equal(image.runtime.kind, RUNTIME_CPYTHON);
    assert_int_equal(image.runtime.interpreter_lock, INTERPRETER_LOCK_PRESENT);
    assert_string_equal(image.runtime.executable, path);
    assert_int_equal(image.major, 3);
    assert_int_equal(image.minor, atoi(version + 2));
    /* "3.8" is all that versions before 3.11 tell. */
    assert_int_equal(strncmp(image.runtime.version, version, strlen(image.runtime.version)), 0);
    assert_true(strlen(image.runtime.version) >= 3);
    assert_true(image.has_offsets);
    assert_int_equal(image.runtime_address != 0, image.minor >= 7);
    check_gil_range(python.pid, &image);
    print_message("%s: %s, GIL in %#jx-%#jx\n", path, image.runtime.version, (uintmax_t)image.gil_start,
                  (uintmax_t)image.gil_end);
    interpreter_stop(&python);
    assert_int_equal(image_inspect(cache, python.pid, &image), -ESRCH);
}

static void every_cpython_here_is_recognised_and_its_lock_located(void **state)
{
    static char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++)
        check_cpython(paths[i]);
}

/* What 3.13 publishes must be what we learned, or the table is wrong. */
static void published_offsets_agree_with_the_table(void **state)
{
    static char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct interpreter python =
            interpreter_start(paths[i], "-c", "import time; print(1, flush=True); time.sleep(99)");
        struct image image = {0};
        char line[16];

        interpreter_read_line(&python, line, sizeof(line));
        assert_int_equal(image_inspect(cache, python.pid, &image), 0);
        assert_memory_equal(&image.offsets, cpython_offsets_for(image.minor), sizeof(image.offsets));
        interpreter_stop(&python);
    }
}

static void a_start_is_never_taken_for_something_else(void **state)
{
    static char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct interpreter python = interpreter_start(paths[i], "-c", "import time; time.sleep(99)");
        struct image image = {0};
        int r;

        /* From before the exec through the dynamic linker to the interpreter: wait, then CPython, never native. */
        do
            r = image_inspect(cache, python.pid, &image);
        while (r == -EAGAIN);
        assert_int_equal(r, 0);
        assert_int_equal(image.runtime.kind, RUNTIME_CPYTHON);
        interpreter_stop(&python);
    }
}

static void before_its_exec_a_child_is_not_judged(void **state)
{
    struct image image = {0};
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    assert_int_equal(image_inspect(cache, child, &image), -EAGAIN);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_plain_program_is_native(void **state)
{
    struct interpreter sleeper = interpreter_start("/bin/sleep", "60", NULL);
    struct image image = {0};

    (void)state;
    (void)interpreter_wait_for_syscall(sleeper.pid, sleeper.pid, SYS_clock_nanosleep);
    assert_int_equal(image_inspect(cache, sleeper.pid, &image), 0);
    assert_int_equal(image.runtime.kind, RUNTIME_NATIVE);
    assert_int_equal(image.runtime.interpreter_lock, INTERPRETER_LOCK_NONE);
    assert_int_equal(image.gil_end, 0);
    assert_string_equal(image.runtime.executable, "");
    interpreter_stop(&sleeper);
}

static void node_is_recognised_where_there_is_one(void **state)
{
    struct interpreter node;
    struct image image = {0};
    char line[64];

    (void)state;
    if (access("/usr/bin/node", X_OK) < 0)
        skip();
    node = interpreter_start("/usr/bin/node", "-e", "console.log(process.version); setInterval(() => 0, 1000)");
    interpreter_read_line(&node, line, sizeof(line));
    assert_int_equal(image_inspect(cache, node.pid, &image), 0);
    assert_int_equal(image.runtime.kind, RUNTIME_NODE);
    assert_int_equal(image.runtime.interpreter_lock, INTERPRETER_LOCK_NONE);
    assert_string_equal(image.runtime.executable, "/usr/bin/node");
    interpreter_stop(&node);
}

/* A program that exports what a build without the GIL exports; its name says the version. */
static void a_build_without_the_lock_is_recognised(void **state)
{
    struct interpreter python = interpreter_start(FREE_THREADED, "-c", NULL);
    struct image image = {0};
    char line[16];

    (void)state;
    interpreter_read_line(&python, line, sizeof(line));
    assert_int_equal(image_inspect(cache, python.pid, &image), 0);
    assert_int_equal(image.runtime.kind, RUNTIME_CPYTHON);
    assert_true(image.runtime.free_threaded);
    assert_int_equal(image.runtime.interpreter_lock, INTERPRETER_LOCK_NONE);
    assert_string_equal(image.runtime.version, "3.13 free-threaded");
    assert_false(image.has_offsets);
    assert_int_equal(image.gil_end, 0);
    interpreter_stop(&python);
}

/* Idle workers of libuv's pool wait at one place in node's own data; several of them, once there was something to do.
 */
static void idle_workers_of_libuv_wait_in_node_s_data(void **state)
{
    struct interpreter node;
    struct image image = {0};
    pid_t tids[32];
    size_t n, inside = 0;
    char line[16];

    (void)state;
    if (access("/usr/bin/node", X_OK) < 0)
        skip();
    node = interpreter_start("/usr/bin/node", "-e",
                             "require('fs').readFile('/etc/passwd', () => setTimeout(() => console.log('ready'), 300));"
                             "setInterval(() => 0, 100000)");
    interpreter_read_line(&node, line, sizeof(line));
    assert_int_equal(image_inspect(cache, node.pid, &image), 0);
    assert_true(image.data_end > image.data_start);
    n = interpreter_threads(node.pid, tids, ARRAY_SIZE(tids));
    for (size_t i = 0; i < n; i++) {
        uint64_t address = interpreter_futex(node.pid, tids[i]);

        inside += address >= image.data_start && address < image.data_end;
    }
    assert_in_range(inside, 4, n - 1);
    interpreter_stop(&node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cpython_here_is_recognised_and_its_lock_located),
        cmocka_unit_test(published_offsets_agree_with_the_table),
        cmocka_unit_test(a_start_is_never_taken_for_something_else),
        cmocka_unit_test(before_its_exec_a_child_is_not_judged),
        cmocka_unit_test(a_plain_program_is_native),
        cmocka_unit_test(node_is_recognised_where_there_is_one),
        cmocka_unit_test(a_build_without_the_lock_is_recognised),
        cmocka_unit_test(idle_workers_of_libuv_wait_in_node_s_data),
    };

    return cmocka_run_group_tests(tests, make_cache, drop_cache);
}
