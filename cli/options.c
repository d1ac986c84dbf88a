/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/options.h"

#include <getopt.h>
#include <stdarg.h>

#include "analyzer/advice.h"
#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "base/parse.h"
#include "cli/options_table.h"

/* State of one parse: `given` remembers which options were used, for the check against the sub-command. */
struct parser {
    struct options *options;
    char *message;
    bool given[OPTION_COUNT];
};

static PRINTF_LIKE(3, 4) int refuse(struct parser *p, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(p->message, OPTIONS_MESSAGE, format, args);
    va_end(args);
    return status;
}

/* Wrong use counts as concadvise's own failure where a program would have run, as usage in sub-commands. */
static int usage_status(const struct parser *p)
{
    return p->options->command == COMMAND_RUN ? STATUS_FAILED : STATUS_USAGE;
}

static int append_id(int **list, size_t *n, int id)
{
    int *grown = reallocarray(*list, *n + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    grown[(*n)++] = id;
    *list = grown;
    return 0;
}

static int bad_value(struct parser *p, enum option_key key, const char *value, const char *expected)
{
    return refuse(p, usage_status(p), "--%s %s: expected %s. The program was not started.", options_table[key].name,
                  value, expected);
}

static int out_of_memory(struct parser *p)
{
    return refuse(p, usage_status(p), "out of memory. The program was not started.");
}

static int set_number(struct parser *p, enum option_key key, const char *value, uint64_t max, uint32_t *ret)
{
    uint64_t number;

    if (parse_u64(value, 1, max, &number) < 0)
        return refuse(p, usage_status(p),
                      "--%s %s: expected a whole number from 1 to %llu. The program was not started.",
                      options_table[key].name, value, (unsigned long long)max);
    *ret = (uint32_t)number;
    return 0;
}

static int set_duration(struct parser *p, enum option_key key, const char *value, uint64_t *ret)
{
    if (parse_duration_ns(value, ret) < 0)
        return bad_value(p, key, value, "a time such as 10s, 500ms or 2m, above zero");
    return 0;
}

static int set_format(struct parser *p, const char *value)
{
    if (report_format_from_str(value, &p->options->format) < 0)
        return bad_value(p, OPTION_FORMAT, value, "text, json, html or markdown");
    p->options->format_given = true;
    return 0;
}

static int add_output(struct parser *p, const char *value)
{
    struct options *o = p->options;
    struct output_request *grown = reallocarray(o->outputs, o->n_outputs + 1, sizeof(*grown));

    if (!grown)
        return out_of_memory(p);
    o->outputs = grown;
    if (!*value)
        return bad_value(p, OPTION_OUTPUT, "''", "a file name, or - for stdout");
    grown[o->n_outputs++] = (struct output_request){.path = value};
    return 0;
}

/* The format of each output: its suffix, else -f, else text. Known only when all options are read. */
static void resolve_outputs(struct options *o)
{
    for (size_t i = 0; i < o->n_outputs; i++)
        if (report_format_from_path(o->outputs[i].path, &o->outputs[i].format) < 0)
            o->outputs[i].format = o->format;
}

const char *options_probe_name(enum probe_kind kind)
{
    static const char *const names[] = {[PROBE_AUTO] = "auto", [PROBE_BPF] = "bpf", [PROBE_PROCFS] = "procfs"};

    return (size_t)kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

static int set_probe(struct parser *p, const char *value)
{
    for (int i = 0; options_probe_name((enum probe_kind)i); i++) {
        if (strcmp(value, options_probe_name((enum probe_kind)i)) == 0) {
            p->options->probe = (enum probe_kind)i;
            return 0;
        }
    }
    return bad_value(p, OPTION_PROBE, value, "auto, bpf or procfs");
}

static int set_color(struct parser *p, const char *value)
{
    static const char *const names[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            p->options->color = (enum color_choice)i;
            return 0;
        }
    }
    return bad_value(p, OPTION_COLOR, value, "auto, always or never");
}

static int add_ignored(struct parser *p, const char *value)
{
    int id = finding_from_str(value);

    if (id < 0)
        return bad_value(p, OPTION_IGNORE, value, "a finding such as CA2001 (concadvise explain lists them)");
    return append_id(&p->options->ignored, &p->options->n_ignored, id) < 0 ? out_of_memory(p) : 0;
}

static int add_fail_on(struct parser *p, const char *value)
{
    struct options *o = p->options;
    int id;

    for (int severity = SEVERITY_LOW; severity <= SEVERITY_HIGH; severity++) {
        if (strcmp(value, severity_to_str((enum severity)severity)) != 0)
            continue;
        if (o->fail_severity < 0 || severity < o->fail_severity)
            o->fail_severity = severity;
        return 0;
    }
    id = finding_from_str(value);
    if (id < 0)
        return bad_value(p, OPTION_FAIL_ON, value, "a finding such as CA2001, or high, medium or low");
    return append_id(&o->fail_on, &o->n_fail_on, id) < 0 ? out_of_memory(p) : 0;
}

static int set_exitcode(struct parser *p, const char *value)
{
    uint32_t code = 0;
    int r = set_number(p, OPTION_ERROR_EXITCODE, value, 255, &code);

    if (r == 0)
        p->options->error_exitcode = (int)code;
    return r;
}

static int set_pid(struct parser *p, const char *value)
{
    uint64_t pid;

    /* PID_MAX_LIMIT, include/linux/threads.h */
    if (parse_u64(value, 1, 4194304, &pid) < 0)
        return refuse(p, usage_status(p), "--pid %s: expected the number of a process. Nothing was measured.", value);
    p->options->pid = (uint32_t)pid;
    return 0;
}

static int apply(struct parser *p, enum option_key key, char *value)
{
    struct options *o = p->options;

    p->given[key] = true;
    switch (key) {
    case OPTION_FORMAT:
        return set_format(p, value);
    case OPTION_OUTPUT:
        return add_output(p, value);
    case OPTION_DURATION:
        return set_duration(p, key, value, &o->duration_ns);
    case OPTION_RUNS:
        return set_number(p, key, value, OPTIONS_MOST_RUNS, &o->runs);
    case OPTION_PID:
        return set_pid(p, value);
    case OPTION_USER:
        o->user = value;
        return 0;
    case OPTION_SAVE:
        o->save = value;
        return 0;
    case OPTION_TO:
        o->export_given = true;
        return report_export_from_str(value, &o->export_to) < 0 ? bad_value(p, key, value, report_export_names()) : 0;
    case OPTION_LIVE:
        o->live = true;
        return 0;
    case OPTION_LIGHT:
        o->light = true;
        o->evidence = false;
        return 0;
    case OPTION_NO_EVIDENCE:
        o->evidence = false;
        return 0;
    case OPTION_EVIDENCE_TIME:
        return set_duration(p, key, value, &o->evidence_ns);
    case OPTION_PROBE:
        return set_probe(p, value);
    case OPTION_CPUS:
        return set_number(p, key, value, 65536, &o->cpus);
    case OPTION_TREE:
        o->tree = value;
        return 0;
    case OPTION_IGNORE:
        return add_ignored(p, value);
    case OPTION_FAIL_ON:
        return add_fail_on(p, value);
    case OPTION_BASELINE:
        o->baseline = value;
        return 0;
    case OPTION_ERROR_EXITCODE:
        return set_exitcode(p, value);
    case OPTION_COLOR:
        return set_color(p, value);
    case OPTION_QUIET:
        o->quiet = true;
        return 0;
    case OPTION_VERBOSE:
        o->verbose = true;
        return 0;
    case OPTION_VERSION:
        o->command = COMMAND_VERSION;
        return 0;
    case OPTION_HELP:
        o->command = COMMAND_HELP;
        return 0;
    case OPTION_COUNT:
        break;
    }
    return 0;
}

/* getopt_long()'s tables, made from ours. Long options yield 256 + key, so that they can't meet a letter. */
static void getopt_tables(bool permute, struct option longs[OPTION_COUNT + 1], char shorts[2 * OPTION_COUNT + 3])
{
    size_t at = 0;

    if (!permute)
        shorts[at++] = '+';
    shorts[at++] = ':';
    for (int key = 0; key < OPTION_COUNT; key++) {
        longs[key] = (struct option){options_table[key].name,
                                     options_table[key].argument ? required_argument : no_argument, NULL, 256 + key};
        if (!options_table[key].letter)
            continue;
        shorts[at++] = options_table[key].letter;
        if (options_table[key].argument)
            shorts[at++] = ':';
    }
    shorts[at] = '\0';
    longs[OPTION_COUNT] = (struct option){0};
}

static enum option_key key_of(int c)
{
    if (c >= 256)
        return (enum option_key)(c - 256);
    for (int key = 0; key < OPTION_COUNT; key++)
        if (options_table[key].letter == c)
            return (enum option_key)key;
    return OPTION_COUNT;
}

/*
 * Read options from argv[1] on. @param ret_dashes whether "--" ended them
 * @return 0 (optind: first operand), or the exit status
 */
static int read_options(struct parser *p, int argc, char **argv, bool permute, bool *ret_dashes)
{
    struct option longs[OPTION_COUNT + 1];
    char shorts[2 * OPTION_COUNT + 3];
    const char *last_value = NULL;
    int c;

    getopt_tables(permute, longs, shorts);
    optind = 0; /* start over, also within GNU getopt */
    opterr = 0;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        int r;

        /* For a bad option optind is past it, unless it is a letter in the middle of a word. */
        if (c == '?' && optopt > 0 && optopt < 256)
            return refuse(p, usage_status(p), "-%c: there is no such option; concadvise --help lists them.", optopt);
        if (c == '?')
            return refuse(p, usage_status(p), "%s: there is no such option; concadvise --help lists them.",
                          argv[optind - 1]);
        if (c == ':')
            return refuse(p, usage_status(p), "%s: needs a value; see concadvise --help.", argv[optind - 1]);
        last_value = optarg;
        r = apply(p, key_of(c), optarg);
        if (r)
            return r;
        if (p->options->command == COMMAND_HELP || p->options->command == COMMAND_VERSION)
            return 0;
    }
    *ret_dashes = optind > 1 && strcmp(argv[optind - 1], "--") == 0 && argv[optind - 1] != last_value;
    return 0;
}

static int check_applicable(struct parser *p, const char *name)
{
    for (int key = 0; key < OPTION_COUNT; key++)
        if (p->given[key] && !(options_table[key].commands & (1u << p->options->command)))
            return refuse(p, usage_status(p), "--%s has no meaning for concadvise %s.", options_table[key].name, name);
    return 0;
}

/* A running process is measured once, as whom it runs, and is not started. */
static int check_pid(struct parser *p)
{
    const struct options *o = p->options;

    if (o->n_operands > 0)
        return refuse(p, STATUS_FAILED,
                      "--pid %u measures a running process: it takes no command (%s). The program was not started.",
                      o->pid, o->operands[0]);
    if (p->given[OPTION_USER])
        return refuse(p, STATUS_FAILED,
                      "--user has no meaning with --pid: a running process keeps its user. Nothing was measured.");
    if (o->runs > 1)
        return refuse(
            p, STATUS_FAILED,
            "--runs has no meaning with --pid: a running process can't be started again. Nothing was measured.");
    return 0;
}

static int check_operands(struct parser *p)
{
    const struct options *o = p->options;

    if (o->command == COMMAND_RUN && o->pid)
        return check_pid(p);
    if (o->command == COMMAND_RUN && o->n_operands == 0)
        return refuse(p, STATUS_FAILED, "there is no command to run: concadvise [options] -- COMMAND [ARGUMENTS]");
    if (o->command == COMMAND_REPORT && o->n_operands != 1)
        return refuse(p, STATUS_USAGE, "report needs one file: concadvise report FILE (made with --save FILE)");
    if (o->command == COMMAND_DIFF && o->n_operands != 2)
        return refuse(p, STATUS_USAGE,
                      "diff needs two files: concadvise diff BEFORE AFTER (made with --save, or JSON reports)");
    if (o->command == COMMAND_REPLAY && o->n_operands != 1)
        return refuse(p, STATUS_USAGE, "replay needs one file: concadvise replay FILE (made with --save FILE)");
    if (o->command == COMMAND_EXPORT && (o->n_operands != 1 || !o->export_given))
        return refuse(p, STATUS_USAGE, "export needs one file (made with --save FILE) and --to %s.",
                      report_export_names());
    if (o->command == COMMAND_EXPORT && o->n_outputs > 1)
        return refuse(p, STATUS_USAGE, "export writes one file: give -o once.");
    if (o->command == COMMAND_EXPLAIN && o->n_operands != 1)
        return refuse(p, STATUS_USAGE, "explain needs one thing: concadvise explain CA2001, or explain tree");
    if (o->command == COMMAND_DOCTOR && o->n_operands != 0)
        return refuse(p, STATUS_USAGE, "doctor takes no arguments");
    return 0;
}

static void set_operands(struct options *o, int argc, char **argv, int first)
{
    o->operands = argv + first;
    o->n_operands = (size_t)(argc - first);
}

/* argv[0] is the name of a sub-command: read on from there. */
static int read_subcommand(struct parser *p, size_t index, int argc, char **argv)
{
    bool dashes = false;
    int r;

    p->options->command = options_commands[index].command;
    r = read_options(p, argc, argv, p->options->command != COMMAND_RUN, &dashes);
    set_operands(p->options, argc, argv, optind);
    return r;
}

static size_t command_index(const char *name)
{
    size_t i = 0;

    while (i < OPTION_COMMANDS && strcmp(options_commands[i].name, name) != 0)
        i++;
    return i;
}

int options_parse(int argc, char **argv, struct options *ret_options, char *message)
{
    struct parser p = {.options = ret_options, .message = message};
    const char *name = "run";
    bool dashes = false;
    size_t index;
    int r;

    *ret_options = (struct options){
        .runs = 1, .evidence = true, .evidence_ns = 3 * NSEC_PER_SEC, .fail_severity = -1, .error_exitcode = 1};
    r = read_options(&p, argc, argv, false, &dashes);
    if (r || ret_options->command != COMMAND_RUN)
        return r;
    index = optind < argc && !dashes ? command_index(argv[optind]) : OPTION_COMMANDS;
    if (index < OPTION_COMMANDS) {
        name = options_commands[index].name;
        r = read_subcommand(&p, index, argc - optind, argv + optind);
    } else {
        set_operands(ret_options, argc, argv, optind);
    }
    if (r || ret_options->command == COMMAND_HELP || ret_options->command == COMMAND_VERSION)
        return r;
    r = check_applicable(&p, name);
    if (!r)
        r = check_operands(&p);
    /* What export writes is said by --to, whatever the file is called. */
    if (!r && ret_options->command != COMMAND_EXPORT)
        resolve_outputs(ret_options);
    return r;
}

void options_clear(struct options *options)
{
    free(options->outputs);
    free(options->ignored);
    free(options->fail_on);
    options->outputs = NULL;
    options->ignored = options->fail_on = NULL;
    options->n_outputs = options->n_ignored = options->n_fail_on = 0;
}
