/* SPDX-License-Identifier: BSD-2-Clause */

/* Which threads and processes there are: the ones that begin, and the programs that replace others. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/base.h"
#include "probe/procfs/sampler_parts.h"

#define PROGRAM_INTERVAL_MOST_NS (100 * NSEC_PER_MSEC)
#define ORPHANS_INTERVAL_NS (10 * NSEC_PER_MSEC)
#define FORK_LISTED_NS (20 * NSEC_PER_MSEC) /* between an id and its place in the lists the parent may be preempted */

static struct sampler_process *find_process(const struct sampler *s, uint32_t pid)
{
    for (size_t i = 0; i < s->n_processes; i++)
        if (s->processes[i]->pid == pid)
            return s->processes[i];
    return NULL;
}

static bool has_thread(const struct sampler *s, uint32_t tid)
{
    return tid >= TIDS_MAX || (s->tids[tid / 8] >> (tid % 8) & 1);
}

static void note_known(struct sampler *s)
{
    if (base_grow(&s->known, &s->known_capacity, s->n_processes, sizeof(*s->known)) < 0)
        return;
    s->n_known = s->n_processes;
    for (size_t i = 0; i < s->n_processes; i++)
        s->known[i] = s->processes[i]->pid;
}

/* exec leaves a new auxiliary vector, with addresses that are drawn anew. 0: not for us to see */
static uint64_t program_of(uint32_t pid)
{
    AUTO_CLOSE int fd = -1;
    uint64_t words[64], hash = 14695981039346656037U; /* FNV-1a */
    char path[64];
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/%u/auxv", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, words, sizeof(words));
    if (n <= 0)
        return 0;
    for (size_t i = 0; i < (size_t)n / sizeof(*words); i++)
        hash = (hash ^ words[i]) * 1099511628211U;
    return hash;
}

static void look_for_exec(struct sampler *s, struct sampler_process *process)
{
    uint64_t program = program_of(process->pid), age = s->round - process->born;
    struct record record = {.type = RECORD_EXEC, .time = s->round, .tid = process->pid, .tgid = process->pid};

    process->next_program = s->round + (age / 8 < PROGRAM_INTERVAL_MOST_NS ? age / 8 : PROGRAM_INTERVAL_MOST_NS);
    process->unchecked = false;
    if (!program || program == process->program)
        return;
    process->program = program;
    process->has_python = false;
    for (size_t i = 0; i < s->n_threads; i++)
        if (s->threads[i]->process == process)
            sampler_read_stat(s, s->threads[i]);
    (void)sampler_record(s, &record);
}

static struct sampler_process *new_process(struct sampler *s, uint32_t pid, const struct sampler_process *parent)
{
    AUTO_FREE struct sampler_process *process = calloc(1, sizeof(*process));
    char path[64];

    if (!process || base_grow(&s->processes, &s->processes_capacity, s->n_processes + 1, sizeof(process)) < 0)
        return NULL;
    (void)snprintf(path, sizeof(path), "/proc/%u/task", pid);
    process->pid = pid;
    process->parent = parent ? parent->pid : 0;
    process->program = parent && !s->seeding ? parent->program : program_of(pid);
    process->born = s->round;
    if (parent && parent->has_python) { /* a forked copy; exec drops it */
        process->has_python = true;
        process->python = parent->python;
        process->python.tgid = pid;
    }
    process->moved = process->lost = true;
    process->tasks = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process->tasks < 0)
        return NULL;
    s->totals.processes++;
    s->totals.live_processes++;
    if (s->totals.live_processes > s->totals.max_live_processes)
        s->totals.max_live_processes = s->totals.live_processes;
    s->processes[s->n_processes++] = process;
    note_known(s);
    return TAKE_PTR(process);
}

void sampler_free_thread(struct sampler_thread *t)
{
    task_files_clear(&t->files);
    free(t->futexes);
    free(t);
}

/* Begin to look at a thread. @return NULL: it is gone already, or there is no memory */
static struct sampler_thread *new_thread(struct sampler *s, struct sampler_process *process, uint32_t tid,
                                         uint32_t parent_tid)
{
    struct sampler_thread *t = calloc(1, sizeof(*t));
    struct task_times times;
    char text[128];

    if (!t)
        return NULL;
    task_files_init(&t->files, (pid_t)process->pid, (pid_t)tid, &s->spare_fds);
    t->last.now = sampler_clock();
    if (base_grow(&s->threads, &s->threads_capacity, s->n_threads + 1, sizeof(t)) < 0 ||
        task_files_read(&t->files, TASK_SCHEDSTAT, text, sizeof(text)) < 0 || task_parse_schedstat(text, &times) < 0) {
        sampler_free_thread(t);
        return NULL;
    }
    t->process = process;
    t->slot.tid = tid;
    t->slot.tgid = process->pid;
    t->slot.parent_tid = parent_tid;
    t->slot.is_process = tid == process->pid;
    t->last.on_cpu_ns = times.on_cpu_ns;
    t->last.runnable_ns = times.runnable_ns;
    t->last.switch_ins = times.switch_ins;
    s->threads[s->n_threads++] = t;
    if (tid < TIDS_MAX)
        s->tids[tid / 8] |= (uint8_t)(1u << (tid % 8));
    process->live++;
    s->totals.threads++;
    if (++s->totals.live > s->totals.max_live)
        s->totals.max_live = s->totals.live;
    return t;
}

/*
 * It began between two looks; not after it had to begin to have run for so long, and hardly long before that: what has
 * just begun runs.
 */
static uint64_t birth_of(const struct sampler *s, const struct sampler_thread *t)
{
    uint64_t ran = t->last.on_cpu_ns + t->last.runnable_ns, latest = t->last.now - ran, before;

    if (latest <= s->last_round)
        return latest;
    before = (latest - s->last_round) / 2;
    return latest - (before < ran ? before : ran);
}

static int begin_thread(struct sampler *s, struct sampler_thread *t)
{
    uint64_t birth = birth_of(s, t);
    struct record record = {
        .type = RECORD_FORK,
        .time = birth,
        .tid = t->slot.tid,
        .tgid = t->slot.tgid,
        .other_tid = t->slot.parent_tid,
        .other_on_cpu_ns = t->process->parent,
    };

    t->moved = s->unseen_forks = true; /* it may have children already, and nobody may begin any more */
    if (s->seeding)
        return 0;
    account_init(&t->account, birth, 0, 0, 1, 0);
    return sampler_record(s, &record);
}

static int take_process(struct sampler *s, uint32_t pid, const struct sampler_process *parent, uint32_t parent_tid)
{
    struct sampler_process *process;
    struct sampler_thread *thread;
    int r;

    if (find_process(s, pid))
        return 0;
    process = new_process(s, pid, parent);
    if (!process)
        return 0; /* gone: too short for us */
    thread = new_thread(s, process, pid, parent_tid);
    if (!thread)
        return 0; /* likewise; its row ends with the others that have no thread left */
    r = begin_thread(s, thread);
    if (!s->seeding)
        look_for_exec(s, process);
    return r;
}

/* How many ids the kernel has given away in our pid namespace: threads and processes that began, others' included. */
static void note_ids(struct sampler *s)
{
    uint32_t last = 0;
    char text[128];
    ssize_t n = s->loadavg < 0 ? -1 : pread(s->loadavg, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return;
    text[n] = '\0';
    if (sscanf(text, "%*s %*s %*s %*s %u", &last) != 1)
        return;
    if (s->last_id)
        s->ids_given += last >= s->last_id ? last - s->last_id : last; /* they begin anew at the largest */
    s->last_id = last;
}

/* Children of ours that were there before, or have nothing to do with the target. */
static void note_strangers(struct sampler *s)
{
    struct task_files own;
    char text[4096], *at = text;
    int none = 0;

    task_files_init(&own, getpid(), getpid(), &none);
    if (task_files_read(&own, TASK_CHILDREN, text, sizeof(text)) < 0)
        return;
    for (char *end; s->n_strangers < ARRAY_SIZE(s->strangers); at = end) {
        uint32_t pid = (uint32_t)strtoul(at, &end, 10);

        if (end == at)
            return;
        if (pid != s->root)
            s->strangers[s->n_strangers++] = pid;
    }
}

int sampler_take_root(struct sampler *s)
{
    struct sampler_process *process;
    struct sampler_thread *thread;
    uint64_t voluntary = 0;
    char text[4096];

    s->round = s->last_round = sampler_clock();
    process = new_process(s, s->root, NULL);
    thread = process ? new_thread(s, process, s->root, 0) : NULL;
    if (!thread)
        return -ESRCH;
    if (task_files_read(&thread->files, TASK_STATUS, text, sizeof(text)) > 0)
        (void)task_parse_voluntary(text, &voluntary);
    account_init(&thread->account, s->round, thread->last.on_cpu_ns, thread->last.runnable_ns, thread->last.switch_ins,
                 voluntary);
    process->moved = process->lost = false;
    s->loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    note_ids(s);
    note_strangers(s);
    return 0;
}

/* New ones among the ids of a `children` file. */
static int take_children(struct sampler *s, const char *text, const struct sampler_process *parent, uint32_t parent_tid)
{
    int r = 0;

    for (char *end; r == 0; text = end) {
        unsigned long pid = strtoul(text, &end, 10);

        if (end == text)
            break;
        for (size_t i = 0; i < s->n_strangers && !parent; i++)
            if (s->strangers[i] == pid)
                pid = 0;
        if (pid)
            r = take_process(s, (uint32_t)pid, parent, parent_tid);
    }
    return r;
}

static int find_children(struct sampler *s)
{
    char text[4096];
    int r = 0;

    for (size_t i = 0; i < s->n_threads && r == 0; i++) {
        struct sampler_thread *t = s->threads[i];

        if (!t->moved)
            continue;
        t->moved = false;
        if (task_files_read(&t->files, TASK_CHILDREN, text, sizeof(text)) > 0)
            r = take_children(s, text, t->process, t->slot.tid);
    }
    return r;
}

/* Processes whose parents had ended before we saw them have become our children. */
static int find_orphans(struct sampler *s)
{
    struct task_files own;
    int none = 0;
    char text[4096];
    int r = 0;

    if (s->attached || s->round < s->next_orphans)
        return 0;
    s->next_orphans = s->round + ORPHANS_INTERVAL_NS;
    task_files_init(&own, getpid(), getpid(), &none);
    if (task_files_read(&own, TASK_CHILDREN, text, sizeof(text)) > 0)
        r = take_children(s, text, NULL, 0);
    task_files_clear(&own);
    return r;
}

static int scan_threads(struct sampler *s, struct sampler_process *process)
{
    char path[64];
    DIR *folder;
    int r = 0;

    (void)snprintf(path, sizeof(path), "/proc/%u/task", process->pid);
    folder = opendir(path);
    for (const struct dirent *entry; folder && r == 0 && (entry = readdir(folder));) {
        uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        struct sampler_thread *thread;

        if (!tid || has_thread(s, tid) || (tid == process->pid && process->died))
            continue;
        thread = new_thread(s, process, tid, process->pid);
        if (thread)
            r = begin_thread(s, thread);
    }
    if (folder)
        (void)closedir(folder);
    return r;
}

static int find_threads(struct sampler *s)
{
    int r = 0;

    for (size_t i = 0; i < s->n_processes && r == 0; i++) {
        struct sampler_process *process = s->processes[i];
        struct stat status;

        if (!process->moved && !process->lost && !process->unchecked)
            continue;
        if (fstat(process->tasks, &status) == 0 && (process->lost || status.st_nlink != process->links)) {
            process->links = status.st_nlink;
            r = scan_threads(s, process);
        }
        process->unchecked = process->unchecked || process->moved; /* it may sleep by the time that it is due */
        if (process->unchecked && s->round >= process->next_program)
            look_for_exec(s, process);
        process->moved = process->lost = false;
    }
    return r;
}

/* Processes without a thread left have ended. */
static int bury_processes(struct sampler *s)
{
    size_t before = s->n_processes;
    int r = 0;

    for (size_t i = 0; i < s->n_processes && r == 0;) {
        struct sampler_process *process = s->processes[i];
        struct record record = {.type = RECORD_GROUP_EXIT, .tid = process->pid, .tgid = process->pid};

        if (process->live) {
            i++;
            continue;
        }
        record.time = process->died ? process->died : s->round;
        r = sampler_record(s, &record);
        s->totals.live_processes--;
        (void)close(process->tasks);
        free(process);
        s->processes[i] = s->processes[--s->n_processes];
    }
    if (before != s->n_processes)
        note_known(s);
    return r;
}

int sampler_find(struct sampler *s)
{
    uint64_t given = s->ids_given;
    int r = 0;

    note_ids(s);
    if (s->ids_given != given) {
        s->last_given = s->round;
        s->unseen_forks = true;
    }
    if (s->loadavg < 0 || s->unseen_forks) { /* else nobody has begun anywhere */
        r = find_children(s);
        s->unseen_forks = s->round - s->last_given < FORK_LISTED_NS;
    }
    if (r == 0)
        r = find_orphans(s);
    if (r == 0)
        r = find_threads(s);
    return r == 0 ? bury_processes(s) : r;
}

int sampler_find_all(struct sampler *s)
{
    int r;

    for (size_t i = 0; i < s->n_threads; i++)
        s->threads[i]->moved = true;
    for (size_t i = 0; i < s->n_processes; i++)
        s->processes[i]->lost = true;
    r = find_children(s);
    return r == 0 ? find_threads(s) : r;
}

void sampler_free_tree(struct sampler *s)
{
    for (size_t i = 0; i < s->n_threads; i++)
        sampler_free_thread(s->threads[i]);
    for (size_t i = 0; i < s->n_processes; i++) {
        base_close_fd(&s->processes[i]->tasks);
        free(s->processes[i]);
    }
    base_close_fd(&s->loadavg);
    free(s->threads);
    free(s->processes);
    free(s->tids);
}
