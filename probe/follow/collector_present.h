/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * collector_present: the threads and processes that were there when the measurement began (-p). Nobody told of their
 * births, nor of what they have mapped: that is read from /proc soon.
 */

#include <stddef.h>

struct collector;
struct slot;

/* Of WIRE_PRESENT; n > 0. */
void collector_take_present(struct collector *collector, const struct slot *slots, size_t n);
