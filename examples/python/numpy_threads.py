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

values = numpy.linspace(0.0, 100.0, 50_000)


def wave(phase):
    result = numpy.sin(values + phase)
    result *= numpy.exp(-values)
    return float(numpy.sum(result))


cpus = len(os.sched_getaffinity(0))
with ThreadPoolExecutor(cpus) as pool:
    print(sum(pool.map(wave, range(5000 * cpus))))
