# SPDX-License-Identifier: BSD-2-Clause
"""The target inherits what it would have inherited without us: everything that a program can have from its parent is
listed by a program (programs/inherited.c), started alone and under concadvise by the same parent."""
import os
import pty
import re
import subprocess
import sys
import unittest

import rights
import support

# A parent of odd habits, and what it starts. "rich" can do what only root can.
ODD_PARENT = """
import ctypes, os, resource, signal, sys
rich, program, argv = sys.argv[1] == "rich", sys.argv[2], sys.argv[2:]
libc = ctypes.CDLL(None, use_errno=True)
for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE, signal.SIGUSR2, signal.SIGTTOU, 40):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR1, signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM, 50})
os.umask(0o027)
os.chdir("/usr/share")
os.nice(5)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
libc.syscall(251, 1, 0, 2 << 13 | 6)  # ioprio_set(IOPRIO_WHO_PROCESS, 0, best effort, 6)
libc.prctl(29, 123456, 0, 0, 0)  # PR_SET_TIMERSLACK
libc.prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE
libc.personality(0x0040000)  # ADDR_NO_RANDOMIZE
for limit, value in ((resource.RLIMIT_NOFILE, 77), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_STACK, 4 << 20), (resource.RLIMIT_MEMLOCK, 1 << 16)):
    resource.setrlimit(limit, (value, max(value, resource.getrlimit(limit)[1]) if limit != resource.RLIMIT_NOFILE else 99))
open("/proc/self/oom_score_adj", "w").write("500")
if rich:
    os.setpriority(os.PRIO_PROCESS, 0, -3)
    libc.prctl(28, 1 << 2, 0, 0, 0)  # PR_SET_SECUREBITS: SECBIT_NO_SETUID_FIXUP
    libc.prctl(57, 1, 0, 0, 0)  # PR_SET_IO_FLUSHER
    os.setgroups([10, 20, 30])
file = os.open("/etc/passwd", os.O_RDONLY)
os.lseek(file, 7, 0)
os.dup2(file, 7)
os.dup2(os.open("/dev/null", os.O_WRONLY | os.O_APPEND), 9)
os.environb[b"ODD"] = b"\\xff\\x1b]0;x\\x07\\n="
os.environ.update(LD_LIBRARY_PATH="/nowhere", TMPDIR="/var/tmp", SIGNALS="x" * 5000)
os.execv(program, argv)
"""


def lines_of(output):
    """Sorted lines, but for what names the command itself; process groups and sessions by order of appearance."""
    seen = {}

    def token(match):
        return match[0] if match[0] in ("-1", "0") else seen.setdefault(match[0], f"#{len(seen)}")

    kept = []
    for line in output.decode(errors="backslashreplace").replace("\r\n", "\n").splitlines():
        if line.startswith("process: group"):
            line = re.sub(r"-?\d+", token, line)
        if not re.match(r"environment: (_|SUDO_COMMAND)=", line):
            kept.append(re.sub(r"(pipe|socket):\[\d+\]|/dev/pts/\d+", r"\1", line))
    return kept


class InheritanceTest(rights.RightsCase):
    def setUp(self):
        super().setUp()
        self.maxDiff = 4000
        self.program = self.folder / "inherited"
        source = support.ROOT / "tests/e2e/programs/inherited.c"
        subprocess.run(["cc", "-O1", "-o", self.program, source], check=True)

    def words(self, concadvise):
        return [concadvise, "--no-evidence", "-q", "--"]

    def start(self, argv):
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", env=rights.environment(), timeout=support.TIMEOUT_S
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return lines_of(done.stdout)

    def assert_same(self, before, concadvise, as_target=()):
        """`before`: words that make the parent; `as_target`: those that make the target's user of it."""
        alone = self.start([*before, *as_target, self.program, "a", ""])
        self.assertGreater(len(alone), 80)
        self.assertEqual(self.start([*before, *self.words(concadvise), self.program, "a", ""]), alone)

    def test_of_root(self):
        self.assert_same([], support.CONCADVISE)

    def test_of_an_odd_parent(self):
        """Ignored and blocked signals, limits, priorities, descriptors, umask, personality, ..."""
        self.assert_same([support.PYTHON, "-c", ODD_PARENT, "rich"], support.CONCADVISE)

    def test_with_file_capabilities(self):
        concadvise = self.programs(rights.HELPER_CAPS)
        self.assert_same(rights.AS_NOBODY, concadvise)
        self.assert_same([*rights.AS_NOBODY, support.PYTHON, "-c", ODD_PARENT, "poor"], concadvise)

    def test_loader_variables_with_file_capabilities(self):
        """A program with file capabilities would lose them; the front end has none."""
        library = self.folder / "empty.so"
        subprocess.run(["cc", "-shared", "-o", library, "-x", "c", "/dev/null"], check=True)
        loader = ["/usr/bin/env", f"LD_PRELOAD={library}", "LD_BIND_NOW=1", "MALLOC_ARENA_MAX=1", "GCONV_PATH=/x"]
        self.assert_same([*rights.AS_NOBODY, *loader], self.programs(rights.HELPER_CAPS))

    def test_under_sudo(self):
        become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--init-groups"]
        self.assert_same(rights.under_sudo(self.folder), self.programs(), become)

    def test_without_new_privileges(self):
        self.assert_same(["setpriv", "--no-new-privs"], support.CONCADVISE)

    def test_few_capabilities(self):
        """Those of a container's root; and ambient ones of an ordinary user, which are enough to measure with."""
        few = "-all,+chown,+net_raw,+bpf,+perfmon"
        self.assert_same(["setpriv", f"--bounding-set={few}"], support.CONCADVISE)
        nobody = [*rights.AS_NOBODY[:-1], f"--inh-caps={few}", f"--ambient-caps={few}"]
        self.assert_same(nobody, self.programs())

    def test_on_closed_descriptors(self):
        for closed in ("<&-", "2>&-", "<&- 2>&-"):
            self.assert_same(["/bin/sh", "-c", f'exec "$@" {closed}', "sh"], support.CONCADVISE)

    def test_on_a_terminal(self):
        """Session, controlling terminal and foreground group."""
        outputs = []
        for words in ([], self.words(support.CONCADVISE)):
            argv = ["/bin/sh", "-c", '"$@"; exit $?', "sh", *words, self.program]
            pid, terminal = pty.fork()
            if pid == 0:
                os.execve(argv[0], [os.fspath(word) for word in argv], rights.environment())
            output = b""
            try:
                while piece := os.read(terminal, 65536):
                    output += piece
            except OSError:  # EIO: nobody has the other side open any more
                pass
            os.close(terminal)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, output)
            outputs.append(lines_of(output))
        self.assertIn("foreground", " ".join(outputs[0]))
        self.assertEqual(outputs[1], outputs[0])


if __name__ == "__main__":
    sys.exit(unittest.main())
