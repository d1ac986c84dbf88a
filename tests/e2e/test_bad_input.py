# SPDX-License-Identifier: BSD-2-Clause
"""Wrong use gets one clear message and the right exit status, and nothing that was there before is lost."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import support


class FolderCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-bad-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_refused(self, done, status, *words):
        """It failed with this status and said all these words, briefly."""
        self.assertEqual(done.status, status, str(done))
        message = done.stderr.decode(errors="replace")
        for word in words:
            self.assertIn(word, message)
        self.assertLess(len(message.splitlines()), 12, message)
        self.assertNotIn("AddressSanitizer", message)


class UsageTest(FolderCase):
    def test_unknown_option(self):
        self.assert_refused(support.run("--no-such-option", "--", "true"), 125, "--no-such-option")

    def test_no_command(self):
        self.assertEqual(support.run("--no-evidence").status, 125)

    def test_bad_values(self):
        for options in (["-f", "yaml"], ["-d", "soon"], ["-d", "0"], ["--cpus", "0"], ["--cpus", "-3"], ["--probe", "magic"]):
            with self.subTest(options=options):
                marker = self.folder / "started"
                done = support.run(*options, "--", "touch", marker)
                self.assert_refused(done, 125, options[1])
                self.assertFalse(marker.exists(), "the target must not start")

    def test_help_and_version(self):
        for option, word in (("-h", b"concadvise"), ("--help", b"concadvise"), ("-V", b"0.1"), ("--version", b"0.1")):
            with self.subTest(option=option):
                done = support.run(option)
                self.assertEqual(done.status, 0, str(done))
                self.assertIn(word, done.stdout)

    def test_later_commands_say_so(self):
        for arguments in (["diff", "a.json", "b.json"], ["export", "a.json"], ["-p", "1"]):
            with self.subTest(arguments=arguments):
                done = support.run(*arguments)
                self.assertIn(done.status, (2, 125), str(done))
                self.assertTrue(done.stderr.strip())

    def test_explain(self):
        done = support.run("explain", "CA2001")
        self.assertEqual(done.status, 0, str(done))
        self.assertIn(b"CA2001", done.stdout)
        self.assert_refused(support.run("explain", "CA0000"), 2, "CA0000")
        self.assertEqual(support.run("explain", "tree").status, 0)

    def test_doctor(self):
        done = support.run("doctor")
        self.assertEqual(done.status, 0, str(done))
        self.assertIn(b"BTF", done.stdout)


class SavedFileTest(FolderCase):
    @classmethod
    def setUpClass(cls):
        cls.keep = tempfile.TemporaryDirectory(prefix="concadvise-saved-")
        cls.good = support.measure([support.BUILD / "tests/e2e/burn", "2", "300"], "--no-evidence", keep=cls.keep.name)

    @classmethod
    def tearDownClass(cls):
        cls.keep.cleanup()

    def report(self, content):
        path = self.folder / "run.json"
        path.write_bytes(content)
        return support.run("report", path)

    def test_missing(self):
        self.assert_refused(support.run("report", self.folder / "nowhere.json"), 2, "nowhere.json")

    def test_not_json(self):
        self.assert_refused(self.report(b"hello"), 2, "run.json")

    def test_empty(self):
        self.assert_refused(self.report(b""), 2, "run.json")

    def test_some_other_json(self):
        self.assert_refused(self.report(b'{"a": [1, 2, 3]}'), 2, "run.json")

    def test_truncated_anywhere(self):
        content = self.good.saved.read_bytes()
        for part in (0.1, 0.35, 0.6, 0.85, 0.99):
            with self.subTest(part=part):
                self.assert_refused(self.report(content[: int(len(content) * part)]), 2, "run.json")

    def test_numbers_that_do_not_add_up(self):
        measurement = json.loads(self.good.saved.read_text())
        key = "on_cpu_ns" if "on_cpu_ns" in measurement else None
        holder = measurement if key else measurement.get("totals", {})
        self.assertIn("on_cpu_ns", holder, "the saved format moved: adapt this test")
        holder["on_cpu_ns"] += 10**9
        self.assert_refused(self.report(json.dumps(measurement).encode()), 2, "run.json")

    def test_later_format_version(self):
        measurement = json.loads(self.good.saved.read_text())
        self.assertEqual(measurement["concadvise_measurement"], 1)
        measurement["concadvise_measurement"] = 999
        self.assert_refused(self.report(json.dumps(measurement).encode()), 2, "999")

    def test_huge_and_hostile_values(self):
        text = self.good.saved.read_text()
        for content in (text.replace("1", "-1", 1), "[" * 100000, '{"concadvise_measurement": 1e400}'):
            self.assertEqual(self.report(content.encode()).status, 2)


class TreeFileTest(FolderCase):
    def advise_with(self, text):
        path = self.folder / "tree.json"
        path.write_text(text)
        marker = self.folder / "started"
        done = support.run("--no-evidence", "--tree", path, "--", "touch", marker)
        self.assertFalse(marker.exists(), "a bad tree is found before the target starts")
        return done

    def test_syntax_error_names_file_and_line(self):
        self.assert_refused(self.advise_with('{\n  "nodes": [\n    oops\n'), 125, "tree.json:3")

    def test_reference_to_nowhere(self):
        builtin = (support.ROOT / "analyzer" / "tree.json").read_text()
        root = json.loads(builtin)["root"]
        done = self.advise_with(builtin.replace(f'"root": "{root}"', '"root": "nowhere-at-all"'))
        self.assert_refused(done, 125, "tree.json:", "nowhere-at-all")

    def test_missing_file(self):
        self.assert_refused(support.run("--tree", self.folder / "none.json", "--", "true"), 125, "none.json")

    def test_copy_of_the_builtin_tree_is_accepted(self):
        tree = support.ROOT / "analyzer" / "tree.json"
        self.assertEqual(support.run("--no-evidence", "--tree", tree, "--", "true").status, 0)


class SaveTest(FolderCase):
    def test_save_into_missing_folder(self):
        done = support.run("--no-evidence", "--save", self.folder / "no" / "run.json", "--", "true")
        self.assertEqual(done.status, 125, str(done))
        self.assertIn(b"run.json", done.stderr)

    def test_full_disk_keeps_what_was_there(self):
        """A save and a report that do not fit: message, status 125, the earlier file intact, no temporary file left."""
        if os.geteuid() != 0:
            self.skipTest("mounting a tiny file system needs root")
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        saved = disk / "run.json"
        saved.write_text("precious\n")
        (disk / "filler").write_bytes(b"x" * 8192)
        done = support.run("--no-evidence", "--save", saved, "--", "/bin/sh", "-c", "for i in 1 2 3 4; do sleep 0.01; done")
        self.assertEqual(done.status, 125, str(done))
        self.assertIn(b"No space left", done.stderr)
        self.assertEqual(saved.read_text(), "precious\n")
        self.assertEqual(sorted(path.name for path in disk.iterdir()), ["filler", "run.json"])


class PrivilegeTest(FolderCase):
    def as_nobody(self, *arguments):
        """Run a world-readable copy of the programs as `nobody`, without any capability."""
        if os.geteuid() != 0:
            self.skipTest("becoming nobody needs root")
        copy = self.folder / "bin"
        shutil.copytree(support.BUILD / "cli", copy / "cli", ignore=shutil.ignore_patterns("*.p", "*.a"))
        shutil.copytree(support.BUILD / "probe", copy / "probe", ignore=shutil.ignore_patterns("*.p", "*.a"))
        self.folder.chmod(0o755)
        helper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
        argv = [*helper, copy / "cli" / "concadvise", *arguments]
        done = subprocess.run(argv, capture_output=True, timeout=60, cwd="/", env=support.target_environment(HOME="/"))
        return support.Run(argv, done.returncode, done.stdout, done.stderr)

    def test_without_privilege_bpf_does_not_start_the_target(self):
        done = self.as_nobody("--probe=bpf", "--no-evidence", "--", "/bin/echo", "started")
        self.assert_refused(done, 125, "sudo", "cap_bpf", "not started")
        self.assertEqual(done.stdout, b"")

    def test_capabilities_on_the_helper_are_enough(self):
        """An ordinary user measures when the helper carries cap_bpf and cap_perfmon; the target inherits neither."""
        if os.geteuid() != 0:
            self.skipTest("giving capabilities needs root")
        copy = self.folder / "capable"
        for part in ("cli", "probe"):
            shutil.copytree(support.BUILD / part, copy / part, ignore=shutil.ignore_patterns("*.p", "*.a"))
        self.folder.chmod(0o755)
        subprocess.run(["setcap", "cap_bpf,cap_perfmon+ep", copy / "probe" / "concadvise-probe"], check=True)
        show = ["/bin/grep", "CapEff", "/proc/self/status"]
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
        argv += [copy / "cli" / "concadvise", "--no-evidence", "--", *show]
        done = subprocess.run(argv, capture_output=True, timeout=60, cwd="/", env=support.target_environment(HOME="/"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, b"CapEff:\t0000000000000000\n")

        self.assert_stacks_of_setuid_programs_are_withheld(copy / "cli" / "concadvise", argv[:5])

    def assert_stacks_of_setuid_programs_are_withheld(self, concadvise, as_nobody):
        """The helper could read them for everybody; whoever may not trace a program must not see its memory either."""
        folder = self.folder / "open"
        folder.mkdir()
        folder.chmod(0o777)
        sleep = shutil.copy("/bin/sleep", folder / "sleep")
        for mode, seen in ((0o755, True), (0o4755, False), (0o711, False)):
            os.chmod(sleep, mode)
            saved = folder / f"run-{mode:o}.json"  # 711: may be executed, but not read
            argv = [*as_nobody, concadvise, "--no-evidence", "-q", "--save", saved, "--", sleep, "0.3"]
            subprocess.run(argv, check=True, timeout=60, cwd="/", env=support.target_environment(HOME="/"))
            run = json.loads(saved.read_text())
            self.assertEqual(any(site["cause"] == "sleep" for site in run["sites"]), seen, run["sites"])
            self.assertEqual(any("setuid" in note for note in run["notes"]), not seen, run["notes"])

    def test_reports_need_no_privilege(self):
        saved = support.measure(["/bin/true"], "--no-evidence", keep=self.folder).saved
        saved.chmod(0o644)
        self.assertEqual(self.as_nobody("report", saved).status, 0)


class RunAsTest(FolderCase):
    def test_under_sudo_the_target_runs_as_the_invoking_user(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        environment = support.target_environment(SUDO_UID="65534", SUDO_GID="65534", SUDO_USER="nobody")
        done = support.run("--no-evidence", "--", "/usr/bin/id", "-u", env=environment, cwd="/")
        self.assertEqual(done.stdout, b"65534\n", str(done))

    def test_user_option(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        done = support.run("--no-evidence", "-u", "nobody", "--", "/usr/bin/id", "-un", cwd="/")
        self.assertEqual(done.stdout, b"nobody\n", str(done))
        self.assert_refused(support.run("-u", "no-such-user", "--", "true"), 125, "no-such-user")


if __name__ == "__main__":
    unittest.main()
