# SPDX-License-Identifier: BSD-2-Clause
"""Settings of the whole machine, changed for the time of a test and put back: nothing else may run beside this file."""
import contextlib
import pathlib
import sys
import unittest

import rights

PARANOID = pathlib.Path("/proc/sys/kernel/perf_event_paranoid")


class SysctlTest(rights.RightsCase):
    @contextlib.contextmanager
    def paranoid(self, level):
        before = PARANOID.read_text()
        PARANOID.write_text(f"{level}\n")
        try:
            yield
        finally:
            PARANOID.write_text(before)

    def test_perf_event_paranoid(self):
        """CAP_PERFMON overrules it in stock kernels; where it does not (Debian's at 3), there is a note."""
        concadvise = self.programs(rights.HELPER_CAPS)
        for level in (2, 3, 4):
            with self.paranoid(level), self.subTest(level=level):
                rights.assert_samples_as_doctor_says(self, rights.AS_NOBODY, concadvise)


if __name__ == "__main__":
    sys.exit(unittest.main())
