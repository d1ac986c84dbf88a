# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of sites share: compiling programs, finding marked lines, and asking a saved measurement about them."""
import json
import pathlib
import re
import subprocess
import tempfile

import support

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


def marked(source, name):
    """Number of the one line that carries this mark, in a comment at its end."""
    lines = (PROGRAMS / source).read_text().splitlines()
    (number,) = [i for i, line in enumerate(lines, 1) if re.search(rf"MARK {name}( \*/)?$", line)]
    return number


def compile_c(target, source, *options, compiler=None):
    """Compile a program of programs/ (g++ for .cpp), with debug information; returns the target."""
    compiler = compiler or ("g++" if source.endswith(".cpp") else "gcc")
    command = [compiler, "-g", "-O2", "-pthread", PROGRAMS / source, "-o", target, *options]
    subprocess.run(command, check=True, timeout=60)
    return target


class Measured:
    """A run of a program that prints JSON about itself, with its saved measurement and its report."""

    def __init__(self, *command, env=None, timeout=support.TIMEOUT_S):
        with tempfile.TemporaryDirectory(prefix="concadvise-sites-") as folder:
            self.run = support.measure(command, "--no-evidence", env=env, keep=folder, timeout=timeout)
            if self.run.status != 0 or not self.run.saved:
                raise AssertionError(f"not measured: {self.run}")
            self.saved = json.loads(self.run.saved.read_text())
        self.report = self.run.report
        text = self.run.stdout.decode().strip()
        self.said = json.loads(text.splitlines()[-1]) if text else {}

    def thread(self, tid):
        (row,) = [row for row in self.saved["threads"] if row["tid"] == tid]
        return row

    def blocked_ns(self, tid, *causes):
        """What the thread was blocked, on these causes or on any."""
        return sum(ns for cause, ns in self.thread(tid)["blocked_ns"].items() if not causes or cause in causes)

    def sites(self, tid=None, on_cpu=False):
        return [s for s in self.saved["sites"] if s["on_cpu"] == on_cpu and (tid is None or s["tid"] == tid)]

    def table(self, tid=None):
        """The sites as text, for the message of a failed test."""
        lines = [f"{s['tid']} {'on-CPU' if s['on_cpu'] else s['cause']} {s['time_ns'] / 1e6:.1f} ms x{s['count']}: "
                 + " < ".join(show(f) for f in s["frames"][:9])
                 for s in self.saved["sites"] if tid is None or s["tid"] == tid]
        return "\n".join(lines[:40]) + f"\n{self.saved['loss']}"


def show(frame):
    return f"{frame['function']} {pathlib.Path(frame['file'] or '?').name}:{frame['line']}"


def own_frame(frames, source):
    """The innermost frame that is in this source file, as (function, line); None: not on the stack."""
    for frame in frames:
        if frame["file"] and pathlib.Path(frame["file"]).name == source:
            return frame["function"], frame["line"]
    return None


def time_in(sites, source, function, line):
    """Time of the sites whose innermost frame in the source file is this function at this line (or within lines)."""
    lines = line if isinstance(line, range) else (line,)
    return sum(s["time_ns"] for s in sites
               if (own_frame(s["frames"], source) or (None, 0))[0] == function and own_frame(s["frames"], source)[1] in lines)
