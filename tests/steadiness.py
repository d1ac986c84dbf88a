# SPDX-License-Identifier: BSD-2-Clause
"""Was the machine ours? Tests measure time, and on a virtual machine whoever else is on the host can take it away.

A test that failed while CPUs stood still for longer than a scheduler's doing explains proves nothing; tests/run gives it
another try and says so. One that failed on a steady machine has failed.
"""
import bisect
import os
import pathlib
import subprocess
import threading
import time

PERIOD_S = 0.25
LOST_SHARE = 0.02  # of the CPUs' time: about what the tests leave as tolerance...
LOST_S = 0.1  # ...or this long altogether, as long as the shortest time that a test looks for
WAITED_FOR_DISK_S = 0.3  # all that could run waited for the disk: programs are read for the first time


def read_stolen_s():
    """Time that the hypervisor says it gave to others, all CPUs together."""
    return int(pathlib.Path("/proc/stat").read_text().split(None, 9)[8]) / os.sysconf("SC_CLK_TCK")


def read_disk_s():
    """Time in which nothing ran because the disk was waited for; 0 where the kernel does not count it."""
    try:
        return int(pathlib.Path("/proc/pressure/io").read_text().rsplit("total=", 1)[1]) / 1e6
    except (OSError, IndexError):
        return 0.0


class Steadiness:
    """A record of how steady the machine was while it is open. `program`: tests/e2e/programs/steadiness.c, if it is built."""

    def __init__(self, program):
        self.program = None
        if program.exists():
            self.program = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.times, self.sums, self.lock = [], [], threading.Lock()
        self.closing = threading.Event()
        self.look()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def read_late_s(self):
        """How long CPUs stood still so far; 0 where nobody tells, or not any more."""
        if not self.program or self.program.poll() is not None:
            return self.sums[-1][0] if self.sums else 0.0
        self.program.stdin.write("\n")
        self.program.stdin.flush()
        return int(self.program.stdout.readline() or 0) / 1e9

    def look(self):
        with self.lock:
            self.sums.append((self.read_late_s(), read_stolen_s(), read_disk_s()))
            self.times.append(time.time())

    def watch(self):
        while not self.closing.wait(PERIOD_S):
            self.look()

    def disturbance(self, begin, end):
        """What was wrong with the machine between two time.time(), in words; None when it was ours."""
        if end > self.times[-1]:
            self.look()
        first = max(0, bisect.bisect_right(self.times, begin) - 1)
        last = min(bisect.bisect_left(self.times, end), len(self.times) - 1)
        late, stolen, disk = (now - then for now, then in zip(self.sums[last], self.sums[first]))
        took = self.times[last] - self.times[first]
        if max(late, stolen) > min(LOST_S, LOST_SHARE * took * os.cpu_count()):
            return f"CPUs stood still for {1000 * late:.0f} ms, the host took {1000 * stolen:.0f} ms, in {took:.1f} s"
        if disk > WAITED_FOR_DISK_S:
            return f"everything waited for the disk for {1000 * disk:.0f} ms of {took:.1f} s"
        return None

    def close(self):
        self.closing.set()
        self.thread.join()
        if self.program:
            self.program.stdin.close()
            self.program.wait()
            self.program.stdout.close()
