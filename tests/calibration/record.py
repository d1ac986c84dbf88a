# SPDX-License-Identifier: BSD-2-Clause
"""Runs the jobs: for real, and under concadvise. What comes out is kept in a folder, so that it is never run twice.

    JOB.times.json           {"checksum", "others", "runs_ns": {SETTING: [ns, ...]}}: runs without concadvise; others is
                             the share of the CPUs that other programs took meanwhile (the delay server counts)
    JOB.VARIANT.json         the measurement that concadvise saved, replays included
    JOB.VARIANT.report.json  its report at that time
    JOB.VARIANT.run.json     {"given", "evidence_ns", "wall_ns", "commit"}: how that went
    machine.json             where and when

A VARIANT is a MODEL, or MODEL-flawed where the job has it.
"""
import datetime
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import threading
import time

import advice
import jobs
from jobs import support

TIMEOUT_S = 120


class Failed(RuntimeError):
    """A job that ended with an error or a wrong checksum."""


def write_json(path, value):
    """Whole or not at all: a record that was cut off must not be taken for a finished one."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(part, path)


def read_json(path, otherwise=None):
    return json.loads(path.read_text()) if path.exists() else otherwise


def commit():
    """Of concadvise and of the jobs."""
    done = subprocess.run(["git", "-C", jobs.ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def machine():
    """What the numbers depend on."""
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": model,
        "cpus": jobs.corpus_args.cpus(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "kernel": f"{os.uname().sysname} {os.uname().release.split('-')[0]}",
        "commit": commit(),
    }


def run_once(job, setting, env):
    """One run without concadvise: (ns, checksum)."""
    begin = time.perf_counter_ns()
    try:
        done = subprocess.run(job.command(setting), capture_output=True, env=env, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{job.name} {setting}: no end after {TIMEOUT_S} s") from error
    took = time.perf_counter_ns() - begin
    if done.returncode != 0:
        raise Failed(f"{job.name} {setting}: status {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")
    return took, done.stdout.decode().strip()


class Load:
    """How busy other programs (and other guests of this host) keep the CPUs: numbers taken then are worth little."""

    def __init__(self):
        self.begin = self.now()

    @staticmethod
    def now():
        """(s on the clock, CPU s of everybody, CPU s of our children that have ended)."""
        words = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _, _, interrupts, soft, stolen = map(int, words[:8])
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        everybody = (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), everybody, own.ru_utime + own.ru_stime

    def others(self):
        """Their share of all CPUs since the beginning, 0..1."""
        took, everybody, own = (after - before for before, after in zip(self.begin, self.now()))
        return max(0.0, (everybody - own) / (took * os.cpu_count()))


class Times:
    """The times of one job without concadvise, by setting."""

    def __init__(self, folder, job):
        self.path, self.job = folder / f"{job.name}.times.json", job
        kept = read_json(self.path, {"checksum": None, "others": 0.0, "runs_ns": {}})
        self.checksum, self.others = kept["checksum"], kept.get("others", 0.0)
        self.runs_ns = {jobs.Setting.parse(key): runs for key, runs in kept["runs_ns"].items()}

    def measure(self, settings, runs, env):
        """Measure the settings that are not known yet, interleaved: what disturbs one run then disturbs no one model."""
        todo = [setting for setting in dict.fromkeys(settings) if setting not in self.runs_ns]
        new, load = {setting: [] for setting in todo}, Load()
        for number in range(runs):
            for index in range(len(todo)):
                setting = todo[(index + number) % len(todo)]
                took, checksum = run_once(self.job, setting, env)
                if self.checksum is None:
                    self.checksum = checksum
                if checksum != self.checksum:
                    raise Failed(f"{self.job.name} {setting}: checksum {checksum}, elsewhere {self.checksum}")
                new[setting].append(took)
        self.runs_ns.update(new)
        if todo:
            self.others = max(self.others, load.others())
            runs_ns = {str(setting): runs for setting, runs in self.runs_ns.items()}
            write_json(self.path, {"checksum": self.checksum, "others": self.others, "runs_ns": runs_ns})
        return len(todo)


def follow(command, env):
    """Run concadvise; (status, stdout, stderr, ns from the target's last output to the end).

    The jobs print when they are done, so the time after that is the evidence step and a little more: the job's own
    tear-down, and what concadvise does to read its records and to write its files."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=env)
        output, last_ns = b"", time.perf_counter_ns()
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        while True:
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                break
            output, last_ns = output + piece, time.perf_counter_ns()
        status = process.wait()
        after_ns = time.perf_counter_ns() - last_ns
        watchdog.cancel()
        process.stdout.close()
        errors.seek(0)
        return status, output.decode().strip(), errors.read().decode(errors="replace"), after_ns


def advise(folder, job, setting, checksum, env):
    """Give one variant to concadvise and keep what it measured and said."""
    stem = f"{job.name}.{setting.label}"
    saved, report = folder / f"{stem}.json", folder / f"{stem}.report.json"
    options = ["-q", "--save", saved, "-o", report]
    command = [str(word) for word in [support.CONCADVISE, *options, "--", *job.command(setting)]]
    status, output, errors, after_ns = follow(command, env)
    if status != 0 or not saved.exists() or not report.exists():
        raise Failed(f"{' '.join(command)}: status {status}\n{errors[-2000:]}")
    if output != checksum:
        raise Failed(f"{' '.join(command)}: checksum {output}, elsewhere {checksum}")
    wall_ns = json.loads(report.read_text())["measurement"]["wall_ns"]
    went = {"given": str(setting), "evidence_ns": after_ns, "wall_ns": wall_ns, "commit": commit()}
    write_json(folder / f"{stem}.run.json", went)


def wanted_settings(folder, job):
    """The settings that the advice on this job, made anew from its measurements, speaks of."""
    wanted = []
    for setting in job.settings:
        report = advice.report_of(folder, job, setting.label)
        if report is None:
            continue
        wanted += [row.setting for row in advice.forecasts(report, setting)]
        wanted += filter(None, [advice.advised_setting(report, setting)])
    return [setting for setting in dict.fromkeys(wanted) if job.can_run(setting)]


def fill_job(folder, job, runs, env):
    """Measure what the advice speaks of and nobody has measured yet; returns how many settings that were."""
    return Times(folder, job).measure(wanted_settings(folder, job), runs, env)


def record_job(folder, job, runs, env, given=None, renew=False):
    """
    Everything about one job: its variants for real, each under concadvise, and what concadvise named.

    `given`: labels of the variants that concadvise gets, None: all. `renew`: also those that it has had.
    """
    times = Times(folder, job)
    times.measure(job.settings, runs, env)
    for setting in job.settings:
        done = (folder / f"{job.name}.{setting.label}.run.json").exists()
        if (given is None or setting.label in given) and (renew or not done):
            advise(folder, job, setting, times.checksum, env)
    return fill_job(folder, job, runs, env)
