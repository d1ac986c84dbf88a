# SPDX-License-Identifier: BSD-2-Clause
"""The arguments that every Python job of the corpus takes. How a job spreads its work is its own business.

    NAME.py --model MODEL [--workers N] [--in-flight K] [--flawed]

Without --workers the counts are those of the job's own header, "workers: threads=16 processes=cpus ...": a number,
"cpus" (those this process may use) or a multiple of it ("2cpus"); processes+coroutines takes two, "cpusx16". Jobs with "flawed: MODEL ..." have those models a second time, written badly
as one meets it; the header says how.
"""
import argparse
import os
import re
import sys


def cpus():
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def count(word):
    """A count of a header: "16", "cpus", "2cpus"."""
    match = re.fullmatch(r"(\d*)(cpus)?", word)
    if not match or not word:
        raise ValueError(f"{word}: neither a number nor a multiple of cpus")
    return int(match[1] or 1) * (cpus() if match[2] else 1)


def defaults(path):
    """What the header of a job declares: {model: (workers, in flight)}; in flight is 0 but for processes+coroutines."""
    with open(path, encoding="utf-8") as file:
        head = file.read(4000)
    words = dict(re.findall(r"^(?:#|//| \*) (models|workers): +(.*)$", head, re.MULTILINE))
    found = {model: (1, 0) for model in words["models"].split()}
    for word in words.get("workers", "").split():
        model, _, text = word.partition("=")
        workers, _, in_flight = re.sub(r"^(\d*cpus|\d+)x", r"\1 ", text).partition(" ")
        if model not in found:
            raise ValueError(f"{path}: workers: {model} is none of the models")
        found[model] = count(workers), count(in_flight) if in_flight else 0
    return found


def parse():
    """(model, workers, in flight) of this run; in flight counts per process and is 0 where there are none."""
    declared = defaults(sys.argv[0])
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=declared, default="serial")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--flawed", action="store_true")
    options = parser.parse_args()
    workers, in_flight = declared[options.model]
    return options.model, options.workers or workers, options.in_flight or in_flight


def flawed():
    """Is it the badly written variant that is wanted?"""
    return "--flawed" in sys.argv[1:]


def server():
    """(host, port) of the delay server."""
    url = os.environ.get("CONCADVISE_DELAY_URL") or sys.exit("needs the delay server: run examples/with_server ...")
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)
