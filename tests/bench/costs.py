# SPDX-License-Identifier: BSD-2-Clause
"""What concadvise costs beside the slow-down of its target: others, start-up, memory, and analysis as runs get larger."""
import math
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

from loads import BENCH, output_of
from tracers import CONCADVISE

QUIET = [CONCADVISE, "--no-evidence", "-q", "--"]
SIZES_OF_THREADS = (100, 1_000, 10_000)
SIZES_OF_SLICES = (100_000, 1_000_000, 10_000_000)
MEMORY_LIMIT_MB = 256


def wall_ns(argv):
    start = time.monotonic_ns()
    output_of(argv)
    return time.monotonic_ns() - start


def beside(rounds, argv):
    """Median nanoseconds that a program prints without and with concadvise attached elsewhere, in turns."""
    alone, attached = [], []
    for _ in range(rounds):
        alone.append(int(output_of(argv)))
        process = subprocess.Popen([*QUIET, "sleep", "3600"], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        try:
            attached.append(int(output_of(argv)))
        finally:
            process.terminate()
            process.wait(30)
    return statistics.median(alone), statistics.median(a / b for a, b in zip(attached, alone)), statistics.median(attached)


def bystanders(rounds):
    trips, calls = 40_000, 1_500_000
    _, ratio, _ = beside(rounds, [BENCH / "bench_pingpong", trips, 0])
    yield "ping-pong of a process that is not the target, ratio", f"{ratio:.3f}", "<= 1.06", ratio
    alone, _, attached = beside(rounds, [BENCH / "bench_syscalls", calls])
    added = (attached - alone) / calls
    yield "system call of any process, added while attached", f"{added:+.1f} ns (of {alone / calls:.0f})", "<= +2 ns", added


def start_up(rounds):
    """From calling concadvise to its end, for a target that does nothing."""
    runs = {"alone": ["true"], "traced": [*QUIET, "true"]}
    times = {name: [] for name in runs}
    for _ in range(max(rounds, 9)):
        for name in random.sample(list(runs), len(runs)):
            times[name].append(wall_ns(runs[name]))
    added = statistics.median(a - b for a, b in zip(times["traced"], times["alone"])) / 1e6
    yield "start: --no-evidence -- true, beyond true itself", f"{added:.0f} ms", "<= 60 ms", added


def status_of(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def helper_of(pid):
    """concadvise's child that is not the target."""
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if pathlib.Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"concadvise-probe"):
            return int(child)
    return None


def map_bytes(pid):
    """What the kernel charges for its BPF maps (proc_pid_fdinfo(5))."""
    total, seen = 0, set()
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(line.split(":\t", 1) for line in entry.read_text().splitlines() if ":\t" in line)
        if "map_id" in fields and fields["map_id"] not in seen:
            seen.add(fields["map_id"])
            total += int(fields.get("memlock", 0))
    return total


def memory(_rounds):
    process = subprocess.Popen([*QUIET, "sleep", "2"], stderr=subprocess.DEVNULL)
    time.sleep(1)
    helper = helper_of(process.pid)
    front_kib = status_of(process.pid, "VmRSS")
    helper_kib = status_of(helper, "RssAnon") + status_of(helper, "RssFile") if helper else 0
    maps = map_bytes(helper) if helper else 0
    process.wait()
    yield "memory while measuring: front end, helper", f"{front_kib / 1024:.0f}, {helper_kib / 1024:.0f} MB", "", front_kib + helper_kib
    yield "  BPF maps in the kernel", f"{maps / 2**20:.0f} MB", "", maps


def collected_and_judged(threads, slices, rounds, folder):
    """Median CPU seconds, and peak resident MB, of collecting such a run and of `concadvise report` on what was saved."""
    saved = pathlib.Path(folder) / "run.json"
    collecting, judging, peaks = [], [], []
    for _ in range(rounds):
        ns, kib = map(int, output_of([BENCH / "bench_scale", threads, slices, saved]).split())
        collecting.append(ns / 1e9)
        peaks.append((kib, 0))
        process = subprocess.Popen([CONCADVISE, "report", saved], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        if status:
            raise RuntimeError(f"concadvise report: wait status {status}")
        judging.append(usage.ru_utime + usage.ru_stime)
        peaks.append((0, usage.ru_maxrss))
    return statistics.median(collecting), max(p[0] for p in peaks) / 1024, statistics.median(judging), max(p[1] for p in peaks) / 1024


def growth(sizes, times):
    """The exponent between the last two sizes: 1 is linear."""
    return math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2])


def scaling(rounds):
    rounds = min(rounds, 3)
    with tempfile.TemporaryDirectory(prefix="concadvise-bench-") as folder:
        for name, sizes, shape in (
            ("threads, ten million slices", SIZES_OF_THREADS, lambda n: (n, 10_000_000)),
            ("slices, 1,000 threads", SIZES_OF_SLICES, lambda n: (1_000, n)),
        ):
            collecting, judging = [], []
            for size in sizes:
                collect_s, collect_mb, judge_s, judge_mb = collected_and_judged(*shape(size), rounds, folder)
                collecting.append(collect_s)
                judging.append(judge_s)
                yield (
                    f"{size:,} {name}: collecting, analysis",
                    f"{collect_s:.2f} s {collect_mb:.0f} MB, {judge_s:.2f} s {judge_mb:.0f} MB",
                    f"<= {MEMORY_LIMIT_MB} MB",
                    max(collect_mb, judge_mb),
                )
            exponents = growth(sizes, collecting), growth(sizes, judging)
            yield (
                "  grows with the power of: collecting, analysis",
                f"{exponents[0]:.2f}, {exponents[1]:.2f}",
                "<= 1",
                max(exponents),
            )


ALL = {"bystanders": bystanders, "start": start_up, "memory": memory, "scaling": scaling}
