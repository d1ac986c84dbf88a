/* SPDX-License-Identifier: BSD-2-Clause */

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
#include "probe/runtime/ruby.h"

#include "interpreter.h"

static struct image inspect(pid_t pid)
{
    struct image image = {0};

    assert_int_equal(image_inspect(NULL, pid, &image), 0);
    return image;
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
    int seen = 0;

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
    /* Those that compute wait for the lock most of the time (there are three of them), now and then to pass it on. */
    for (int attempt = 0; attempt < 1000 && seen < 20; attempt++) {
        uint64_t futex = interpreter_futex(ruby.pid, tids[3 + attempt % 2]);
        int status = futex ? ruby_status(ruby.pid, &process, futex) : -1;

        assert_true(status <= 0);
        seen += status == 0;
        usleep(1000);
    }
    assert_int_equal(seen, 20);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_waits_of_ruby_s_threads_are_told_apart),
        cmocka_unit_test(only_tried_layouts_of_ruby_are_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
