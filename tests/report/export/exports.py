# SPDX-License-Identifier: BSD-2-Clause
"""What every export has to keep to, whatever was measured: checks shared by the unit and the end-to-end tests."""
import collections
import json
import re
import subprocess
import tempfile

from prometheus_client.openmetrics import parser

# All that may stand in a text file of ours: no controls but newline, no marks that reorder or hide text.
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def folded(test, raw):
    """Microseconds by stack: {("python3", "on-CPU", "main"): 12}."""
    text = raw.decode()
    test.assertIsNone(FORBIDDEN.search(text))
    stacks = collections.Counter()
    for line in text.splitlines():
        match = re.fullmatch(r"(\S.*) (\d+)", line)
        test.assertTrue(match, line)
        stacks[tuple(match[1].split(";"))] += int(match[2])
    return stacks


def perfetto(test, raw):
    """Trace events: states of a thread don't overlap, arrows have two ends and do not run back in time."""
    trace = json.loads(raw)
    ends, arrows = {}, collections.defaultdict(list)
    for event in trace["traceEvents"]:
        key = event["pid"], event["tid"]
        if event["ph"] == "X":
            test.assertGreaterEqual(event["ts"], ends.get(key, 0) - 0.002, event)
            ends[key] = event["ts"] + event["dur"]
        elif event["ph"] in "sf":
            arrows[event["id"]].append(event)
        else:
            test.assertEqual(event["ph"], "M")
            test.assertIn(event["name"], ("process_name", "thread_name"))
    for start, end in arrows.values():
        test.assertEqual((start["ph"], end["ph"]), ("s", "f"))
        test.assertLessEqual(start["ts"], end["ts"])
    return trace["traceEvents"]


def firefox_table(test, table):
    """Columns of a table; all of its length."""
    columns = {key: value for key, value in table.items() if isinstance(value, list)}
    for key, column in columns.items():
        test.assertEqual(len(column), table["length"], key)
    return columns


def firefox_stack(thread, stack):
    """Names of a stack, outermost first; each stack comes after the one that called it."""
    names = []
    while stack is not None:
        function = thread["frameTable"]["func"][thread["stackTable"]["frame"][stack]]
        names.insert(0, thread["stringArray"][thread["funcTable"]["name"][function]])
        caller = thread["stackTable"]["prefix"][stack]
        assert caller is None or caller < stack
        stack = caller
    return tuple(names)


def firefox(test, raw):
    """Milliseconds in each state as markers tell, and by stack as the places tell; rules of the processed profile."""
    test.assertIsNone(FORBIDDEN.search(raw.decode()))
    profile = json.loads(raw)
    categories, end = profile["meta"]["categories"], profile["meta"]["profilingEndTime"]
    test.assertEqual([category["color"] for category in categories].count("grey"), 1, "the default one")
    states, stacks = collections.Counter(), collections.Counter()
    for thread in profile["threads"]:
        test.assertIsInstance(thread["pid"], str)
        for name in ("markers", "stackTable", "frameTable", "funcTable", "resourceTable", "nativeSymbols"):
            firefox_table(test, thread[name])
        markers, last = thread["markers"], 0
        for name, category, begin, stop, data in zip(*(markers[key] for key in ("name", "category", "startTime", "endTime", "data"))):
            test.assertEqual(thread["stringArray"][name], categories[category]["name"])
            test.assertEqual(data["type"], profile["meta"]["markerSchema"][0]["name"])
            test.assertTrue(last - 1e-5 <= begin < stop, (thread["name"], last, begin, stop))
            states[thread["stringArray"][name]] += stop - begin
            last = stop
        samples = thread["samples"]
        test.assertEqual(samples["time"], sorted(samples["time"]))
        test.assertGreater(samples["length"], 0)
        for stack, time, weight in zip(samples["stack"], samples["time"], samples["weight"] or [0] * samples["length"]):
            test.assertTrue(0 <= time <= end, time)
            stacks[firefox_stack(thread, stack)] += weight
    return states, stacks


def pprof(test, raw, sample_type):
    """{function: flat value in the unit of the type}, as go tool pprof reads it."""
    with tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
        file.write(raw)
        file.flush()
        argv = ["go", "tool", "pprof", "-top", "-nodecount=1000", "-nodefraction=0", "-unit=ns", f"-sample_index={sample_type}", file.name]
        done = subprocess.run(argv, capture_output=True, timeout=60)
    test.assertEqual(done.returncode, 0, done.stderr)
    rows = re.findall(r"^\s*(\d+)(?:ns)? +[\d.]+% +[\d.]+% +\d+(?:ns)? +[\d.]+%  (.*)$", done.stdout.decode(), re.MULTILINE)
    return {name: int(value) for value, name in rows}


def sarif(test, raw):
    """Results; each points to its rule, and where it has a place, to a line of a file."""
    document = json.loads(raw)
    test.assertEqual(document["version"], "2.1.0")
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    test.assertEqual(len({rule["id"] for rule in rules}), len(rules), "a rule twice")
    for result in run["results"]:
        test.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
        test.assertIn(result["level"], ("note", "warning"))
        test.assertTrue(result["message"]["text"])
        for location in result["locations"]:
            place = location["physicalLocation"]
            test.assertRegex(place["artifactLocation"]["uri"], r"^(file://)?[A-Za-z0-9._~/%-]+$")
            test.assertGreaterEqual(place["region"]["startLine"], 1)
    return run["results"]


def openmetrics(test, raw):
    """{(name, labels without the program): value}, as Prometheus' own client reads it."""
    text = raw.decode()
    test.assertIsNone(FORBIDDEN.search(text))
    samples = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "program"))
            test.assertNotIn((sample.name, labels), samples)
            samples[sample.name, labels] = sample.value
    return samples
