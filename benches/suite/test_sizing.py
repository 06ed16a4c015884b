"""docs/sizing.md agrees with the results: `PYTHONPATH=benches python3 -m unittest suite.test_sizing`."""

import re
import unittest

from . import sizing


class Page(unittest.TestCase):
    def test_the_tables_are_those_that_the_results_give(self):
        page = sizing.PAGE.read_text()
        self.assertEqual(sizing.updated(page, sizing.Sizing(sizing.load()).tables()), page,
                         "run `benches/report sizing --update`")

    def test_other_results_give_another_page(self):
        results = sizing.load()
        for one in results["sqlite"]["costs"]["loads"]["patch"]:
            one["cpu_server"] *= 2
        page = sizing.PAGE.read_text()
        self.assertNotEqual(sizing.updated(page, sizing.Sizing(results).tables()), page)

    def test_a_table_cannot_be_missing(self):
        with self.assertRaisesRegex(SystemExit, "instead of"):
            sizing.updated("# Sizing", sizing.Sizing(sizing.load()).tables())

    def test_the_deployment_has_the_memory_that_the_page_derives(self):
        rows = {row.split("|")[1].strip(): max(map(float, row.split("|")[2:4]))
                for row in sizing.Sizing(sizing.load()).tables()["Memory"].splitlines()[2:] if "each" not in row}
        deployment = (sizing.ROOT / "ops/kubernetes/deployment.yaml").read_text()
        request, limit = (int(re.search(rf"{name}: {{.*memory: (\d+)Mi }}", deployment)[1])
                          for name in ("requests", "limits"))
        self.assertLess(rows["server, peak of the benchmark"], request)
        self.assertLess(rows["sum of the peak, the followers and the unread responses"], limit)


class Arithmetic(unittest.TestCase):
    def test_half_of_the_processors_serve_requests(self):
        self.assertEqual(sizing.capacity(8, 100), 40_000)

    def test_three_digits_remain(self):
        self.assertEqual([sizing.thousands(value) for value in (7.4, 123.4, 12_345, 1_234_567)],
                         ["7", "123", "12,300", "1,230,000"])


if __name__ == "__main__":
    unittest.main()
