# SPDX-License-Identifier: BSD-2-Clause
#
# Two hundred times an external tool (a shell that thinks for 30 ms) is asked through its pipes, and its answer is scored.
#
# models: serial threads coroutines
# workers: threads=8 coroutines=16
#
# No processes: the tool is one already.
import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor

import corpus_args

ITEMS = range(200)


def command(item):
    return ["/bin/sh", "-c", f"sleep 0.03; echo answer {item}"]


def score(item, answer):
    total = item
    for letter in answer * 400:
        total = (total * 33 + letter) & 0xFFFFFF
    return total


def ask(item):
    return score(item, subprocess.run(command(item), stdout=subprocess.PIPE, check=True).stdout)


async def in_coroutines(workers):
    semaphore = asyncio.Semaphore(workers)

    async def one(item):
        async with semaphore:
            tool = await asyncio.create_subprocess_exec(*command(item), stdout=asyncio.subprocess.PIPE)
            answer, _ = await tool.communicate()
            return score(item, answer)

    return sum(await asyncio.gather(*map(one, ITEMS)))


def main():
    model, workers, _ = corpus_args.parse()
    if model == "serial":
        total = sum(map(ask, ITEMS))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            total = sum(pool.map(ask, ITEMS))
    else:
        total = asyncio.run(in_coroutines(workers))
    print(total)


if __name__ == "__main__":
    main()
