# SPDX-License-Identifier: BSD-2-Clause
"""The pages of docs/cookbook/ as programs: their recipes, the commands in them, and what the programs promise.

A page is one runtime, a section of it one recipe. Lines that begin with "$ " in its ```console blocks are commands; what
follows them is quoted from a real run, "..." stands for what was left out. `python3 <this file> --update NAME...` runs
the commands of these recipes ("python_cpu"; of all without a name), replays and all, and writes what they print into the
pages: on a quiet machine, after a build; diff says when it was not.
"""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import support

FOLDER = support.ROOT / "docs" / "cookbook"
PROGRAMS = support.ROOT / "examples" / "cookbook"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Program(support.Example):
    """A program of the cookbook; how it is started stands in the page, and again in its header."""

    def _read_run(self, words):
        self.command = words


class Recipe:
    """One section: its commands in their order, what is quoted after each, the programs before and after."""

    def __init__(self, page, title, text):
        self.page, self.title, self.text = page, title, text
        self.name = f"{page.stem}_{title.split(':')[0].split()[0].lower()}"
        self.steps = [step for block in BLOCK.findall(text) for step in steps(block)]
        named = re.findall(r"\((\.\./\.\./examples/cookbook/[^)]+)\)", text)
        self.programs = [Program((FOLDER / path).resolve()) for path in named]

    def quoted(self, word):
        """What the page quotes of the first command with this word; None: there is no such command."""
        return next((quote for command, quote in self.steps if word in command), None)


def steps(block):
    """[(command, what is quoted after it)] of one block."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


def pages():
    return [page for page in sorted(FOLDER.glob("*.md")) if page.stem != "README"]


def recipes(page):
    """The sections of a page that have commands."""
    parts = re.split(r"^## (.*)\n", page.read_text(), flags=re.MULTILINE)
    found = [Recipe(page, title, text) for title, text in zip(parts[1::2], parts[2::2])]
    return [recipe for recipe in found if recipe.steps]


@contextlib.contextmanager
def kitchen(evidence):
    """A folder in which the commands of a page run: concadvise, examples/ and build/ are where a reader has them."""
    with tempfile.TemporaryDirectory(prefix="concadvise-cookbook-") as folder:
        folder = pathlib.Path(folder)
        (folder / "examples").symlink_to(support.ROOT / "examples")
        (folder / "build").symlink_to(support.BUILD)
        (folder / "bin").mkdir()
        replays = "" if evidence else '[ "$1" = diff ] || set -- --no-evidence "$@"\n'
        (folder / "bin" / "concadvise").write_text(f'#!/bin/sh\n{replays}exec {support.CONCADVISE} "$@"\n')
        (folder / "bin" / "concadvise").chmod(0o755)
        path = f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        # Go keeps what it compiled of its own library; a folder for each recipe would compile it each time.
        cache = os.environ.get("GOCACHE", os.path.join(tempfile.gettempdir(), f"concadvise-go-cache-{os.getuid()}"))
        server = str(support.BUILD / "examples" / "delay_server")  # with_server looks beside itself, behind the link
        yield folder, support.target_environment(
            PATH=path, GOCACHE=cache, GO111MODULE="off", CONCADVISE_DELAY_SERVER=server, COLUMNS="80"
        )


def go_first():
    """Before other programs of the machine, as far as we may: what a recipe shows is its program's own doing."""
    os.setsid()
    with contextlib.suppress(OSError):
        os.nice(-20)
        pathlib.Path("/proc/self/autogroup").write_text("-20")  # sched(7): a session's niceness against other sessions


def cook(command, folder, environment):
    """Run one command of a page; returns what it prints, errors first."""
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, preexec_fn=go_first,
        capture_output=True, text=True, timeout=support.TIMEOUT_S,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command}\nstatus {done.returncode}\n{done.stderr}")
    return done.stderr + done.stdout


def parts_of(report):
    """A text report, cut where a line begins at the left margin."""
    return re.split(r"\n(?=[A-Z])", report.rstrip("\n"))


def shorten_report(report, finding):
    """The first lines, the verdict, the largest rows, the finding and the models; "..." for the rest."""
    kept = []
    for number, part in enumerate(parts_of(report)):
        lines = part.rstrip("\n").split("\n")
        if number == 0:  # what the program itself said to stderr comes before
            kept += [line for line in lines if line.startswith("concadvise") or lines[0].startswith("concadvise")]
        elif part.startswith(("Linux", "VERDICT", "DO ")):
            kept += lines
        elif part.startswith("WHERE THREAD TIME"):
            rows = [line for line in lines if re.match(r"  \S.* <?\d+ %( |$)", line)]
            kept += [lines[0], *rows[:3], "..."]
        elif part.startswith("FINDINGS"):
            entry = re.search(rf"^  {finding} .*(\n {{15,}}.*)*", part, re.MULTILINE)
            kept += [lines[0], *([entry[0]] if entry else [])]
        elif part.startswith("EVIDENCE"):
            rows = [line for line in lines if re.match(r"(  \* |    [^\d\s])", line)]
            kept += ["EVIDENCE ...", *rows, "..."]
    return "\n".join(kept) + "\n"


def shorten_diff(report, finding):
    """What became of the time, the model, the forecast and the finding."""
    kept = ["..."]
    for part in parts_of(report):
        if part.startswith(("VERDICT", "MODEL", "FORECAST")):
            kept += part.split("\n\n")[0].split("\n")
        elif part.startswith("FINDINGS"):
            kept += ["...", "FINDINGS", *re.findall(rf"^  \w+ +{finding} .*(?:\n {{10,}}.*)*", part, re.MULTILINE), "..."]
    return "\n".join(kept) + "\n"


def quote(command, output, finding):
    """What a page quotes of a command: nothing of a compiler's, and of the run after the fix only what diff says."""
    if "concadvise diff" in command:
        return shorten_diff(output, finding)
    return shorten_report(output, finding) if "before.json" in command else ""


def update(recipe):
    """Run a recipe and write what was printed into its page."""
    text = recipe.text
    (finding,) = recipe.programs[0].wanted
    with kitchen(evidence=True) as (folder, environment):
        for command, old in recipe.steps:
            new = quote(command, cook(command, folder, environment), finding)
            text = text.replace(f"$ {command}\n{old}", f"$ {command}\n{new}", 1)
    recipe.page.write_text(recipe.page.read_text().replace(recipe.text, text, 1))


if __name__ == "__main__":
    if sys.argv[1:2] != ["--update"]:
        sys.exit(__doc__)
    for _page in pages():
        for _name in [recipe.name for recipe in recipes(_page) if recipe.name in (sys.argv[2:] or [recipe.name])]:
            print(_name, flush=True)
            update(next(recipe for recipe in recipes(_page) if recipe.name == _name))
