/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe bash|zsh|fish|roff: the table of options and sub-commands for shells' completions and the manual page, so
 * that none of them can say anything else than --help. Runs while building; is not installed.
 */
#include "analyzer/findings/findings.h"
#include "base/base.h"
#include "cli/options_table.h"

/* What an option's argument is completed with. */
static const char *words_of(enum option_key key)
{
    switch (key) {
    case OPTION_FORMAT:
        return "text json html markdown";
    case OPTION_TO:
        return "folded perfetto pprof firefox sarif openmetrics";
    case OPTION_PROBE:
        return "auto bpf procfs";
    case OPTION_COLOR:
        return "auto always never";
    case OPTION_FAIL_ON:
        return "high medium low";
    default:
        return "";
    }
}

static bool takes_file(enum option_key key)
{
    return key == OPTION_OUTPUT || key == OPTION_SAVE || key == OPTION_TREE || key == OPTION_BASELINE;
}

static void finding_ids_as(FILE *out, const char *before)
{
    const int *ids;
    size_t n = finding_ids(&ids);

    for (size_t i = 0; i < n; i++)
        (void)fprintf(out, "%sCA%04d", i > 0 ? before : "", ids[i]);
}

static void bash(FILE *out)
{
    (void)fputs("# bash completion for concadvise; made from its table of options\n"
                "_concadvise() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i\n"
                "    # Behind -- stands somebody else's command line.\n"
                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "        if [[ ${COMP_WORDS[i]} == -- ]]; then\n"
                "            if declare -F _command_offset >/dev/null; then\n"
                "                _command_offset $((i + 1))\n"
                "            else\n"
                "                COMPREPLY=($(compgen -c -f -- \"$cur\"))\n"
                "            fi\n"
                "            return\n"
                "        fi\n"
                "    done\n"
                "    case $prev in\n",
                out);
    for (int key = 0; key < OPTION_COUNT; key++) {
        const struct option_row *row = &options_table[key];
        const char *words = words_of((enum option_key)key);

        if (!row->argument)
            continue;
        (void)fprintf(out, "    --%s", row->name);
        if (row->letter)
            (void)fprintf(out, "|-%c", row->letter);
        if (key == OPTION_IGNORE || key == OPTION_FAIL_ON) {
            (void)fprintf(out, ") COMPREPLY=($(compgen -W '%s ", words);
            finding_ids_as(out, " ");
            (void)fputs("' -- \"$cur\")); return ;;\n", out);
        } else if (key == OPTION_USER) {
            (void)fputs(") COMPREPLY=($(compgen -u -- \"$cur\")); return ;;\n", out);
        } else if (takes_file((enum option_key)key)) {
            (void)fputs(") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", out);
        } else {
            (void)fprintf(out, ") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", words);
        }
    }
    (void)fputs("    explain) COMPREPLY=($(compgen -W 'tree findings ", out);
    finding_ids_as(out, " ");
    (void)fputs(
        "' -- \"$cur\")); return ;;\n    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W '--",
        out);
    for (int key = 0; key < OPTION_COUNT; key++)
        (void)fprintf(out, " --%s", options_table[key].name);
    (void)fputs("' -- \"$cur\"))\n    elif ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W '", out);
    for (size_t i = 0; i < OPTION_COMMANDS; i++)
        (void)fprintf(out, "%s%s", i > 0 ? " " : "", options_commands[i].name);
    (void)fputs("' -- \"$cur\"))\n    else\n        COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi\n}\n"
                "complete -o filenames -F _concadvise concadvise\n",
                out);
}

/* Within single quotes of zsh and fish; brackets and colons have a meaning to _arguments. */
static void quoted(FILE *out, const char *text, bool zsh)
{
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputs("'\\''", out);
        else if (zsh && strchr("[]:", *text))
            (void)fprintf(out, "\\%c", *text);
        else
            (void)fputc(*text, out);
    }
}

static void zsh_argument(FILE *out, enum option_key key, const char *argument)
{
    const char *words = words_of(key);

    (void)fputc(':', out);
    quoted(out, argument, true);
    if (key == OPTION_IGNORE || key == OPTION_FAIL_ON) {
        (void)fprintf(out, ":(%s%s", words, words[0] ? " " : "");
        finding_ids_as(out, " ");
        (void)fputc(')', out);
    } else if (key == OPTION_USER) {
        (void)fputs(":_users", out);
    } else if (takes_file(key)) {
        (void)fputs(":_files", out);
    } else {
        (void)fprintf(out, words[0] ? ":(%s)" : ":%s", words[0] ? words : " ");
    }
}

static void zsh(FILE *out)
{
    (void)fputs(
        "#compdef concadvise\n# made from concadvise's table of options\n_concadvise() {\n    _arguments -S \\\n", out);
    for (int key = 0; key < OPTION_COUNT; key++) {
        const struct option_row *row = &options_table[key];
        bool again = key == OPTION_OUTPUT || key == OPTION_IGNORE || key == OPTION_FAIL_ON;

        for (int form = 0; form < 2; form++) {
            if (form == 0 && !row->letter)
                continue;
            (void)fprintf(out, "        '%s", again ? "*" : "");
            if (form == 0)
                (void)fprintf(out, "-%c[", row->letter);
            else
                (void)fprintf(out, "--%s%s[", row->name, row->argument ? "=" : "");
            quoted(out, row->help, true);
            (void)fputc(']', out);
            if (row->argument)
                zsh_argument(out, (enum option_key)key, row->argument);
            (void)fputs("' \\\n", out);
        }
    }
    (void)fputs("        '1:command or program:_concadvise_first' \\\n        "
                "'*::arguments:_normal'\n}\n_concadvise_first() {\n"
                "    local -a commands=(",
                out);
    for (size_t i = 0; i < OPTION_COMMANDS; i++)
        (void)fprintf(out, "%s%s", i > 0 ? " " : "", options_commands[i].name);
    (void)fputs(")\n    compadd -a commands\n    _command_names -e\n}\n_concadvise \"$@\"\n", out);
}

static void fish(FILE *out)
{
    (void)fputs("# fish completion for concadvise; made from its table of options\n", out);
    for (size_t i = 0; i < OPTION_COMMANDS; i++)
        (void)fprintf(out, "complete -c concadvise -n __fish_use_subcommand -a %s\n", options_commands[i].name);
    for (int key = 0; key < OPTION_COUNT; key++) {
        const struct option_row *row = &options_table[key];
        const char *words = words_of((enum option_key)key);

        (void)fputs("complete -c concadvise", out);
        if (row->letter)
            (void)fprintf(out, " -s %c", row->letter);
        (void)fprintf(out, " -l %s", row->name);
        if (row->argument)
            (void)fputs(takes_file((enum option_key)key) ? " -r -F" : " -x", out);
        if (key == OPTION_IGNORE || key == OPTION_FAIL_ON) {
            (void)fprintf(out, " -a '%s ", words);
            finding_ids_as(out, " ");
            (void)fputc('\'', out);
        } else if (key == OPTION_USER) {
            (void)fputs(" -a '(__fish_complete_users)'", out);
        } else if (words[0]) {
            (void)fprintf(out, " -a '%s'", words);
        }
        (void)fputs(" -d '", out);
        quoted(out, row->help, false);
        (void)fputs("'\n", out);
    }
    (void)fputs("complete -c concadvise -n '__fish_seen_subcommand_from explain' -a 'tree findings ", out);
    finding_ids_as(out, " ");
    (void)fputs("'\n", out);
}

/* A hyphen that is one, and a line that must not begin with a control character. */
static void roff_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        (void)fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-')
            (void)fputs("\\-", out);
        else if (*text == '\\')
            (void)fputs("\\e", out);
        else
            (void)fputc(*text, out);
    }
}

static void roff(FILE *out)
{
    for (int key = 0; key < OPTION_COUNT; key++) {
        const struct option_row *row = &options_table[key];

        (void)fputs(".TP\n", out);
        if (row->letter)
            (void)fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
        (void)fputs("\\fB\\-\\-", out);
        roff_text(out, row->name);
        (void)fputs("\\fR", out);
        if (row->argument) {
            (void)fputs(" \\fI", out);
            roff_text(out, row->argument);
            (void)fputs("\\fR", out);
        }
        (void)fputc('\n', out);
        roff_text(out, row->help);
        (void)fputc('\n', out);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(FILE *out);
    } kinds[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}, {"roff", roff}};

    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(argv[1], kinds[i].name) != 0)
            continue;
        kinds[i].print(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    return 2;
}
