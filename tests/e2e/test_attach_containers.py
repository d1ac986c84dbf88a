# SPDX-License-Identifier: BSD-2-Clause
"""concadvise -p and containers: other pid, mount and cgroup namespaces, from outside and from inside; other users."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

import support
from rights import NOBODY as NOBODY_UID, RightsCase, under_sudo
from attaching import PROGRAM, AttachCase, children_of, running, state_of, wait_until

WIRE_READY, WIRE_FAILED = 1, 2  # probe/wire.h
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

# In namespaces of its own, with a file system that only it sees: $1 is where, $2 the program, the rest its arguments.
CONTAINER = """
set -e
mount -t tmpfs none "$1"
cp "$2" "$1/inside"
shift 1; shift 1
exec "$WHERE/inside" "$@"
"""

PYTHON_INSIDE = """
import os, threading, time
os.chroot(os.environ["WHERE"])
def parse():
    return sum(i * i for i in range(20000))
def work():
    while True:
        parse()
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("up", flush=True)
time.sleep(60)
"""


def functions(saved):
    return {frame["function"] for site in saved["sites"] for frame in site["frames"] or []}


class NamespaceTest(AttachCase):
    def setUp(self):
        super().setUp()
        self.where = pathlib.Path(self.folder, "root")
        self.where.mkdir()
        self.environment = support.target_environment(WHERE=str(self.where))

    @contextlib.contextmanager
    def contained(self, program, *arguments):
        """The program as process 1 of a pid namespace; yields its pid out here."""
        unshare = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c", CONTAINER, "sh"]
        with running([*unshare, str(self.where), program, *arguments], env=self.environment) as starter:
            (pid,) = children_of(starter.pid)
            self.assertEqual(state_of(pid, "NSpid").split(), [str(pid), "1"])
            yield pid

    def test_from_outside(self):
        """Its numbers are ours, its files are found through its root."""
        with self.contained(PROGRAM, "spin") as pid:
            self.assertFalse((self.where / "inside").exists())
            self.attach(pid, "-d", "1s")
        self.assert_all_there_from_the_start(4)
        self.assertEqual(self.report["target"]["pid"], pid)
        self.assertEqual({t["pid"] for t in self.threads}, {pid})
        self.assertEqual(self.report["target"]["argv"], [f"{self.where}/inside", "spin"])
        self.assertEqual(self.report["target"]["exe"], f"{self.where}/inside")
        self.assertIn("compute", functions(self.saved), self.log)
        self.assertIn("sleep_long", functions(self.saved), self.log)

    def test_a_python_that_has_changed_its_root(self):
        with running([support.PYTHON, "-c", PYTHON_INSIDE], env=self.environment) as target:
            self.attach(target.pid, "-d", "1s")
        self.assertEqual(self.report["target"]["runtime"]["name"], "cpython", self.log)
        self.assertEqual(self.report["target"]["runtime"]["interpreter_lock"], "present")
        blocked = self.report["measurement"]["blocked_ns"]
        self.assertGreater(blocked["interpreter_lock"], 0.9 * (sum(blocked.values()) - blocked["sleep"]), self.text)
        self.assertIn("parse", functions(self.saved), self.log)

    def test_from_inside(self):
        """Target and concadvise in a pid namespace of their own: numbers are those that both see."""
        script = '"$0" spin & child=$!; sleep 0.5; echo "pid $child"; ' \
                 '"$@" -d 600ms --save "$WHERE/attached.json" -p $child; ' \
                 '"$@" -d 600ms --save "$WHERE/run.json" -- "$0" spin'
        done = subprocess.run(["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script,
                               PROGRAM, support.CONCADVISE, "--no-evidence"], capture_output=True, text=True,
                              env=self.environment, timeout=support.TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done)
        pid = int(done.stdout.split("pid ")[1].split()[0])
        self.assertLess(pid, 100)
        for name in "attached", "run":
            saved = json.loads((self.where / f"{name}.json").read_text())
            threads = saved["threads"]
            self.assertEqual(len(threads), 4, done.stderr)
            self.assertEqual({t["pid"] for t in threads}, {saved["target"]["pid"]})
            self.assertLess(max(t["tid"] for t in threads), 200)
            self.assertIn("compute", functions(saved), done.stderr)
            self.assertLess(saved.get("unattributed_ns", 0), saved["thread_time_ns"] / 100, done.stderr)
            if name == "attached":
                self.assertEqual(saved["target"]["pid"], pid)


class CgroupTest(AttachCase):
    def test_the_quota_is_the_targets(self):
        """A CPU and a half, given to the target's cgroup, not to ours."""
        folder = self.make_cgroup()
        with running([PROGRAM, "spin"]) as target:
            (folder / "cgroup.procs").write_text(str(target.pid))
            try:
                self.attach(target.pid, "-d", "300ms")
            finally:
                (folder.parent / "cgroup.procs").write_text(str(target.pid))
        self.assertAlmostEqual(self.report["machine"]["cpu_quota"], 1.5)

    def make_cgroup(self):
        """With a quota, below where the controller is mounted (version 2, else 1)."""
        unified, version1 = pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/cpu")
        is_unified = "cpu" in (unified / "cgroup.controllers").read_text().split() \
            if (unified / "cgroup.controllers").exists() else False
        folder = pathlib.Path(tempfile.mkdtemp(prefix="concadvise-test-", dir=unified if is_unified else version1))
        self.addCleanup(wait_until, lambda: self.remove_cgroup(folder), "the cgroup is empty")
        if is_unified:
            with contextlib.suppress(OSError):
                (unified / "cgroup.subtree_control").write_text("+cpu")
            (folder / "cpu.max").write_text("150000 100000")
        else:
            (folder / "cpu.cfs_period_us").write_text("100000")
            (folder / "cpu.cfs_quota_us").write_text("150000")
        return folder

    @staticmethod
    def remove_cgroup(folder):
        with contextlib.suppress(OSError):
            folder.rmdir()
        return not folder.exists()


class OthersTest(AttachCase):
    """A helper with file capabilities serves whoever starts it, for what is theirs."""

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o777)
        self.helper = shutil.copy(support.BUILD / "probe" / "concadvise-probe", self.folder)
        self.program = shutil.copy(support.CONCADVISE, self.folder)
        subprocess.run(["setcap", "cap_bpf,cap_perfmon+ep", self.helper], check=True)

    def concadvise(self, pid):
        return subprocess.run([*NOBODY, self.program, "--no-evidence", "-d", "500ms", "-p", str(pid)], cwd=self.folder,
                              capture_output=True, text=True, env=support.target_environment(), timeout=support.TIMEOUT_S)

    def ask_helper(self, pid):
        """What the helper itself says, whatever a front end would have checked: the type and text of its first message."""
        ours, its = socket.socketpair()
        with ours, its:
            argv = [*NOBODY, self.helper, str(its.fileno()), str(pid), "0", "0", "1", "1"]
            helper = subprocess.Popen(argv, pass_fds=[its.fileno()])
            its.close()
            kind, size = struct.unpack("=II", ours.recv(8, socket.MSG_WAITALL))
            text = ours.recv(size, socket.MSG_WAITALL)
        helper.wait(support.TIMEOUT_S)
        return kind, text

    def test_ones_own_process(self):
        program = shutil.copy(PROGRAM, self.folder)
        with running([*NOBODY, program, "spin"], cwd=self.folder) as target:
            done = self.concadvise(target.pid)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("4 threads", done.stderr)
            self.assertIn("compute", done.stderr)
            self.assertEqual(self.ask_helper(target.pid)[0], WIRE_READY)

    def test_somebody_elses_process(self):
        with running([PROGRAM, "spin"]) as target:
            done = self.concadvise(target.pid)
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertIn("belongs to user 0, you are user 65534", done.stderr)
            kind, text = self.ask_helper(target.pid)
        self.assertEqual(kind, WIRE_FAILED)
        self.assertIn(b"may not be looked into by user 65534", text)


class SudoTest(RightsCase):
    """By the real sudo: the front end becomes the owner of the process, and files are who called's."""

    def attach(self, pid):
        report = self.open / "report.json"
        done = self.run_as(under_sudo(self.folder), self.programs(), "--no-evidence", "-d", "500ms", "-p", str(pid), "-o", report)
        self.assertEqual(done.status, 0, done)
        self.assertEqual(report.stat().st_uid, NOBODY_UID)
        return json.loads(report.read_text())

    def test_a_process_of_ones_own_and_of_others(self):
        program = shutil.copy(PROGRAM, self.folder)
        for user in ("65534", "1", "0"):
            prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
            with self.subTest(user=user), running([*prefix, program, "spin"], cwd="/") as target:
                report = self.attach(target.pid)
                self.assertEqual(report["target"]["pid"], target.pid)
                self.assertEqual(report["measurement"]["threads"], 4)


if __name__ == "__main__":
    unittest.main()
