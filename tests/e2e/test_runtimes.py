# SPDX-License-Identifier: BSD-2-Clause
"""Programs of every runtime, measured for real: what their threads wait for, and what stalls their event loops."""
import contextlib
import glob
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import support

ASYNCIO = """
import asyncio, sys, time
async def ticker():
    for _ in range(100):
        await asyncio.sleep(0.01)
async def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
async def main():
    tick = asyncio.create_task(ticker())
    for _ in range(3):
        await asyncio.sleep(0.05)
        time.sleep(0.25)
        await asyncio.sleep(0.05)
        await compute(0.3)
    await tick
if "uvloop" in sys.argv:
    import uvloop
    uvloop.install()
asyncio.run(main())
"""

EXECUTOR = """
import asyncio, time
async def main():
    await asyncio.gather(*[asyncio.to_thread(time.sleep, 0.2) for _ in range(6)])
    await asyncio.sleep(0.5)
asyncio.run(main())
"""

POOL = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
thread = threading.Thread(target=time.sleep, args=(0.1,)); thread.start(); thread.join()
time.sleep(0.3)
thread = threading.Thread(target=time.sleep, args=(1,)); thread.start(); thread.join()
with ThreadPoolExecutor(3) as pool:
    list(pool.map(time.sleep, [0.1] * 6))
    time.sleep(1)
"""

NODE_STALLS = """
const { execSync } = require('child_process'), crypto = require('crypto');
const sleep = ms => new Promise(done => setTimeout(done, ms));
setInterval(() => {}, 10);
(async () => {
  for (let i = 0; i < 3; i++) {
    await sleep(100); execSync('sleep 0.3'); await sleep(100);
    const end = process.cpuUsage().user + 400000; let x = 0;
    while (process.cpuUsage().user < end) for (let k = 0; k < 1e6; k++) x += Math.sqrt(k);
  }
  await Promise.all([...Array(16)].map(() => new Promise(done => crypto.pbkdf2('a', 'b', 100000, 64, 'sha512', done))));
  process.exit(0);
})();
"""

NODE_SERVER = """
const http = require('http'), agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
http.createServer((request, response) => response.end('x'.repeat(1000))).listen(0, async function () {
  const get = () => new Promise(done => http.get({ port: this.address().port, host: '127.0.0.1', agent }, r => {
    r.resume(); r.on('end', done); }));
  const end = Date.now() + 2000;
  await Promise.all([...Array(20)].map(async () => { while (Date.now() < end) await get(); }));
  process.exit(0);
});
"""

RUBY = """
queue = Queue.new
popper = Thread.new { while queue.pop != :end; end }
sleeper = Thread.new { 5.times { sleep 0.2 } }
spinners = 2.times.map { Thread.new { 8_000_000.times { |i| i * i } } }
sleep 1
queue << :end
[popper, sleeper, *spinners].each(&:join)
"""

PYPY = """
import threading, time
lock = threading.Lock()
def burn(until, total=0):
    while time.time() < until:
        for step in range(10000): total = (total * 31 + step) & 0xFFFF
def wait_for_lock():
    with lock: pass
lock.acquire()
until = time.time() + 0.8
threads = [threading.Thread(target=burn, args=(until,)) for _ in range(3)] + [threading.Thread(target=wait_for_lock)]
for thread in threads: thread.start()
for thread in threads[:3]: thread.join()
time.sleep(0.2)
lock.release()
"""

GO = """
package main
import ("sync"; "time")
func main() {
    var group sync.WaitGroup
    var mutex sync.Mutex
    total := 0
    for i := 0; i < 4; i++ {
        group.Add(1)
        go func() {
            defer group.Done()
            for k := 0; k < 300; k++ {
                s := 0
                for j := 0; j < 200000; j++ { s += j * k }
                mutex.Lock(); total += s; mutex.Unlock()
            }
        }()
    }
    group.Wait()
    for i := 0; i < 50; i++ {
        group.Add(1)
        go func() { defer group.Done(); time.Sleep(500 * time.Millisecond) }()
    }
    group.Wait()
    println(total)
}
"""

JAVA = """
import java.util.concurrent.*;
public class Pool {
    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        for (int i = 0; i < 20; i++) pool.submit(() -> { Thread.sleep(100); return 0; });
        Thread.sleep(1500);
        pool.shutdown();
    }
}
"""

NEWS = """
import asyncio, sys
async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    for i in range(24):
        if i == 0 or sys.argv[2] == "ask":
            writer.write(b"more\\n")
        await reader.readline()
asyncio.run(main())
"""


class Feed:
    """A peer outside the target: answers each line after 60 ms; to one that says nothing more it sends on."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        with contextlib.suppress(OSError):
            connection, _ = self.socket.accept()
            with connection:
                while True:
                    connection.settimeout(0.06)
                    with contextlib.suppress(socket.timeout):
                        if not connection.recv(100):
                            break
                        time.sleep(0.06)
                    connection.sendall(b"news\n")

    def __exit__(self, *_):
        self.socket.close()
        self.thread.join()


class RuntimesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-runtime-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def measured(self, *command, wanted=()):
        """The saved measurement; self.report is the report."""
        done = support.measure(command, "--no-evidence", keep=self.folder)
        self.assertEqual(done.status, 0, str(done))
        support.on_cpu_and_waits_add_up(self, done.report)
        self.report, self.log = done.report, str(done)
        return json.loads(done.saved.read_text())

    def script(self, text, name="program"):
        path = self.folder / name
        path.write_text(text)
        return path

    def command(self, name):
        path = shutil.which(name)
        if not path:
            self.skipTest(f"{name} is not installed")
        return path

    def loop(self, m, kind):
        loops = [loop for loop in m["loops"] if loop["kind"] == kind]
        self.assertEqual(len(loops), 1, m["loops"])
        return loops[0]

    def test_blocking_and_computing_steps_stall_an_asyncio_loop(self):
        loop = self.loop(self.measured(support.PYTHON, self.script(ASYNCIO)), "asyncio")
        self.assertGreaterEqual(loop["stalls"], 6, loop)
        self.assertGreater(loop["stall_ns"], 0.75e9 + loop["busy_cpu_ns"] * 0.6, loop)
        self.assertGreater(loop["blocked_in_turn_ns"], 0.75e9, loop)
        self.assertIn("CA3101", support.findings(self.report), self.log)

    def test_uvloop_is_followed_like_asyncio(self):
        if subprocess.run([support.PYTHON, "-c", "import uvloop"], capture_output=True).returncode:
            self.skipTest("uvloop is not installed")
        loop = self.loop(self.measured(support.PYTHON, self.script(ASYNCIO), "uvloop"), "uvloop")
        self.assertGreaterEqual(loop["stalls"], 6, loop)
        self.assertGreater(loop["blocked_in_turn_ns"], 0.75e9, loop)
        self.assertGreater(loop["busy_cpu_ns"], 0, loop)

    def test_executor_workers_do_not_stall_their_loop(self):
        m = self.measured(support.PYTHON, self.script(EXECUTOR))
        loop = self.loop(m, "asyncio")
        self.assertEqual(loop["stalls"], 0, loop)
        self.assertEqual([], [f for f in support.findings(self.report) if f[:4] in ("CA31", "CA21")], self.log)

    def test_joins_and_idle_workers_of_every_cpython_are_no_handoffs(self):
        pythons = [support.PYTHON, *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))]
        for python in pythons:
            with self.subTest(python=python):
                m = self.measured(python, self.script(POOL))
                self.assertGreater(m["blocked_ns"]["join"], 0.95e9, m["blocked_ns"])
                self.assertGreater(m["blocked_ns"]["idle"], 2.9e9, m["blocked_ns"])
                self.assertNotIn("CA2101", support.findings(self.report), self.log)

    def test_node_s_stalls_are_those_of_its_callbacks(self):
        loop = self.loop(self.measured(self.command("node"), self.script(NODE_STALLS, "stalls.js")), "libuv")
        self.assertGreaterEqual(loop["stalls"], 3, loop)
        self.assertGreater(loop["blocked_in_turn_ns"], 0.9e9, loop)
        self.assertEqual(loop["pool_threads"], 4, loop)
        self.assertGreater(loop["pool_full_ns"], 0, loop)

    def test_a_busy_node_server_is_not_stalled(self):
        loop = self.loop(self.measured(self.command("node"), self.script(NODE_SERVER, "server.js")), "libuv")
        self.assertEqual(loop["blocked_in_turn_ns"], 0, loop)
        self.assertLess(loop["stall_ns"], loop["busy_cpu_ns"] / 2, loop)
        self.assertNotIn("CA3102", support.findings(self.report), self.log)

    def test_waits_of_ruby_threads_are_told_apart(self):
        m = self.measured(self.command("ruby"), self.script(RUBY, "threads.rb"))
        if m["target"]["runtime"]["interpreter_lock"] == "unknown":
            return  # a version that nobody has tried yet
        blocked = m["blocked_ns"]
        self.assertGreater(blocked["interpreter_lock"], 0, blocked)
        self.assertGreater(blocked["sleep"], 1.9e9, blocked)
        self.assertGreater(blocked["handoff"], 0.4e9, blocked)
        self.assertEqual(m["lock_held_samples"], 0)
        self.assertEqual(m["cpu_samples"], 0)  # nobody knows of these whether they held the lock

    def test_pypy_s_lock_is_no_mutex_of_the_program(self):
        m = self.measured(self.command("pypy3"), self.script(PYPY))
        self.assertEqual(m["target"]["runtime"]["kind"], "pypy")
        self.assertEqual(m["target"]["runtime"]["interpreter_lock"], "present")
        # Three compute for 0.8 s under one lock; the fourth waits for a lock of the program's own, as does the main thread
        # (for their ends). A thread that did nothing else in its life counts as idle.
        self.assertGreater(m["blocked_ns"]["interpreter_lock"], 0.4e9, m["blocked_ns"])
        self.assertGreater(m["blocked_ns"]["handoff"] + m["blocked_ns"].get("idle", 0), 1.6e9, m["blocked_ns"])
        self.assertLess(m["blocked_ns"].get("lock", 0), m["blocked_ns"]["interpreter_lock"] / 10, m["blocked_ns"])
        self.assertIn("CA2001", support.findings(self.report), self.log)
        self.assertNotIn("CA2101", support.findings(self.report), self.log)

    def test_idle_threads_of_go_wait_for_no_lock(self):
        program = self.folder / "program"
        source = self.script(GO, "main.go")
        environment = dict(os.environ, GO111MODULE="off", GOCACHE=str(self.folder / "cache"))
        subprocess.run([self.command("go"), "build", "-o", program, source], check=True, env=environment)
        m = self.measured(program)
        self.assertEqual(m["target"]["runtime"]["kind"], "go")
        for cause in ("lock", "handoff", "sleep", "network"):
            self.assertNotIn(cause, m["blocked_ns"])
        self.assertTrue(any("goroutine" in note for note in m["notes"]), m["notes"])
        self.assertEqual(m["loops"], [])

    def test_sleeping_and_parked_threads_of_java_wait_for_no_lock(self):
        m = self.measured(self.command("java"), self.script(JAVA, "Pool.java"))
        self.assertEqual(m["target"]["runtime"]["kind"], "jvm")
        self.assertGreater(m["blocked_ns"]["sleep"], 3.4e9, m["blocked_ns"])
        self.assertLess(m["blocked_ns"]["lock"], m["thread_time_ns"] / 50, m["blocked_ns"])
        internal = [t for t in m["threads"] if t["runtime_internal"]]
        self.assertGreater(len(internal), 10)
        for thread in internal:
            self.assertNotIn("handoff", thread["blocked_ns"], thread["name"])
        self.assertNotIn("CA2101", support.findings(self.report), self.log)

    def test_news_are_no_awaits_one_after_another(self):
        for how, wanted in (("listen", False), ("ask", True)):
            with self.subTest(how=how), Feed() as feed:
                m = self.measured(support.PYTHON, self.script(NEWS), feed.port, how)
                self.assertEqual(self.loop(m, "asyncio")["outstanding_max"], 1)
                self.assertEqual("CA3002" in support.findings(self.report), wanted, self.log)

    def test_interpreters_of_a_process_are_counted(self):
        pythons = glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[23]*/bin/python3"))
        for python in pythons:
            with self.subTest(python=python):
                module = "_interpreters" if "3.13" in python else "_xxsubinterpreters"
                code = f"import {module} as i, time; kept = [i.create() for _ in range(3)]; time.sleep(0.6)"
                m = self.measured(python, "-c", code)
                self.assertEqual(m["target"]["runtime"]["interpreters"], 4)


if __name__ == "__main__":
    unittest.main()
