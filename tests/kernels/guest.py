# SPDX-License-Identifier: BSD-2-Clause
"""Boots a kernel under QEMU, on a file system in memory that holds this build's own programs, and returns what they did.

No KVM: QEMU's TCG runs the guest's code, so guests work in containers and in virtual machines alike, slowly.
"""
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CONCADVISE_BUILD", HERE.parents[1] / "build")).resolve()
CACHE = BUILD / "kernels"
PYTHON = "/usr/bin/python3"
QEMU = "qemu-system-x86_64"
LIMIT_S = 600  # for guests that hang: they take 15 to 40 s, on a machine with much else to do several minutes
PROGRAMS = [BUILD / "cli/concadvise", BUILD / "probe/concadvise-probe", BUILD / "tests/kernels/lives"]
FOLDERS = ["bin", "dev", "etc", "granted", "modules", "proc", "sys", "tmp"]
COMMAND_LINE = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check"


class Step:
    """What one step of tests/kernels/init left behind."""

    def __init__(self, files):
        self.status = int(files["status"])
        self.stdout = files["stdout"].decode(errors="replace")
        self.stderr = files["stderr"].decode(errors="replace")
        self.report = json.loads(files["report.json"]) if files.get("report.json") else None

    def __str__(self):
        return f"status {self.status}\nstdout:\n{self.stdout[-2000:]}\nstderr:\n{self.stderr[-3000:]}"


class Guest:
    """A guest that has run: its steps by name, the seconds it took, and the end of its console."""

    def __init__(self, steps, seconds, console):
        self.steps, self.seconds, self.console = steps, seconds, console


def missing_programs():
    """What the host lacks to run a guest, by name."""
    return [name for name in (QEMU, "busybox", "setcap", "setpriv") if not find(name)]


def find(name):
    """As a shell finds it, and where Debian keeps what is for root."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def libraries(program):
    """The shared libraries that a program is loaded with, its loader included."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True)
    return re.findall(r"(/\S+) \(0x", listed.stdout)


def python_modules():
    """Python's own files that the guest's script imports, with the extension modules among them."""
    script = "import runpy, sys; runpy.run_path(sys.argv[1]); [print(vars(m).get('__file__')) for m in sys.modules.values()]"
    listed = subprocess.run([PYTHON, "-S", "-c", script, HERE / "convoy.py"], capture_output=True, text=True, check=True)
    return [path for path in listed.stdout.splitlines() if path.startswith("/") and pathlib.Path(path).exists()]


def put(root, source, target=None):
    """A file of the host, under the same name or another, where a program's name leads; readable by everyone."""
    copy = root / str(target or source).lstrip("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        shutil.copyfile(source, copy)
        copy.chmod(0o755)


def build_root(root, kernel):
    """The guest's file system."""
    for folder in FOLDERS:
        (root / folder).mkdir()
    put(root, find("busybox"), "bin/busybox")
    put(root, HERE / "init", "init")
    put(root, HERE / "convoy.py", "convoy.py")
    put(root, os.path.realpath(PYTHON), "usr/bin/" + pathlib.Path(os.path.realpath(PYTHON)).name)
    (root / "bin/python3").symlink_to(os.path.realpath(PYTHON))
    programs = [*PROGRAMS, *map(find, ("setcap", "setpriv"))]
    for program in programs:
        put(root, program, f"bin/{pathlib.Path(program).name}")
    for program in PROGRAMS[:2]:
        put(root, program, f"granted/{program.name}")
    for module in kernel.glob("*.ko"):
        put(root, module, f"modules/{module.name}")
    modules = python_modules()
    for path in modules:
        put(root, path)
    for program in [*programs, find("busybox"), PYTHON, *(path for path in modules if path.endswith(".so"))]:
        for library in libraries(program):
            put(root, library)
    # What is asked of the user by number has a name, too.
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")


def archive(root):
    """The file system as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    names = "\n".join(str(path.relative_to(root)) for path in [root, *sorted(root.rglob("*"))])
    packed = subprocess.run(
        [find("busybox"), "cpio", "-o", "-H", "newc"], cwd=root, input=names.encode(), capture_output=True, check=True
    )
    return packed.stdout


def read_steps(data):
    """The steps that came through the port: one tar archive after the other, the last perhaps cut off."""
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), ignore_zeros=True) as members:
            for member in members:
                if member.isfile():
                    step, _, name = member.name.partition("/")
                    files.setdefault(step, {})[name] = members.extractfile(member).read()
    except tarfile.TarError:
        pass  # as much as there is; whoever misses a step says so
    return {name: Step(parts) for name, parts in files.items() if {"status", "stdout", "stderr"} <= parts.keys()}


def last_words(console):
    """The end of a console; where the kernel died, from there on."""
    died = re.search(r"^.*(?:Oops|BUG:|int3:|general protection|Kernel panic)", console, re.MULTILINE)
    return console[died.start() :][:6000] if died else console[-3000:]


def boot(kernel, steps):
    """
    Run steps of tests/kernels/init under the kernel in this folder (debian.get()).

    "all": on two CPUs, by the clock of the host, and in turns on one of the host's: with a thread for each, one guest of
    some twenty died in code of its kernel that the other CPU was patching. "exact": on one CPU whose clock counts the
    instructions it has run (2 ns each) and jumps over idle time, so that a loaded host can't put time between two
    instructions of the guest.
    """
    machine = ["-smp", "1", "-icount", "shift=1,sleep=off"] if steps == "exact" else ["-smp", "2"]
    with tempfile.TemporaryDirectory(prefix="concadvise-kernel-") as folder:
        folder = pathlib.Path(folder)
        (folder / "root").mkdir(mode=0o755)
        build_root(folder / "root", kernel)
        (folder / "initrd").write_bytes(archive(folder / "root"))
        argv = [QEMU, "-accel", "tcg,thread=single", "-cpu", "max", "-m", "1024", *machine, "-nic", "none", "-display", "none"]
        argv += ["-no-reboot", "-kernel", kernel / "vmlinuz", "-initrd", folder / "initrd"]
        argv += ["-serial", f"file:{folder}/console", "-chardev", f"file,id=steps,path={folder}/steps"]
        argv += ["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=steps"]
        argv += ["-append", f"{COMMAND_LINE} steps={steps}"]
        start = time.monotonic()
        try:
            subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            pass  # killed; the step it hung in is the first one missing
        seconds = time.monotonic() - start
        written = [folder / name for name in ("steps", "console")]
        data, console = (path.read_bytes() if path.exists() else b"" for path in written)
        return Guest(read_steps(data), seconds, last_words(console.decode(errors="replace")))
