# SPDX-License-Identifier: BSD-2-Clause
#
# A small script: reads its settings from four services, then computes one thing after the other. Best left alone.
#
# models: serial threads coroutines
# workers: threads=4 coroutines=4
# server: delay
import asyncio
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import corpus_args

HOST, PORT = corpus_args.server()
SERVICES = [f"http://{HOST}:{PORT}/delay/{delay}/400" for delay in (2, 2, 3, 1)]


def read_setting(url):
    with urllib.request.urlopen(url) as answer:
        return len(answer.read())


def compute(settings):
    """Every step needs the one before it."""
    state = {"seed": sum(settings)}
    for step in range(24_000):
        state = json.loads(json.dumps({"seed": (state["seed"] * 31 + step) & 0xFFFFFF, "trace": [step] * 40}))
    return state["seed"]


async def in_coroutines():
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(None, read_setting, url) for url in SERVICES))


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        settings = list(map(read_setting, SERVICES))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            settings = list(pool.map(read_setting, SERVICES))
    else:
        settings = asyncio.run(in_coroutines())
    print(compute(settings))


if __name__ == "__main__":
    main()
