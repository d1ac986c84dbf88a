/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/say.h"

#include <stdarg.h>

#include "report/report.h"

void say(const char *format, ...)
{
    AUTO_FREE char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    (void)fputs("concadvise: ", stderr);
    if (text)
        report_escaped(stderr, text);
    else
        (void)fputs("out of memory", stderr);
    (void)fputc('\n', stderr);
}

void say_write_failed(const char *what, int error)
{
    const char *todo = "";

    if (error == -ENOSPC || error == -EDQUOT)
        todo = "; make room or choose another place";
    else if (error == -EACCES || error == -EPERM || error == -EROFS)
        todo = "; choose a place that you may write to";
    else if (error == -EFBIG)
        todo = "; the limit on the size of files (ulimit -f) is too low for it";
    else if (error == -ENOENT || error == -ENOTDIR)
        todo = "; create the folder first";
    say("can't write %s: %s%s.", what, strerror(-error), todo);
}
