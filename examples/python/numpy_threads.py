# SPDX-License-Identifier: BSD-2-Clause
#
# Array arithmetic with numpy, in as many threads as there are CPUs.
#
# Folklore: CPU-bound Python needs processes. Measured: numpy lets go of the interpreter lock inside its loops over
# large arrays; threads fill the CPUs, and no array has to be copied to another process.
#
# run: python3 {file}
# needs: python3-numpy
# expect: model=threads change=keep not-finding=CA2001
import os
from concurrent.futures import ThreadPoolExecutor

import numpy

VALUES = numpy.linspace(0.0, 100.0, 100_000)


def waves(phases):
    """Sum of damped waves; works in two buffers of its own, so that threads don't meet in the allocator either."""
    wave, damping, total = numpy.empty_like(VALUES), numpy.empty_like(VALUES), 0.0
    for phase in phases:
        numpy.add(VALUES, phase, out=wave)
        numpy.sin(wave, out=wave)
        numpy.negative(VALUES, out=damping)
        numpy.exp(damping, out=damping)
        numpy.multiply(wave, damping, out=wave)
        total += float(wave.sum())
    return total


cpus = len(os.sched_getaffinity(0))
with ThreadPoolExecutor(cpus) as pool:
    print(sum(pool.map(waves, [range(slot, 4000 * cpus, cpus) for slot in range(cpus)])))
