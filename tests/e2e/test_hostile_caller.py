# SPDX-License-Identifier: BSD-2-Clause
"""A helper with file capabilities can be started by everybody: what does somebody get out of it who is not concadvise?"""
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import unittest

import rights
import support

SCRIPT = (support.ROOT / "tests/e2e/programs/hostile_caller.py").read_text()


def enumeration(header, name):
    """The constants of an enum in a header, by name."""
    text = re.sub(r"/\*.*?\*/", "", (support.ROOT / header).read_text(), flags=re.DOTALL)
    body = re.search(rf"enum {name} {{(.*?)}}", text, re.DOTALL)[1]
    numbers, following = {}, 0
    for constant, value in re.findall(r"(\w+)(?: = (\d+))?", body):
        following = int(value) if value else following
        numbers[constant] = following
        following += 1
    return numbers


WIRE = {name.removeprefix("WIRE_"): number for name, number in enumeration("probe/wire.h", "wire_type").items()}
KINDS = enumeration("probe/bpf/abi.h", "wait_kind")
FUTEXES = [KINDS[name] for name in KINDS if re.match("WAIT_(FUTEX|RUBY|INTERPRETER)_", name)]


class HostileCallerTest(rights.RightsCase):
    def setUp(self):
        super().setUp()
        self.helper = self.programs(rights.HELPER_CAPS).parent.parent / "probe" / "concadvise-probe"

    def play(self, scenario, **settings):
        settings = {"helper": str(self.helper), "types": WIRE, **settings}
        argv = [*rights.AS_NOBODY, support.PYTHON, "-c", SCRIPT, scenario, json.dumps(settings, default=str)]
        done = subprocess.run(argv, capture_output=True, timeout=4 * support.TIMEOUT_S, cwd="/", env=rights.environment())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return json.loads(done.stdout)

    def foreign_python(self):
        """A Python process of root's with a secret in its memory; the secret and its pid."""
        marker = secrets.token_hex(16)
        script = "secret = bytes.fromhex(input()); print('up', flush=True); import threading; input()"
        process = subprocess.Popen([support.PYTHON, "-c", script], stdin=-1, stdout=-1, text=True)
        self.addCleanup(process.communicate, "\n")
        process.stdin.write(marker + "\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "up\n")
        return marker, process.pid

    def test_whom_it_traces(self):
        """Children of the caller with no more rights than the caller's, and nobody else; the reason is said."""
        setuid, setgid = (shutil.copy("/bin/sleep", self.open / name) for name in ("sleep-u", "sleep-g"))
        os.chmod(setuid, 0o4755)
        os.chmod(setgid, 0o2755)
        _, foreign = self.foreign_python()
        said = self.play("targets", setuid_sleep=setuid, setgid_sleep=setgid, foreign=foreign)
        self.assertEqual(said.pop("own")[:2], ["READY", ""])
        reasons = {"setuid": "rights", "setgid": "rights", "gone": "gone"}
        for name, (word, reason, status) in said.items():
            self.assertEqual((word, status), ("FAILED", 1), name)
            self.assertIn(reasons.get(name, "not a child of the caller"), reason, name)

    def test_what_it_takes_for_a_socket(self):
        for name, (word, _, status) in self.play("descriptors").items():
            self.assertEqual((word, status), (None, 2), name)

    def test_arguments(self):
        good = ["3", "1", "0", "0", "1", "0"]
        bad = {0: ("-1", "3x", ""), 1: ("0", "99999999999"), 2: ("4294967296",), 3: ("60001",), 4: ("2", ""), 5: ("2", "%n")}
        wrong = [good[:at] + [word] + good[at + 1 :] for at, words in bad.items() for word in words]
        for words in ([], ["3"], good[:-1], good + ["0"], ["%n"] * 6, *wrong):
            done = subprocess.run([*rights.AS_NOBODY, self.helper, *words], capture_output=True, cwd="/", timeout=30)
            self.assertEqual((done.returncode, done.stdout), (2, b""), words)
            self.assertIn(b"started by concadvise", done.stderr)

    def test_nobody_gets_at_the_helper(self):
        """It runs as the caller's user; memory, descriptors and environment are out of that user's reach all the same."""
        seen = self.play("looks")
        self.assertEqual(seen.pop("answer"), "READY")
        self.assertEqual(set(seen.values()), {"Permission denied"}, seen)

    def test_garbage(self):
        """Registrations with made-up addresses and offsets, for the target and for root's Python; bytes without sense."""
        marker, foreign = self.foreign_python()
        seed = secrets.randbits(32)
        sizes = self.struct_sizes()
        seen = self.play("fuzz", foreign=foreign, marker=marker, seed=seed, **sizes)
        context = f"seed {seed}: {seen}"
        for registration in seen["registrations"]:
            expected = {"own": True, "others": [], "ends": ["READY", "FINAL"], "marker": False, "target": ["down\n", 0]}
            self.assertEqual(registration, expected, context)
        self.assertEqual(set(seen["statuses"]), {1}, context)

    def struct_sizes(self):
        """What the compiler makes of the payloads, without the 8 bytes that begin with the pid."""
        code = '#include <stdio.h>\n#include "probe/bpf/abi.h"\nint main(void) { printf("%zu %zu", sizeof(struct wire_python) - 8, sizeof(struct wire_ruby) - 8); }\n'
        program = self.folder / "sizes"
        subprocess.run(["cc", "-I", support.ROOT, "-o", program, "-x", "c", "-"], input=code.encode(), check=True)
        python, ruby = subprocess.run([program], capture_output=True, check=True).stdout.split()
        return {"python_bytes": int(python), "ruby_bytes": int(ruby)}

    def test_setuid_programs_are_not_read_through_registrations(self):
        """A descendant that gained rights: no byte of it shows in what its waits are called, nor where it lies."""
        program = self.open / "futexes"
        source = support.ROOT / "tests/e2e/programs/futexes.c"
        subprocess.run(["cc", "-static", "-no-pie", "-O1", "-o", program, source], check=True)
        listed = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
        word = int(re.search(r"^([0-9a-f]+) \w waited_for$", listed, re.MULTILINE)[1], 16)
        settings = {
            "program": str(program),
            "symbols": {"word": word, "vm": word + 8, "status": word + 16},
            "futex_kinds": FUTEXES,
        }
        program.chmod(0o755)
        seen = self.play("peek", **settings)
        self.assertIn(KINDS["WAIT_RUBY_SLEEP"], seen["kinds"], "the attack does not work even where it may")
        self.assertEqual((seen["addresses"], seen["mapped"]), ([word], True))
        program.chmod(0o4755)
        seen = self.play("peek", **settings)
        self.assertFalse({KINDS["WAIT_RUBY_SLEEP"], KINDS["WAIT_RUBY_QUEUE"], KINDS["WAIT_INTERPRETER_LOCK"]} & set(seen["kinds"]))
        self.assertEqual((seen["addresses"], seen["mapped"]), ([0], False))


if __name__ == "__main__":
    sys.exit(unittest.main())
