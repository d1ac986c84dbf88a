/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyzer/replay/replay_choice.h"

#include <libgen.h>
#include <limits.h>

#include "analyzer/replay/replay_child.h"
#include "base/base.h"
#include "probe/measurement.h"

#define MAX_OPTIONS 3

/* A runtime whose interpreter runs a replayer of its own. All others get the native one. */
struct interpreter {
    enum runtime_kind kind;
    const char *name;                 /* for people */
    const char *program;              /* what the base name of its executable begins with */
    const char *replayer;             /* file in the replayer directory */
    const char *options[MAX_OPTIONS]; /* before the file: neither environment nor packages of the target are loaded */
    unsigned major, minor;            /* oldest version that runs it */
};

static const struct interpreter interpreters[] = {
    {RUNTIME_CPYTHON, "Python", "python", "cpython.py", {"-I", "-S", "-B"}, 3, 6},
    {RUNTIME_NODE, "Node.js", "node", "node.js", {"--no-warnings"}, 16, 0},
};

static const struct interpreter *interpreter_of(const struct runtime *runtime)
{
    for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++)
        if (interpreters[i].kind == runtime->kind)
            return &interpreters[i];
    return NULL;
}

/* Is the target's interpreter one that the replayer can run on, and really what it is taken for? */
static int check_interpreter(const struct interpreter *interpreter, const struct runtime *runtime, char *message,
                             size_t size)
{
    const char *name = strrchr(runtime->executable, '/'), *version = runtime->version;
    unsigned major = 0, minor = 0;

    /* Of a saved measurement anybody may have written this: a relative path would start what lies in this folder. */
    if (!name || runtime->executable[0] != '/' ||
        strncmp(name + 1, interpreter->program, strlen(interpreter->program)) != 0) {
        (void)snprintf(message, size, "no replay: the target's %s interpreter is not known", interpreter->name);
        return -ENOENT;
    }
    if (*version == 'v')
        version++;
    if (sscanf(version, "%u.%u", &major, &minor) == 2 &&
        (major < interpreter->major || (major == interpreter->major && minor < interpreter->minor))) {
        (void)snprintf(message, size, "no replay: the replayer needs %s %u.%u or later, the target runs %u.%u",
                       interpreter->name, interpreter->major, interpreter->minor, major, minor);
        return -ENOENT;
    }
    return 0;
}

static bool readable(char *path, size_t size, const char *dir, const char *between, const char *name)
{
    int n = snprintf(path, size, "%s%s/%s", dir, between, name);

    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

/* `name` beside this executable, in the build tree, in the tree it was installed with, or where that should be. */
static bool find_replayer(const char *dir, const char *name, char *path, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *own;

    if (dir)
        return readable(path, size, dir, "", name);
    self[n > 0 ? n : 0] = '\0';
    own = dirname(self);
    return readable(path, size, own, "", name) || readable(path, size, own, "/../analyzer/replay", name) ||
           readable(path, size, own, "/../libexec/concadvise", name) ||
           readable(path, size, CONCADVISE_LIBEXECDIR, "", name);
}

int replay_choice_start(const struct runtime *runtime, const char *dir, uint64_t deadline_ns,
                        struct replay_child *ret_child, char *message, size_t size)
{
    const struct interpreter *interpreter = interpreter_of(runtime);
    const char *name = interpreter ? interpreter->replayer : "concadvise-replay-native";
    char path[PATH_MAX + 64], executable[sizeof(runtime->executable)], options[MAX_OPTIONS][32];
    char *argv[MAX_OPTIONS + 3];
    size_t n = 0;
    int r = interpreter ? check_interpreter(interpreter, runtime, message, size) : 0;

    if (r < 0)
        return r;
    if (!find_replayer(dir, name, path, sizeof(path))) {
        (void)snprintf(message, size, "no replay: %s was not found", name);
        return -ENOENT;
    }
    if (interpreter) {
        (void)snprintf(executable, sizeof(executable), "%s", runtime->executable);
        argv[n++] = executable;
        for (size_t i = 0; i < MAX_OPTIONS && interpreter->options[i]; i++) {
            (void)snprintf(options[i], sizeof(options[i]), "%s", interpreter->options[i]);
            argv[n++] = options[i];
        }
    }
    argv[n++] = path;
    argv[n] = NULL;
    r = replay_child_start(argv, deadline_ns, ret_child);
    if (r < 0) {
        (void)snprintf(message, size, "no replay: %s could not be started: %s", argv[0], strerror(-r));
        return r == -ENOENT || r == -EACCES ? -ENOENT : -ECHILD;
    }
    return 0;
}
