# SPDX-License-Identifier: BSD-2-Clause
"""Who may include whom. The way through the house is one way: cli > report > analyzer > measurement > base; the probe
fills the measurement. See README.md, "Rooms"."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("base", "probe", "analyzer", "report", "cli")

# The contracts between rooms: all that others may see of the probe and the analyzer.
MEASUREMENT = {"probe/measurement.h", "probe/live_view.h", "probe/measurement_json.h", "probe/repeats.h"}
ADVICE = {"analyzer/advice.h", "analyzer/analyze.h", "analyzer/tree.h", "analyzer/findings/findings.h"}
COMPARE = {"analyzer/compare/compare.h"}
REPLAY = {"analyzer/replay/replay.h"}

# Headers of foreign libraries, and the only places that may see them (path prefixes).
LIBRARIES = {
    r"(bpf/|linux/(bpf|btf|perf_event)\.h)": ("probe/bpf/",),
    r"(libelf|gelf|dwarf|elfutils/|libiberty/)": ("probe/symbols/",),
    r"jansson\.h": (
        "probe/measurement_json",
        "probe/measurement_schema",
        "probe/measurement_text",
        "analyzer/async_twins_table",
        "analyzer/tree",
        "analyzer/replay/",
        "report/json",
    ),
}


def sources():
    """Every C source and header of the rooms, as a path relative to the root."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.[ch]")):
            if "vmlinux" not in path.name:
                yield path.relative_to(ROOT).as_posix()


def includes(path):
    """What a file includes: [(line number, "own" or "system", header)]."""
    found = []
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            found.append((number, "own" if match[1] == '"' else "system", match[2]))
    return found


def is_bpf_program(path):
    return path.startswith("probe/bpf/") and (".bpf." in path or path.endswith("abi.h"))


def without_comments(text):
    """The text with comments blanked and every line where it was."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)


def forbidden(path, header):
    """Why this file must not include that header of ours; None: it may."""
    room, other = path.split("/")[0], header.split("/")[0]
    if other == room or header == "base/base.h":
        return None
    if room == "base":
        return "base stands on nothing"
    if other == "base":
        return None
    if room == "probe":
        return "the probe knows no room above it"
    if other == "probe" and header not in MEASUREMENT and room != "cli":
        return f"{room} sees only the measurement, not how it was made"
    if room == "analyzer":
        return None if other == "probe" else "the analyzer knows no room above it"
    if room == "report":
        return None if header in MEASUREMENT | ADVICE | COMPARE else "report sees only the advice and the measurement"
    # cli joins the rooms, through their front doors only.
    doors = MEASUREMENT | ADVICE | COMPARE | REPLAY | {"probe/probe.h", "report/report.h"}
    return None if header in doors else "cli uses the front doors of the rooms"


class RoomsTest(unittest.TestCase):
    def test_there_is_something_to_check(self):
        """Guards against a pattern that silently stops matching."""
        rooms = {path.split("/")[0] for path in sources()}
        self.assertEqual(rooms, set(ROOMS))
        self.assertGreater(sum(len(includes(path)) for path in sources()), 100)

    def test_no_room_includes_a_room_above_it(self):
        problems = []
        for path in sources():
            for number, kind, header in includes(path):
                if kind == "own" and header.split("/")[0] in ROOMS:
                    why = forbidden(path, header)
                    if why:
                        problems.append(f'{path}:{number}: "{header}": {why}')
        self.assertEqual(problems, [])

    def test_own_headers_are_included_by_their_path_from_the_root(self):
        """Generated headers (skeletons, embedded data) have no folder; the BPF side is compiled on its own."""
        problems = []
        names = {pathlib.PurePath(path).name for path in sources()}
        for path in sources():
            for number, kind, header in includes(path):
                generated = "/" not in header and header not in names
                if kind == "own" and not generated and not is_bpf_program(path) and not (ROOT / header).exists():
                    problems.append(f'{path}:{number}: "{header}" is no path from the root')
        self.assertEqual(problems, [])

    def test_a_source_includes_its_own_header_first(self):
        problems = []
        for path in sources():
            own = path[:-2] + ".h"
            if path.endswith(".c") and not is_bpf_program(path) and (ROOT / own).exists():
                first = next(iter(includes(path)), (0, "", "nothing"))
                if first[2] != own:
                    problems.append(f"{path}:{first[0]}: includes {first[2]} before {own}")
        self.assertEqual(problems, [])

    def test_foreign_libraries_stay_in_their_room(self):
        problems = []
        for path in sources():
            for number, _, header in includes(path):
                for pattern, places in LIBRARIES.items():
                    if re.match(pattern, header) and not path.startswith(places):
                        problems.append(f"{path}:{number}: {header} belongs into {', '.join(places)}")
        self.assertEqual(problems, [])

    def test_libraries_never_print_or_exit(self):
        """Rooms below cli return errors; the separate programs (helper, replayer) are programs, not libraries."""
        problems = []
        speaks = re.compile(r"(?<![\w.>])(printf|puts|perror|vprintf|exit|_exit|err|errx|warnx?)\s*\(")
        for path in sources():
            text = without_comments((ROOT / path).read_text())
            is_program = re.search(r"^int main\(", text, re.MULTILINE)
            if path.startswith("cli/") or is_program or is_bpf_program(path):
                continue
            for number, line in enumerate(text.splitlines(), 1):
                code = re.sub(r'"(\\.|[^"])*"', '""', line)
                match = speaks.search(code)
                allowed = match and match[1] == "_exit"  # the only way out of a forked child
                if match and not allowed:
                    problems.append(f"{path}:{number}: {match[1]}()")
        self.assertEqual(problems, [])


if __name__ == "__main__":
    unittest.main()
