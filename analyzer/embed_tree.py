#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turn tree.json into a C array, so that the program carries its own decision tree. usage: embed_tree.py IN OUT"""
import sys

with open(sys.argv[1], "rb") as source:
    data = source.read() + b"\0"
rows = [", ".join(str(byte) for byte in data[i : i + 24]) for i in range(0, len(data), 24)]
with open(sys.argv[2], "w", encoding="ascii") as out:
    out.write("/* made from tree.json by embed_tree.py */\n")
    out.write("static const char tree_builtin_json[] = {\n    " + ",\n    ".join(rows) + "};\n")
