# SPDX-License-Identifier: BSD-2-Clause
"""Who has which rights while a program is measured: through sudo, through file capabilities, as root."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import rights
import support

QUIET = ("--no-evidence", "-q")
IDS = {"Uid": [str(rights.NOBODY)] * 4, "Gid": [str(rights.NOBODY)] * 4}


def owner(path):
    stat = path.stat()
    return stat.st_uid, stat.st_gid


class SudoTest(rights.RightsCase):
    """With the real sudo. The caller is `nobody`, a member of `games`."""

    def setUp(self):
        super().setUp()
        self.sudo = rights.under_sudo(self.folder)
        self.concadvise = self.programs()

    def test_target_runs_as_the_caller(self):
        """User and groups are the caller's; the environment is as sudo left it."""
        show = ["/bin/sh", "-c", "id -u; id -g; id -Gn; env"]
        done = self.run_as(self.sudo, self.concadvise, *QUIET, "--", *show)
        uid, gid, groups, *variables = done.stdout.decode().splitlines()
        self.assertEqual((uid, gid, sorted(groups.split())), ("65534", "65534", ["games", "nogroup"]), str(done))
        bare = subprocess.run([*self.sudo, "/usr/bin/env"], capture_output=True, cwd="/", env=rights.environment())
        dull = ("SUDO_COMMAND=", "_=", "PWD=", "OLDPWD=", "SHLVL=")
        expected = [line for line in bare.stdout.decode().splitlines() if not line.startswith(dull)]
        self.assertEqual(sorted(line for line in variables if not line.startswith(dull)), sorted(expected))

    def test_files_belong_to_the_caller(self):
        report, saved, page = (self.open / name for name in ("report.json", "run.json", "second.json"))
        done = self.run_as(self.sudo, self.concadvise, *QUIET, "-r", "2", "-o", report, "-o", page, "--save", saved, "--", "true")
        self.assertEqual(done.status, 0, str(done))
        for path in (report, saved, page):
            self.assertEqual(owner(path), (rights.NOBODY, rights.NOBODY), path)
        self.assertEqual(len(json.loads(saved.read_text())["repeats"]), 2)

    def test_files_belong_to_the_caller_under_another_user(self):
        """-u: the target is daemon's, or root's; the report is for who asked for it."""
        for user in ("daemon", "root"):
            report, saved = self.open / f"{user}.json", self.open / f"{user}.run"
            done = self.run_as(
                self.sudo, self.concadvise, *QUIET, "-u", user, "-o", report, "--save", saved, "--", "/usr/bin/id", "-un"
            )
            self.assertEqual(done.stdout.decode().strip(), user, str(done))
            self.assertEqual([owner(path)[0] for path in (report, saved)], [rights.NOBODY] * 2)

    def test_no_place_that_the_caller_may_not_write_to(self):
        done = self.run_as(self.sudo, self.concadvise, *QUIET, "-o", "/etc/concadvise-test.json", "--", "/bin/echo", "started")
        self.assertEqual((done.status, done.stdout), (125, b""), str(done))
        self.assertIn(b"Permission denied", done.stderr)

    def test_nothing_stays_root(self):
        """Neither the front end, which reads what the target wrote, nor the helper, once attached. sudo itself does."""
        with self.running(self.sudo, self.concadvise) as process:
            (front_end,) = (
                pid
                for pid in rights.descendants(process.pid)
                if os.readlink(f"/proc/{pid}/exe") == str(self.concadvise) and rights.status(pid)["Uid"][0] != "0"
            )
            ours = rights.descendants(front_end)
            self.assertEqual(len(ours), 3, "front end, helper, target")
            for pid in ours:
                status = rights.status(pid)
                self.assertEqual({key: status[key] for key in IDS}, IDS, status["Name"])
                self.assertEqual([status[key] for key in ("CapPrm", "CapEff", "CapInh", "CapAmb")], [[rights.NO_CAPS]] * 4)

    def test_starter_stays_for_the_runs_to_come(self):
        """Of several runs, one process waits as root for its turn; it holds nothing open but its way to the front end."""
        with self.running(self.sudo, self.concadvise, "-r", "2") as process:
            roots = [
                pid
                for pid in rights.descendants(process.pid)
                if os.readlink(f"/proc/{pid}/exe") == str(self.concadvise) and rights.status(pid)["Uid"][0] == "0"
            ]
            self.assertEqual(len(roots), 1)
            targets = sorted(os.readlink(f"/proc/{roots[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{roots[0]}/fd"))
            self.assertEqual(targets[:2], ["/dev/null"] * 2)
            self.assertEqual([bool(re.match("socket:|pipe:", target)) for target in targets[2:]], [True, True], targets)

    def test_replays_have_no_rights_either(self):
        """The evidence still comes: replays run as the caller."""
        report = self.open / "report.json"
        sleepy = "import time\nfor _ in range(40): time.sleep(0.01); sum(range(10000))"
        command = [support.PYTHON, "-c", sleepy]  # waits take as long on a busy machine
        done = self.run_as(self.sudo, support.CONCADVISE, "-q", "--evidence-time", "4s", "-o", report, "--", *command)
        self.assertEqual(done.status, 0, str(done))
        sources = {model["source"] for model in json.loads(report.read_text())["evidence"]["models"]}
        self.assertIn("replay", sources, str(done))

    def test_unknown_user(self):
        done = self.run_as(self.sudo, self.concadvise, *QUIET, "-u", "no-such-user", "--", "/bin/echo", "started")
        self.assertEqual((done.status, done.stdout), (125, b""))
        self.assertIn(b"no such user: no-such-user. The target was not started.", done.stderr)


class HelperTest(rights.RightsCase):
    """The helper while it reads: /proc/PID/status, its environment and its descriptors."""

    def helper_of(self, process):
        helper = rights.find_helper(process.pid)
        return helper, rights.status(helper)

    def assert_harmless(self, helper, status):
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(status[name], [rights.NO_CAPS], name)
        self.assertEqual(status["NoNewPrivs"], ["1"])
        self.assertEqual((status["Uid"], status["Gid"], status["Groups"]), (IDS["Uid"], IDS["Gid"], []))
        limits = pathlib.Path(f"/proc/{helper}/limits").read_text()
        self.assertRegex(limits, r"Max open files +1 +1 ")
        self.assertRegex(limits, r"Max processes +0 +0 ")
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        self.assertEqual(os.stat(f"/proc/{helper}/maps").st_uid, 0, "dumpable: others of this user could trace it")

    def test_root(self):
        with self.running([], support.CONCADVISE) as process:
            helper, status = self.helper_of(process)
            self.assert_harmless(helper, status)
            self.assertEqual(status["CapBnd"], [rights.NO_CAPS])

    def test_file_capabilities(self):
        with self.running(rights.AS_NOBODY, self.programs(rights.HELPER_CAPS)) as process:
            self.assert_harmless(*self.helper_of(process))

    def test_what_the_caller_prepares_does_not_reach_the_helper(self):
        """No library, no setting, no descriptor. What the target is to inherit it does."""
        library = self.open / "evil.so"
        subprocess.run(["cc", "-shared", "-o", library, "-x", "c", "/dev/null"], check=True)
        read, write = os.pipe()
        environment = rights.environment(LD_PRELOAD=str(library), LD_DEBUG_OUTPUT="/tmp/x", LIBBPF_LOG_LEVEL="debug")
        argv = [*rights.AS_NOBODY, self.programs(rights.HELPER_CAPS), *QUIET, "--", "/bin/sh", "-c", "echo up; read line"]
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", env=environment, pass_fds=[write]
        )
        self.addCleanup(support.stop, process)
        try:
            self.assertEqual(process.stdout.readline(), b"up\n")
            helper = rights.find_helper(process.pid)
            (target,) = rights.children(process.pid)["sh"]
            self.assertNotIn("evil.so", pathlib.Path(f"/proc/{helper}/maps").read_text())
            self.assertIn("evil.so", pathlib.Path(f"/proc/{target}/maps").read_text())
            self.assertEqual(pathlib.Path(f"/proc/{helper}/environ").read_bytes().strip(b"\0"), b"")
            pipe = os.readlink(f"/proc/self/fd/{write}")
            held = [os.readlink(f"/proc/{helper}/fd/{fd}") for fd in os.listdir(f"/proc/{helper}/fd")]
            self.assertNotIn(pipe, held)
            self.assertEqual(os.readlink(f"/proc/{target}/fd/{write}"), pipe)
        finally:
            process.communicate(b"\n", timeout=support.TIMEOUT_S)
            os.close(read)
            os.close(write)

    def test_nothing_is_left_when_the_front_end_is_killed(self):
        with self.running([], support.CONCADVISE) as process:
            helper, _ = self.helper_of(process)
            process.kill()
            self.assertTrue(rights.eventually(lambda: not os.path.exists(f"/proc/{helper}")))


class InstallTest(rights.RightsCase):
    """`meson install` gives no rights and says which command does; what it installs finds its parts."""

    def test_installed_programs(self):
        root = self.folder / "root"
        environment = rights.environment(DESTDIR=str(root))
        done = subprocess.run(
            ["meson", "install", "-C", support.BUILD, "--no-rebuild"], capture_output=True, text=True, env=environment, timeout=120
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (helper,) = root.rglob("concadvise-probe")
        (concadvise,) = root.rglob("bin/concadvise")
        listed = subprocess.run(["getcap", helper], capture_output=True, text=True, check=True)
        self.assertEqual(listed.stdout, "", "installed with capabilities")
        self.assertEqual(helper.stat().st_mode & 0o7777, 0o755)
        command = re.search(r"^ *(?:sudo )?(setcap cap_bpf,cap_perfmon\+ep (\S+))$", done.stdout, re.MULTILINE)
        self.assertTrue(command, done.stdout)

        refused = self.run_as(rights.AS_NOBODY, concadvise, "--no-evidence", "--probe=bpf", "--", "/bin/echo", "started")
        self.assertEqual((refused.status, refused.stdout), (125, b""), str(refused))
        subprocess.run(["setcap", "cap_bpf,cap_perfmon+ep", helper], check=True)
        self.assertEqual(str(helper), command[2])
        done = self.run_as(rights.AS_NOBODY, concadvise, "--no-evidence", "--probe=bpf", "--", "/bin/echo", "started")
        self.assertEqual((done.status, done.stdout), (0, b"started\n"), str(done))

        example, report = support.ROOT / "examples/python/gil_threads.py", self.folder / "report.json"
        environment = rights.environment()
        command = [concadvise, "-o", report, "--", "python3", example]
        done = subprocess.run(command, check=True, env=environment, timeout=120, capture_output=True, text=True)
        runs = json.loads(report.read_text())["evidence"]["runs"]
        if "is too little time" not in done.stderr:  # so says a replayer that was found on a crowded machine
            self.assertGreater(runs, 0, done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
