# SPDX-License-Identifier: BSD-2-Clause
"""Measuring with and without privileges. Root runs the unprivileged side as somebody who has none."""
import os
import pathlib
import shutil
import tempfile

import support

NOBODY = 65534


def without_privileges(*more):
    """Words to put before a command so that it runs with no privilege at all."""
    if os.geteuid() != 0:
        return list(more)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", *more]


def measure(probe, command, env=None, *options, before=(), keep=None):
    """One run under this probe; the unprivileged one as an unprivileged user."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="concadvise-probes-"))
    env = dict(env or support.target_environment(), HOME=str(folder), TMPDIR=str(folder))
    try:
        if probe != "bpf" and os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            before = [*without_privileges(), *before]
        return support.measure(command, f"--probe={probe}", *options, env=env, keep=keep or folder, before=before)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
