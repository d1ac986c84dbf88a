# SPDX-License-Identifier: BSD-2-Clause
#
# Makes thumbnails of a hundred and twenty JPEG pictures with Pillow, which computes without the interpreter lock.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
# needs: python3-pil
import io
import threading
import zlib
from concurrent.futures import ProcessPoolExecutor

from PIL import Image

import corpus_args


def make_picture(number):
    picture = Image.effect_noise((900, 700), 40 + number).convert("RGB")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


def thumbnail(data):
    with Image.open(io.BytesIO(data)) as picture:
        small = picture.resize((240, 180), Image.LANCZOS).rotate(3).convert("L")
    return zlib.crc32(small.tobytes()) and len(small.tobytes())


def in_threads(pictures, workers):
    """Each thread has its share from the start."""
    totals = []
    threads = [
        threading.Thread(target=lambda share: totals.append(sum(map(thumbnail, share))), args=(pictures[index::workers],))
        for index in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


def main():
    model, workers, _ = corpus_args.parse()
    pictures = [make_picture(number) for number in range(12)] * 10
    if model == "serial":
        total = sum(map(thumbnail, pictures))
    elif model == "threads":
        total = in_threads(pictures, workers)
    else:
        with ProcessPoolExecutor(workers) as pool:
            total = sum(pool.map(thumbnail, pictures, chunksize=4))
    print(total)


if __name__ == "__main__":
    main()
