# SPDX-License-Identifier: BSD-2-Clause
"""Reading what the programs under test stamped of their own threads' lives (programs/stamps.h)."""
import collections
import struct

LIFE = struct.Struct("=6Q2I8s")
HEADER = struct.Struct("=Q")

Life = collections.namedtuple("Life", "outer_begin inner_begin inner_end outer_end cpu_ns extra_ns tid pid what")


def read(path):
    """Every life of a stamp file, in the order in which they were begun."""
    content = path.read_bytes()
    (count,) = HEADER.unpack_from(content)
    lives = [Life(*LIFE.unpack_from(content, HEADER.size + i * LIFE.size)) for i in range(count)]
    return [life._replace(what=life.what.rstrip(b"\0").decode()) for life in lives]


def accounted(thread):
    """What concadvise says a thread spent on-CPU, runnable and blocked: all but what it could not attribute."""
    return thread["on_cpu_ns"] + thread["runnable_ns"] + sum(thread["blocked_ns"].values())


def slices(thread):
    """A saved thread's slices (docs/measurement-format.md): CPU time, then ready, then the wait."""
    flat = thread["slices"]
    names = ("on_cpu_ns", "runnable_ns", "blocked_ns")
    return [dict(zip(names, flat[at : at + 3])) for at in range(0, len(flat), 7)]
