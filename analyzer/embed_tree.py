#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turn a JSON file into a C array, so that the program carries its own tree and tables. usage: embed_tree.py IN OUT

tree.json becomes tree_builtin_json in tree_builtin.h."""
import pathlib
import sys

source, out = map(pathlib.Path, sys.argv[1:])
data = source.read_bytes() + b"\0"
rows = [", ".join(str(byte) for byte in data[i : i + 24]) for i in range(0, len(data), 24)]
out.write_text(
    f"/* made from {source.name} by embed_tree.py */\n"
    f"static const char {source.stem}_builtin_json[] = {{\n    " + ",\n    ".join(rows) + "};\n",
    encoding="ascii",
)
