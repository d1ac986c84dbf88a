# SPDX-License-Identifier: BSD-2-Clause
"""Whatever a program, a file or a folder is called: nothing of it acts on a terminal, and JSON stays JSON.

Every name here carries escape sequences (OSC 52 writes to the clipboard), controls as bytes and as UTF-8, newlines,
bidirectional marks and bytes that are no UTF-8. Each test also asks that the names are there, escaped: a report that
leaves them out would pass for nothing.
"""
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import unicodedata
import unittest

import jsonschema

import sites
import support

EVIL = "\x1b]52;c;ZXZpbA==\x07\n\r\t\x7f\x9b\u202e\u2066\u200e\u061c\u200b\ufeff"
EVIL_BYTES = EVIL.encode() + b"\xff\xc0\x80\xed\xa0\x80</script>--`|"
UTF8 = support.target_environment(LC_ALL="C.UTF-8")
ASCII = support.target_environment(LC_ALL="C")
ZERO_WIDTH = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}


def schema(name):
    return json.loads((support.ROOT / "report" / name).read_text())


class HostileCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="concadvise-hostile-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.evil = pathlib.Path(os.fsdecode(os.fsencode(folder.name) + b"/dir" + EVIL_BYTES.replace(b"/", b"_")))
        cls.evil.mkdir()

    def assert_harmless(self, output, ascii_only=False):
        """Valid UTF-8, whose only control is the end of a line."""
        text = output.decode("ascii" if ascii_only else "utf-8")
        for character in set(text) - {"\n"}:
            category = unicodedata.category(character)
            self.assertNotIn(category, ("Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"), f"{character!r} in\n{text[:3000]!r}")
            self.assertNotIn(ord(character), ZERO_WIDTH)
        return text

    def assert_fits(self, text, width):
        for line in text.splitlines():
            columns = sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in line)
            self.assertLessEqual(columns, width, line)

    def assert_json(self, path, schema_name=None):
        raw = path.read_bytes()
        self.assert_harmless(raw)
        document = json.loads(raw)
        if schema_name:
            jsonschema.validate(document, schema(schema_name))
        return document

    def every_form(self, saved, *names):
        """The report of a saved measurement in each form, for terminals of both kinds; the names are in it."""
        for environment, ascii_only in ((UTF8, False), (ASCII, True)):
            for width in ("40", "100"):
                done = support.run("report", "-v", saved, env={**environment, "COLUMNS": width})
                self.assertEqual(done.status, 0, str(done))
                text = self.assert_harmless(done.stdout, ascii_only)
                self.assert_harmless(done.stderr, ascii_only)
                self.assert_fits(text, int(width))
                for name in names if width == "100" else ():
                    self.assertIn(name, text)
        report = self.evil / "report.json"
        again = self.folder / "again.json"
        done = support.run("report", saved, "-o", report, "-o", again, env=UTF8)
        self.assertEqual(done.status, 0, str(done))
        self.assert_harmless(done.stdout + done.stderr)
        document = self.assert_json(report, "report.schema.json")
        for before, after in ((saved, saved), (report, again), (saved, report)):
            done = support.run("diff", "-v", before, after, env=UTF8)
            self.assertEqual(done.status, 0, str(done))
            self.assert_harmless(done.stdout + done.stderr)
            done = support.run("diff", "-f", "json", before, after, env=UTF8)
            self.assert_harmless(done.stdout)
            compared = json.loads(done.stdout)
            jsonschema.validate(compared, schema("diff.schema.json"))
            self.assertNotIn("command", compared["caveats"], "the same run, read back from another form")
        return document


class ProgramTest(HostileCase):
    def setUp(self):
        self.maps = []
        self.addCleanup(lambda: [os.unlink(path) for path in self.maps if path.startswith("/tmp/perf-")])

    def test_native_program(self):
        """Its folder, library, symbols, source files, generated code, process and threads."""
        program = self.evil / "program"
        library = self.evil / os.fsdecode(b"lib" + EVIL_BYTES.replace(b"/", b"_") + b".so")
        symbol = b"library\x1b]52;c;bGli\x07\n\t\xc2\x9b\xe2\x80\xae\xff</script>|`"
        for command in (
            ["gcc", "-g", "-O1", "-fpic", "-DLIBRARY", "-c", "-o", self.folder / "library.o", sites.PROGRAMS / "hostile.c"],
            ["objcopy", "--redefine-sym", b"library_pause=" + symbol, self.folder / "library.o"],
            ["gcc", "-shared", "-Wl,-soname,evil\x1b]0;x\x07.so", "-o", library, self.folder / "library.o"],
            ["gcc", "-g", "-O1", "-o", program, sites.PROGRAMS / "hostile.c", "-ldl", "-lpthread"],
        ):
            subprocess.run(command, check=True, timeout=60)
        saved, text = self.folder / "native.json", self.evil / "out.txt"
        command = [program, library, os.fsdecode(EVIL_BYTES)]
        done = support.run("--no-evidence", "-v", "--save", saved, "-o", text, "--", *command, env=UTF8)
        self.maps = done.stdout.decode().split()
        self.assertEqual(done.status, 0, str(done))
        self.assert_harmless(done.stderr)
        shown = self.assert_harmless(text.read_bytes())
        self.assert_json(saved)
        self.assertIn("library\\x1b[31m\\x0a<!--.c:1002", shown)
        self.assertIn("jit\\x1b]52;c;aml0\\x07\\x09\\u{9b}", shown)
        report = self.every_form(saved, "thr\\x1b]52;c;", "library\\x1b[31m\\x0a<!--.c")
        measured = report["measurement"]
        names = {thread["name"] for thread in measured["threads_detail"]}
        self.assertEqual(names, {"m\x1b[2J\n\r\x9b\u202e", "thr\x1b]52;c;dA\x07\\xff"})
        functions = {frame["function"] for site in measured["sites"] for frame in site["stack"]}
        files = {frame["file"] for site in measured["sites"] for frame in site["stack"] if frame["file"]}
        self.assertIn("library\x1b]52;c;bGli\x07\n\t\x9b\u202e\\xff</script>|`", functions)
        self.assertTrue(any(name.startswith("jit\x1b]52;c;aml0\x07\t\x9b\u202e\\xff</script>") for name in functions), functions)
        self.assertTrue(any(name.endswith("library\x1b[31m\n<!--.c") for name in files), files)
        self.assertTrue(any(name.endswith("thread\x1b[31m\u202e</script>.c") for name in files), files)
        self.assertEqual(report["target"]["argv"][2], EVIL + "\\xff\\xc0\\x80\\xed\\xa0\\x80</script>--`|")

    def test_python_program(self):
        """Its script, functions and files."""
        script, saved = self.evil / "script.py", self.folder / "python.json"
        shutil.copy(sites.PROGRAMS / "hostile.py", script)
        done = support.run("--no-evidence", "-v", "--save", saved, "--", support.PYTHON, script, env=UTF8)
        self.assertEqual(done.status, 0, str(done))
        self.assert_harmless(done.stderr)
        self.assert_json(saved)
        report = self.every_form(saved)
        evil = "\x1b]52;c;cHk=\x07\n\r\t\x7f\x9b\u202e\u2066\u200b\U000e0041\ufffd\\xff</script>-->`|"
        frames = [frame for site in report["measurement"]["sites"] for frame in site["stack"]]
        self.assertIn("function" + evil, {frame["function"] for frame in frames})
        self.assertIn("file" + evil + ".py", {frame["file"] for frame in frames})
        self.assertIn(b"function\\x1b]52;c;", done.stderr)

    def test_on_a_terminal(self):
        """Nothing but concadvise's own colours and its own status line."""
        master, slave = pty.openpty()
        command = [support.CONCADVISE, "--no-evidence", "-v", "--", "sh", "-c", "sleep 0.5", EVIL]
        process = subprocess.Popen(command, stdin=slave, stdout=subprocess.DEVNULL, stderr=slave, env={**UTF8, "TERM": "xterm"})
        os.close(slave)
        output = b""
        try:
            while chunk := os.read(master, 65536):
                output += chunk
        except OSError:  # the other end is closed
            pass
        os.close(master)
        self.assertEqual(process.wait(), 0, output)
        self.assertIn(b"\x1b[", output, "no colours: this was no terminal")
        self.assertIn(b"\\x1b]52;c;", output)
        self.assert_harmless(re.sub(rb"\r\x1b\[K|\r|\x1b\[K|\x1b\[[0-9;]*m", b"", output))


class FileTest(HostileCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = support.measure(["sleep", "0.2"], "--no-evidence", keep=cls.folder)

    def refused(self, *arguments):
        for environment, ascii_only in ((UTF8, False), (ASCII, True)):
            done = support.run(*arguments, env=environment)
            self.assertIn(done.status, (1, 2, 125, 126, 127), str(done))
            text = self.assert_harmless(done.stderr, ascii_only)
            self.assert_harmless(done.stdout, ascii_only)
            for line in filter(None, text.splitlines()):
                self.assertRegex(line, r"^(concadvise: |usage: |  )", "a name started a line of its own")
        return text

    def test_measurement_full_of_names(self):
        """Every string of a saved measurement that may be anything is."""
        def spoil(value, key=""):
            if isinstance(value, dict):
                return {k: spoil(v, k) for k, v in value.items()}
            if isinstance(value, list):
                return [spoil(v, key) for v in value]
            free = ("argv", "exe", "function", "file", "module", "modules", "notes")
            return EVIL + "%FF%C0" if isinstance(value, str) and key in free else value[:2] + "\x1b[m\x9b" if key == "name" else value

        document = spoil(json.loads(self.good.saved.read_text()))
        document["notes"] = [EVIL * 50]
        path = self.evil / "saved.json"
        for ascii_json in (True, False):
            path.write_text(json.dumps(document, ensure_ascii=ascii_json))
            self.every_form(path, "\\x1b]52;c;")

    def test_refused_files(self):
        broken = [
            b"\x1b[31m",
            b'{"concadvise_measurement": 1, "\\u001b[31m": 1}',
            self.good.saved.read_bytes().replace(b'"sleep"', b'"\\u001b]52;c;\\u0007\\n\\u202e"'),
            self.good.saved.read_bytes().replace(b'"kind":"', b'"kind":"\\u001b[31m\\n'),
            b'{"schema_version": 1, "tool": {"version": "\\u001b"}}',
        ]
        path = self.evil / "broken.json"
        for content in broken:
            with self.subTest(content=content[:60]):
                path.write_bytes(content)
                if support.run("report", path).status:
                    self.refused("report", path)
                    self.refused("replay", path)
                    self.refused("diff", path, self.good.saved)

    def test_trees(self):
        tree = json.loads((support.ROOT / "analyzer" / "tree.json").read_text())
        path = self.evil / "tree.json"
        for key in ("id", "metric", "comparison", "unit", "yes"):
            with self.subTest(key=key):
                spoiled = json.loads(json.dumps(tree))
                spoiled["nodes"][1][key] = EVIL
                path.write_text(json.dumps(spoiled))
                self.assertIn("\\x1b]52", self.refused("report", "--tree", path, self.good.saved))
        tree["nodes"][0]["question"] = tree["nodes"][0]["reason"] = EVIL
        path.write_text(json.dumps(tree))
        for arguments in (["report", "-v", "--tree", path, self.good.saved], ["explain", "tree", "--tree", path]):
            done = support.run(*arguments, env=UTF8)
            self.assertEqual(done.status, 0, str(done))
            self.assertIn("\\x1b]52", self.assert_harmless(done.stdout))

    def test_command_line(self):
        """Options, files, commands and places that do not exist."""
        for arguments in (
            ["--" + EVIL, "--", "true"],
            ["--format", EVIL_BYTES, "--", "true"],
            ["-d", EVIL, "--", "true"],
            ["-u", EVIL_BYTES, "--", "true"],
            ["-o", EVIL_BYTES + b"/x.json", "--", "true"],
            ["--save", EVIL_BYTES + b"/x", "--", "true"],
            ["--fail-on", EVIL, "report", "x"],
            ["--tree", EVIL_BYTES, "--", "true"],
            ["report", EVIL_BYTES],
            ["diff", EVIL_BYTES, EVIL_BYTES],
            ["replay", EVIL_BYTES],
            ["explain", EVIL_BYTES],
            [EVIL_BYTES],
            ["--", self.evil],
            ["--", self.evil / "missing"],
        ):
            with self.subTest(arguments=arguments):
                arguments = [os.fsdecode(a) if isinstance(a, bytes) else a for a in arguments]
                self.refused(*arguments)


if __name__ == "__main__":
    unittest.main()
