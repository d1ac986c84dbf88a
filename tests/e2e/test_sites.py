# SPDX-License-Identifier: BSD-2-Clause
"""Which line waits, on what, held by whom: for every CPython that is installed."""
import pathlib
import subprocess
import sysconfig
import tempfile
import unittest

import sites
import support
from sites import marked, own_frame, time_in

SOURCE = "waits.py"
SHARE = 0.8  # of a wait's time must be at its line: the rest is the start of the thread and the interpreter's lock


def installed():
    """{name: path} of the CPythons here: the system's, and those of a version manager in its usual place."""
    paths = [pathlib.Path(support.PYTHON), *sorted(pathlib.Path.home().glob(".pyenv/versions/3.*/bin/python3"))]
    pythons = {}
    for path in filter(pathlib.Path.exists, paths):
        program = "import sys; print('%s %d %d' % (sys.implementation.name, *sys.version_info[:2]))"
        done = subprocess.run([path, "-c", program], capture_output=True, text=True, timeout=20)
        implementation, *version = (done.stdout or "none 0 0").split()
        if implementation == "cpython" and (int(version[0]), int(version[1])) >= (3, 6):
            label = "system" if str(path) == support.PYTHON else "own"
            pythons[f"{label}_{'_'.join(version)}"] = (path, tuple(map(int, version)))
    return pythons


def python_folder(python, what):
    """Where this interpreter keeps its headers ("include") or the suffix of its extensions ("EXT_SUFFIX")."""
    code = "import sysconfig; print(sysconfig.get_path('include')); print(sysconfig.get_config_var('EXT_SUFFIX'))"
    include, suffix = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return include if what == "include" else suffix


class PythonSites:
    """Tests of one interpreter; `python` and `version` are set by the classes made below."""

    python, version = None, None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-python-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        library = sites.compile_c(cls.folder / "libwaits.so", "waits_library.c", "-shared", "-fPIC")
        include = python_folder(cls.python, "include")
        cls.has_extension = (pathlib.Path(include) / "Python.h").exists()
        if cls.has_extension:
            name = "waits_extension" + python_folder(cls.python, "suffix")
            options = ["-shared", "-fPIC", "-DWITH_PYTHON", f"-I{include}"]
            sites.compile_c(cls.folder / name, "waits_library.c", *options)
        cls.waits = cls.measured("waits", library, cls.folder if cls.has_extension else "")

    @classmethod
    def measured(cls, mode, *arguments):
        return sites.Measured(cls.python, sites.PROGRAMS / SOURCE, mode, *map(str, arguments))

    def assert_waits_at(self, name, function):
        tid = self.waits.said[name]
        at = time_in(self.waits.sites(tid), SOURCE, function, marked(SOURCE, name))
        self.assertGreaterEqual(at, SHARE * self.waits.blocked_ns(tid), self.waits.table(tid))
        self.assertLessEqual(at, 1.05 * self.waits.blocked_ns(tid), self.waits.table(tid))

    def assert_native_frame(self, name):
        """Inside the Python line, the function of the shared object with its own line."""
        tid, line = self.waits.said[name], marked("waits_library.c", "library")
        waits = [s for s in self.waits.sites(tid) if own_frame(s["frames"], "waits_library.c") == ("wait_in_library", line)]
        at = time_in(waits, SOURCE, {"ctypes": "caller", "extension": "user"}[name], marked(SOURCE, name))
        self.assertGreaterEqual(at, SHARE * self.waits.blocked_ns(tid), self.waits.table(tid))

    def test_sleep(self):
        self.assert_waits_at("sleep", "sleeper")

    def test_recv(self):
        self.assert_waits_at("recv", "receiver")

    def test_queue_get(self):
        self.assert_waits_at("get", "getter")

    def test_lock_acquire(self):
        self.assert_waits_at("acquire", "locker")

    def test_library_through_ctypes(self):
        self.assert_waits_at("ctypes", "caller")

    def test_function_of_a_library_is_named(self):
        self.assert_native_frame("ctypes")

    def test_file_is_where_the_source_lies(self):
        files = {f["file"] for s in self.waits.sites() for f in s["frames"] if f["file"] and f["file"].endswith(SOURCE)}
        self.assertEqual(files, {str(sites.PROGRAMS / SOURCE)})

    def test_waker_of_a_hand_off(self):
        """The consumer waits for the producer, which wakes it in the line that puts."""
        run = self.measured("handoff")
        consumer, producer = run.said["consumer"], run.said["producer"]
        rows = [w for w in run.saved["wakers"] if w["waiter_tid"] == consumer and w["cause"] == "handoff"]
        ours = [w for w in rows if w["waker_tid"] == producer]
        self.assertEqual(len(ours), 1, rows)
        (row,) = ours
        self.assertGreaterEqual(row["time_ns"], SHARE * run.blocked_ns(consumer, "handoff"), rows)
        self.assertEqual(own_frame(row["waiter_frames"], SOURCE), ("consume", marked(SOURCE, "consume")), row)
        self.assertEqual(own_frame(row["waker_frames"], SOURCE), ("produce", marked(SOURCE, "put")), row)

    def test_call_that_stalls_an_event_loop(self):
        run = self.measured("asyncio")
        stalls = [s for s in run.sites() if s["in_event_loop"] and s["cause"] == "sleep"]
        name = "stalled_loop.<locals>.stall" if self.version >= (3, 11) else "stall"
        line = marked(SOURCE, "stall")
        (loop,) = [loop for loop in run.saved["loops"] if loop["tid"] == run.said["main"]]
        self.assertGreaterEqual(time_in(stalls, SOURCE, name, line), SHARE * 8 * 120e6, run.table())
        self.assertTrue(all(f["coroutine"] for s in stalls for f in s["frames"] if f["function"] == name), stalls)
        self.assertEqual(loop["kind"], "asyncio")
        self.assertGreaterEqual(loop["stalls"], 7, loop)
        (finding,) = [f for f in run.report["findings"] if f["id"] == "CA3101"]
        top = [own_frame(s["stack"], SOURCE) for s in finding["sites"]]
        self.assertIn((name, line), top)


class ExtensionSites:
    """For interpreters whose headers are there."""

    def test_extension_module(self):
        self.assertTrue(self.has_extension)
        self.assert_waits_at("extension", "user")

    def test_function_of_an_extension_is_named(self):
        self.assert_native_frame("extension")


class HolderSites:
    """For 3.7 and later: 3.6 keeps no word on who holds its lock where it could be found."""

    def test_holder_of_the_interpreter_lock(self):
        """Two threads, one burns: the other waits for the lock, and burn() is who held it, at its lines."""
        run = self.measured("convoy")
        lines = range(marked(SOURCE, "burn first"), marked(SOURCE, "burn last") + 1)
        holders = [s for s in run.saved["holders"] if s["cause"] == "interpreter_lock"]
        shown = [(s["time_ns"], own_frame(s["frames"], SOURCE)) for s in holders]
        self.assertGreaterEqual(time_in(holders, SOURCE, "burn", lines), SHARE * sum(s["time_ns"] for s in holders), shown)
        waited = run.blocked_ns(run.said["victim"], "interpreter_lock")
        self.assertGreater(waited, 0.5 * run.blocked_ns(run.said["victim"]), run.table())
        self.assertGreaterEqual(sum(s["time_ns"] for s in holders), SHARE * waited, shown)
        (finding,) = [f for f in run.report["findings"] if f["id"] == "CA2001"]
        self.assertIn("burn", finding["detail"])
        self.assertTrue(any(f"{SOURCE}:{line}" in finding["detail"] for line in lines), finding["detail"])


class SubinterpreterSites:
    """For 3.12 and later, where an interpreter can have a lock of its own."""

    def test_subinterpreters_are_counted(self):
        run = self.measured("subinterpreters")
        self.assertEqual(run.saved["target"]["runtime"]["interpreters"], 3)
        self.assertEqual(self.waits.saved["target"]["runtime"]["interpreters"], 1)


class RuntimeTest(unittest.TestCase):
    def test_there_is_an_interpreter_to_test(self):
        self.assertTrue(PYTHONS)
        self.assertEqual(sysconfig.get_platform().split("-")[0], "linux")


def classes():
    """One class for each interpreter: a test that can't apply to it is not made, so none is skipped."""
    made = {}
    for name, (path, version) in PYTHONS.items():
        bases = [PythonSites]
        if (pathlib.Path(python_folder(path, "include")) / "Python.h").exists():
            bases.append(ExtensionSites)
        if version >= (3, 7):
            bases.append(HolderSites)
        if version >= (3, 12):
            bases.append(SubinterpreterSites)
        members = {"python": path, "version": version}
        made[f"Python_{name}_Test"] = type(f"Python_{name}_Test", (*bases, unittest.TestCase), members)
    return made


PYTHONS = installed()
globals().update(classes())

if __name__ == "__main__":
    unittest.main()
