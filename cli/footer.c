/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/footer.h"

#include <signal.h>
#include <sys/ioctl.h>

#include "base/base.h"
#include "cli/output.h"

#define LEAST_HEIGHT 4 /* rows; below, the program's own output has no room */

/* Scroll as a whole again; DECSTBM moves the cursor. All below it was ours: the program's output ends at the cursor. */
#define CLEAR "\0337\033[r\0338\033[J"

/* For the handler of SIGTSTP: */
static volatile sig_atomic_t drawn_on = -1; /* descriptor; -1: there is no footer */
static volatile sig_atomic_t stopped;       /* it was cleared away by the handler */

static bool read_size(int fd, struct winsize *ret_size)
{
    return ioctl(fd, TIOCGWINSZ, ret_size) == 0 && ret_size->ws_row > 0 && ret_size->ws_col > 0;
}

void footer_init(struct footer *footer, int fd)
{
    *footer = (struct footer){.fd = fd};
}

bool footer_is_possible(int fd)
{
    const char *term = getenv("TERM");
    struct winsize size;

    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0 && read_size(fd, &size);
}

unsigned footer_room(const struct footer *footer, unsigned *ret_columns)
{
    struct winsize size;

    if (!read_size(footer->fd, &size) || size.ws_row < LEAST_HEIGHT)
        return 0;
    *ret_columns = size.ws_col;
    return size.ws_row / 2;
}

/* Then the signal comes again, and has its usual effect. */
static void clear_and_stop(int number)
{
    static const char clear[] = CLEAR;
    int error = errno;
    ssize_t written = drawn_on < 0 ? 0 : write(drawn_on, clear, sizeof(clear) - 1);

    (void)written; /* nobody is left to tell */
    stopped = 1;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
    errno = error;
}

/* Where it is ignored it stays so. */
static void watch_stops(bool begin)
{
    struct sigaction before, action = {.sa_handler = begin ? clear_and_stop : SIG_DFL, .sa_flags = SA_RESTART};

    if (sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler == (begin ? SIG_DFL : clear_and_stop))
        (void)sigaction(SIGTSTP, &action, NULL);
}

static void forget(struct footer *footer)
{
    footer->rows = 0;
    drawn_on = -1;
    stopped = 0;
    watch_stops(false);
}

static void put(const struct footer *footer, FILE **out, char **text, const size_t *length)
{
    (void)fclose(*out);
    *out = NULL;
    (void)output_put_fd(footer->fd, *text, *length);
    free(*text);
}

/*
 * Take rows off the region's end. The cursor goes down and up again by as many, column kept, so that what it stands on
 * is scrolled out of them.
 */
static void take_rows(struct footer *footer, unsigned rows, FILE *out)
{
    for (unsigned i = footer->rows; i < rows; i++)
        (void)fputs("\033D", out);
    (void)fprintf(out, "\033[%uA\0337\033[1;%ur\0338", rows - footer->rows, footer->height - rows);
    footer->rows = rows;
    drawn_on = footer->fd;
    watch_stops(true);
}

static void draw_rows(const struct footer *footer, const char *lines, FILE *out)
{
    (void)fputs("\0337\033[0m", out);
    for (unsigned i = 0; i < footer->rows; i++) {
        size_t n = strcspn(lines, "\n");

        (void)fprintf(out, "\033[%u;1H\033[2K%.*s\033[0m", footer->height - footer->rows + 1 + i, (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
    (void)fputs("\0338", out);
}

static unsigned count_lines(const char *lines)
{
    unsigned n = 0;

    for (; *lines; lines++)
        n += *lines == '\n';
    return n;
}

void footer_draw(struct footer *footer, const char *lines)
{
    unsigned columns = 0, room = footer_room(footer, &columns), wanted = count_lines(lines);
    struct winsize size = {0};
    size_t length = 0;
    char *text = NULL;
    FILE *out;

    if (stopped)
        forget(footer);
    if (!output_terminal_is_ready(footer->fd) || !read_size(footer->fd, &size))
        return;
    out = open_memstream(&text, &length);
    if (!out)
        return;
    if (footer->rows && (footer->width != size.ws_col || footer->height != size.ws_row)) {
        (void)fputs(CLEAR, out);
        forget(footer);
    }
    footer->width = size.ws_col;
    footer->height = size.ws_row;
    wanted = wanted < room ? wanted : room;
    if (wanted > footer->rows)
        take_rows(footer, wanted, out);
    if (footer->rows)
        draw_rows(footer, lines, out);
    put(footer, &out, &text, &length);
}

void footer_clear(struct footer *footer)
{
    if (footer->rows && !stopped)
        (void)output_put_fd(footer->fd, CLEAR, sizeof(CLEAR) - 1);
    forget(footer);
}
