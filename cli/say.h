/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * say: concadvise's own messages, on stderr.
 *
 * Messages may quote the command line and file names: they are escaped here. A closed stderr is no error: there is
 * nobody to tell.
 */

#include "base/base.h"

void say(const char *format, ...) PRINTF_LIKE(1, 2); /* "concadvise: ..." and a newline */

/* say() for what went wrong while writing `what`: adds the reason and what to do about it. */
void say_write_failed(const char *what, int error);
