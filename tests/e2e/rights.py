# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of privileges share: programs that another user can run, sudo without touching the system's own
configuration, and what the kernel says about the rights of a process."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import support

NOBODY = 65534
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
HELPER_CAPS = "cap_bpf,cap_perfmon+ep"
NO_CAPS = "0" * 16
SPIN = [support.PYTHON, "-c", "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: sum(range(1000))"]


@unittest.skipIf(os.geteuid() != 0, "users and capabilities are given by root")
class RightsCase(unittest.TestCase):
    """Has a folder that every user can write to, and in it programs that every user can run."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-rights-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o755)
        self.open = self.folder / "open"
        self.open.mkdir()
        self.open.chmod(0o777)

    def programs(self, capabilities=None):
        """A copy of the programs, the helper with these file capabilities; the path of concadvise."""
        copy = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        copy.chmod(0o755)
        (copy / "cli").mkdir()
        (copy / "probe").mkdir()
        shutil.copy(support.BUILD / "cli" / "concadvise", copy / "cli")
        helper = shutil.copy(support.BUILD / "probe" / "concadvise-probe", copy / "probe")
        if capabilities:
            subprocess.run(["setcap", capabilities, helper], check=True)
        return copy / "cli" / "concadvise"

    def run_as(self, prefix, concadvise, *arguments, env=None, **popen):
        argv = [*prefix, concadvise, *arguments]
        done = subprocess.run(
            argv, capture_output=True, timeout=support.TIMEOUT_S, cwd="/", env=env or environment(), **popen
        )
        return support.Run(argv, done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def running(self, prefix, concadvise, *options, command=("/bin/cat",), env=None):
        """concadvise with a target that reads until it is told to end; yields the process once the target runs."""
        argv = [*prefix, concadvise, "--no-evidence", *options, "--", "/bin/sh", "-c", 'echo up; exec "$@"', "sh", *command]
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env=env or environment()
        )
        try:
            line = process.stdout.readline()
            self.assertEqual(line, b"up\n", process.stderr.read() if not line else line)
            yield process
            process.communicate(timeout=support.TIMEOUT_S)
        finally:
            support.stop(process)
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()


def environment(**extra):
    return support.target_environment(HOME="/", **extra)


def under_sudo(folder):
    """Words before a command that has `nobody`, who is in the group `games` here, call it by sudo. Needs no cleaning up:
    the files that say so are seen in a mount namespace of their own."""
    sudoers, group = folder / "sudoers", folder / "group"
    sudoers.write_text("Defaults !use_pty\nnobody ALL=(ALL:ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    lines = pathlib.Path("/etc/group").read_text().splitlines()
    group.write_text("".join(("games:x:60:nobody" if line.startswith("games:") else line) + "\n" for line in lines))
    group.chmod(0o644)
    script = 'mount --bind "$1" /etc/sudoers && mount --bind "$2" /etc/group && shift 2 && exec "$@"'
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--init-groups", "sudo", "-n"]
    return ["unshare", "-m", "/bin/sh", "-c", script, "sh", sudoers, group, *as_nobody]


def status(pid):
    """/proc/PID/status as words by name (proc_pid_status(5))."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def children(pid):
    """Pids of the children of a process, by name."""
    found = {}
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found.setdefault(pathlib.Path(f"/proc/{child}/comm").read_text().strip(), []).append(int(child))
    return found


def descendants(pid):
    """A process and all that came of it."""
    found = [pid]
    for each in found:
        with contextlib.suppress(FileNotFoundError):
            found += map(int, pathlib.Path(f"/proc/{each}/task/{each}/children").read_text().split())
    return found


def find_helper(pid):
    """Pid of concadvise-probe below this process."""
    for each in descendants(pid):
        if pathlib.Path(f"/proc/{each}/comm").read_text().strip() == "concadvise-prob":
            return each
    raise LookupError("no helper runs")


def eventually(condition, seconds=10):
    """Whether a condition comes true, at the latest in so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def assert_samples_as_doctor_says(test, prefix, concadvise):
    """Without performance events samples come from the scheduler, and that is noted. @return whether it is so"""
    saved = test.open / "run.json"
    saved.unlink(missing_ok=True)
    run = test.run_as(prefix, concadvise, "--no-evidence", "--probe=bpf", "-q", "--save", saved, "--", *SPIN)
    test.assertEqual((run.status, run.stdout), (0, b""), str(run))
    noted = "performance events" in saved.read_text()
    doctor = test.run_as(prefix, concadvise, "doctor").stdout.decode()
    state, found = re.search(r"^(\S+) +on-CPU samples +(.*)$", doctor, re.MULTILINE).groups()
    test.assertEqual(state == "ok", not noted, doctor)
    test.assertEqual("scheduler's ticks" in found, noted, doctor)
    thread = max(json.loads(saved.read_text())["threads"], key=lambda each: each["on_cpu_ns"])
    test.assertGreater(thread["cpu_samples"], 20, thread)
    # Pure Python holds the interpreter lock nearly all the time, whatever asks.
    test.assertGreater(thread["lock_held_samples"] / thread["cpu_samples"], 0.8, thread)
    return noted
