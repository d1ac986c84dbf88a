/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * commands: one function per sub-command, one file each (run.c, report_cmd.c, diff_cmd.c, ...).
 *
 * Each says itself what goes wrong, and returns the exit status of the program (run may end it by the target's
 * signal instead).
 */

struct options;

int command_run(const struct options *options);
int command_report(const struct options *options);
int command_diff(const struct options *options);
int command_replay(const struct options *options);
int command_explain(const struct options *options);
int command_doctor(const struct options *options);
int command_export(const struct options *options);
int command_version(const struct options *options);
