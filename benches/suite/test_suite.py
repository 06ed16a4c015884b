"""Tests of the suite: `PYTHONPATH=benches python3 -m unittest suite.test_suite`."""

import contextlib
import io
import json
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

from . import machine
from .report import report
from .spreads import ratio, spread
from .targets import Target
from .workload import PEER, ROSTER, Request

LATENCIES = {"p50": 1000, "p90": 1500, "p99": 2000, "p999": 3000, "max": 4000}


def rounds(*rates):
    used = {"cpu_server": 20.0, "cpu_database": 0.0, "stolen_cores": 0.0}
    return [{"requests_per_second": rate, **LATENCIES, **used} for rate in rates]


def results():
    """A short run on SQLite, in which Roster is three times as fast as the peer with 64 connections."""
    closed = {
        "groups": [{"scenario": "read", "connections": connections, "servers": {
            ROSTER: rounds(*own), PEER: rounds(10, 10, 10)}}
            for connections, own in [(1, (8, 8.5, 13)), (64, (20, 30, 40)), (256, (10, 19, 30))]],
        "memory": {ROSTER: {"idle": 12.0, "peak": 50.0, "after_256": 40.0}},
    }
    latency = [{**LATENCIES, "sustained": True}] * 3
    slower = [{**LATENCIES, "p50": 1500, "sustained": False}] * 3
    blocks = [100.0, 110.0, 90.0]
    return {"sqlite": {
        "start": {"milliseconds": [20.0, 30.0]}, "closed": closed,
        "open": {"loads": [{"scenario": "read", "rate": 100.0, "servers": {ROSTER: slower, PEER: latency}},
                           {"scenario": "mixed", "rate": 100.0, "servers": {ROSTER: slower, PEER: slower}}]},
        "flat": {"pages": [{"page": page, "blocks": blocks} for page in (1, 1000, 2000)],
                 "groups": [{"members": members, "blocks": blocks} for members in (10, 1000)],
                 "search": {"users": 2000, "blocks": blocks},
                 "sizes": [{"users": users, "rounds": rounds(10, 20)} for users in (200, 2000)]},
        "long": {"rate": 50.0, "ten_seconds": [LATENCIES] * 12, "minutes": [LATENCIES] * 2},
    }}


class Report(unittest.TestCase):
    def test_tables_and_plots(self):
        with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(io.StringIO()) as output:
            file = Path(directory, "results.json")
            file.write_text(json.dumps(results()))
            # Reads with 256 connections, p50 of one connection, and p50 of the open loop.
            self.assertEqual(report(file), 3)
            plots = sorted(plot.name for plot in Path(directory).glob("*.svg"))
            for plot in plots:
                xml.etree.ElementTree.parse(Path(directory, plot))
        self.assertEqual(plots, [f"sqlite-{name}.svg" for name in ("flat", "p99", "ten-minutes", "throughput")])
        for line in [
            "| read by id, 64 connections: roster / axum-sqlx | ≥ 2 | ≥ 2.7 | 3.00 (2.00–4.00) | yes | yes |  |",
            "| read by id, 256 connections: roster / axum-sqlx | ≥ 2 | ≥ 2.7 | 1.90 (1.00–3.00) | **no** | **no** |  |",
            "| page 1,000 of a list / page 1 | ≤ 1.2 |  | 1.00 | yes |  |  |",
            "| read by id | 64 | axum-sqlx | 10.0 | 3.00 (2.00–4.00) | 1.00 | 2.00 | 3.00 | 20.0 | 0.00 |",
            "| roster | 12.0 | 40.0 | 50.0 |",
        ]:
            self.assertIn(line, output.getvalue().splitlines())


class Targets(unittest.TestCase):
    def test_the_median_decides(self):
        self.assertFalse(Target("", (2, 1, 2.5), 2, 3, at_least=True).is_missed)
        self.assertTrue(Target("", (1.99, 1, 5), 2, 3, at_least=True).is_missed)
        self.assertTrue(Target("", (1.01, 0.1, 5), 1, 0.5).is_missed)
        self.assertFalse(Target("", (1.01, 0.1, 5), 1, 0.5, enforced=False).is_missed)

    def test_one_connection_may_be_undecided(self):
        undecided = Target("", (0.85, 0.8, 1.3), 0.9, 1.2, at_least=True, one_connection=True)
        self.assertIsNone(undecided.meets(0.9))
        self.assertIn("not measurable", undecided.note)
        self.assertTrue(Target("", (0.85, 0.8, 1.1), 0.9, 1.2, at_least=True, one_connection=True).is_missed)
        self.assertFalse(Target("", (1.2, 0.9, 1.3), 1.1, 1, one_connection=True).is_missed)

    def test_a_peer_that_cannot_sustain_the_rate_is_beaten(self):
        self.assertFalse(Target("", (1.5, 1, 2), 1, 0.5, unrivalled=True).is_missed)


class Spreads(unittest.TestCase):
    def test_ratios_compare_rounds_and_not_medians(self):
        own, other = [{"rate": 10}, {"rate": 30}, {"rate": 8}], [{"rate": 5}, {"rate": 10}, {"rate": 1}]
        self.assertEqual(ratio(own, other, "rate"), (3, 2, 8))
        self.assertIsNone(ratio(own, other, "p50"))
        self.assertIsNone(spread([]))


class Requests(unittest.TestCase):
    def test_the_content_length_includes_the_number(self):
        request = Request("/u/{id}", None, "POST", body='{"n":"{n}"}')
        self.assertIn("Content-Length: 26\r\n", request.template())
        self.assertEqual(request.parts()[1::2], ["{id}", "{n}"])


class Machine(unittest.TestCase):
    def test_the_versions_of_the_peers_are_known(self):
        self.assertEqual(sorted(machine.peers()), sorted(machine.CRATES))


if __name__ == "__main__":
    unittest.main()
