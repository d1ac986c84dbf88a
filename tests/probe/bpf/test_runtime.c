/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the kernel side tells of CPython and Ruby: who holds the lock that a thread waits for, and what Ruby's threads
 * wait for. On the interpreters of this machine; needs root (or a helper with capabilities).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "probe/runtime/cpython.h"
#include "probe/runtime/detect.h"
#include "tests/probe/bpf/recording.h"
#include "tests/probe/runtime/interpreter.h"

/* A process that is registered as soon as it is recognised. */
struct registration {
    bool done;
    struct image image;
    uint32_t named; /* holders whose frames could be read while the process lived: */
    uint32_t right; /* those that are in the one function while the other waits */
    size_t looked_at;
};

static bool is_recognised(struct registration *registration, pid_t pid)
{
    return !registration->done && image_inspect(NULL, pid, &registration->image) == 0;
}

static void register_python(struct recording *recording, struct registration *registration)
{
    struct wire_python message = {.tgid = (uint32_t)recording->pid};

    if (!is_recognised(registration, recording->pid) || !registration->image.has_offsets)
        return;
    registration->done = true;
    message.process.runtime = registration->image.runtime_address;
    message.process.runtime_end = registration->image.gil_end;
    cpython_walk_config(&registration->image.offsets, &message.process.walk);
    assert_int_equal(wire_send(recording->helper, WIRE_PYTHON, &message, sizeof(message)), 0);
}

/* @return which of the two functions of the script is on the stack: 1, 2; 0: neither could be read */
static int function_of(const struct registration *registration, pid_t pid, const struct stack_record *stack)
{
    for (size_t i = 0; i < stack->n_frames; i++) {
        struct cpython_code *code = NULL;
        int which = 0;

        if (cpython_code_read(pid, &registration->image.offsets, stack->code[i], &code) < 0)
            continue;
        which = strcmp(code->name, "first") == 0 ? 1 : strcmp(code->name, "second") == 0 ? 2 : 0;
        cpython_code_free(code);
        if (which)
            return which;
    }
    return 0;
}

static void follow_python(struct recording *recording, void *userdata)
{
    struct registration *registration = userdata;

    register_python(recording, registration);
    for (; registration->looked_at < recording->n_stacks; registration->looked_at++) {
        const struct stack_record *holder = &recording->stacks[registration->looked_at];
        const struct stack_record *waiter = recording_stack(recording, holder->id, STACK_WAIT);
        int a, b;

        if (holder->role != STACK_HOLDER)
            continue;
        assert_non_null(waiter);
        assert_int_equal(holder->tid, 0);
        a = function_of(registration, recording->pid, holder);
        b = function_of(registration, recording->pid, waiter);
        registration->named += a && b;
        registration->right += a && b && a != b;
    }
}

static const char script[] = "import threading, time\n"
                             "def burn():\n"
                             "    end = time.time() + 1\n"
                             "    while time.time() < end:\n"
                             "        for i in range(10000): pass\n"
                             "def first(): burn()\n"
                             "def second(): burn()\n"
                             "thread = threading.Thread(target=second)\n"
                             "thread.start()\n"
                             "first()\n"
                             "thread.join()\n";

/* @param knows  whether it can be told who holds the lock: not with 3.6 */
static void check_halves(const struct recording *recording, const char *path, bool knows)
{
    size_t samples = 0, held = 0, together = 0;

    for (size_t i = 0; i < recording->n_stacks; i++) {
        const struct stack_record *stack = &recording->stacks[i];

        assert_int_not_equal(stack->id, 0);
        for (size_t k = 1; k < stack->n_frames; k++)
            assert_int_not_equal(stack->frame[k], stack->frame[k - 1]);
        if (stack->role != STACK_SAMPLE)
            continue;
        samples++;
        held += stack->lock_held;
        together += recording_native(recording, stack->id, STACK_SAMPLE) != NULL;
    }
    if (!samples || (knows && held * 10 < samples * 8) || together * 10 < samples * 9)
        fail_msg("%s: %zu samples, %zu with the lock, %zu with a native half", path, samples, held, together);
}

static void the_holder_of_the_gil_is_seen(void **state)
{
    char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths), seen = 0;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char *const argv[] = {paths[i], (char *)"-c", (char *)(uintptr_t)script, NULL};
        struct registration registration = {0};
        struct recording recording;

        recording_run(&recording, argv, true, follow_python, &registration);
        assert_int_equal(recording.status, 0);
        assert_true(registration.done);
        check_halves(&recording, paths[i], registration.image.runtime_address != 0);
        if (registration.image.runtime_address && registration.image.runtime.interpreter_lock) {
            seen++;
            if (!registration.named || registration.right * 10 < registration.named * 8)
                fail_msg("%s: of %u holders with a name %u are the other thread", paths[i], registration.named,
                         registration.right);
        }
        recording_clear(&recording);
    }
    assert_true(seen > 0);
}

/*
 * Loops whose attributes lie in every way they can: in an order of their own, as a dictionary that somebody asked for,
 * with too many for a shared table of keys. Each has so many tasks asleep, two timers of another kind, four cancelled.
 * Before them all, somebody else waits in select() of selectors.py.
 */
static const char loops_script[] =
    "import asyncio, os, selectors, time\n"
    "class Named(asyncio.SelectorEventLoop):\n"
    "    def __init__(self):\n"
    "        self.name, self.number = 'x', 1\n"
    "        super().__init__()\n"
    "class Poll(asyncio.SelectorEventLoop):\n"
    "    def __init__(self): super().__init__(selectors.PollSelector())\n"
    "def asked():\n"
    "    loop = asyncio.new_event_loop()\n"
    "    vars(loop)\n"
    "    return loop\n"
    "def crowded():\n"
    "    loop = asyncio.new_event_loop()\n"
    "    for i in range(60): setattr(loop, 'extra%d' % i, i)\n"
    "    return loop\n"
    "class Other:\n"
    "    def wait(self):\n"
    "        selector = selectors.DefaultSelector()\n"
    "        selector.register(os.pipe()[0], selectors.EVENT_READ)\n"
    "        for i in range(5): selector.select(0.02)\n"
    "async def sleeps():\n"
    "    for i in range(8): await asyncio.sleep(0.02)\n"
    "async def main(loop, n):\n"
    "    more = [loop.call_later(99, print) for i in range(6)]\n"
    "    for timer in more[:4]: timer.cancel()\n"
    "    await asyncio.gather(*[sleeps() for i in range(n)])\n"
    "time.sleep(0.2)\n"
    "Other().wait()\n"
    "for n, make in (3, asyncio.new_event_loop), (5, Named), (7, asked), (9, crowded), (11, Poll), (300, Named):\n"
    "    loop = make()\n"
    "    asyncio.set_event_loop(loop)\n"
    "    loop.run_until_complete(main(loop, n))\n";

static void timers_of_loops_are_counted_whatever_shape_their_attributes_have(void **state)
{
    static const uint32_t tasks[] = {3, 5, 7, 9, 11, 300};
    char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char *const argv[] = {paths[i], (char *)"-c", (char *)(uintptr_t)loops_script, NULL};
        size_t seen[ARRAY_SIZE(tasks)] = {0}, known = 0;
        struct registration registration = {0};
        struct recording recording;

        recording_run(&recording, argv, true, follow_python, &registration);
        assert_int_equal(recording.status, 0);
        assert_true(registration.done);
        for (size_t k = 0; k < recording.n_stacks; k++) {
            const struct stack_record *stack = &recording.stacks[k];

            if (!stack->timers.known)
                continue;
            assert_int_equal(stack->role, STACK_WAIT);
            known++;
            for (size_t t = 0; t < ARRAY_SIZE(tasks); t++) {
                bool all = tasks[t] + 6 <= 16; /* no more are looked at */

                if (stack->timers.n != tasks[t] + 2)
                    continue;
                seen[t]++;
                if (all) {
                    assert_int_equal(stack->timers.looked, tasks[t] + 2);
                    assert_int_equal(stack->timers.sleeps, tasks[t]);
                }
                assert_in_range(stack->timers.looked, 1, 16);
                assert_in_range(stack->timers.sleeps, 1, stack->timers.looked);
            }
        }
        for (size_t t = 0; t < ARRAY_SIZE(tasks); t++)
            if (seen[t] < 4)
                fail_msg("%s: %zu waits with %u tasks, %zu with any", paths[i], seen[t], tasks[t], known);
        recording_clear(&recording);
    }
}

static uint32_t count_of(const struct recording *recording, enum wait_kind kind)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < recording->n_slots; i++)
        sum += recording->slots[i].blocked_count[kind];
    return sum;
}

static const char sub_script[] = "import sys\n"
                                 "try:\n"
                                 "    import _interpreters as interpreters\n"
                                 "    create = lambda: interpreters.create('isolated')\n"
                                 "except ImportError:\n"
                                 "    import _xxsubinterpreters as interpreters\n"
                                 "    create = lambda: interpreters.create(isolated=True)\n"
                                 "interpreters.run_string(create(), 'import threading, time\\n'\n"
                                 "'def burn():\\n'\n"
                                 "'    end = time.time() + 1\\n'\n"
                                 "'    while time.time() < end:\\n'\n"
                                 "'        for i in range(10000): pass\\n'\n"
                                 "'threads = [threading.Thread(target=burn) for i in range(2)]\\n'\n"
                                 "'for thread in threads: thread.start()\\n'\n"
                                 "'for thread in threads: thread.join()\\n')\n";

/* 3.12+: a sub-interpreter's threads queue for its own lock, which is not where the main one is. */
static void a_lock_of_its_own_is_an_interpreter_lock(void **state)
{
    char paths[MAX_INTERPRETERS][256];
    size_t n = interpreter_list(paths);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char *const argv[] = {paths[i], (char *)"-c", (char *)(uintptr_t)sub_script, NULL};
        struct registration registration = {0};
        struct recording recording;

        if (!strstr(paths[i], "/python3.12") && !strstr(paths[i], "/python3.13"))
            continue;
        recording_run(&recording, argv, true, follow_python, &registration);
        assert_int_equal(recording.status, 0);
        assert_true(registration.done);
        if (count_of(&recording, WAIT_INTERPRETER_LOCK) < 10)
            fail_msg("%s: %u waits for a sub-interpreter's lock", paths[i],
                     count_of(&recording, WAIT_INTERPRETER_LOCK));
        recording_clear(&recording);
    }
}

/* Debian's Ruby 3.1; see struct ruby_process. */
static void follow_ruby(struct recording *recording, void *userdata)
{
    struct registration *registration = userdata;
    struct wire_ruby message = {.tgid = (uint32_t)recording->pid};

    if (!is_recognised(registration, recording->pid) || !registration->image.ruby_vm_address)
        return;
    registration->done = true;
    message.process = (struct ruby_process){
        .vm_pointer = registration->image.ruby_vm_address, .th_cond = {160, 164}, .th_vm = 32, .th_status = 92};
    assert_int_equal(wire_send(recording->helper, WIRE_RUBY, &message, sizeof(message)), 0);
}

static void rubys_waits_are_told_apart(void **state)
{
    static const struct {
        const char *script;
        enum wait_kind kind;
    } cases[] = {
        {"t = Time.now; 3.times.map { Thread.new { nil while Time.now - t < 1 } }.each(&:join)", WAIT_INTERPRETER_LOCK},
        {"Thread.new { 20.times { sleep 0.05 } }.join", WAIT_RUBY_SLEEP},
        {"q = Queue.new; t = Thread.new { 20.times { q.pop } }; 20.times { sleep 0.05; q << 1 }; t.join",
         WAIT_RUBY_QUEUE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *const argv[] = {(char *)"/usr/bin/ruby", (char *)"-e", (char *)(uintptr_t)cases[i].script, NULL};
        struct registration registration = {0};
        struct recording recording;

        recording_run(&recording, argv, true, follow_ruby, &registration);
        assert_int_equal(recording.status, 0);
        assert_true(registration.done);
        if (count_of(&recording, cases[i].kind) < 5)
            fail_msg("case %zu: lock %u, sleep %u, queue %u", i, count_of(&recording, WAIT_INTERPRETER_LOCK),
                     count_of(&recording, WAIT_RUBY_SLEEP), count_of(&recording, WAIT_RUBY_QUEUE));
        recording_clear(&recording);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_holder_of_the_gil_is_seen),
        cmocka_unit_test(timers_of_loops_are_counted_whatever_shape_their_attributes_have),
        cmocka_unit_test(a_lock_of_its_own_is_an_interpreter_lock),
        cmocka_unit_test(rubys_waits_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
