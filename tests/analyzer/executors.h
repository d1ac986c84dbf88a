/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * executors: a loop that asks for eight things at once, 60 ms each, and has what comes worked on by two threads.
 *
 * Knows one program; a test changes what it is about.
 */

#include "probe/measurement.h"

/*
 * Thread 1 starts up for 50 ms, waits for the answers for 60, and is woken by threads 10 and 11 for each of their four
 * bursts of 40 ms, of which 2 ms are under the interpreter lock. Eight connections were seen.
 * @return it, without sums (synthetic_finish()); measurement_free()
 */
struct measurement *executor_measured(void);
