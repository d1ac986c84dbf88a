# SPDX-License-Identifier: BSD-2-Clause
"""Starts a command under a filter of system calls that refuses some of them (seccomp(2)), as containers do.

    refuse.py NUMBER[,NUMBER...] COMMAND [ARGUMENT]...
"""
import ctypes
import os
import struct
import sys

LOAD_NUMBER, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2

numbers = [int(word) for word in sys.argv[1].split(",")]
steps = [(LOAD_NUMBER, 0, 0, 0)]
steps += [(EQUAL, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


program = Program(len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) < 0:
    sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[2], sys.argv[2:])
