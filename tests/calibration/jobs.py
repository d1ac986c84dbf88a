# SPDX-License-Identifier: BSD-2-Clause
"""The jobs of examples/corpus and examples/holdout: what their headers declare, and the commands that run them."""
import pathlib
import re
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS, HOLDOUT = (ROOT / "examples" / name for name in ("corpus", "holdout"))
for folder in (CORPUS, ROOT / "tests" / "e2e"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
import corpus_args  # noqa: E402 (lives with the jobs)
import support  # noqa: E402 (lives with the end-to-end tests)

SUFFIXES = (".c", ".js", ".py")
MODELS = ("serial", "threads", "coroutines", "processes", "processes+coroutines")
MAX_WORKERS = {"threads": 512, "coroutines": 1024, "processes": 128, "processes+coroutines": 128}


class Setting(NamedTuple):
    """A model with its counts: workers, or for coroutines the items in flight; for processes+coroutines both."""

    model: str
    workers: int = 1
    in_flight: int = 0  # per process; 0 but for processes+coroutines
    flawed: bool = False  # the badly written variant of the model

    def __str__(self):
        in_flight = f"x{self.in_flight}" if self.in_flight else ""
        return f"{self.model}:{self.workers}{in_flight}{'-flawed' if self.flawed else ''}"

    @property
    def label(self):
        """Names the given variant in file names: a job has one setting for each."""
        return f"{self.model}-flawed" if self.flawed else self.model

    @classmethod
    def parse(cls, text):
        """The setting that str() wrote."""
        model, workers, in_flight, flawed = re.fullmatch(r"([a-z+]+):(\d+)(?:x(\d+))?(-flawed)?", text).groups()
        return cls(model, int(workers), int(in_flight or 0), bool(flawed))


class Job:
    """One program of the corpus or of the hold-out set."""

    def __init__(self, path):
        self.path, self.name = path, path.stem
        head = path.read_text(encoding="utf-8")[:4000]
        fields = dict(re.findall(r"^(?:#|//| \*) (models|flawed|needs|server): +(.*)$", head, re.MULTILINE))
        self.needs, self.server = fields.get("needs", "").split(), fields.get("server")
        self.settings = [Setting(model, *counts) for model, counts in corpus_args.defaults(path).items()]
        self.models = [setting.model for setting in self.settings]
        self.settings += [self.given(model)._replace(flawed=True) for model in fields.get("flawed", "").split()]
        unknown = set(self.models) - set(MODELS)
        if unknown or "serial" not in self.models:
            raise ValueError(f"{path}: models: {' '.join(self.models)}: serial must be there, {unknown or 'nothing'} not")

    def given(self, model):
        """The setting that the job itself declares for a model (or "MODEL-flawed")."""
        return next(setting for setting in self.settings if setting.label == model)

    def can_run(self, setting):
        """Is this one of the job's models, with counts that a machine can bear?"""
        if setting.model not in self.models:
            return False
        return setting.workers <= MAX_WORKERS.get(setting.model, 1) and setting.in_flight <= MAX_WORKERS["coroutines"]

    def command(self, setting):
        """The command that runs the job so."""
        program = [support.PYTHON, self.path]
        if self.path.suffix == ".c":
            program = [support.BUILD / "examples" / f"{self.path.parent.name}_{self.name}"]
        elif self.path.suffix == ".js":
            program = ["node", self.path]
        in_flight = ["--in-flight", setting.in_flight] if setting.in_flight else []
        flawed = ["--flawed"] if setting.flawed else []
        return [str(word) for word in [*program, "--model", setting.model, "--workers", setting.workers, *in_flight, *flawed]]


def all_jobs(names=None, folder=CORPUS):
    """The jobs of a folder in order of name; ValueError for a name that there is none of."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES and path.stem != "corpus_args"]
    jobs = [Job(path) for path in paths]
    if names is None:
        return jobs
    missing = set(names) - {job.name for job in jobs}
    if missing:
        raise ValueError(f"no such job: {', '.join(sorted(missing))}")
    return [job for job in jobs if job.name in names]
