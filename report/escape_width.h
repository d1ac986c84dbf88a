/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * escape_width: columns of a character on a terminal, from Unicode's tables and not from the locale: the same report
 * comes out everywhere. Refuses to know control characters: those are escaped before anything is measured.
 */

#include <stdint.h>

/* @return 0 (drawn onto the character before it), 1, or 2 (East Asian wide, emoji) */
unsigned escape_width(uint32_t code);
