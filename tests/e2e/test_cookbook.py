# SPDX-License-Identifier: BSD-2-Clause
"""Every recipe of the cookbook is cooked: its commands are run as the page has them, without replays. The finding is in
the program before and gone after, and diff says that the change made it faster: where its point is time, not memory, and
where the machine let it, which is seen from the program's own waits for a CPU."""
import functools
import json
import subprocess
import sys
import unittest

import cookbook
import support

TRIES = 3


@functools.cache
def setUpModule():
    """Have the runtimes in memory, once: what has to be read from a disk first is no waiting of the program's own."""
    for command in (["python3", "-c", "0"], ["node", "-e", "0"], ["ruby", "-e", "0"], ["java", "-version"]):
        subprocess.run(command, check=True, capture_output=True)


def held_up(report):
    """Did it wait for CPUs? Then the wall time is other programs' doing as well."""
    m = report["measurement"]
    return m["runnable_ns"] > (m["on_cpu_ns"] + m["runnable_ns"]) / 20


class RecipeCase:
    """Mixed into one TestCase per recipe."""

    recipe = None

    def judged(self, folder, command, *sides):
        done = support.run(command, "-f", "json", *(folder / f"{side}.json" for side in sides))
        self.assertEqual(done.status, 0, str(done))
        return json.loads(done.stdout)

    def cook(self):
        """The recipe once: what its commands print, the reports before and after, their comparison."""
        with cookbook.kitchen(evidence=False) as (folder, environment):
            log = "".join(cookbook.cook(command, folder, environment) for command, _ in self.recipe.steps)
            sides = [self.judged(folder, "report", side) for side in ("before", "after")]
            return log, sides, self.judged(folder, "diff", "before", "after")

    def taste(self, log, sides, diff):
        (finding,) = self.recipe.programs[0].wanted
        self.assertEqual([finding in support.findings(side) for side in sides], [True, False], log)
        for program, side in zip(self.recipe.programs, sides):
            self.assertIn(side["recommendation"]["model"], program.models, log)
        self.assertIn((finding, "gone"), [(found["id"], found["change"]) for found in diff["findings"]], log)
        if "memory" not in self.recipe.name and not any(map(held_up, sides)):
            self.assertEqual(diff["verdict"]["result"], "faster", log)

    def test_finding_is_gone_and_diff_says_so(self):
        """Neighbours may take a CPU or memory from a run of half a second: a page that is wrong is so each time."""
        for attempt in range(TRIES):
            try:
                return self.taste(*self.cook())
            except self.failureException as failure:
                if attempt == TRIES - 1:
                    raise
                print(f"{self.recipe.name}: once more, after: {str(failure).splitlines()[0]}", file=sys.stderr)
        return None


for _page in cookbook.pages():
    for _recipe in cookbook.recipes(_page):
        _name = "Recipe_" + _recipe.name
        globals()[_name] = type(_name, (RecipeCase, unittest.TestCase), {"recipe": _recipe})


if __name__ == "__main__":
    unittest.main()
