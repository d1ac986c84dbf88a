# SPDX-License-Identifier: BSD-2-Clause
"""A program on a terminal of its own, and what its screen shows: the emulator is pyte."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte

import support


class Screen(pyte.Screen):
    """pyte 0.8 keeps the old bottom margin where DECSTBM comes without any; xterm(1) and the standard reset both."""

    def set_margins(self, top=None, bottom=None):
        if not top and bottom is None:
            self.margins = None
            self.cursor_position()
        else:
            super().set_margins(top, bottom)

    def text(self):
        return "\n".join(line.rstrip() for line in self.display).rstrip()


class Terminal:
    """Runs `argv` on a new terminal. `output` is all that came, `screen` what it looks like."""

    def __init__(self, *argv, rows=24, columns=80, folder=None, **environment):
        self.screen, self.output, self.status = Screen(columns, rows), b"", None
        self.stream = pyte.ByteStream(self.screen)
        gate, go = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                os.read(gate, 1)  # until the size is set
                os.chdir(folder or ".")
                argv = [str(word) for word in argv]
                os.execve(argv[0], argv, support.target_environment(**{"TERM": "xterm", "LC_ALL": "C.UTF-8", **environment}))
            os._exit(99)
        self.set_size(rows, columns, screen=False)
        os.write(go, b"x")
        os.close(gate)
        os.close(go)

    def set_size(self, rows, columns, screen=True):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if screen:
            self.screen.resize(rows, columns)

    def read(self, seconds):
        """What comes within that time at most. False: the other end is closed."""
        readable, _, _ = select.select([self.fd], [], [], seconds)
        if not readable:
            return True
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += chunk
        self.stream.feed(chunk)
        return bool(chunk)

    def until(self, *patterns, seconds=support.TIMEOUT_S):
        """Read on until the screen shows all of these at once; the screen's text."""
        deadline = time.monotonic() + seconds
        while not all(re.search(pattern, self.screen.text(), re.MULTILINE) for pattern in patterns):
            if time.monotonic() > deadline or not self.read(0.1):
                raise AssertionError(f"no {patterns} on the screen:\n{self.screen.text()}\nlast bytes: {self.output[-2000:]}")
        return self.screen.text()

    def send(self, data):
        os.write(self.fd, data)

    def finish(self, seconds=support.TIMEOUT_S):
        """Read to the end. The status as subprocess gives it."""
        deadline = time.monotonic() + seconds
        while self.read(0.1):
            if time.monotonic() > deadline:
                raise AssertionError(f"does not end; on the screen:\n{self.screen.text()}")
        _, status = os.waitpid(self.pid, 0)
        self.status, self.pid = os.waitstatus_to_exitcode(status), 0
        return self.status

    def close(self):
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        os.close(self.fd)
