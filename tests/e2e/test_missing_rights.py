# SPDX-License-Identifier: BSD-2-Clause
"""Where something is missing: it works all the same, or one sentence names the thing, and the target is not started.
`doctor` says the same in the same words."""
import json
import re
import subprocess
import sys
import unittest

import rights
import support

REFUSE = [support.PYTHON, str(support.ROOT / "tests/e2e/programs/refuse.py")]
BPF, PERF_EVENT_OPEN, PROCESS_VM_READV = 321, 298, 310  # system calls of x86-64


class MissingTest(rights.RightsCase):
    """Each with --probe=bpf: without it, what can be measured without privileges is."""

    def assert_refused(self, prefix, concadvise, *words, **popen):
        run = self.run_as(prefix, concadvise, "--no-evidence", "--probe=bpf", "--", "/bin/echo", "started", **popen)
        self.assertEqual((run.status, run.stdout), (125, b""), str(run))
        message = run.stderr.decode()
        for word in words:
            self.assertIn(word, message)
        match = re.fullmatch(r"concadvise: cannot measure: (.*)\. The target was not started\.[^\n]*\n", message)
        self.assertTrue(match, message)
        doctor = self.run_as(prefix, concadvise, "doctor", **popen)
        self.assertEqual(doctor.status, 1, str(doctor))
        self.assertIn(match[1], doctor.stdout.decode())

    def assert_works(self, prefix, concadvise, **popen):
        run = self.run_as(prefix, concadvise, "--no-evidence", "--probe=bpf", "--", "/bin/echo", "started", **popen)
        self.assertEqual((run.status, run.stdout), (0, b"started\n"), str(run))
        return run

    def helper_of(self, concadvise):
        return str(concadvise.parent.parent / "probe" / "concadvise-probe")

    def test_no_rights_at_all(self):
        concadvise = self.programs()
        self.assert_refused(rights.AS_NOBODY, concadvise, "sudo", "setcap cap_bpf,cap_perfmon+ep ")

    def test_half_of_them(self):
        self.assert_refused(rights.AS_NOBODY, self.programs("cap_bpf+ep"), "setcap cap_bpf,cap_perfmon+ep ")

    def test_no_new_privileges(self):
        """File capabilities have no effect then; rights that are there already do."""
        concadvise = self.programs(rights.HELPER_CAPS)
        self.assert_refused([*rights.AS_NOBODY, "--no-new-privs"], concadvise, "no_new_privs", self.helper_of(concadvise))
        self.assert_works(["setpriv", "--no-new-privs"], concadvise)

    def test_bounding_set(self):
        """The kernel does not even execute a file whose capabilities can't be had."""
        self.assert_refused([*rights.AS_NOBODY, "--bounding-set=-all"], self.programs(rights.HELPER_CAPS), "bounding set")

    def test_file_system_without_setuid(self):
        concadvise = self.programs(rights.HELPER_CAPS)
        script = 'mount --bind "$1" "$1" && mount -o remount,bind,nosuid "$1" && shift && exec "$@"'
        private = ["unshare", "-m", "/bin/sh", "-c", script, "sh", self.folder]
        self.assert_refused([*private, *rights.AS_NOBODY], concadvise, "nosuid", self.helper_of(concadvise))
        self.assert_works(private, concadvise)

    def test_root_of_a_container(self):
        concadvise = self.programs()
        without = ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin"]
        self.assert_refused(without, concadvise, "cap_bpf and cap_perfmon", "--cap-add")
        self.assert_works(["setpriv", "--bounding-set=-all,+bpf,+perfmon"], concadvise)

    def test_user_namespace(self):
        """Root there, and nobody outside."""
        self.assert_refused(["unshare", "-U", "-r"], self.programs(), "user namespace")

    def test_no_btf(self):
        hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
        self.assert_refused(["unshare", "-m", "/bin/sh", "-c", hide, "sh"], self.programs(), "BTF", "/sys/kernel/btf/vmlinux")

    def test_filter_of_system_calls(self):
        self.assert_refused([*REFUSE, str(BPF)], self.programs(), "although the capabilities are there")

    def test_another_user(self):
        """Only root can have the target run as somebody else."""
        for user in ("daemon", "root"):
            run = self.run_as(
                rights.AS_NOBODY, self.programs(rights.HELPER_CAPS), "--probe=bpf", "-u", user, "--", "/bin/echo", "started"
            )
            self.assertEqual((run.status, run.stdout), (125, b""), str(run))
            expected = f"concadvise: can't run the target as {user}: Operation not permitted. The target was not started.\n"
            self.assertEqual(run.stderr.decode(), expected)

    def test_no_helper(self):
        concadvise = self.programs()
        (concadvise.parent.parent / "probe" / "concadvise-probe").unlink()
        self.assert_refused([], concadvise, "concadvise-probe was not found")

    def test_helper_that_may_not_be_executed(self):
        concadvise = self.programs()
        (concadvise.parent.parent / "probe" / "concadvise-probe").chmod(0o644)
        self.assert_refused([], concadvise, "concadvise-probe")

    def test_no_performance_events(self):
        self.assertTrue(rights.assert_samples_as_doctor_says(self, [*REFUSE, str(PERF_EVENT_OPEN)], self.programs()))
        self.assertFalse(rights.assert_samples_as_doctor_says(self, [], self.programs()))

    def test_memory_that_may_not_be_read(self):
        """Yama's ptrace_scope of 2 and 3 refuse what this filter refuses. Waits keep their causes, functions lose their
        names, and that is noted."""
        spin = "import threading\ndef spin():\n    for i in range(6_000_000): pass\n"
        spin += "for _ in range(2): threading.Thread(target=spin).start()"
        saved = self.open / "run.json"
        for prefix, refused in (([], False), ([*REFUSE, str(PROCESS_VM_READV)], True)):
            run = self.run_as(
                prefix, self.programs(), "--no-evidence", "--probe=bpf", "--save", saved, "--", support.PYTHON, "-c", spin
            )
            self.assertEqual(run.status, 0, str(run))
            found = json.loads(saved.read_text())
            self.assertEqual(any("ptrace_scope" in note for note in found["notes"]), refused, found["notes"])
            self.assertEqual('"spin"' in saved.read_text(), not refused)
            waits = {site["cause"] for site in found["sites"]}
            self.assertIn("interpreter_lock", waits)
            saved.unlink()


if __name__ == "__main__":
    sys.exit(unittest.main())
