# SPDX-License-Identifier: BSD-2-Clause
"""The status line and --live, as a terminal shows them."""
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import unittest

import support
from terminal import Terminal

# Goes on until it gets a line.
THREADS = """
import sys, threading, time

def burn():
    while not over:
        sum(range(1000))

def nap():
    while not over:
        time.sleep(0.4)

over = False
threads = [threading.Thread(target=what) for what in (burn, burn, nap, nap, nap)]
for thread in threads:
    thread.start()
for number in range(3):
    print("line", number, flush=True)
    time.sleep(0.3)
sys.stdin.readline()
over = True
for thread in threads:
    thread.join()
"""
HEADING = r"THREADS  STATE +LAST +TOTAL  WHERE"
HIDES = (b"\x1b[?25l", b"\x1b[?1049", b"\x1b[?47", b"\x1b[2J")


class TerminalCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="concadvise-live-")))
        (cls.folder / "threads.py").write_text(THREADS)

    def terminal(self, *arguments, **how):
        """concadvise on a terminal."""
        terminal = Terminal(support.CONCADVISE, "--no-evidence", *arguments, folder=self.folder, **how)
        self.addCleanup(terminal.close)
        return terminal

    def python(self, script, *options, **how):
        return self.terminal(*options, "--", support.PYTHON, "-c", script, **how)

    def pidfd(self, pid):
        fd = os.pidfd_open(pid)
        self.addCleanup(os.close, fd)
        return fd

    def assert_clean(self, terminal, shown=True):
        """Nothing of the table is left on the screen, and the terminal is as it was."""
        text = terminal.screen.text()
        self.assertNotRegex(text, HEADING)
        self.assertNotIn("cores busy\n", text.split("VERDICT")[0])
        self.assertIsNone(terminal.screen.margins)
        self.assertFalse(terminal.screen.cursor.hidden)
        for sequence in HIDES:
            self.assertNotIn(sequence, terminal.output)
        self.assertEqual(b"\x1b[1;" in terminal.output.replace(b"\x1b[1;32m", b""), shown, "a region was set")


class StatusLineTest(TerminalCase):
    def test_computing_is_no_wait(self):
        """A thread that never waits ends no slice: what it does shows all the same."""
        terminal = self.python("import select\nwhile not select.select([0], [], [], 0)[0]: pass")
        terminal.until(r"^concadvise: [1-9]\.\d+ s \| 1 thread \| on-CPU")
        (line,) = re.findall(r"on-CPU ([\d.]+ \w+) \| blocked ([\d.]+ \w+)", terminal.screen.text())
        on_cpu, blocked = (float(n) * {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit] for n, unit in map(str.split, line))
        self.assertGreater(on_cpu, blocked)
        terminal.send(b"\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal, shown=False)


class LiveTest(TerminalCase):
    def look_at_threads(self, *options):
        terminal = self.terminal("--live", *options, "--", support.PYTHON, "threads.py", rows=30)
        seen = terminal.until("line 2", HEADING, "GIL wait.* burn", "on-CPU.* burn", "sleep.* nap")
        self.assertEqual(len(re.findall(HEADING, seen)), 1)
        self.assertRegex(seen, r"(?m)^concadvise: [\d.]+ \w+ \| 6 threads \| [\d.]+ cores busy$")
        self.assertRegex(seen, r"(?m)^ +\d  sleep +\d+ % +[\d.]+ m?s  nap threads.py:10$")
        self.assertRegex(seen, r"(?m)^ +\d  GIL wait +\d+ % +[\d.]+ m?s  burn threads.py:[56]$")
        self.assertTrue(seen.startswith("line 0\n"), seen)
        shares = [int(share) for share in re.findall(r"(\d+) %", seen)]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertEqual(sum(map(int, re.findall(r"^ +(\d+)  \S", seen, re.MULTILINE))), 6, seen)
        terminal.send(b"\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)
        self.assertIn("line 0\r\nline 1\r\nline 2\r\n", re.sub(r"\x1b7.*?\x1b8|\x1bD|\x1b\[\d*[AJ]", "", terminal.output.decode()))
        self.assertIn(b"VERDICT", terminal.output)

    def test_threads(self):
        self.look_at_threads()

    def test_threads_from_proc(self):
        self.look_at_threads("--probe=procfs")

    def test_native_code(self):
        """Named while it runs, a stack at a time: there is no need to wait for the end."""
        terminal = self.terminal("--live", "--", support.BUILD / "tests" / "e2e" / "watched")
        terminal.until(HEADING, r"mutex .* compute_alone watched\.c:\d+$", r"on-CPU .* compute watched\.c:\d+$")
        terminal.send(b"\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)

    def test_running_process(self):
        process = subprocess.Popen([support.PYTHON, "threads.py"], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(process.stdin.close)
        self.addCleanup(support.stop, process)
        terminal = self.terminal("--live", "-p", process.pid)
        terminal.until(r"sleep +\d+ % .*nap threads.py:10")
        terminal.send(b"\x03")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)
        self.assertIsNone(process.poll())

    def test_every_run_has_its_table(self):
        terminal = self.terminal("--live", "-r", "2", "--light", "--", "/bin/sleep", "1.6")
        for number in (1, 2):
            seen = terminal.until(rf"^concadvise: run {number}/2 \| .* \| 1 thread \| ")
            self.assertRegex(seen, HEADING + r"\n +1  sleep +\d+ % +[\d.]+ m?s(\n|$)")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)

    def test_hostile_names(self):
        script = (
            "import select, time\n"
            "def f():\n    while not select.select([0], [], [], 0)[0]: time.sleep(0.05)\n"
            "f.__code__ = f.__code__.replace(co_name='evil\\x1b]52;c;x\\x07\\r\\n', co_qualname='evil\\x1b]52;c;x\\x07\\r\\n',"
            " co_filename='dir/\\x9b2J\\u202efile.py')\n"
            "f()\n"
        )
        terminal = self.python(script, "--live", columns=120)
        terminal.until(r"sleep .*evil\\x1b\]52;c;x\\x07\\x0d\\x0a \\x9b2J|sleep .*evil\\x1b\]52;c;x\\x07\\x0d\\x0a \\u")
        terminal.send(b"\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)
        for raw in (b"\x1b]", b"\x07", "\u202e".encode(), "\x9b".encode()):
            self.assertNotIn(raw, terminal.output)

    def test_small_terminal(self):
        """Half of the rows are the program's; nothing is wider than the terminal."""
        terminal = self.terminal("--live", "--", support.PYTHON, "threads.py", rows=5, columns=20)
        terminal.until(r"^concadvise: [\d.]+ m?s\.\.\.\n +\d (sleep|GIL wait|on-CPU) +\d+ %$|^concadvise: .*\n +\d [\w ]+%$")
        self.assertEqual(terminal.screen.margins.bottom, 2)
        terminal.send(b"\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)

    def test_too_small_a_terminal(self):
        terminal = self.terminal("--live", "--", "/bin/sleep", "0.7", rows=3)
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal, shown=False)

    def test_resize(self):
        terminal = self.terminal("--live", "--", support.PYTHON, "threads.py", rows=24, columns=80)
        terminal.until(HEADING)
        terminal.set_size(16, 60)
        text = terminal.until("line 2", r"[2-9]\.\d+ s \| 6 threads", HEADING)
        self.assertEqual(len(re.findall(HEADING, text)), 1, text)
        self.assertEqual(len(re.findall("^concadvise:", text, re.MULTILINE)), 1, text)
        self.assertTrue(terminal.screen.display[terminal.screen.margins.bottom + 1].startswith("concadvise:"), text)
        terminal.send(b"\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)

    def test_what_the_program_writes_stays(self):
        """A prompt without a newline, at the bottom of a full screen, in colour: the cursor comes back to where it was."""
        script = (
            "for n in range(40): print('row', n)\n"
            "print('hello', input('\\033[31mName? '))\n"
            "input()\n"
        )
        terminal = self.python(script, "--live")
        seen = terminal.until(HEADING)
        lines = seen.splitlines()
        self.assertIn("Name?", lines)
        at = lines.index("Name?")
        self.assertEqual((terminal.screen.cursor.y, terminal.screen.cursor.x), (at, 6))
        self.assertEqual(lines[at - 1], "row 39")
        self.assertEqual(terminal.screen.cursor.attrs.fg, "red")
        terminal.send(b"Bob\n")
        seen = terminal.until(r"^Name\? Bob\nhello Bob$")
        self.assertRegex(seen, r"row 39\nName\? Bob\nhello Bob")
        terminal.send(b"\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_clean(terminal)

    def test_signals(self):
        """However the program ends, the terminal is as it was, and the report comes."""
        for name, send in (
            ("interrupt", lambda terminal, pid: terminal.send(b"\x03")),
            ("quit", lambda terminal, pid: terminal.send(b"\x1c")),
            ("kill", lambda terminal, pid: signal.pidfd_send_signal(pid, signal.SIGKILL)),
        ):
            with self.subTest(name):
                terminal = self.terminal("--live", "--", "/bin/sh", "-c", "ulimit -c 0; echo pid $$; exec sleep 30")
                pid = int(re.search(r"pid (\d+)", terminal.until(r"(?s)pid \d+.*" + HEADING))[1])
                handle = self.pidfd(pid)
                send(terminal, handle)
                self.assertLess(terminal.finish(), 0)
                self.assert_clean(terminal)
                self.assertIn(b"WHERE THREAD TIME WENT", terminal.output)

    def test_term(self):
        terminal = self.terminal("--live", "--", "/bin/sleep", "30")
        terminal.until(HEADING)
        signal.pidfd_send_signal(self.pidfd(terminal.pid), signal.SIGTERM)
        self.assertEqual(terminal.finish(), -signal.SIGTERM)
        self.assert_clean(terminal)

    def held_by_ctrl_s(self, *options):
        """Ctrl-S holds the terminal, not the measurement: -d still ends the program."""
        terminal = self.terminal(*options, "-d", "3s", "--", "/bin/sh", "-c", "echo pid $$; exec sleep 60")
        pid = int(re.search(r"pid (\d+)", terminal.until(r"(?s)pid \d+.*(THREADS  STATE|1 thread \|)"))[1])
        target = self.pidfd(pid)
        terminal.send(b"\x13")
        readable, _, _ = select.select([target], [], [], 40)
        self.assertTrue(readable, "the program was not ended")
        terminal.send(b"\x11")
        self.assertEqual(terminal.finish(), 0)
        self.assertIn(b"WHERE THREAD TIME WENT", terminal.output)
        return terminal

    def test_ctrl_s(self):
        self.assert_clean(self.held_by_ctrl_s("--live"))

    def test_ctrl_s_with_the_status_line(self):
        self.assert_clean(self.held_by_ctrl_s(), shown=False)

    def test_stopped_and_continued(self):
        """The shell's prompt finds the whole terminal; the table comes back."""
        shell = Terminal("/bin/bash", "--norc", "--noediting", "-i", PS1="ready> ", folder=self.folder)
        self.addCleanup(shell.close)
        shell.until("ready>")
        shell.send(f"{support.CONCADVISE} --no-evidence --live -- cat\n".encode())
        shell.until(HEADING)
        shell.send(b"\x1a")
        seen = shell.until(r"Stopped(.*\n)+ready>")
        self.assertNotRegex(seen, HEADING)
        self.assertIsNone(shell.screen.margins)
        shell.send(b"fg\n")
        shell.until(HEADING)
        shell.send(b"\x04")
        shell.until(r"(?s)Next: .*ready>|WHERE THREAD.*ready>")
        self.assert_clean(shell)
        shell.send(b"exit\n")
        self.assertEqual(shell.finish(), 0)


class OffTest(TerminalCase):
    """Where there is nobody to look, --live changes nothing."""

    def test_off_a_terminal(self):
        script = "import os, time; os.write(1, b'out'); os.write(2, b'err'); time.sleep(0.7)"
        done = support.run("--live", "--no-evidence", "-q", "--", support.PYTHON, "-c", script)
        self.assertEqual((done.status, done.stdout, done.stderr), (0, b"out", b"err"))
        done = support.run("--live", "--no-evidence", "--", support.PYTHON, "-c", script)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertNotIn(b"live", done.stderr)
        done = support.run("--live", "--no-evidence", "-v", "--", support.PYTHON, "-c", script)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertIn(b"concadvise: --live: no table, stderr is no terminal that could show one.\n", done.stderr)

    def test_dumb_terminal(self):
        terminal = self.terminal("--live", "--", "/bin/sleep", "0.7", TERM="dumb")
        self.assertEqual(terminal.finish(), 0)
        self.assertNotIn(b"\x1b", terminal.output)

    def test_quiet(self):
        terminal = self.terminal("--live", "-q", "--", "/bin/sleep", "0.7")
        self.assertEqual(terminal.finish(), 0)
        self.assertEqual(terminal.output, b"")

    def test_no_colours(self):
        terminal = self.terminal("--live", "--color", "never", "--", "/bin/sleep", "1.5")
        self.assertEqual(terminal.finish(), 0)
        self.assertNotRegex(terminal.output, rb"\x1b\[[1-9][0-9;]*m")
        self.assert_clean(terminal)


if __name__ == "__main__":
    sys.exit(unittest.main())
