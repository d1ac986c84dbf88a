# SPDX-License-Identifier: BSD-2-Clause
"""The manual page of a JSON document has every member of its schema, and follows when one is added.
test_schema_page.py SCHEMA PAGE MAN_FOLDER"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SCHEMA = pathlib.Path(sys.argv[1])
PAGE = pathlib.Path(sys.argv[2])
MAN = pathlib.Path(sys.argv[3])


def plain(text):
    """A line of the page as it reads: without fonts, escapes and hyphens that are marked as such."""
    text = re.sub(r"\\f[BIR]", "", text.removeprefix("\\&"))
    return text.replace("\\-", "-").replace("\\(ha", "^").replace("\\(ti", "~").replace("\\e", "\\")


def sections(page):
    """{heading: {member: (type, description)}} of a page's source; what stands before the first heading is under ""."""
    found, members = {}, {}
    lines = page.split("\n.SH MEMBERS\n")[1].split("\n.SH FILES\n")[0].splitlines()
    found[""] = members
    for number, line in enumerate(lines):
        if line.startswith(".SS "):
            members = found.setdefault(plain(line[4:]), {})
        elif line == ".TP":
            match = re.fullmatch(r"(\w+) \((.*)\)", plain(lines[number + 1]))
            members[match[1]] = match[2], plain(lines[number + 2])
    return found


def objects(schema):
    """(heading, node) of everything in a schema that has members."""

    def within(path, node):
        if "properties" in node:
            yield path, node
        for name, member in node.get("properties", {}).items():
            yield from within(f"{path}.{name}" if path else name, member)
        if isinstance(node.get("items"), dict):
            yield from within(path + "[]", node["items"])
        for inner in [*node.get("oneOf", []), *node.get("anyOf", [])]:
            yield from within(path, inner)

    yield from within("", schema)
    for name, node in schema["$defs"].items():
        yield from within(name, node)


def make(schema):
    """The page that another schema gives. Returns (status, page, errors)."""
    with tempfile.TemporaryDirectory(prefix="concadvise-man-") as folder:
        changed, out = pathlib.Path(folder, "schema.json"), pathlib.Path(folder, "page.5")
        changed.write_text(json.dumps(schema))
        command = [sys.executable, MAN / "make_schema_page.py", MAN / (PAGE.name + ".in"), changed, "1.2.3", out]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, out.read_text() if out.exists() else "", done.stderr


class SchemaPageTest(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads(SCHEMA.read_text())
        self.page = PAGE.read_text()

    def test_every_member_is_there_with_its_description(self):
        found = sections(self.page)
        count = 0
        for path, node in objects(self.schema):
            self.assertEqual(list(found[path]), list(node["properties"]), path)
            for name, member in node["properties"].items():
                kind, text = found[path][name]
                if "description" in member:
                    self.assertEqual(text, member["description"], f"{path}.{name}")
                self.assertGreater(len(text), 2, f"{path}.{name}")
                self.assertEqual("may be absent" in kind, name not in node["required"], f"{path}.{name}")
                count += 1
        self.assertGreater(count, 50)

    def test_types(self):
        """A type is one of JSON's, or has a section of its own; a time has its unit."""
        found = sections(self.page)
        for path, members in found.items():
            for name, (kind, _) in members.items():
                kind, *remarks = kind.split(", ")
                self.assertLessEqual(set(remarks), {"ns", "bytes", "may be absent"}, f"{path}.{name}")
                self.assertEqual("ns" in remarks, name.endswith("_ns"), f"{path}.{name}")
                words = re.sub(r"array of (\d+ )?", "", kind).split(" or ")
                for word in words:
                    known = word in found or word.rstrip("s") in (
                        "string", "integer", "number", "boolean", "object", "word", "null")
                    self.assertTrue(known or word + "[]" in found or re.fullmatch(r"always \w+", word), f"{path}.{name}: {kind}")

    def test_enumerations_are_spelled_out(self):
        for name in ("keep, fix, switch", "serial, threads, coroutines, processes, processes\\+coroutines"):
            self.assertRegex(plain(self.page), f"One of: {name}")

    def test_man_reads_it(self):
        done = subprocess.run(["man", "-l", "--warnings", "-Tutf8", str(PAGE)], capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = re.sub(".\b", "", done.stdout.decode())  # letters in bold are struck twice
        for path, node in objects(self.schema):
            for name in [path, *node["properties"]]:
                self.assertIn(name, text)

    def test_it_follows_the_schema(self):
        self.schema["properties"]["brand_new"] = {"type": "integer", "description": "how new, in - news"}
        status, page, errors = make(self.schema)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(sections(page)[""]["brand_new"], ("integer, may be absent", "how new, in - news"))
        self.assertNotRegex(page, "@[A-Z]+@")

    def test_a_member_without_description_is_refused(self):
        self.schema["properties"]["brand_new"] = {"type": "integer"}
        status, page, errors = make(self.schema)
        self.assertEqual((status, page), (1, ""))
        self.assertIn("brand_new has no description", errors)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
