#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Put version and options into the manual page. usage: make_page.py TEMPLATE VERSION OUT COMMAND..."""
import pathlib
import subprocess
import sys

template, version, out, *command = sys.argv[1:]
options = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
text = pathlib.Path(template).read_text(encoding="utf-8").replace("@VERSION@", version).replace("@OPTIONS@\n", options)
pathlib.Path(out).write_text(text, encoding="utf-8")
