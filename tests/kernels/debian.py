# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernels: which there are, and how the parts that a guest needs come into a folder. Installs nothing."""
import fcntl
import io
import lzma
import pathlib
import re
import shutil
import subprocess
import tarfile

# Name: the packages that hold it, of which the newest is taken.
KERNELS = {
    "6.1": r"linux-image-6\.1\.0-[0-9]+-amd64",
    "6.12": r"linux-image-6\.12\.[0-9]+\+deb[0-9]+(\.[0-9]+)?-amd64",
    "6.1-rt": r"linux-image-6\.1\.0-[0-9]+-rt-amd64",
    "6.12-rt": r"linux-image-6\.12\.[0-9]+\+deb[0-9]+(\.[0-9]+)?-rt-amd64",
}
WANTED = re.compile(r"\./(boot/vmlinuz-|lib/modules/.*/(configfs|null_blk|virtio(_ring|_pci.*|_console)?)\.ko)")
DOWNLOAD_TIMEOUT_S = 300


class Unavailable(Exception):
    """This machine can't have that kernel; the text says why."""


def apt(cache, *words):
    """What one of apt's programs prints. Package lists in the cache folder count before the machine's."""
    own_lists = ["-o", f"Dir::State::lists={cache}/lists"] if (cache / "lists").is_dir() else []
    argv = [words[0], *own_lists, "-o", "APT::Sandbox::User=root", *words[1:]]
    try:
        done = subprocess.run(argv, cwd=cache, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S)
    except FileNotFoundError:
        raise Unavailable(f"there is no {words[0]} here") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(words)}: no answer within {DOWNLOAD_TIMEOUT_S} s") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{' '.join(words)}: {reason}")
    return done.stdout


def newest(cache, pattern):
    """The newest package of this pattern that apt could download."""
    names = [line.split()[0] for line in apt(cache, "apt-cache", "search", "--names-only", f"^{pattern}$").splitlines()]
    for name in sorted(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)], reverse=True):
        if re.search(r"Candidate: \d", apt(cache, "apt-cache", "policy", name)):
            return name
    raise Unavailable(f"apt knows no package {pattern}")


def download(cache, pattern):
    """The .deb of the newest package, in the cache folder."""
    package = newest(cache, pattern)
    apt(cache, "apt-get", "download", "-q", package)
    (deb,) = cache.glob(package + "_*.deb")
    return deb


def download_somehow(cache, pattern):
    """As download(); lists that are as old as a container's image, or not there at all, are not the last word."""
    try:
        return download(cache, pattern)
    except Unavailable:
        shutil.rmtree(cache / "lists", ignore_errors=True)
        (cache / "lists" / "partial").mkdir(parents=True)
        apt(cache, "apt-get", "update", "-q")
        return download(cache, pattern)


def unpack(package, folder):
    """The kernel and the two modules of a guest's block device, out of a .deb."""
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            if not member.isfile() or not WANTED.match(member.name):
                continue
            data, name = members.extractfile(member).read(), pathlib.Path(member.name).name
            if name.endswith(".xz"):
                data, name = lzma.decompress(data), name.removesuffix(".xz")
            (folder / ("vmlinuz" if name.startswith("vmlinuz") else name)).write_bytes(data)


def get(name, cache):
    """The folder with vmlinuz and modules of a kernel of KERNELS, downloaded unless it is in the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = cache / name
        if folder.is_dir():
            return folder
        deb = download_somehow(cache, KERNELS[name])
        fresh = cache / f"{name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        unpack(deb, fresh)
        deb.unlink()
        fresh.rename(folder)
    return folder
