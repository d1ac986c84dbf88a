# SPDX-License-Identifier: BSD-2-Clause
#
# Compresses a hundred log files with zlib: reads each, compresses it without the interpreter lock, writes it.
#
# models: serial threads processes
# workers: threads=cpus processes=cpus
import multiprocessing
import pathlib
import queue
import random
import tempfile
import threading
import zlib

import corpus_args

FILES = 100


def make_files(folder):
    words = random.Random(7).choices(["GET", "POST", "/index.html", "/api/v1/items", "200", "404", "10.0.0.1\n"], k=40_000)
    text = " ".join(words).encode()
    for number in range(FILES):
        (folder / f"{number}.log").write_bytes(text[number * 100 :] + text[: number * 100])


def compress(path):
    packed = zlib.compress(path.read_bytes(), 7)
    path.with_suffix(".z").write_bytes(packed)
    return zlib.crc32(packed)


def worker(todo, found):
    while (path := todo.get()) is not None:
        found.put(compress(path))


def in_threads(workers, paths):
    todo, found = queue.Queue(), queue.Queue()
    threads = [threading.Thread(target=worker, args=(todo, found)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for path in paths:
        todo.put(path)
    for _ in threads:
        todo.put(None)
    for thread in threads:
        thread.join()
    return sum(found.get() for _ in paths)


def main():
    model, workers, _ = corpus_args.parse()
    with tempfile.TemporaryDirectory() as folder:
        make_files(pathlib.Path(folder))
        paths = sorted(pathlib.Path(folder).glob("*.log"))
        if model == "serial":
            total = sum(map(compress, paths))
        elif model == "threads":
            total = in_threads(workers, paths)
        else:
            with multiprocessing.Pool(workers) as pool:
                total = sum(pool.map(compress, paths, chunksize=1))
    print(total)


if __name__ == "__main__":
    main()
