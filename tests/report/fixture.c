/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"
#include "fixture_evidence.h"

#include <assert.h>

#include "base/base.h"

#define MS(x) ((uint64_t)(x)*NSEC_PER_MSEC)

static void *some(void *pointer)
{
    assert(pointer);
    return pointer;
}

static char *copy(const char *text)
{
    return some(strdup(text));
}

/* A heap list of copies, as contracts want them. */
static char **list(size_t *ret_n, size_t n, const char *const *items)
{
    char **out = some(calloc(n + 1, sizeof(*out)));

    for (size_t i = 0; i < n; i++)
        out[i] = copy(items[i]);
    *ret_n = n;
    return out;
}

#define LIST(ret_n, ...) \
    list((ret_n), ARRAY_SIZE(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__})

static void name_field(char *field, size_t size, const char *text)
{
    (void)snprintf(field, size, "%s", text);
}

#define NAME(field, text) name_field((field), sizeof(field), (text))

static void base(struct measurement *m)
{
    NAME(m->tool_version, "0.1.0");
    NAME(m->probe, "bpf");
    NAME(m->machine.kernel, "Linux 6.1.0-18-amd64");
    NAME(m->machine.cpu_name, "Test CPU");
    m->machine.cpus = 8;
    m->machine.cpus_allowed = 8;
    m->machine.memory_bytes = 16ull << 30;
    m->target.pid = 4711;
    m->target.exited = true;
    m->loss.decimation = 1;
    NAME(m->target.runtime.version, "3.11.2");
    m->target.runtime.kind = RUNTIME_CPYTHON;
    m->target.runtime.interpreter_lock = INTERPRETER_LOCK_PRESENT;
}

static void threads(struct measurement *m, size_t n, const char *name)
{
    m->threads = some(calloc(n, sizeof(*m->threads)));
    m->n_threads = n;
    for (size_t i = 0; i < n; i++) {
        struct thread *thread = &m->threads[i];

        thread->pid = m->target.pid;
        thread->tid = m->target.pid + (int32_t)i;
        thread->parent_tid = i ? m->target.pid : 0;
        NAME(thread->name, name);
        thread->death_ns = m->wall_ns;
        thread->on_cpu_ns = MS(1490);
        thread->user_ns = MS(1400);
        thread->system_ns = MS(90);
        thread->runnable_ns = MS(250);
        thread->blocked_ns[CAUSE_NETWORK] = MS(500);
        thread->blocked_ns[CAUSE_JOIN] = MS(20);
        thread->voluntary_switches = 2400;
        thread->involuntary_switches = 30;
        thread->blocked_ns[CAUSE_INTERPRETER_LOCK] =
            thread->death_ns - thread->on_cpu_ns - thread->runnable_ns - MS(520);
    }
}

static void site(struct site *out, enum cause cause, uint64_t time_ns, const char *function, const char *file,
                 uint32_t line)
{
    *out = (struct site){.cause = cause, .time_ns = time_ns, .count = 17, .pid = 4711, .tid = 4712, .threads = 8};
    out->frames = some(calloc(2, sizeof(*out->frames)));
    out->n_frames = 2;
    out->frames[0] = (struct frame){.function = copy(function), .file = copy(file), .line = line};
    out->frames[1] = (struct frame){.function = copy("main"), .module = copy("/usr/bin/python3.11")};
}

static struct finding *finding(struct advice *a, int id, enum severity severity, uint64_t time_ns, const char *detail)
{
    struct finding *out = &a->findings[a->n_findings++];

    *out = (struct finding){.id = id, .severity = severity, .time_ns = time_ns, .share = 0.5, .detail = copy(detail)};
    out->sites = some(calloc(1, sizeof(*out->sites)));
    out->n_sites = 1;
    return out;
}

static void step(struct advice *a, const char *id, const char *question, const char *metric, double value,
                 const char *unit, double limit, bool answer)
{
    a->path[a->n_path++] = (struct decision_step){
        .id = copy(id),
        .question = copy(question),
        .metric = copy(metric),
        .value = value,
        .unit = copy(unit),
        .limit = limit,
        .comparison = copy(">="),
        .reason = copy("two threads that share the lock fairly wait 50 %"),
        .answer = answer,
    };
}

static void convoy_advice(struct advice *a)
{
    struct recommendation *r = &a->recommendation;

    a->current_model = MODEL_THREADS;
    a->current_workers = 8;
    r->model = MODEL_PROCESSES;
    r->change = CHANGE_SWITCH;
    r->workers = 4;
    r->bound = BOUND_CPU_QUOTA;
    r->construct = copy("concurrent.futures.ProcessPoolExecutor(max_workers=4)");
    r->expected_speedup = 3.4;
    r->interval[0] = 3.2;
    r->interval[1] = 3.5;
    r->now_ns = MS(12410);
    r->expected_ns = MS(3640);
    r->replayed = true;
    r->confidence = CONFIDENCE_HIGH;
    r->why_id = copy("gil_processes");
    r->assumptions = LIST(&r->n_assumptions, "the 240 items are independent of each other", "arguments can be pickled");
    r->flips_if = LIST(&r->n_flips_if, "the interpreter is free-threaded -> threads",
                       "parse() releases the GIL for more than half of its CPU time -> threads");
    r->not_seen = LIST(&r->n_not_seen, "anything after 12.41 s", "GPU", "memory bandwidth");
    r->actions = LIST(&r->n_actions, "Move parse() (crawl.py:88) into a process pool of 4.",
                      "Start 4 workers instead of 8: the cgroup allows no more CPUs.");
    r->sketches = some(calloc(3, sizeof(*r->sketches)));
    r->n_sketches = 1;
    r->sketches[0] = (struct sketch){.id = SKETCH_PROCESSES, .from = SKETCH_FROM_THREADS, .workers = 4, .line = 88};
    r->sketches[0].function = copy("parse");
    r->sketches[0].file = copy("/srv/app/crawl.py");
    a->path = some(calloc(6, sizeof(*a->path)));
    step(a, "long_enough", "did the run last long enough?", "wall_ns", 12.41e9, "ns", 1e8, true);
    step(a, "worth_share", "could the run be a tenth shorter at best?", "potential_gain_share", 0.7, "share", 0.1,
         true);
    step(a, "interpreter_lock", "do threads queue for the interpreter lock?", "gil_wait_share", 0.81, "share", 0.15,
         true);
    step(a, "item_size", "is a work item large against a process start?", "item_per_process_start", 34.2, "ratio", 10,
         true);
    step(a, "loop", "is there an event loop at work?", "loop_present", 0, "bool", 1, false);
    a->findings = some(calloc(2, sizeof(*a->findings)));
    site(finding(a, 2001, SEVERITY_HIGH, MS(80000), "8 threads; held by parse()")->sites, CAUSE_INTERPRETER_LOCK,
         MS(64000), "parse", "/srv/app/crawl.py", 88);
    site(finding(a, 1203, SEVERITY_MEDIUM, MS(2000), "8 workers started, the cgroup allows 4 CPUs")->sites, CAUSE_OTHER,
         MS(1000), "main", "/srv/app/crawl.py", 12);
    a->findings[0].gain = 1.9;
    fixture_evidence(a);
}

/* Below people's own code libraries may lie deep. */
static void bury(struct site *deep, size_t n)
{
    struct frame *out = some(calloc(deep->n_frames + n, sizeof(*out)));

    for (size_t i = 0; i < n; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "_send%zu", i);
        out[i] = (struct frame){.function = copy(name), .file = copy("/usr/lib/python3/dist-packages/r/s.py")};
        out[i].line = (uint32_t)(100 + i);
    }
    memcpy(out + n, deep->frames, deep->n_frames * sizeof(*out));
    free(deep->frames);
    deep->frames = out;
    deep->n_frames += n;
}

static struct frame *frames(size_t *ret_n, const char *function, const char *file, uint32_t line)
{
    struct frame *out = some(calloc(2, sizeof(*out)));

    out[0] = (struct frame){.function = copy("wait"), .file = copy("/usr/lib/python3.11/threading.py"), .line = 320};
    out[1] = (struct frame){.function = copy(function), .file = copy(file), .line = line};
    *ret_n = 2;
    return out;
}

/* Where the time went: sites, the GIL's holder, who ended whose waits. */
static void convoy_places(struct measurement *m)
{
    m->sites = some(calloc(4, sizeof(*m->sites)));
    m->n_sites = 4;
    site(&m->sites[0], CAUSE_INTERPRETER_LOCK, MS(52000), "parse", "/srv/app/crawl.py", 88);
    site(&m->sites[1], CAUSE_INTERPRETER_LOCK, MS(29000), "clean", "/srv/app/crawl.py", 61);
    site(&m->sites[2], CAUSE_OTHER, MS(9000), "parse", "/srv/app/crawl.py", 88);
    m->sites[2].on_cpu = true;
    site(&m->sites[3], CAUSE_NETWORK, MS(4000), "fetch_with_a_rather_long_name", "/srv/app/crawl.py", 12);
    m->sites[3].longest_ns = MS(300);
    bury(&m->sites[3], 11);
    m->holders = some(calloc(1, sizeof(*m->holders)));
    m->n_holders = 1;
    site(&m->holders[0], CAUSE_INTERPRETER_LOCK, MS(64000), "parse", "/srv/app/crawl.py", 88);
    m->wakers = some(calloc(2, sizeof(*m->wakers)));
    m->n_wakers = 2;
    for (int i = 0; i < 2; i++) {
        struct waker *row = &m->wakers[i];

        *row = (struct waker){.waiter_pid = 4711, .waker_pid = 4711, .waiter_tid = 4712 + i, .waker_tid = 4713 - i};
        row->cause = CAUSE_INTERPRETER_LOCK;
        row->time_ns = MS(9000 - i);
        row->count = 900;
        row->waiter_frames = frames(&row->n_waiter_frames, "parse", "/srv/app/crawl.py", 88);
        if (i == 0)
            row->waker_frames = frames(&row->n_waker_frames, "fetch", "/srv/app/crawl.py", 12);
    }
    m->peers = some(calloc(1, sizeof(*m->peers)));
    m->n_peers = 1;
    m->peers[0] = (struct peer){.pid = 4711, .connects = 240, .established = 239, .handshake_ns = MS(478)};
    NAME(m->peers[0].address, "192.0.2.1:5432");
    m->peers[0].last_ns = MS(12000);
    m->peers[0].frames = frames(&m->peers[0].n_frames, "fetch", "/srv/app/crawl.py", 12);
    m->loops = some(calloc(1, sizeof(*m->loops)));
    m->n_loops = 1;
    m->loops[0] = (struct event_loop){.tid = 4711, .pid = 4711, .turns = 300, .wait_ns = MS(9000)};
    NAME(m->loops[0].kind, "asyncio");
    m->loops[0].blocked_in_turn_ns = MS(2100);
    m->loops[0].blocked_in_turn_count = 7;
    m->loops[0].longest_stall_ns = MS(640);
    m->loops[0].stalls = 3;
    m->loops[0].stall_ns = MS(1200);
    m->loops[0].epoll_fd = 5;
    m->loops[0].outstanding_mean = 1.5;
    m->loops[0].outstanding_max = 4;
    m->modules = LIST(&m->n_modules, "requests");
}

static void convoy_memory(struct process *process)
{
    process->read_bytes = 9000000;
    process->reads = 1200;
    process->written_bytes = 4000;
    process->writes = 40;
    process->max_connections = 8;
    process->memory = some(calloc(2, sizeof(*process->memory)));
    process->n_memory = 2;
    process->memory[0] = (struct memory_point){.at_ns = MS(100), .rss_bytes = 20u << 20};
    process->memory[1] = (struct memory_point){.at_ns = MS(12000), .rss_bytes = 61u << 20, .private_bytes = 50u << 20};
}

static struct path_part part(const char *who, enum path_state state, enum cause cause, uint64_t time_ns, int32_t tid)
{
    return (struct path_part){.who = copy(who),
                              .state = state,
                              .cause = cause,
                              .time_ns = time_ns,
                              .share = (double)time_ns / MS(12410),
                              .pid = tid ? 4711 : 0,
                              .tid = tid,
                              .threads = tid ? 1 : 0};
}

static void convoy_waits(struct advice *a)
{
    struct critical_path *path = &a->critical_path;
    struct path_part *parts = some(calloc(4, sizeof(*parts)));
    struct wait_for *wait;

    path->wall_ns = MS(12410);
    path->hops = 2400;
    path->approximate = true;
    path->parts = parts;
    path->n_parts = 4;
    parts[0] = part("7 threads", PATH_ON_CPU, CAUSE_OTHER, MS(8000), 4713);
    parts[0].threads = 7;
    parts[0].frames = frames(&parts[0].n_frames, "parse", "/srv/app/crawl.py", 88);
    parts[1] = part("main", PATH_BLOCKED, CAUSE_NETWORK, MS(4000), 4711);
    parts[1].frames = frames(&parts[1].n_frames, "fetch", "/srv/app/crawl.py", 12);
    parts[2] = part("main", PATH_RUN_QUEUE, CAUSE_OTHER, MS(400), 4711);
    parts[3] = part("", PATH_UNKNOWN, CAUSE_OTHER, MS(10), 0);
    path->stays = some(calloc(1, sizeof(*path->stays)));
    path->n_stays = 1;
    path->stays[0] = (struct path_stay){.who = copy("main"),
                                        .pid = 4711,
                                        .tid = 4711,
                                        .to_ns = MS(500),
                                        .state = PATH_BLOCKED,
                                        .cause = CAUSE_NETWORK,
                                        .state_ns = MS(450)};
    a->waits = some(calloc(2, sizeof(*a->waits)));
    a->n_waits = 2;
    wait = &a->waits[0];
    *wait = (struct wait_for){.waiter = copy("7 threads"), .waker = copy("7 threads"), .one_another = true};
    wait->cause = CAUSE_INTERPRETER_LOCK;
    wait->time_ns = MS(71000);
    wait->count = 18000;
    wait->share = 0.715;
    wait->waiter_frames = frames(&wait->n_waiter_frames, "parse", "/srv/app/crawl.py", 88);
    wait->waker_frames = frames(&wait->n_waker_frames, "fetch", "/srv/app/crawl.py", 12);
    wait = &a->waits[1];
    *wait = (struct wait_for){.waiter = copy("main"), .waker = copy("worker-3"), .cause = CAUSE_JOIN, .count = 1};
    wait->time_ns = MS(2100);
    wait->share = 0.021;
}

struct fixture fixture_convoy(void)
{
    struct fixture f = {some(measurement_new()), some(advice_new())};
    struct measurement *m = f.m;

    base(m);
    m->machine.cpu_quota = 4.0;
    m->machine.memory_limit_bytes = 8ull << 30;
    m->target.argv = LIST(&m->target.n_argv, "python3", "crawl.py", "--query", "a b's");
    m->target.exe = copy("/usr/bin/python3");
    m->wall_ns = MS(12410);
    threads(m, 8, "python3");
    measurement_sum_threads(m);
    m->max_live_threads = 8;
    m->max_live_processes = 1;
    m->processes_total = 1;
    m->threads_total = 8;
    m->parallelism_ns = some(calloc(9, sizeof(uint64_t)));
    m->n_parallelism = 9;
    m->parallelism_ns[0] = MS(1410);
    m->parallelism_ns[1] = MS(10000);
    m->parallelism_ns[2] = MS(900);
    m->parallelism_ns[6] = MS(100);
    m->cpu_samples = 1000;
    m->lock_held_samples = 970;
    m->processes = some(calloc(1, sizeof(*m->processes)));
    m->n_processes = 1;
    m->processes[0] = (struct process){.pid = 4711, .threads = 8, .peak_rss_bytes = 61ull << 20, .death_ns = MS(12410)};
    NAME(m->processes[0].name, "python3");
    convoy_memory(&m->processes[0]);
    convoy_places(m);
    m->loss.stacks_taken = 1000;
    m->loss.stacks_failed = 30;
    m->overhead_ns = MS(40);
    fixture_add_runs(m);
    convoy_advice(f.a);
    convoy_waits(f.a);
    return f;
}

struct fixture fixture_short(void)
{
    struct fixture f = {some(measurement_new()), some(advice_new())};
    struct measurement *m = f.m;
    struct recommendation *r = &f.a->recommendation;

    base(m);
    m->target.argv = LIST(&m->target.n_argv, "./job");
    m->target.runtime = (struct runtime){.kind = RUNTIME_NATIVE};
    m->target.exit_status = 3;
    m->wall_ns = MS(40);
    m->threads = some(calloc(1, sizeof(*m->threads)));
    m->n_threads = 1;
    m->threads[0] = (struct thread){.tid = 4711,
                                    .pid = 4711,
                                    .death_ns = MS(40),
                                    .on_cpu_ns = MS(30),
                                    .blocked_ns[CAUSE_DISK] = MS(9),
                                    .unattributed_ns = MS(1)};
    measurement_sum_threads(m);
    m->threads_total = m->max_live_threads = m->processes_total = m->max_live_processes = 1;

    f.a->current_model = MODEL_SERIAL;
    f.a->current_workers = 1;
    r->model = MODEL_NONE;
    r->change = CHANGE_KEEP;
    r->expected_speedup = 1.0;
    r->confidence = CONFIDENCE_NONE;
    r->why_id = copy("too_short");
    f.a->path = some(calloc(1, sizeof(*f.a->path)));
    step(f.a, "long_enough", "did the run last long enough?", "wall_ns", 40e6, "ns", 1e8, false);
    f.a->findings = some(calloc(1, sizeof(*f.a->findings)));
    f.a->findings[0] = (struct finding){.id = 9001, .severity = SEVERITY_INFO, .detail = copy("40 ms")};
    f.a->n_findings = 1;
    return f;
}

/* Escape sequences, newlines, bidi marks, C1 controls, invalid UTF-8, and a long word. */
#define EVIL                   \
    "\033]0;owned\007\n\r\x9b" \
    "31m\xe2\x80\xae"          \
    "gpj.exe\xff\xc3(\xe2\x81\xa6\xc2\x9bx\t\xe4\xb8\xad"

struct fixture fixture_hostile(void)
{
    struct fixture f = fixture_convoy();
    struct recommendation *r = &f.a->recommendation;
    struct finding *first = &f.a->findings[0];

    free(f.m->target.argv[1]);
    f.m->target.argv[1] = copy(EVIL);
    f.m->target.signal = 11;
    memcpy(f.m->threads[0].name, "\033[31m\xff\xfe\x80name\n\r\t", 15);
    memset(f.m->threads[1].name, 0x9b, sizeof(f.m->threads[1].name));
    memcpy(f.m->processes[0].name, "\033c\xe2\x80\xae", 6);
    NAME(f.m->target.runtime.version, "3\033[1m");
    (void)measurement_note(f.m, "note " EVIL);
    free(first->detail);
    first->detail = copy(EVIL EVIL EVIL EVIL);
    free(first->sites[0].frames[0].function);
    first->sites[0].frames[0].function = copy("f\033[0m\n");
    free(first->sites[0].frames[0].file);
    first->sites[0].frames[0].file = copy("/x/" EVIL);
    free(f.m->sites[0].frames[0].function);
    f.m->sites[0].frames[0].function = copy("g" EVIL);
    free(f.m->sites[0].frames[0].file);
    f.m->sites[0].frames[0].file = copy("/y/" EVIL ".py");
    free(f.m->holders[0].frames[0].function);
    f.m->holders[0].frames[0].function = copy(EVIL EVIL EVIL);
    free(f.m->wakers[0].waiter_frames[1].function);
    f.m->wakers[0].waiter_frames[1].function = copy(EVIL);
    memset(f.m->loops[0].kind, 0x9b, sizeof(f.m->loops[0].kind) - 1);
    memset(f.m->peers[0].address, '\033', sizeof(f.m->peers[0].address) - 1);
    free(f.a->critical_path.parts[1].who);
    f.a->critical_path.parts[1].who = copy(EVIL);
    free(f.a->critical_path.parts[0].frames[1].function);
    f.a->critical_path.parts[0].frames[1].function = copy(EVIL);
    free(f.a->critical_path.stays[0].who);
    f.a->critical_path.stays[0].who = copy(EVIL);
    free(f.a->waits[1].waiter);
    f.a->waits[1].waiter = copy(EVIL);
    free(f.a->waits[0].waker_frames[1].file);
    f.a->waits[0].waker_frames[1].file = copy("/z/" EVIL);
    free(r->construct);
    r->construct = copy(EVIL);
    free(r->actions[0]);
    r->actions[0] = copy("Use " EVIL);
    free(r->sketches[0].function);
    r->sketches[0].function = copy("parse" EVIL);
    free(r->sketches[0].file);
    r->sketches[0].file = copy("/w/" EVIL "`\n```.py");
    r->confidence = CONFIDENCE_MEDIUM;
    r->confidence_reasons = LIST(&r->n_confidence_reasons, "one run only", "names like " EVIL);
    r->change = CHANGE_FIX;
    r->model = MODEL_THREADS;
    f.a->evidence.mended_speedup = 2.0;
    f.a->evidence.mended_interval[0] = 1.9;
    f.a->evidence.mended_interval[1] = 2.1;
    f.a->evidence.mended_workers = 4;
    f.a->evidence.mended_source = SOURCE_FORECAST;
    return f;
}

void fixture_free(struct fixture *f)
{
    measurement_free(f->m);
    advice_free(f->a);
}
