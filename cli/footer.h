/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * footer: lines of our own at the bottom of a terminal that somebody else writes to.
 *
 * The rows above them are made the terminal's scrolling region (DECSTBM, as apt does it): what the program prints
 * scrolls there, and neither overwrites the other. Each drawing is one write(2), which the terminal takes whole, and
 * leaves cursor and colours as it found them (DECSC, DECRC). Where the size has changed, the region is made anew. A
 * program that uses the whole screen itself (an editor) has a footer drawn over its last rows.
 *
 * Ctrl-Z clears it away first; it comes back with the next drawing after `fg`. Nothing is drawn from the background,
 * nor while Ctrl-S holds the terminal.
 */

#include <stdbool.h>

struct footer {
    int fd;        /* terminal; borrowed */
    unsigned rows; /* it takes now; 0: there is none */
    unsigned width, height;
};

void footer_init(struct footer *footer, int fd);

/* Is this a terminal that knows its size, and what the footer needs? */
bool footer_is_possible(int fd);

/* Lines that there is room for now (half of the terminal), and columns; 0: none. */
unsigned footer_room(const struct footer *footer, unsigned *ret_columns);

/* Draw these lines, each ended by a newline; colours are allowed, nothing else. What has no room is left out. */
void footer_draw(struct footer *footer, const char *lines);

/* Take it away: its rows are blank, and the terminal scrolls as a whole again. */
void footer_clear(struct footer *footer);
