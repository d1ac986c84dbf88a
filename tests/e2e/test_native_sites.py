# SPDX-License-Identifier: BSD-2-Clause
"""Which line of a native program waits or computes, however it was built; and who holds, wakes and ends the waits."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import sites
import support
from sites import marked, own_frame, time_in

SOURCE = "waits.c"
SHARE = 0.8  # of what a thread waited for must be at the one line where it waits

# Where each mode waits: function, mark, cause.
WAITS = {
    "sleep": ("pause_ns", "sleep", "sleep"),
    "mutex": ("want_the_lock", "lock", "lock"),
    "cond": ("wait_for_item", "cond", "handoff"),
    "read": ("read_byte", "read", "ipc"),
    "join": ("join_thread", "join", "join"),
    "waitpid": ("wait_for_child", "waitpid", "join"),
}


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-native-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def assert_at(self, run, function, mark, cause, tid=None):
        """The thread's waits on that cause are at the marked line."""
        tid = tid or run.said["main"]
        waited = run.blocked_ns(tid, cause)
        waits = [s for s in run.sites(tid) if s["cause"] == cause]
        self.assertGreater(waited, 0.5 * run.blocked_ns(tid), run.table(tid))
        at = time_in(waits, SOURCE, function, marked(SOURCE, mark))
        self.assertGreaterEqual(at, SHARE * waited, run.table(tid))
        self.assertLessEqual(at, 1.05 * waited, run.table(tid))


class BuildsCase(Folder):
    """What every way of building must give; `options` and prepare() make the difference."""

    options = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = cls.folder / "waits"
        sites.compile_c(cls.program, SOURCE, *cls.options)
        cls.prepare()

    @classmethod
    def prepare(cls):
        pass

    def waits(self, mode):
        run = sites.Measured(self.program, mode)
        self.assert_at(run, *WAITS[mode])
        return run

    def computes(self):
        run = sites.Measured(self.program, "burn")
        on_cpu = run.sites(on_cpu=True)
        total = sum(s["time_ns"] for s in on_cpu)
        inside = sum(s["time_ns"] for s in on_cpu if any(f["function"] == "burn_cpu" for f in s["frames"]))
        self.assertGreater(total, 0.5 * run.saved["on_cpu_ns"])
        self.assertGreaterEqual(inside, SHARE * total, run.table())


class AllWaits:
    def test_sleep(self):
        self.waits("sleep")

    def test_mutex(self):
        """Also who holds it and who wakes."""
        run = self.waits("mutex")
        waiter, owner = run.said["main"], run.said["helper"]
        holders = [s for s in run.saved["holders"] if s["cause"] == "lock"]
        held = sum(s["time_ns"] for s in holders if s["tid"] == owner)
        self.assertGreaterEqual(held, SHARE * run.blocked_ns(waiter, "lock"), holders)
        self.assert_woken(run, "lock", ("want_the_lock", "lock"), ("hold_the_lock", "unlock"))

    def test_condition(self):
        run = self.waits("cond")
        self.assert_woken(run, "handoff", ("wait_for_item", "cond"), ("make_item", "signal"))

    def test_pipe(self):
        run = self.waits("read")
        self.assert_woken(run, "ipc", ("read_byte", "read"), ("help", "write"))

    def test_join(self):
        self.waits("join")

    def test_child(self):
        self.waits("waitpid")

    def test_computing(self):
        self.computes()

    def assert_woken(self, run, cause, waiter, waker):
        """One pair of threads has most of the time, with the marked lines of both."""
        rows = [w for w in run.saved["wakers"] if w["waiter_tid"] == run.said["main"] and w["cause"] == cause]
        ours = [w for w in rows if w["waker_tid"] == run.said["helper"]]
        self.assertEqual(len(ours), 1, rows)
        (row,) = ours
        self.assertGreaterEqual(row["time_ns"], SHARE * run.blocked_ns(run.said["main"], cause), rows)
        self.assertEqual(own_frame(row["waiter_frames"], SOURCE), (waiter[0], marked(SOURCE, waiter[1])), row)
        self.assertEqual(own_frame(row["waker_frames"], SOURCE), (waker[0], marked(SOURCE, waker[1])), row)


class FramePointersTest(AllWaits, BuildsCase):
    options = ("-fno-omit-frame-pointer",)


class NoFramePointersTest(AllWaits, BuildsCase):
    options = ("-fomit-frame-pointer",)


class FewWaits:
    def test_sleep(self):
        self.waits("sleep")

    def test_condition(self):
        self.waits("cond")

    def test_computing(self):
        self.computes()


class DebugFileBesideTest(FewWaits, BuildsCase):
    """Stripped; its debug information in a file of its own beside it (.gnu_debuglink)."""

    options = ("-fomit-frame-pointer", "-Wl,--build-id=none")

    @classmethod
    def prepare(cls):
        separate(cls.program, cls.program.with_suffix(".debug"))


class DebugFileByBuildId(FewWaits):
    """Stripped; its debug information under /usr/lib/debug/.build-id, where root can put it."""

    options = ("-fno-omit-frame-pointer", "-Wl,--build-id=sha1")

    @classmethod
    def prepare(cls):
        notes = subprocess.run(["readelf", "-n", cls.program], capture_output=True, text=True, check=True).stdout
        build_id = notes.split("Build ID: ")[1].split()[0]
        place = pathlib.Path("/usr/lib/debug/.build-id") / build_id[:2] / (build_id[2:] + ".debug")
        place.parent.mkdir(parents=True, exist_ok=True)
        cls.addClassCleanup(place.unlink)
        separate(cls.program, place, link=False)


if os.geteuid() == 0:
    DebugFileByBuildIdTest = type("DebugFileByBuildIdTest", (DebugFileByBuildId, BuildsCase), {})


class StaticTest(FewWaits, BuildsCase):
    options = ("-static",)


class NoPieTest(FewWaits, BuildsCase):
    options = ("-no-pie", "-fno-pie")


class PieTest(FewWaits, BuildsCase):
    options = ("-pie", "-fPIE")


class NoDebugInformationTest(BuildsCase):
    """Without debug information there are functions still, from the symbol table."""

    options = ("-g0",)

    def test_functions(self):
        run = sites.Measured(self.program, "sleep")
        named = [s for s in run.sites() if any(f["function"] == "pause_ns" for f in s["frames"])]
        self.assertGreaterEqual(sum(s["time_ns"] for s in named), SHARE * run.blocked_ns(run.said["main"]), run.table())


class OddLivesTest(BuildsCase):
    """Programs that are hard to look at."""

    def test_a_brief_one_is_named(self):
        for milliseconds in (2, 6):
            run = sites.Measured(self.program, "brief", milliseconds * 1000)
            self.assert_at(run, *WAITS["sleep"])

    def test_one_that_is_gone_when_it_is_looked_at(self):
        """It removes its own file first."""
        copy = self.folder / "fleeting"
        shutil.copy(self.program, copy)
        run = sites.Measured(copy, "unlink")
        self.assertFalse(copy.exists())
        self.assert_at(run, *WAITS["sleep"])
        inside = [s for s in run.sites(on_cpu=True) if any(f["function"] == "burn_cpu" for f in s["frames"])]
        self.assertGreaterEqual(sum(s["time_ns"] for s in inside), SHARE * run.saved["on_cpu_ns"], run.table())

    def test_shares_are_not_biased(self):
        """A short wait and one three times as long, in turn: each has its share, also where few stacks are taken."""
        for pairs, microseconds in ((500, 1000), (6000, 100)):
            run = sites.Measured(self.program, "alternate", pairs, microseconds)
            tid = run.said["main"]
            waits = [s for s in run.sites(tid) if s["cause"] == "sleep"]
            at = {mark: time_in(waits, SOURCE, mark + "_wait", marked(SOURCE, mark)) for mark in ("short", "long")}
            self.assertGreaterEqual(sum(at.values()), 0.95 * run.blocked_ns(tid, "sleep"), run.table(tid))
            said = run.said["short"] / (run.said["short"] + run.said["long"])
            # Four standard deviations with some 400 stacks of each; every stack weighing the same would give 1/2.
            self.assertAlmostEqual(at["short"] / sum(at.values()), said, delta=0.055, msg=run.table(tid))
            counts = [sum(s["count"] for s in waits if own_frame(s["frames"], SOURCE) == (mark + "_wait", marked(SOURCE, mark)))
                      for mark in ("short", "long")]
            self.assertAlmostEqual(counts[0] / sum(counts), 0.5, delta=0.08, msg=run.table(tid))
            self.assertAlmostEqual(sum(counts) / (2 * pairs), 1, delta=0.2, msg=run.table(tid))


class CppTest(Folder):
    def test_names_are_demangled(self):
        program = sites.compile_c(self.folder / "kitchen", "waits.cpp")
        run = sites.Measured(program)
        line = marked("waits.cpp", "bake")
        waits = [s for s in run.sites() if s["cause"] == "sleep"]
        (name,) = {frame[0] for frame in (own_frame(s["frames"], "waits.cpp") for s in waits) if frame and frame[1] == line}
        self.assertRegex(name, r"kitchen::oven::bake<.*milli.*>|kitchen::oven::bake<.*duration<.*25>")
        self.assertNotIn("_ZN", run.table())
        at = time_in(waits, "waits.cpp", name, line)
        self.assertGreaterEqual(at, SHARE * sum(run.blocked_ns(t["tid"], "sleep") for t in run.saved["threads"]), run.table())
        kneads = [s for s in run.sites(on_cpu=True) if any("kitchen::oven::Dough::knead" in f["function"] for f in s["frames"])]
        self.assertGreaterEqual(sum(s["time_ns"] for s in kneads), SHARE * run.saved["on_cpu_ns"], run.table())


def separate(program, place, link=True):
    """Move a program's debug information to `place`; with a link to it if it is to be found beside the program."""
    subprocess.run(["objcopy", "--only-keep-debug", program, place], check=True)
    subprocess.run(["strip", "--strip-all", program], check=True)
    if link:
        subprocess.run(["objcopy", f"--add-gnu-debuglink={place}", program], check=True)


if __name__ == "__main__":
    unittest.main()
