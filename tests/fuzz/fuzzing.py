# SPDX-License-Identifier: BSD-2-Clause
"""Building and starting the fuzz targets; shared by test_fuzz.py (short, in CI) and run (long)."""
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("CONCADVISE_FUZZ_BUILD", ROOT / "build-fuzz")).resolve()
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))

# Inputs longer than that are slow and find no more; a JSON mutation is as expensive as a run. libelf's own leak
# (fuzz_symbols.c) would be looked into after each run: at the end is enough.
OPTIONS = {
    "diff": ["-max_len=5500", "-mutate_depth=1"],
    "measurement": ["-max_len=5600", "-mutate_depth=1"],
    "symbols": ["-detect_leaks=0"],
    "tree": ["-max_len=3000", "-mutate_depth=1"],
}

# What makes AddressSanitizer slow and finds nothing here: deep traces of every allocation, a long quarantine.
SANITIZERS = {
    "ASAN_OPTIONS": "malloc_context_size=5:quarantine_size_mb=8:max_malloc_fill_size=0:allocator_release_to_os_interval_ms=-1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def build():
    """Build the targets with clang, AddressSanitizer and UndefinedBehaviorSanitizer into BUILD; nothing else of the tree."""
    if not (BUILD / "build.ninja").exists():
        options = ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=1"]
        subprocess.run(
            ["meson", "setup", BUILD, ROOT, *options],
            check=True,
            env={**os.environ, "CC": "clang"},
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
    done = subprocess.run(["ninja", "-C", BUILD, "fuzzers"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"the fuzz targets could not be built:\n{done.stdout[-4000:]}{done.stderr}")


def command(target, *options, corpora):
    """The command line of a target; new inputs go to the first corpus, crashes beside the build."""
    artifacts = BUILD / "artifacts"
    artifacts.mkdir(exist_ok=True)
    options = ["-print_final_stats=1", f"-artifact_prefix={artifacts}/{target}-", "-timeout=20", "-rss_limit_mb=2000", *options]
    options += OPTIONS.get(target, [])
    return [BUILD / "tests" / "fuzz" / f"fuzz_{target}", *options, *corpora]


def executions(output):
    """How many inputs libFuzzer says that it ran."""
    found = re.search(r"^stat::number_of_executed_units: (\d+)$", output, re.MULTILINE)
    return int(found[1]) if found else 0


def environment():
    return {**os.environ, **SANITIZERS}
