# SPDX-License-Identifier: BSD-2-Clause
"""A measured program behaves as if nobody watched: output, input, exit status, signals, environment."""
import json
import os
import pty
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import support

QUIET = ("--no-evidence",)


def sh(script, *options, **kwargs):
    """Measure a shell script."""
    return support.run(*QUIET, *options, "--", "/bin/sh", "-c", script, **kwargs)


class OutputTest(unittest.TestCase):
    def test_stdout_is_byte_identical(self):
        script = "import os; os.write(1, bytes(range(256)) * 4096)"
        done = support.run(*QUIET, "--", support.PYTHON, "-c", script)
        self.assertEqual(done.status, 0, str(done))
        self.assertEqual(done.stdout, bytes(range(256)) * 4096)

    def test_report_goes_to_stderr(self):
        done = sh("echo out; echo err >&2")
        self.assertEqual(done.stdout, b"out\n")
        self.assertIn(b"err\n", done.stderr)
        self.assertIn(b"concadvise", done.stderr)
        self.assertNotIn(b"\x1b", done.stderr, "no colours or progress off a terminal")

    def test_json_on_stdout_moves_the_target_to_stderr(self):
        done = sh("echo from the target", "-f", "json")
        self.assertEqual(json.loads(done.stdout)["schema_version"], 1)
        self.assertIn(b"from the target\n", done.stderr)

    def test_json_to_file_leaves_stdout_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report.json"
            done = sh("echo from the target", "-o", path)
            self.assertEqual(done.stdout, b"from the target\n")
            self.assertEqual(json.loads(path.read_text())["target"]["argv"][0], "/bin/sh")

    def test_stdin_reaches_the_target(self):
        argv = [support.CONCADVISE, *QUIET, "--", "/bin/cat"]
        done = subprocess.run(argv, input=b"a\0b\n" * 1000, capture_output=True, timeout=support.TIMEOUT_S)
        self.assertEqual((done.returncode, done.stdout), (0, b"a\0b\n" * 1000))

    def test_closed_stdout(self):
        """The target sees a closed stdout as it would alone; the report still comes."""
        argv = [support.CONCADVISE, *QUIET, "--", "/bin/sh", "-c", "exit 3"]
        done = subprocess.run(["/bin/sh", "-c", 'exec "$@" >&-', "sh", *argv], stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"concadvise", done.stderr)

    def test_json_to_a_closed_stdout_is_an_error(self):
        argv = [support.CONCADVISE, *QUIET, "-f", "json", "--", "/bin/true"]
        done = subprocess.run(["/bin/sh", "-c", 'exec "$@" >&-', "sh", *argv], stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 125, done.stderr)

    def test_no_descriptor_leaks_into_the_target(self):
        listing = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')))"
        alone = subprocess.run([support.PYTHON, "-c", listing], stdin=subprocess.DEVNULL, capture_output=True).stdout
        done = support.run(*QUIET, "--", support.PYTHON, "-c", listing)
        self.assertEqual(done.stdout, alone)

    def test_environment_and_signal_setup_are_untouched(self):
        """Environment, working directory, ignored and blocked signals are those the target would have had."""
        show = (
            "import os, re; print(sorted(os.environ.items()), os.getcwd(), os.getpgrp() == os.getpgid(os.getppid()));"
            "print(re.findall('Sig(?:Blk|Ign|Cgt).*', open('/proc/self/status').read()))"
        )
        environment = support.target_environment(LD_LIBRARY_PATH="/nowhere", TMPDIR="/tmp", ODD="a\nb")
        alone = subprocess.run([support.PYTHON, "-c", show], capture_output=True, env=environment, cwd="/usr")
        done = support.run(*QUIET, "--", support.PYTHON, "-c", show, env=environment, cwd="/usr")
        self.assertEqual(done.stdout, alone.stdout)


class StatusTest(unittest.TestCase):
    def test_command_not_found(self):
        done = support.run(*QUIET, "--", "no-such-command-here")
        self.assertEqual(done.status, 127, str(done))
        self.assertIn(b"no-such-command-here", done.stderr)
        self.assertEqual(done.stdout, b"")

    def test_not_executable(self):
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            done = support.run(*QUIET, "--", file.name)
            self.assertEqual(done.status, 126, str(done))
            self.assertIn(file.name.encode(), done.stderr)

    def test_folder_is_not_executable(self):
        self.assertEqual(support.run(*QUIET, "--", "/usr").status, 126)

    def test_script_without_interpreter(self):
        """As a shell would say it: the interpreter in the #! line is missing."""
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "script"
            script.write_text("#!/no/such/interpreter\n")
            script.chmod(0o755)
            self.assertIn(support.run(*QUIET, "--", script).status, (126, 127))

    def test_command_is_found_in_path(self):
        self.assertEqual(support.run(*QUIET, "--", "sh", "-c", "exit 9").status, 9)

    def test_options_end_at_the_command(self):
        done = support.run(*QUIET, "sh", "-c", "exit 8")
        self.assertEqual(done.status, 8, str(done))


def read_terminal(terminal, until=None):
    """What a program writes on a terminal, up to a word or to its end."""
    output = b""
    while until is None or until not in output:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: nobody has the other side open any more
            break
        if not piece:
            break
        output += piece
    return output


class SignalTest(unittest.TestCase):
    """Ctrl-C and TERM reach the target once; the report still comes."""

    def start(self, script):
        argv = [support.CONCADVISE, *QUIET, "--", support.PYTHON, "-u", "-c", script]
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self.addCleanup(support.stop, process)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def test_interrupt_from_the_terminal(self):
        """A terminal sends SIGINT to the whole group: the target handles it once and ends in its own way."""
        script = (
            "import signal, sys, time\n"
            "count = []\n"
            "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
            "print('ready')\n"
            "until = time.monotonic() + 1.0\n"
            "while time.monotonic() < until: time.sleep(0.05)\n"
            "sys.exit(10 + len(count))\n"
        )
        argv = [os.fspath(word) for word in (support.CONCADVISE, *QUIET, "--", support.PYTHON, "-u", "-c", script)]
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(argv[0], argv)
        self.addCleanup(os.close, terminal)
        output = read_terminal(terminal, until=b"ready")
        os.write(terminal, b"\x03")
        output += read_terminal(terminal)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 11, output)
        self.assertIn(b"concadvise", output)

    def test_term_to_concadvise_reaches_the_target(self):
        process = self.start("import time; print('ready'); time.sleep(30)")
        start = time.monotonic()
        process.terminate()
        _, stderr = process.communicate(timeout=30)
        self.assertEqual(process.returncode, -signal.SIGTERM, stderr)
        self.assertLess(time.monotonic() - start, 10)
        self.assertIn(b"concadvise", stderr)

    def test_duration_ends_a_server(self):
        """-d stops a program that would not stop by itself, and reports on what was seen."""
        start = time.monotonic()
        done = support.run(*QUIET, "-d", "500ms", "-f", "json", "--", "/bin/sleep", "30")
        self.assertLess(time.monotonic() - start, 10)
        wall_ns = json.loads(done.stdout)["measurement"]["wall_ns"]
        self.assertGreater(wall_ns, 400e6)
        self.assertLess(wall_ns, 5e9)


if __name__ == "__main__":
    sys.exit(unittest.main())
