#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turn the page's style and script into C arrays, with the hashes that its Content-Security-Policy names.
usage: embed_page.py OUT FILE..."""
import base64
import hashlib
import pathlib
import sys

out, *sources = map(pathlib.Path, sys.argv[1:])
parts = ["/* made by embed_page.py */\n"]
for source in sources:
    data = source.read_bytes()
    assert b"</" not in data, f"{source}: '</' would end the element it stands in"
    name = source.name.replace(".", "_")
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    rows = [", ".join(str(byte) for byte in (data + b"\0")[i : i + 24]) for i in range(0, len(data) + 1, 24)]
    parts.append(f'#define {name.upper()}_SHA256 "{digest}"\nstatic const char {name}[] = {{\n    ' + ",\n    ".join(rows) + "};\n")
out.write_text("".join(parts), encoding="ascii")
