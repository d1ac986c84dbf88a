# SPDX-License-Identifier: BSD-2-Clause
#
# Runs a new interpreter for each of a hundred small items and waits for it.
#
# Folklore: "processes use all cores". Measured: one at a time, and nearly all of it is interpreter start-up. Do the work
# in this process, or keep a pool of workers.
#
# run: python3 {file}
# expect: model=serial|processes|threads change=fix|switch finding=CA4001
import subprocess
import sys

total = 0
for item in range(100):
    program = f"print(sum(n * n for n in range({item})))"
    total += int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
print(total)
