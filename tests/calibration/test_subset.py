# SPDX-License-Identifier: BSD-2-Clause
"""The quick check: three jobs for real, against limits so wide that only a broken advice is outside."""
import os
import pathlib
import subprocess
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class SubsetTest(unittest.TestCase):
    def test_advice_and_forecasts_are_within_wide_limits(self):
        command = [HERE / "run", "--subset", "--worst", "20", "--times"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=400, env=os.environ)
        self.assertEqual(done.returncode, 0, f"\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    unittest.main()
