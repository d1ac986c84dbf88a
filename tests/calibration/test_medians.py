# SPDX-License-Identifier: BSD-2-Clause
"""The statistics of the calibration."""
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import medians  # noqa: E402 (beside this file)


class MediansTest(unittest.TestCase):
    def test_median(self):
        self.assertEqual(medians.median([5]), 5)
        self.assertEqual(medians.median([9, 1, 5]), 5)
        self.assertEqual(medians.median([9, 1, 5, 7]), 6)

    def test_percentile_is_a_value_that_occurred(self):
        values = list(range(10, 0, -1))
        self.assertEqual(medians.percentile(values, 0.9), 9)
        self.assertEqual(medians.percentile(values, 0.91), 10)
        self.assertEqual(medians.percentile(values, 0.0), 1)
        self.assertEqual(medians.percentile(values, 1.0), 10)
        self.assertEqual(medians.percentile([4], 0.5), 4)

    def test_interval_of_few_values_is_their_range(self):
        self.assertEqual(medians.median_interval([3]), (3, 3))
        self.assertEqual(medians.median_interval([3, 1, 2]), (1, 3))
        self.assertEqual(medians.median_interval([3, 1, 2, 9, 7, 8]), (1, 9))

    def test_interval_leaves_out_what_it_may(self):
        """The table of the binomial: ranks 2 and 8 of nine, 6 and 15 of twenty."""
        self.assertEqual(medians.median_interval(range(1, 10)), (2, 8))
        self.assertEqual(medians.median_interval(range(1, 21)), (6, 15))

    def test_interval_holds_the_median_as_often_as_it_says(self):
        numbers, held = random.Random(4711), 0
        for _ in range(2000):
            low, high = medians.median_interval([numbers.lognormvariate(0, 1) for _ in range(11)])
            held += low <= 1 <= high
        self.assertGreater(held / 2000, 0.95)
        self.assertLess(held / 2000, 0.999)

    def test_overlap(self):
        self.assertTrue(medians.overlap((1, 3), (3, 5)))
        self.assertTrue(medians.overlap((1, 9), (4, 5)))
        self.assertFalse(medians.overlap((1, 3), (3.1, 5)))
        self.assertFalse(medians.overlap((6, 7), (1, 5)))


if __name__ == "__main__":
    unittest.main()
