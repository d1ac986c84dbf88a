# SPDX-License-Identifier: BSD-2-Clause
#
# Makes thumbnails of JPEG pictures with Pillow, in as many threads as there are CPUs.
#
# Folklore: "serial 45 s, 4 threads 48 s, 4 processes 12 s". Measured: Pillow lets go of the interpreter lock while it
# decodes, scales and encodes, so that threads fill the CPUs. Leave them.
#
# run: python3 {file}
# needs: python3-pil
# expect: model=threads change=keep not-finding=CA2001
import io
import os
from concurrent.futures import ThreadPoolExecutor

from PIL import Image


def make_picture():
    picture = Image.effect_mandelbrot((1600, 1200), (-2.0, -1.5, 1.0, 1.5), 60).convert("RGB")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def thumbnail(picture):
    with Image.open(io.BytesIO(picture)) as image:
        small = image.resize((400, 300), Image.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG")
    return len(file.getvalue())


picture = make_picture()
cpus = len(os.sched_getaffinity(0))
with ThreadPoolExecutor(cpus) as pool:
    print(sum(pool.map(thumbnail, [picture] * (70 * cpus))), "bytes of thumbnails")
