/* SPDX-License-Identifier: BSD-2-Clause */

/* Runtimes other than one plain CPython: what is found in live processes of each. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/base.h"
#include "probe/bpf/abi.h"
#include "probe/runtime/detect.h"
#include "probe/runtime/interpreters.h"
#include "probe/runtime/ruby.h"

#include "interpreter.h"

static struct image inspect(pid_t pid)
{
    struct image image = {0};

    assert_int_equal(image_inspect(NULL, pid, &image), 0);
    return image;
}

static void every_interpreter_of_a_process_is_counted(void **state)
{
    static const char script[] = "import sys, time\n"
                                 "if sys.version_info >= (3, 13): import _interpreters as i\n"
                                 "elif sys.version_info >= (3, 8): import _xxsubinterpreters as i\n"
                                 "else: i = None\n"
                                 "kept = [i.create() for _ in range(3)] if i else []\n"
                                 "print(1 + len(kept), sys.version_info[1], flush=True)\n"
                                 "time.sleep(99)\n";
    static char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct interpreter python = interpreter_start(paths[i], "-c", script);
        struct image image;
        uint32_t count = 0;
        char line[16];
        int minor;

        interpreter_read_line(&python, line, sizeof(line));
        minor = atoi(line + 2);
        image = inspect(python.pid);
        if (minor < 7) /* no list of the runtime's own */
            assert_int_equal(interpreters_count(python.pid, &image, &count), -ENOENT);
        else
            assert_int_equal(interpreters_count(python.pid, &image, &count), 0);
        assert_int_equal(count, minor < 7 ? 0 : atoi(line));
        interpreter_stop(&python);
        assert_true(interpreters_count(python.pid, &image, &count) < 0);
    }
}

/* A program that exports what a build without the GIL exports; its name says the version. */
static void a_build_without_the_lock_is_recognised(void **state)
{
    struct interpreter python = interpreter_start(FREE_THREADED, "-c", NULL);
    struct image image;
    char line[16];

    (void)state;
    interpreter_read_line(&python, line, sizeof(line));
    image = inspect(python.pid);
    assert_int_equal(image.runtime.kind, RUNTIME_CPYTHON);
    assert_true(image.runtime.free_threaded);
    assert_int_equal(image.runtime.interpreter_lock, INTERPRETER_LOCK_NONE);
    assert_string_equal(image.runtime.version, "3.13 free-threaded");
    assert_false(image.has_offsets);
    assert_int_equal(image.gil_end, 0);
    interpreter_stop(&python);
}

static uint64_t read_u64(pid_t pid, uint64_t address)
{
    uint64_t value = 0;
    struct iovec local = {&value, sizeof(value)}, remote = {(void *)(uintptr_t)address, sizeof(value)};

    (void)process_vm_readv(pid, &local, 1, &remote, 1, 0);
    return value;
}

/* The rule of struct ruby_process, applied to a futex word by hand. @return the status, or -1: no thread's own */
static int ruby_status(pid_t pid, const struct ruby_process *ruby, uint64_t futex)
{
    uint64_t vm = read_u64(pid, ruby->vm_pointer);

    assert_true(vm != 0);
    for (size_t i = 0; i < ARRAY_SIZE(ruby->th_cond); i++) {
        uint64_t thread = futex - ruby->th_cond[i];

        if (read_u64(pid, thread + ruby->th_vm) == vm)
            return (int)(read_u64(pid, thread + ruby->th_status) & 3);
    }
    return -1;
}

/* Threads in the order of their creation: the first sleeps, the second pops an empty queue, the rest compute. */
static void the_waits_of_ruby_s_threads_are_told_apart(void **state)
{
    static const char script[] = "Thread.new { sleep 99 }; q = Queue.new; popper = Thread.new { q.pop }\n"
                                 "sleep 0.01 until popper.stop?\n"
                                 "2.times { Thread.new { loop { } } }\n"
                                 "puts 'ready'; STDOUT.flush\n"
                                 "loop { }\n";
    struct interpreter ruby;
    struct ruby_process process;
    struct image image;
    pid_t tids[8];
    char line[16];

    (void)state;
    if (access("/usr/bin/ruby", X_OK) < 0)
        skip();
    ruby = interpreter_start("/usr/bin/ruby", "-e", script);
    interpreter_read_line(&ruby, line, sizeof(line));
    image = inspect(ruby.pid);
    assert_int_equal(image.runtime.kind, RUNTIME_RUBY);
    assert_string_not_equal(image.runtime.version, "");
    if (image.runtime.interpreter_lock == INTERPRETER_LOCK_UNKNOWN) { /* a version that nobody has tried yet */
        assert_int_equal(ruby_process_of(&image, &process), -ENOENT);
        interpreter_stop(&ruby);
        return;
    }
    assert_int_equal(ruby_process_of(&image, &process), 0);
    assert_true(interpreter_threads(ruby.pid, tids, ARRAY_SIZE(tids)) >= 5);
    assert_int_equal(ruby_status(ruby.pid, &process, interpreter_wait_for_syscall(ruby.pid, tids[2], SYS_futex)), 2);
    /* Those that compute wait for the lock most of the time: there are three of them. */
    assert_int_equal(ruby_status(ruby.pid, &process, interpreter_wait_for_syscall(ruby.pid, tids[3], SYS_futex)), 0);
    assert_int_equal(ruby_status(ruby.pid, &process, interpreter_wait_for_syscall(ruby.pid, tids[4], SYS_futex)), 0);
    interpreter_stop(&ruby);
}

static void only_tried_layouts_of_ruby_are_used(void **state)
{
    (void)state;
    assert_non_null(ruby_offsets_for("3.1.2"));
    assert_null(ruby_offsets_for("3.10.0"));
    assert_null(ruby_offsets_for("2.7.4"));
    assert_null(ruby_offsets_for(""));
}

/* Idle workers of libuv's pool wait at one place in node's own data; several of them, once there was something to do.
 */
static void idle_workers_of_libuv_wait_in_node_s_data(void **state)
{
    struct interpreter node;
    struct image image;
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
    image = inspect(node.pid);
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
        cmocka_unit_test(every_interpreter_of_a_process_is_counted),
        cmocka_unit_test(a_build_without_the_lock_is_recognised),
        cmocka_unit_test(the_waits_of_ruby_s_threads_are_told_apart),
        cmocka_unit_test(only_tried_layouts_of_ruby_are_used),
        cmocka_unit_test(idle_workers_of_libuv_wait_in_node_s_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
