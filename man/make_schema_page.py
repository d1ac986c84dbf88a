#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Put the members that a JSON schema names into a manual page, each with its type and description.
usage: make_schema_page.py TEMPLATE SCHEMA VERSION OUT

Objects without a name of their own (in $defs) get a section by their path. A member that nobody described is an error."""
import json
import pathlib
import sys

MANY = {"string": "strings", "integer": "integers", "number": "numbers", "object": "objects", "word": "words"}
UNITS = {"_ns": ", ns", "_bytes": ", bytes"}


def roff(text):
    """As it is: hyphens that can be copied, and no line that begins with a control character."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text[:1] in (".", "'") else text


def value(item):
    return item if isinstance(item, str) else json.dumps(item)


class Page:
    def __init__(self, schema):
        self.schema = schema
        self.lines = []

    def definition(self, node):
        """The name in $defs that a node stands for, or None."""
        return node["$ref"].split("/")[-1] if "$ref" in node else None

    def described(self, path, node):
        name = self.definition(node)
        text = node.get("description") or (name and self.schema["$defs"][name].get("description"))
        if not text:
            sys.exit(f"make_schema_page.py: {path} has no description in the schema")
        return text

    def scalar(self, name):
        """Is this definition just a number or a word, shown where it is used?"""
        node = self.schema["$defs"][name]
        return "properties" not in node and "items" not in node and "oneOf" not in node

    def type_of(self, node):
        name = self.definition(node)
        if name and not self.scalar(name):
            return name
        if name:
            return self.type_of(self.schema["$defs"][name])
        if "const" in node:
            return "always " + value(node["const"])
        if "enum" in node:
            return "word or null" if None in node["enum"] else "word"
        for key in ("oneOf", "anyOf"):
            if key in node:
                return " or ".join(sorted(map(self.type_of, node[key]), key="null".__eq__))
        kind = node["type"]
        if kind == "array":
            of = self.type_of(node["items"])
            exactly = f"{node['minItems']} " if node.get("minItems", 0) == node.get("maxItems") else ""
            return f"array of {exactly}{MANY.get(of, of)}"
        return " or ".join(kind) if isinstance(kind, list) else kind

    def words(self, node):
        """The values of an enumeration, wherever it stands in a node."""
        name = self.definition(node)
        if name:
            return self.words(self.schema["$defs"][name]) if self.scalar(name) else []
        if "enum" in node:
            return [value(item) for item in node["enum"]]
        inner = [*node.get("oneOf", []), *node.get("anyOf", []), *([node["items"]] if "items" in node else [])]
        return next(filter(None, map(self.words, inner)), [])

    def members(self, path, node):
        """All members of an object, then the objects within it."""
        for name, member in node["properties"].items():
            unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
            optional = "" if name in node.get("required", []) else ", may be absent"
            self.lines += [".TP", f"\\fB{roff(name)}\\fR (\\fI{roff(self.type_of(member))}{unit}{optional}\\fR)"]
            self.lines.append(roff(self.described(f"{path}.{name}", member)))
            words = self.words(member)
            if words:
                self.lines += [".br", roff("One of: " + ", ".join(words))]
        for name, member in node["properties"].items():
            self.objects(f"{path}.{name}" if path else name, member)

    def objects(self, path, node):
        """A section for each object that a node is made of."""
        if "properties" in node:
            self.lines.append(f".SS {roff(path)}")
            self.members(path, node)
        if "items" in node:
            self.objects(path + "[]", node["items"])
        for inner in [*node.get("oneOf", []), *node.get("anyOf", [])]:
            self.objects(path, inner)

    def write(self):
        self.lines.append(roff(self.schema["description"]))
        self.members("", self.schema)
        self.lines.append(".SH TYPES")
        for name, node in self.schema["$defs"].items():
            if self.scalar(name):
                continue
            before = len(self.lines)
            self.objects(name, node)
            if "description" in node:
                self.lines[before + 1 : before + 1] = [roff(node["description"])]
        return "\n".join(self.lines) + "\n"


def main():
    template, schema, version, out = sys.argv[1:]
    members = Page(json.loads(pathlib.Path(schema).read_text(encoding="utf-8"))).write()
    text = pathlib.Path(template).read_text(encoding="utf-8").replace("@VERSION@", version)
    pathlib.Path(out).write_text(text.replace("@MEMBERS@\n", members), encoding="utf-8")


main()
