# SPDX-License-Identifier: BSD-2-Clause
"""What slows down: nothing, an empty BPF program, concadvise in its modes, and other tools as one would use them to find
out where a program's threads spend their time."""
import contextlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from loads import BENCH, BUILD, PATIENCE_S

CONCADVISE = BUILD / "cli" / "concadvise"

# Time off the CPU by thread, as the examples of bpftrace have it.
BPFTRACE_OFF_CPU = (
    "tracepoint:sched:sched_switch { @start[args->prev_pid] = nsecs; if (@start[args->next_pid]) "
    "{ @off[args->next_comm, args->next_pid] = hist(nsecs - @start[args->next_pid]); delete(@start[args->next_pid]); } }"
)


class Tracer:
    """@param share  of the operations that its loads make: slow tracers would take minutes"""

    def __init__(self, needs=None, share=1.0, rounds=None):
        self.missing = f"{needs} is not installed" if needs and not shutil.which(needs) else None
        self.share, self.rounds = share, rounds

    @contextlib.contextmanager
    def started(self, command):
        """The command line to run instead of `command`."""
        yield list(command)


class Before(Tracer):
    """A tracer that starts the program; {file} in its arguments is a scratch file."""

    def __init__(self, prefix, **options):
        super().__init__(**options)
        self.prefix = prefix

    @contextlib.contextmanager
    def started(self, command):
        with tempfile.NamedTemporaryFile(prefix="concadvise-bench-") as scratch:
            yield [*(str(word).format(file=scratch.name) for word in self.prefix), *command]


class Bpftrace(Tracer):
    @contextlib.contextmanager
    def started(self, command):
        with tempfile.NamedTemporaryFile(prefix="concadvise-bench-") as scratch:
            line = " ".join(map(shlex.quote, map(str, command)))
            yield ["bpftrace", "-q", "-o", scratch.name, "-e", BPFTRACE_OFF_CPU, "-c", line]


class Beside(Tracer):
    """A tracer of the whole machine, started before the program and interrupted after it."""

    def __init__(self, argv, warm_up_s, **options):
        super().__init__(**options)
        self.argv, self.warm_up_s = argv, warm_up_s

    @contextlib.contextmanager
    def started(self, command):
        tracer = subprocess.Popen(list(map(str, self.argv)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(self.warm_up_s)
            if tracer.poll() is not None:
                raise RuntimeError(f"{self.argv[0]} ended with exit status {tracer.returncode}")
            yield list(command)
        finally:
            tracer.send_signal(signal.SIGINT)
            try:
                tracer.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                tracer.kill()
                tracer.wait()


def own_tracers():
    """By name, in the order of the table; the first is what the others are held against."""
    measure = [CONCADVISE, "--no-evidence", "-q"]
    return {
        "untraced": Tracer(),
        "empty program": Before([BENCH / "bench_floor"]),
        "concadvise": Before([*measure, "--"]),
        "--light": Before([*measure, "--light", "--"]),
        "without sites": Before([BENCH / "bench_probe", 0]),
    }


def peers(rounds):
    return {
        "bpftrace": Bpftrace(needs="bpftrace", rounds=rounds),
        "perf sched record": Before(["perf", "sched", "record", "-o", "{file}", "--"], needs="perf", rounds=rounds, share=0.5),
        "offcputime": Beside(["offcputime"], 0.7, needs="offcputime", rounds=rounds),
        "perf trace -s": Before(["perf", "trace", "-s", "-o", "{file}", "--"], needs="perf", share=0.05, rounds=rounds),
        "strace -c -f": Before(["strace", "-c", "-f", "-o", "{file}"], needs="strace", share=0.02, rounds=rounds),
    }
