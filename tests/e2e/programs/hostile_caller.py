# SPDX-License-Identifier: BSD-2-Clause
"""A caller of concadvise-probe that is not concadvise: starts it for whatever it likes, tells it whatever it likes, and
prints as JSON what came of it. Run as an ordinary user: hostile_caller.py SCENARIO SETTINGS, the settings as JSON."""
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

SCENARIO, SETTINGS = sys.argv[1], json.loads(sys.argv[2])
HELPER, TYPES = SETTINGS["helper"], SETTINGS["types"]
NAMES = {number: name for name, number in TYPES.items()}
TIMEOUT_S = 90  # machines may be busy
RECORD = struct.Struct("=QIIBxBBIQQQQII")  # struct record (probe/bpf/abi.h)
# Offset of the tgid in an element, and how long an element is: fixed, or at this offset in it.
ELEMENTS = {
    "RECORDS": (12, 64, None),
    "STACKS": (16, 32 + 24 * 44, None),
    "NATIVES": (20, None, 8),
    "MAPPINGS": (48, None, 52),
}


def start_later(*command):
    """A child that becomes a program when it is told to, by a line."""
    return subprocess.Popen(["/bin/sh", "-c", 'read line; exec "$@"', "sh", *command], stdin=-1, stdout=-1, text=True)


def start_now(child):
    """The program has said its first line by the end."""
    child.stdin.write("\n")
    child.stdin.flush()
    child.stdout.readline()


class Helper:
    def __init__(self, target, fd=None, **popen):
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(TIMEOUT_S)
        fd = theirs.fileno() if fd is None else fd
        self.process = subprocess.Popen(
            [HELPER, str(fd), str(target), "0", "0", "1", "0"], pass_fds=[fd], stderr=subprocess.DEVNULL, **popen
        )
        theirs.close()

    def receive_exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.ours.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def receive(self):
        """Name and payload of the next message; (None, b""): it has ended."""
        try:
            number, size = struct.unpack("=II", self.receive_exactly(8))
            return NAMES[number], self.receive_exactly(size)
        except (EOFError, ConnectionResetError):
            return None, b""

    def send(self, name, payload=b""):
        self.ours.sendall(struct.pack("=II", TYPES[name], len(payload)) + payload)

    def messages_until_writable(self):
        """What it says before it takes in more: both sides waiting for the other to read would wait forever."""
        while True:
            readable, writable, _ = select.select([self.ours], [self.ours], [], TIMEOUT_S)
            if readable:
                message = self.receive()
                if message[0] is None:
                    raise EOFError("the helper ended")
                yield message
            elif writable:
                return

    def messages(self, until="FINAL"):
        while True:
            name, payload = self.receive()
            if name is None:
                return
            yield name, payload
            if name == until:
                return

    def stop(self):
        self.send("STOP")
        yield from self.messages()

    def end(self):
        self.ours.close()
        return self.process.wait(TIMEOUT_S)


def elements(name, payload):
    """The elements of a message with the process that each is about."""
    tgid_at, size, size_at = ELEMENTS[name]
    at = 0
    while at < len(payload):
        length = size or struct.unpack_from("=I", payload, at + size_at)[0]
        yield struct.unpack_from("=I", payload, at + tgid_at)[0], payload[at : at + length]
        at += length


def tgids(messages):
    return {tgid for name, payload in messages if name in ELEMENTS for tgid, _ in elements(name, payload)}


def answer(target, **how):
    """What the helper says first, and its exit status."""
    helper = Helper(target, **how)
    name, payload = helper.receive()
    return [name, payload.decode() if name == "FAILED" else "", helper.end()]


def targets():
    """Whom it is asked to trace, one after the other."""
    own = subprocess.Popen(["/bin/sleep", "60"])
    setuid = subprocess.Popen([SETTINGS["setuid_sleep"], "60"])
    setgid = subprocess.Popen([SETTINGS["setgid_sleep"], "60"])
    parent = subprocess.Popen(["/bin/sh", "-c", "sleep 60 & echo $!; read line"], stdin=-1, stdout=-1, text=True)
    grandchild = int(parent.stdout.readline())
    while not all("sleep" in open(f"/proc/{process.pid}/comm").read() for process in (own, setuid, setgid)):
        time.sleep(0.01)  # until all have executed their programs
    result = {
        "own": answer(own.pid),
        "setuid": answer(setuid.pid),
        "setgid": answer(setgid.pid),
        "grandchild": answer(grandchild),
        "self": answer(os.getpid()),
        "init": answer(1),
        "root's": answer(SETTINGS["foreign"]),
        "gone": answer(4194304),
    }
    for process in (own, setgid):
        process.kill()
    os.kill(grandchild, 9)
    parent.communicate("\n")
    os.kill(setuid.pid, 9)  # its real user is ours
    return result


def descriptors():
    """What it is given for a socket."""
    own = subprocess.Popen(["/bin/sleep", "60"])
    pipe, file = os.pipe()[1], os.open("/dev/null", os.O_RDWR)
    udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    datagrams = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]
    fds = {"pipe": pipe, "file": file, "udp": udp.fileno(), "tcp": tcp.fileno(), "datagrams": datagrams.fileno(), "stdout": 1}
    result = {name: answer(own.pid, fd=fd) for name, fd in fds.items()}
    own.kill()
    return result


def looks():
    """What an ordinary user can get at while the helper runs."""
    own = subprocess.Popen(["/bin/sleep", "60"])
    helper, result = Helper(own.pid), {}
    result["answer"] = helper.receive()[0]
    for name in ("mem", "maps", "environ", "fd/0", "fd"):
        path = f"/proc/{helper.process.pid}/{name}"
        try:
            result[name] = str(os.listdir(path)) if name == "fd" else str(open(path, "rb").read(1))
        except OSError as error:
            result[name] = error.strerror
    own.kill()
    helper.end()
    return result


def garbage_of(pids):
    """One message that a hostile caller might send: of the kinds there are, but with anything in it."""
    kind = random.random()
    pid = struct.pack("=II", random.choice(pids), 0)
    words = [random.choice((0, 1, 8, 2**31, 2**32 - 1, random.getrandbits(48), random.getrandbits(64))) for _ in range(64)]
    if kind < 0.45:
        return "PYTHON", pid + struct.pack("=64Q", *words)[: SETTINGS["python_bytes"]]
    if kind < 0.9:
        return "RUBY", pid + struct.pack("=64Q", *words)[: SETTINGS["ruby_bytes"]]
    return "ASK", b""


COUNTING = """
import sys, threading
lock, count = threading.Lock(), 0
def work():
    global count
    while True:
        with lock:
            count += 1
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
print("up", flush=True)
sys.stdin.readline()
print("down" if count > 100 else count, flush=True)
"""


def fuzz_registrations(rounds):
    """Registrations of all sorts, for our own target and for somebody else's process. @return what came of it"""
    target = start_later(sys.executable, "-c", COUNTING)
    helper = Helper(target.pid)
    messages = [helper.receive()]
    start_now(target)
    for _ in range(rounds):
        messages += helper.messages_until_writable()
        helper.send(*garbage_of([target.pid, SETTINGS["foreign"], 0, 2**32 - 1]))
    out, _ = target.communicate("\n", timeout=TIMEOUT_S)
    messages += helper.stop()
    helper.end()
    about = tgids(messages)
    return {
        "own": target.pid in about,
        "others": sorted(about - {target.pid}),
        "ends": [messages[0][0], messages[-1][0]],
        "marker": any(bytes.fromhex(SETTINGS["marker"]) in payload for _, payload in messages),
        "target": [out, target.returncode],
    }


def fuzz_bytes(rounds):
    """Messages that are none. @return exit statuses"""
    own, ends = subprocess.Popen(["/bin/sleep", "60"]), []
    for i in range(rounds):
        helper = Helper(own.pid)
        helper.receive()
        bad = [
            random.randbytes(random.randrange(1, 4096)),
            struct.pack("=II", TYPES["PYTHON"], 3) + b"abc",
            struct.pack("=II", TYPES["RUBY"], 2**32 - 1),
            struct.pack("=II", TYPES["PYTHON"], 16 << 20) + bytes(100),
            struct.pack("=II", TYPES["RECORDS"], 64) + bytes(64),
            struct.pack("=II", 2**32 - 1, 0),
            b"\0",
        ][i % 7]
        try:
            helper.ours.sendall(bad)
            helper.ours.shutdown(socket.SHUT_WR)
            for _ in helper.messages():
                pass
        except OSError:
            pass
        ends.append(helper.end())
    own.kill()
    return ends


def fuzz():
    """Garbage for a while. The target counts on, undisturbed, and what comes back is about nobody else."""
    random.seed(SETTINGS["seed"])
    return {"registrations": [fuzz_registrations(500) for _ in range(2)], "statuses": fuzz_bytes(14)}


def peek():
    """Read a process that became setuid after it was taken on: register it as a Ruby whose structures lie where we like,
    and look what its waits are called."""
    target = start_later(SETTINGS["program"])
    helper = Helper(target.pid)
    messages = [helper.receive()]
    start_now(target)
    word, vm, status = (SETTINGS["symbols"][name] for name in ("word", "vm", "status"))
    helper.send("RUBY", struct.pack("=IIQIIII", target.pid, 0, vm, 0, 0, vm - word, status - word))
    time.sleep(0.5)
    messages += helper.stop()
    helper.end()
    target.kill()
    records = [RECORD.unpack(each) for name, payload in messages if name == "RECORDS" for _, each in elements(name, payload)]
    mappings = [each for name, payload in messages if name == "MAPPINGS" for _, each in elements(name, payload)]
    return {
        "kinds": sorted({record[4] for record in records if record[3] == 1}),
        "addresses": sorted({record[12] for record in records if record[3] == 1 and record[4] in SETTINGS["futex_kinds"]}),
        "mapped": any(os.path.basename(SETTINGS["program"]).encode() in each for each in mappings),
    }


print(json.dumps({"targets": targets, "descriptors": descriptors, "looks": looks, "fuzz": fuzz, "peek": peek}[SCENARIO]()))
