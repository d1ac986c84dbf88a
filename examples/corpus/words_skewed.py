# SPDX-License-Identifier: BSD-2-Clause
#
# Counts words in six hundred texts whose lengths are log-normal: most are short, some are very long. Pure Python.
#
# models: serial threads processes
# workers: threads=4 processes=cpus
import multiprocessing
import random
from concurrent.futures import ThreadPoolExecutor, as_completed

import corpus_args

RANDOM = random.Random(4711)
VOCABULARY = ["".join(RANDOM.choices("abcdefghij", k=RANDOM.randint(2, 8))) for _ in range(2000)]
LENGTHS = [int(RANDOM.lognormvariate(8.3, 1.2)) + 50 for _ in range(600)]


def count_words(number):
    """Makes the text of this number and counts: what a tokenizer does."""
    words = random.Random(number)
    counts = {}
    for _ in range(LENGTHS[number]):
        word = VOCABULARY[words.randrange(2000)].title()
        counts[word] = counts.get(word, 0) + 1
    return number, max(counts.values()) + len(counts)


def main():
    model, workers, _ = corpus_args.parse()
    numbers = range(len(LENGTHS))
    if model == "serial":
        found = dict(map(count_words, numbers))
    elif model == "threads":
        with ThreadPoolExecutor(workers) as pool:
            found = dict(done.result() for done in as_completed([pool.submit(count_words, n) for n in numbers]))
    else:
        with multiprocessing.Pool(workers) as pool:
            found = dict(pool.imap_unordered(count_words, numbers))
    print(sum(number * value for number, value in found.items()))


if __name__ == "__main__":
    main()
