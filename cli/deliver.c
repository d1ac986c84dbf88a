/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/deliver.h"

#include "analyzer/advice.h"
#include "analyzer/analyze.h"
#include "analyzer/tree.h"
#include "base/base.h"
#include "cli/caller.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/say.h"
#include "probe/measurement_json.h"

int deliver_load_tree(const struct options *options, const char *aftermath, struct tree **ret_tree)
{
    char message[1024] = "";
    struct tree *tree = NULL;
    int r = 0;

    if (options->tree)
        r = tree_load(options->tree, &tree, message, sizeof(message));
    if (r < 0) {
        if (message[0])
            say("the tree can't be used: %s. %s", message, aftermath);
        else
            say("the tree %s can't be used: %s. %s", options->tree, strerror(-r), aftermath);
        return r;
    }
    *ret_tree = tree;
    return 0;
}

static int check_place(const char *option, const char *path, const char *aftermath)
{
    int r = strcmp(path, "-") == 0 ? 0 : output_check(path);

    if (r < 0)
        say("%s %s: can't write there: %s. Choose another place. %s", option, path, strerror(-r), aftermath);
    return r;
}

static int check_places(const struct options *options, const char *aftermath)
{
    int r = 0;

    /* A measurement has no use for stdout: "-" is a file name there. */
    if (options->save)
        r = output_check(options->save);
    if (r < 0) {
        say("--save %s: can't write there: %s. Choose another place. %s", options->save, strerror(-r), aftermath);
        return r;
    }
    for (size_t i = 0; i < options->n_outputs && r == 0; i++)
        r = check_place("--output", options->outputs[i].path, aftermath);
    return r;
}

int deliver_check_places(const struct options *options, const char *aftermath)
{
    int r;

    caller_begin();
    r = check_places(options, aftermath);
    caller_end();
    return r;
}

int deliver_analyze(const struct options *options, const struct measurement *m, const struct tree *tree,
                    struct advice **ret_advice)
{
    struct analyze_options how = {
        .tree = tree, .cpus = options->cpus, .ignored = options->ignored, .n_ignored = options->n_ignored};
    int r = analyze(m, &how, ret_advice);

    if (r < 0)
        say("the measurement could not be judged: %s.%s", strerror(-r),
            r == -EBADMSG ? " It breaks its own rules: please report this, with the file of --save." : "");
    return r;
}

int deliver_save(const struct options *options, const struct measurement *m)
{
    const char *field;
    int r = 0;

    caller_begin();
    if (options->save)
        r = measurement_save(m, options->save, &field);
    caller_end();
    if (r == -ERANGE)
        say("can't write %s: the number measured as '%s' is impossible. Please report this.", options->save, field);
    else if (r < 0)
        say_write_failed(options->save, r);
    return r;
}

/* What there is to write: a report, or a comparison. */
struct writing {
    const struct measurement *m; /* NULL: a comparison */
    const struct advice *a;
    const struct tree *tree;
    const struct report_diff *diff;
};

/* Render into memory first: a place is touched only when the report is whole. */
static int render(const struct report_options *how, const struct writing *what, char **ret_text, size_t *ret_size)
{
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int r;

    if (!out)
        return -errno;
    r = what->m ? report_write(out, what->m, what->a, how) : report_write_diff(out, what->diff, how);
    if (fclose(out) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret_text = TAKE_PTR(text);
    *ret_size = size;
    return 0;
}

/* @param path  NULL: fd is where it goes; otherwise fd is -1 */
static int put_report(const struct options *options, const struct writing *written, enum report_format format,
                      const char *path, int fd)
{
    struct report_options how = {
        .format = format,
        .width = output_width(fd),
        .color = output_color(fd, options->color),
        .utf8 = output_utf8(),
        .verbose = options->verbose,
        .tree = written->tree,
    };
    const char *what = path ? path : fd == STDOUT_FILENO ? "to stdout" : "to stderr";
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    int r = render(&how, written, &text, &size);

    caller_begin();
    if (r == 0)
        r = path ? output_put_file(path, text, size) : output_put_fd(fd, text, size);
    caller_end();
    /* A reader that had enough (| head) and a closed stderr are the caller's choice. */
    if (r == -EPIPE || (fd == STDERR_FILENO && r == -EBADF))
        return 0;
    if (r < 0)
        say_write_failed(what, r);
    return r;
}

int deliver_text(const char *text, size_t n)
{
    int r = output_put_fd(STDOUT_FILENO, text, n);

    if (r == -EPIPE)
        return 0;
    if (r < 0)
        say_write_failed("to stdout", r);
    return r;
}

/* One line for a terminal whose report went into files. */
static void summarize(const struct options *options, const struct writing *what)
{
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    if ((what->m ? report_summary(out, what->a) : report_diff_summary(out, what->diff)) == 0 && fflush(out) == 0 &&
        size > 0) {
        text[size - 1] = '\0';
        say("%s (%s%s)", text, options->outputs[0].path, options->n_outputs > 1 ? " and more" : "");
    }
    (void)fclose(out);
}

static int deliver(const struct options *options, const struct writing *what, int default_fd)
{
    bool to_stdout = false;
    int r = 0;

    for (size_t i = 0; i < options->n_outputs; i++) {
        const struct output_request *output = &options->outputs[i];
        bool is_stdout = strcmp(output->path, "-") == 0;
        int put =
            put_report(options, what, output->format, is_stdout ? NULL : output->path, is_stdout ? STDOUT_FILENO : -1);

        to_stdout = to_stdout || is_stdout;
        r = r ? r : put;
    }
    if (options->n_outputs > 0) {
        if (!options->quiet && !to_stdout && r == 0)
            summarize(options, what);
        return r;
    }
    if (options->format == REPORT_JSON)
        return put_report(options, what, REPORT_JSON, NULL, STDOUT_FILENO);
    if (options->quiet && default_fd == STDERR_FILENO)
        return 0;
    return put_report(options, what, options->format, NULL, default_fd);
}

int deliver_reports(const struct options *options, const struct measurement *m, const struct advice *a,
                    const struct tree *tree, int default_fd)
{
    return deliver(options, &(struct writing){.m = m, .a = a, .tree = tree}, default_fd);
}

int deliver_diff(const struct options *options, const struct report_diff *diff)
{
    return deliver(options, &(struct writing){.diff = diff}, STDOUT_FILENO);
}
