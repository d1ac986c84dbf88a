# SPDX-License-Identifier: BSD-2-Clause
"""analyzer/async_twins.json: its form, and that no row hides another: the first that matches counts."""
import json
import pathlib
import unittest

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANGUAGES = ["python", "c", "ruby", "node", "jvm", "go"]
CAUSES = ["network", "pipe", "sleep", "disk", "lock", "join", "handoff", "ipc", "memory"]

NAMES = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string", "pattern": "^[!-~]+$"}}
TEXTS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {name: {"type": "string", "pattern": "^[ -~]{4,90}$"} for name in [*LANGUAGES, "any"]},
}
ROW = {
    "type": "object",
    "required": ["library", "twin"],
    "additionalProperties": False,
    "properties": {
        "library": {"type": "string", "pattern": "^[ -~]{1,30}$"},
        "asynchronous": {"const": True},
        **{key: NAMES for key in ("python", "calls", "objects", "files", "functions")},
        "causes": {"type": "array", "minItems": 1, "items": {"enum": CAUSES}},
        "runtimes": {"type": "array", "minItems": 1, "items": {"enum": LANGUAGES}},
        "twin": {"anyOf": [{"type": "null"}, TEXTS]},
        "without": TEXTS,
    },
    "anyOf": [{"required": [key]} for key in ("python", "calls", "objects", "files", "functions", "causes")],
    "dependentRequired": {"runtimes": ["causes"]},
    "if": {"required": ["asynchronous"]},
    "then": {"properties": {"twin": {"type": "null"}}},
}
SCHEMA = {
    "type": "object",
    "required": ["without", "twins"],
    "additionalProperties": False,
    "properties": {"without": {**TEXTS, "required": ["any"]}, "twins": {"type": "array", "minItems": 100, "items": ROW}},
}
# How a pattern matches a name: what may follow it there.
BOUNDARIES = {"python": ".", "calls": "", "objects": ".-_", "files": "", "functions": ""}


def unique(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError(f"twice in one object: {names}")
    return dict(pairs)


class AsyncTwinsTest(unittest.TestCase):
    def setUp(self):
        text = (ROOT / "analyzer" / "async_twins.json").read_text(encoding="ascii")
        self.table = json.loads(text, object_pairs_hook=unique)

    def test_form(self):
        jsonschema.Draft202012Validator(SCHEMA).validate(self.table)

    def test_libraries_are_named_once(self):
        """Rows by cause repeat the name of the library that serves the same wait."""
        names = [row["library"] for row in self.table["twins"] if "causes" not in row]
        self.assertEqual(sorted(names), sorted(set(names)))

    def test_most_specific_first(self):
        """No pattern is hidden by an earlier one: "redis" before "redis.asyncio" would be."""
        for key, boundaries in BOUNDARIES.items():
            seen = []
            for row in self.table["twins"]:
                for name in row.get(key, []):
                    hidden = [old for old in seen if name == old or name.startswith(tuple(old + b for b in boundaries))]
                    self.assertEqual(hidden, [], f"{key}: {name}")
                seen += row.get(key, [])

    def test_calls_come_before_their_module(self):
        """A call is looked up before the module it is in, so both may be there; it must name a module and a function."""
        for row in self.table["twins"]:
            for name in row.get("calls", []):
                self.assertRegex(name, r"^[a-z_.]+\.[a-z_]+$")

    def test_every_cause_is_served_once_per_language(self):
        for language in LANGUAGES:
            served = [
                cause
                for row in self.table["twins"]
                for cause in row.get("causes", [])
                if language in row.get("runtimes", LANGUAGES)
            ]
            self.assertEqual(sorted(served), sorted(set(served)), language)
            self.assertLessEqual({"network", "pipe", "sleep", "disk"}, set(served), language)


if __name__ == "__main__":
    unittest.main()
