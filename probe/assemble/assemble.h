/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * assemble: makes a measurement of what was collected, once the run is over and every circumstance is known.
 *
 * This is where kinds become causes and monotonic times become times since the start.
 */

struct collector; /* finished: its futexes and stacks get their names, nothing else changes */
struct measurement;

/*
 * Fill the measured part of `m` (not machine, target argv and exit status: run_measurement.c knows these).
 *
 * @return 0, -ENOMEM, -EPROTO (the helper's final message is missing)
 */
int assemble(struct collector *collector, struct measurement *m);
