/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/base.h"
#include "probe/measurement.h"
#include "probe/measurement_json.h"

static char folder[64];
static char path[128];
static char message[512];

static int enter(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/concadvise-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/run.json", folder);
    strcpy(message, "");
    return 0;
}

static int leave(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* fails, and so does the test, where something was left behind */
}

static char *copy(const char *text)
{
    char *result = strdup(text);

    assert_non_null(result);
    return result;
}

static void *zeroed(size_t n, size_t size)
{
    void *result = calloc(n, size);

    assert_non_null(result);
    return result;
}

static void fill_threads(struct measurement *m)
{
    struct thread *t;

    m->n_threads = 2;
    m->threads = zeroed(2, sizeof(*m->threads));
    t = &m->threads[0];
    *t = (struct thread){
        .tid = 101,
        .pid = 100,
        .parent_tid = 99,
        .name = "w\xff\x1b[1m %",
        .birth_ns = 5,
        .alive = true,
        .on_cpu_ns = 11,
        .user_ns = 6,
        .system_ns = 4,
        .runnable_ns = 12,
        .unattributed_ns = 13,
        .voluntary_switches = 14,
        .involuntary_switches = 15,
        .cpu_samples = 17,
        .lock_held_samples = 16,
        .poll_ns = 18,
        .poll_count = 19,
        .runtime_internal = true,
        .n_slices = 2,
    };
    t->death_ns = 5 + 11 + 12 + 13;
    for (size_t cause = 0; cause < CAUSE_COUNT; cause++) {
        t->blocked_ns[cause] = 1000 + cause;
        t->blocked_count[cause] = 20 + cause;
        t->death_ns += t->blocked_ns[cause];
    }
    t->slices = zeroed(2, sizeof(*t->slices));
    t->slices[0] = (struct slice){
        .on_cpu_ns = 1,
        .runnable_ns = 2,
        .blocked_ns = 3,
        .cause = CAUSE_JOIN,
        .waker_tid = 102,
        .waker_on_cpu_ns = 4,
        .address = UINT64_C(0x7fffdeadbeef),
    };
    t->slices[1] = (struct slice){.on_cpu_ns = INT64_MAX, .cause = CAUSE_OTHER};
    m->threads[1] = (struct thread){.tid = 102, .pid = 100, .name = "fifteen bytes!!"};
}

static void fill_rows(struct measurement *m)
{
    m->n_processes = 1;
    m->processes = zeroed(1, sizeof(*m->processes));
    m->processes[0] = (struct process){
        .pid = 100,
        .parent_pid = 1,
        .birth_ns = 1,
        .death_ns = 2,
        .alive = true,
        .name = "\xe4\xb8\xad",
        .execed = true,
        .launcher = true,
        .runtime = RUNTIME_CPYTHON,
        .peak_rss_bytes = 3,
        .private_bytes = 4,
        .threads = 5,
        .listens = true,
        .max_connections = UINT32_MAX,
    };
    m->n_loops = 1;
    m->loops = zeroed(1, sizeof(*m->loops));
    m->loops[0] = (struct event_loop){
        .tid = 101,
        .pid = 100,
        .kind = "asyncio",
        .turns = 1,
        .wait_ns = 2,
        .busy_cpu_ns = 3,
        .blocked_in_turn_ns = 4,
        .blocked_in_turn_count = 5,
        .longest_stall_ns = 6,
        .callback_ns = 42,
        .outstanding_mean = 0.1 + 0.2,
        .outstanding_max = 7,
        .timers_mean = 2.5,
        .timers_max = 8,
        .sleepers_mean = 1.25,
        .sent_segments = 40,
        .received_segments = 41,
    };
    m->n_locks = 1;
    m->locks = zeroed(1, sizeof(*m->locks));
    m->locks[0] = (struct lock_site){
        .pid = 100,
        .address = 0x7f0000000010,
        .cause = CAUSE_HANDOFF,
        .wait_ns = 8,
        .waits = 9,
        .waiters = 10,
    };
    m->n_sites = 2;
    m->sites = zeroed(2, sizeof(*m->sites));
    m->sites[0] = (struct site){
        .on_cpu = true,
        .cause = CAUSE_DISK,
        .time_ns = 1,
        .count = 2,
        .pid = 100,
        .tid = 101,
        .threads = 3,
        .in_event_loop = true,
        .n_frames = 2,
    };
    m->sites[0].frames = zeroed(2, sizeof(struct frame));
    m->sites[0].frames[0] = (struct frame){.function = copy("?")};
    m->sites[0].frames[1] = (struct frame){
        .function = copy("f\x80"),
        .file = copy("/a \"b\"/\\c.py"),
        .line = 88,
        .module = copy("m"),
        .coroutine = true,
    };
    m->n_replays = 1;
    m->replays = zeroed(1, sizeof(*m->replays));
    m->replays[0] = (struct replay_result){
        .model = MODEL_PROCESSES_COROUTINES,
        .workers = 4,
        .n_runs = 2,
        .cpu_ns = 5,
        .peak_rss_bytes = 6,
        .share = 0.3,
        .current = true,
    };
    m->replays[0].runs_ns = zeroed(2, sizeof(uint64_t));
    m->replays[0].runs_ns[0] = 7;
    m->replays[0].runs_ns[1] = 8;
}

/* Every field of the contract with a value of its own. */
static struct measurement *new_full(void)
{
    struct measurement *m = measurement_new();

    assert_non_null(m);
    strcpy(m->tool_version, "0.1.0");
    strcpy(m->probe, "bpf");
    m->machine = (struct machine){
        .cpus = 8,
        .cpus_allowed = 4,
        .cpu_quota = 2.5,
        .memory_bytes = 1,
        .memory_limit_bytes = 2,
        .kernel = "Linux 6.1",
        .cpu_name = "A CPU",
    };
    m->target.n_argv = 3;
    m->target.argv = zeroed(3, sizeof(char *));
    m->target.argv[0] = copy("python3");
    m->target.argv[1] = copy("");
    m->target.argv[2] = copy("\xc3\x28 100%");
    m->target.exe = copy("/usr/bin/python3");
    m->target.pid = 100;
    m->target.runtime = (struct runtime){
        .kind = RUNTIME_RUBY,
        .version = "3.1",
        .interpreter_lock = INTERPRETER_LOCK_UNKNOWN,
        .executable = "/r",
    };
    m->target.exited = true;
    m->target.exit_status = 3;
    m->target.signal = 9;
    fill_threads(m);
    fill_rows(m);
    measurement_sum_threads(m);
    m->wall_ns = 30;
    m->threads_total = 31;
    m->processes_total = 32;
    m->max_live_threads = 33;
    m->max_live_processes = 34;
    m->n_parallelism = 2;
    m->parallelism_ns = zeroed(2, sizeof(uint64_t));
    m->parallelism_ns[1] = 30;
    m->external_wait_union_ns = 35;
    m->n_modules = 1;
    m->modules = zeroed(1, sizeof(char *));
    m->modules[0] = copy("requests");
    m->loss = (struct loss){
        .slices_dropped = 1,
        .threads_dropped = 2,
        .threads_omitted = 3,
        .futexes_unnamed = 4,
        .repaired = 5,
        .repaired_ns = 6,
        .stacks_failed = 7,
        .stacks_taken = 8,
        .decimation = 9,
    };
    m->overhead_ns = 36;
    assert_int_equal(measurement_note(m, "a note"), 0);
    m->replay_process_start_ns = 37;
    m->replay_thread_start_ns = 38;
    m->replay_ipc_item_ns = 39;
    m->replay_ipc_byte_ps = 40;
    m->replay_loop_turn_ns = 41;
    m->replay_thread_switch_ns = 42;
    m->replay_threads_setup_ns = 49;
    m->replay_coroutines_setup_ns = 50;
    m->replay_processes_setup_ns = 51;
    m->replay_hybrid_setup_ns = 52;
    m->replay_slowdown = 1.25;
    m->n_repeats = 1;
    m->repeats = zeroed(1, sizeof(*m->repeats));
    m->repeats[0] = (struct repeat){.wall_ns = 43,
                                    .thread_time_ns = 44,
                                    .on_cpu_ns = 45,
                                    .runnable_ns = 46,
                                    .blocked_ns[CAUSE_DISK] = 47,
                                    .unattributed_ns = 48};
    return m;
}

#define SAME(field) assert_true(a->field == b->field)
#define SAME_TEXT(field) assert_string_equal(a->field, b->field)
#define SAME_BYTES(field) assert_memory_equal(a->field, b->field, sizeof(a->field))

static void assert_same_string(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

static void assert_same_strings(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
    assert_int_equal(n_a, n_b);
    for (size_t i = 0; i < n_a; i++)
        assert_string_equal(a[i], b[i]);
}

static void assert_same_slices(const struct thread *thread_a, const struct thread *thread_b)
{
    assert_int_equal(thread_a->n_slices, thread_b->n_slices);
    for (size_t i = 0; i < thread_a->n_slices; i++) {
        const struct slice *a = &thread_a->slices[i], *b = &thread_b->slices[i];

        SAME(on_cpu_ns);
        SAME(runnable_ns);
        SAME(blocked_ns);
        SAME(cause);
        SAME(waker_tid);
        SAME(waker_on_cpu_ns);
        SAME(address);
    }
}

static void assert_same_thread(const struct thread *a, const struct thread *b)
{
    SAME(tid);
    SAME(pid);
    SAME(parent_tid);
    SAME_TEXT(name);
    SAME(birth_ns);
    SAME(death_ns);
    SAME(alive);
    SAME(on_cpu_ns);
    SAME(user_ns);
    SAME(system_ns);
    SAME(runnable_ns);
    SAME_BYTES(blocked_ns);
    SAME_BYTES(blocked_count);
    SAME(unattributed_ns);
    SAME(voluntary_switches);
    SAME(involuntary_switches);
    SAME(cpu_samples);
    SAME(lock_held_samples);
    SAME(poll_ns);
    SAME(poll_count);
    SAME(runtime_internal);
    assert_same_slices(a, b);
}

static void assert_same_process(const struct process *a, const struct process *b)
{
    SAME(pid);
    SAME(parent_pid);
    SAME(birth_ns);
    SAME(death_ns);
    SAME(alive);
    SAME_TEXT(name);
    SAME(execed);
    SAME(launcher);
    SAME(runtime);
    SAME(peak_rss_bytes);
    SAME(private_bytes);
    SAME(threads);
    SAME(listens);
    SAME(max_connections);
}

static void assert_same_loop(const struct event_loop *a, const struct event_loop *b)
{
    SAME(tid);
    SAME(pid);
    SAME_TEXT(kind);
    SAME(turns);
    SAME(wait_ns);
    SAME(busy_cpu_ns);
    SAME(blocked_in_turn_ns);
    SAME(blocked_in_turn_count);
    SAME(longest_stall_ns);
    SAME(callback_ns);
    SAME(outstanding_mean);
    SAME(outstanding_max);
    SAME(timers_mean);
    SAME(timers_max);
    SAME(sleepers_mean);
    SAME(sent_segments);
    SAME(received_segments);
}

static void assert_same_lock(const struct lock_site *a, const struct lock_site *b)
{
    SAME(pid);
    SAME(address);
    SAME(cause);
    SAME(wait_ns);
    SAME(waits);
    SAME(waiters);
}

static void assert_same_frame(const struct frame *a, const struct frame *b)
{
    SAME_TEXT(function);
    assert_same_string(a->file, b->file);
    SAME(line);
    assert_same_string(a->module, b->module);
    SAME(coroutine);
}

static void assert_same_site(const struct site *a, const struct site *b)
{
    SAME(on_cpu);
    SAME(cause);
    SAME(time_ns);
    SAME(count);
    SAME(pid);
    SAME(tid);
    SAME(threads);
    SAME(in_event_loop);
    SAME(n_frames);
    for (size_t i = 0; i < a->n_frames; i++)
        assert_same_frame(&a->frames[i], &b->frames[i]);
}

static void assert_same_replay(const struct replay_result *a, const struct replay_result *b)
{
    SAME(model);
    SAME(workers);
    SAME(n_runs);
    assert_memory_equal(a->runs_ns, b->runs_ns, a->n_runs * sizeof(uint64_t));
    SAME(cpu_ns);
    SAME(peak_rss_bytes);
    SAME(share);
    SAME(current);
}

static void assert_same_head(const struct measurement *a, const struct measurement *b)
{
    SAME_TEXT(tool_version);
    SAME_TEXT(probe);
    SAME(machine.cpus);
    SAME(machine.cpus_allowed);
    SAME(machine.cpu_quota);
    SAME(machine.memory_bytes);
    SAME(machine.memory_limit_bytes);
    SAME_TEXT(machine.kernel);
    SAME_TEXT(machine.cpu_name);
    assert_same_strings(a->target.argv, a->target.n_argv, b->target.argv, b->target.n_argv);
    assert_same_string(a->target.exe, b->target.exe);
    SAME(target.pid);
    SAME(target.runtime.kind);
    SAME_TEXT(target.runtime.version);
    SAME(target.runtime.interpreter_lock);
    SAME_TEXT(target.runtime.executable);
    SAME(target.exited);
    SAME(target.exit_status);
    SAME(target.signal);
}

static void assert_same_totals(const struct measurement *a, const struct measurement *b)
{
    SAME(wall_ns);
    SAME(thread_time_ns);
    SAME(on_cpu_ns);
    SAME(user_ns);
    SAME(system_ns);
    SAME(runnable_ns);
    SAME_BYTES(blocked_ns);
    SAME_BYTES(blocked_count);
    SAME(unattributed_ns);
    SAME(voluntary_switches);
    SAME(involuntary_switches);
    SAME(threads_total);
    SAME(processes_total);
    SAME(max_live_threads);
    SAME(max_live_processes);
    SAME(n_parallelism);
    assert_memory_equal(a->parallelism_ns, b->parallelism_ns, a->n_parallelism * sizeof(uint64_t));
    SAME(cpu_samples);
    SAME(lock_held_samples);
    SAME(external_wait_union_ns);
    SAME(loss.slices_dropped);
    SAME(loss.threads_dropped);
    SAME(loss.threads_omitted);
    SAME(loss.futexes_unnamed);
    SAME(loss.repaired);
    SAME(loss.repaired_ns);
    SAME(loss.stacks_failed);
    SAME(loss.stacks_taken);
    SAME(loss.decimation);
    SAME(overhead_ns);
    SAME(replay_process_start_ns);
    SAME(replay_thread_start_ns);
    SAME(replay_ipc_item_ns);
    SAME(replay_ipc_byte_ps);
    SAME(replay_loop_turn_ns);
    SAME(replay_thread_switch_ns);
    SAME(replay_threads_setup_ns);
    SAME(replay_coroutines_setup_ns);
    SAME(replay_processes_setup_ns);
    SAME(replay_hybrid_setup_ns);
    SAME(replay_slowdown);
    SAME(n_repeats);
    for (size_t i = 0; i < a->n_repeats; i++)
        assert_memory_equal(&a->repeats[i], &b->repeats[i], sizeof(a->repeats[i]));
}

static void assert_same(const struct measurement *a, const struct measurement *b)
{
    assert_same_head(a, b);
    assert_same_totals(a, b);
    SAME(n_threads);
    for (size_t i = 0; i < a->n_threads; i++)
        assert_same_thread(&a->threads[i], &b->threads[i]);
    SAME(n_processes);
    for (size_t i = 0; i < a->n_processes; i++)
        assert_same_process(&a->processes[i], &b->processes[i]);
    SAME(n_loops);
    for (size_t i = 0; i < a->n_loops; i++)
        assert_same_loop(&a->loops[i], &b->loops[i]);
    SAME(n_locks);
    for (size_t i = 0; i < a->n_locks; i++)
        assert_same_lock(&a->locks[i], &b->locks[i]);
    SAME(n_sites);
    for (size_t i = 0; i < a->n_sites; i++)
        assert_same_site(&a->sites[i], &b->sites[i]);
    SAME(n_replays);
    for (size_t i = 0; i < a->n_replays; i++)
        assert_same_replay(&a->replays[i], &b->replays[i]);
    assert_same_strings(a->modules, a->n_modules, b->modules, b->n_modules);
    assert_same_strings(a->notes, a->n_notes, b->notes, b->n_notes);
}

/* The whole file as a string, owned by the caller. */
static char *read_text(void)
{
    AUTO_FCLOSE FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    assert_non_null(file);
    assert_true(getdelim(&text, &size, '\0', file) > 0);
    return text;
}

static void write_text(const char *text, size_t size)
{
    AUTO_FCLOSE FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
}

/* Load what is in `path`, which must fail, and nothing be returned. */
static int load_broken(void)
{
    struct measurement *m = NULL;
    int r;

    strcpy(message, "");
    r = measurement_load(path, &m, message, sizeof(message));
    assert_null(m);
    assert_true(r < 0);
    assert_true(strlen(message) > 10);
    for (const char *c = message; *c; c++)
        assert_in_range(*c, ' ', '~');
    return r;
}

static void round_trip_keeps_every_field(void **state)
{
    CLEANUP(measurement_freep) struct measurement *saved = new_full();
    CLEANUP(measurement_freep) struct measurement *loaded = NULL;
    AUTO_FREE char *first = NULL, *second = NULL;

    (void)state;
    assert_int_equal(measurement_save(saved, path, NULL), 0);
    assert_int_equal(measurement_load(path, &loaded, message, sizeof(message)), 0);
    assert_same(saved, loaded);
    first = read_text();
    assert_int_equal(strncmp(first, "{\"concadvise_measurement\":1,", 28), 0);
    assert_int_equal(measurement_save(loaded, path, NULL), 0);
    second = read_text();
    assert_string_equal(first, second);
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    AUTO_FREE char *text = NULL;

    (void)state;
    assert_int_equal(measurement_save(m, path, NULL), 0);
    text = read_text();
    for (size_t part = 0; part < 50; part++) {
        write_text(text, strlen(text) * part / 50);
        assert_int_equal(load_broken(), -EBADMSG);
        assert_non_null(strstr(message, "line "));
    }
}

static void a_later_version_is_told_apart_from_rubbish(void **state)
{
    static const char later[] = "{\"concadvise_measurement\": 2, \"all\": \"new\"}";
    static const char other[] = "{\"schema_version\": 1}";

    (void)state;
    write_text(later, strlen(later));
    assert_int_equal(load_broken(), -EPROTONOSUPPORT);
    assert_non_null(strstr(message, "version 2"));
    write_text(other, strlen(other));
    assert_int_equal(load_broken(), -EBADMSG);
    assert_non_null(strstr(message, "not a saved measurement"));
    write_text("[1]", 3);
    assert_int_equal(load_broken(), -EBADMSG);
    write_text("\xff\xfe\x1b[2J", 6);
    assert_int_equal(load_broken(), -EBADMSG);
}

/* Replace the first `from` of the saved file by `to`. */
static void edit(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    AUTO_FREE char *edited = NULL;

    assert_non_null(at);
    assert_true(asprintf(&edited, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
    write_text(edited, strlen(edited));
}

static void wrong_values_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *from, *to, *where;
    } cases[] = {
        {"\"wall_ns\":30", "\"wall_ns\":\"30\"", "wall_ns: expected a whole number"},
        {"\"wall_ns\":30", "\"wall_ns\":-1", "wall_ns: -1 is not between"},
        {"\"wall_ns\":30", "\"wall_ns\":30.5", "wall_ns: expected a whole number"},
        {"\"wall_ns\":30,", "", "wall_ns: missing"},
        {"\"wall_ns\":30,", "\"wall_ns\":30,\"wall_ns\":30,", "duplicate"},
        {"\"cpus_allowed\":4", "\"cpus_allowed\":4294967296", "machine.cpus_allowed: 4294967296 is not between"},
        {"\"cpus_allowed\":4", "\"cpus_allowed\":0", "contradict each other: machine.cpus_allowed is 0"},
        {"\"tid\":101", "\"tid\":2147483648", "threads[0].tid: 2147483648 is not between"},
        {"\"alive\":true", "\"alive\":1", "threads[0].alive: expected true or false"},
        {"\"alive\":true,\"on_cpu_ns\":11,", "\"alive\":true,\"on_cpu_ns\":12,", "is not its lifetime"},
        {"\"slices\":[1,2,3,", "\"slices\":[1,2,", "threads[0].slices: 13 numbers are no multiple of 7"},
        {"\"slices\":[1,2,3,", "\"slices\":[1,2,3,99,", "threads[0].slices: 15 numbers are no multiple of 7"},
        {"\"slices\":[1,2,3,3,", "\"slices\":[1,2,3,14,", "threads[0].slices[3]: 14 is not between 0 and 13"},
        {"\"slices\":[1,", "\"slices\":[\"1\",", "threads[0].slices[0]: expected a whole number"},
        {"\"causes\":[\"interpreter_lock\"", "\"causes\":[\"magic\"", "causes[0]: \"magic\" is no cause"},
        {"\"lock\":1001", "\"magic\":1001", "blocked_ns: \"magic\" is no cause"},
        {"\"kind\":\"ruby\"", "\"kind\":\"cobol\"", "target.runtime.kind: \"cobol\" is not known"},
        {"\"fifteen bytes!!\"", "\"sixteen bytes!!!\"", "threads[1].name: longer than 15 bytes"},
        {"\"fifteen bytes!!\"", "\"%4\"", "threads[1].name: a % must be followed"},
        {"\"fifteen bytes!!\"", "7", "threads[1].name: expected a string"},
        {"\"function\":\"?\"", "\"function\":null", "sites[0].frames[0].function: expected a string"},
        {"\"share\":", "\"share\":-", "share of a replay"},
        {"\"modules\":[\"requests\"]", "\"modules\":{}", "modules: expected an array"},
        {"\"loss\":{", "\"loss\":[],\"l\":{", "loss: expected an object"},
        {"\"decimation\":9", "\"decimation\":0", "loss.decimation is 0"},
    };
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    AUTO_FREE char *text = NULL;

    (void)state;
    m->loss.threads_omitted = 0;
    measurement_sum_threads(m);
    assert_int_equal(measurement_save(m, path, NULL), 0);
    text = read_text();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        edit(text, cases[i].from, cases[i].to);
        assert_int_equal(load_broken(), -EBADMSG);
        if (!strstr(message, cases[i].where))
            fail_msg("expected \"%s\" in: %s", cases[i].where, message);
    }
}

static void a_short_legend_renumbers_the_causes(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    CLEANUP(measurement_freep) struct measurement *loaded = NULL;
    AUTO_FREE char *text = NULL;

    (void)state;
    assert_int_equal(measurement_save(m, path, NULL), 0);
    text = read_text();
    edit(text, "\"handoff\",\"join\",", "\"join\",\"handoff\",");
    assert_int_equal(measurement_load(path, &loaded, message, sizeof(message)), 0);
    assert_int_equal(loaded->threads[0].slices[0].cause, CAUSE_HANDOFF);
    edit(text, ",\"other\"]", "]");
    assert_int_equal(load_broken(), -EBADMSG);
    assert_non_null(strstr(message, "slice 1: cause 13 is not in"));
}

static void fields_of_later_minor_versions_are_skipped_and_missing_ones_are_zero(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    CLEANUP(measurement_freep) struct measurement *loaded = NULL;
    AUTO_FREE char *text = NULL;

    (void)state;
    assert_int_equal(measurement_save(m, path, NULL), 0);
    text = read_text();
    edit(text, "\"overhead_ns\":36", "\"new_thing\":[{}]");
    assert_int_equal(measurement_load(path, &loaded, message, sizeof(message)), 0);
    assert_int_equal(loaded->overhead_ns, 0);
}

static void a_number_that_json_can_not_hold_is_not_saved(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    const char *field;

    (void)state;
    m->overhead_ns = (uint64_t)INT64_MAX + 1;
    assert_int_equal(measurement_save(m, path, &field), -ERANGE);
    assert_string_equal(field, "overhead_ns");
    assert_int_equal(access(path, F_OK), -1);
    m->overhead_ns = INT64_MAX;
    assert_int_equal(measurement_save(m, path, &field), 0);
    assert_null(field);
    m->loops[0].outstanding_mean = (double)INFINITY;
    assert_int_equal(measurement_save(m, path, &field), -ERANGE);
    assert_string_equal(field, "outstanding_mean");
}

static size_t count_files(void)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2; /* "." and ".." */
}

/* In a child, since a lowered limit can't be raised again without privilege. */
static int save_with_file_size_limit(const struct measurement *m, rlim_t limit)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit}) < 0)
            _exit(99);
        _exit(-measurement_save(m, path, NULL));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_failing_disk_keeps_the_previous_file(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    AUTO_FREE char *before = NULL, *after = NULL;

    (void)state;
    assert_int_equal(measurement_save(m, path, NULL), 0);
    before = read_text();
    m->overhead_ns++;
    assert_int_equal(save_with_file_size_limit(m, 100), EFBIG);
    assert_int_equal(count_files(), 1);
    after = read_text();
    assert_string_equal(before, after);
    assert_int_equal(save_with_file_size_limit(m, 1 << 20), 0);
    free(TAKE_PTR(after));
    after = read_text();
    assert_string_not_equal(before, after);
    assert_int_equal(count_files(), 1);
}

static void save_goes_where_it_is_told(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    char link[160];
    struct stat st;

    (void)state;
    assert_int_equal(measurement_save(m, folder, NULL), -EISDIR);
    assert_int_equal(measurement_save(m, "/dev/full", NULL), -ENOSPC);
    assert_int_equal(measurement_save(m, "/dev/null", NULL), 0);
    snprintf(link, sizeof(link), "%s/no/such/run.json", folder);
    assert_int_equal(measurement_save(m, link, NULL), -ENOENT);
    assert_int_equal(load_broken(), -ENOENT);

    assert_int_equal(measurement_save(m, path, NULL), 0);
    assert_int_equal(chmod(path, 0640), 0);
    snprintf(link, sizeof(link), "%s/link.json", folder);
    assert_int_equal(symlink("run.json", link), 0);
    assert_int_equal(measurement_save(m, link, NULL), 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(unlink(link), 0);
}

static void endless_input_is_refused(void **state)
{
    struct measurement *m = NULL;

    (void)state;
    assert_int_equal(measurement_load("/dev/zero", &m, message, sizeof(message)), -EBADMSG);
    assert_int_equal(measurement_load("/tmp", &m, message, sizeof(message)), -EISDIR);
    assert_null(m);
}

/* A long run: 1,000 threads, 131,072 slices. Bounds are generous here; tests/bench has the tight ones. */
static void a_long_run_loads_quickly_in_little_memory(void **state)
{
    CLEANUP(measurement_freep) struct measurement *m = new_full();
    CLEANUP(measurement_freep) struct measurement *loaded = NULL;
    struct thread *threads = realloc(m->threads, 1000 * sizeof(*threads));
    struct rusage usage;
    clock_t start;

    (void)state;
    assert_non_null(threads);
    m->threads = threads;
    for (m->n_threads = 2; m->n_threads < 1000; m->n_threads++)
        threads[m->n_threads] = (struct thread){.tid = 1000 + (int32_t)m->n_threads, .pid = 100};
    for (size_t i = 1; i < 1000; i++) {
        threads[i].n_slices = 131072 / 999;
        threads[i].slices = zeroed(threads[i].n_slices, sizeof(struct slice));
        for (size_t k = 0; k < threads[i].n_slices; k++)
            threads[i].slices[k] = (struct slice){
                123456 + k, 7890, 45678901 + k, CAUSE_INTERPRETER_LOCK, 1001, 98765432100 + k, 0x7fff12345678 + k};
    }
    assert_int_equal(measurement_save(m, path, NULL), 0);
    start = clock();
    assert_int_equal(measurement_load(path, &loaded, message, sizeof(message)), 0);
    assert_true(clock() - start < 3 * CLOCKS_PER_SEC);
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_true(usage.ru_maxrss < 300 * 1024); /* both copies, and what a sanitizer takes */
    assert_same(m, loaded);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(round_trip_keeps_every_field),
        IN_FOLDER(a_file_cut_off_anywhere_is_refused),
        IN_FOLDER(a_later_version_is_told_apart_from_rubbish),
        IN_FOLDER(wrong_values_are_refused_with_their_place),
        IN_FOLDER(a_short_legend_renumbers_the_causes),
        IN_FOLDER(fields_of_later_minor_versions_are_skipped_and_missing_ones_are_zero),
        IN_FOLDER(a_number_that_json_can_not_hold_is_not_saved),
        IN_FOLDER(a_failing_disk_keeps_the_previous_file),
        IN_FOLDER(save_goes_where_it_is_told),
        IN_FOLDER(endless_input_is_refused),
        IN_FOLDER(a_long_run_loads_quickly_in_little_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
