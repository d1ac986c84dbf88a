# SPDX-License-Identifier: BSD-2-Clause
#
# A small script: reads its settings from four services one after the other, then computes one checksum.
#
# Folklore: "waits: make it async". Measured: four waits; another model would save a third of a second and cost clarity,
# and each step of the checksum needs the one before. Leave it serial.
#
# run: python3 {file}
# server: delay
# expect: model=serial change=keep
import os
import sys
import urllib.request

URL = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server python3 ...")


def settings(number):
    with urllib.request.urlopen(f"{URL}/delay/{100 + number}/500") as answer:
        return answer.read()


limits = [len(settings(number)) for number in range(4)]
value = 0
for step in range(2_000_000):
    value = (value * 31 + step) % 65_521
print(limits, value)
