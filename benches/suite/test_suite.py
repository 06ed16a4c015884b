"""Tests of the suite: `PYTHONPATH=benches python3 -m unittest suite.test_suite`."""

import contextlib
import io
import json
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

from . import machine
from .databases import durations
from .report import report
from .spreads import ratio, spread
from .targets import Target, check
from .workload import PEER, ROSTER, SCENARIOS, Request

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
    network = {"groups": [{"scenario": scenario, "connections": 64, "servers": {
        ROSTER: rounds(rate), PEER: rounds(10)}} for scenario, rate in [("read", 25), ("create", 30)]], "memory": {}}
    return {"network": {"closed": network}, "sqlite": {
        "start": {"milliseconds": [20.0, 30.0]}, "closed": closed,
        "open": {"loads": [{"scenario": "read", "rate": 100.0, "servers": {ROSTER: slower, PEER: latency}},
                           {"scenario": "mixed", "rate": 100.0, "servers": {ROSTER: slower, PEER: slower}}]},
        "flat": {"pages": [{"page": page, "blocks": blocks} for page in (1, 1000, 2000)],
                 "groups": [{"members": members, "blocks": blocks} for members in (10, 1000)],
                 "search": {"users": 2000, "blocks": blocks},
                 "sizes": [{"users": users, "rounds": rounds(10, 20)} for users in (200, 2000)]},
        "storage": {"file_bytes_per_create": 2500.0},
        "long": {"rate": 50.0, "ten_seconds": [LATENCIES] * 12, "minutes": [LATENCIES] * 2},
    }}


class Report(unittest.TestCase):
    def test_tables_and_plots(self):
        with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(io.StringIO()) as output:
            file = Path(directory, "results.json")
            file.write_text(json.dumps(results()))
            # Reads with 256 connections, p50 of one connection, p50 of the open loop, and creates over the network.
            self.assertEqual(report(file), 4)
            plots = sorted(plot.name for plot in Path(directory).glob("*.svg"))
            for plot in plots:
                xml.etree.ElementTree.parse(Path(directory, plot))
        self.assertEqual(plots, ["network-p99.svg", "network-throughput.svg"]
                         + [f"sqlite-{name}.svg" for name in ("flat", "p99", "ten-minutes", "throughput")])
        for line in [
            "| read by id | 30.0 (20.0–40.0) | 1.00; 2.00 | 25.0 | 1.00; 2.00 |",
            "| page of 50 |  |  |  |  |",
            "| target | SQLite | required, goal | network | required, goal |",
            "| read by id, 64 connections: roster / axum-sqlx | 3.00 (2.00–4.00) | ≥ 2, 2.7: goal met | 2.50 | ≥ 2, 3: met |",
            "| read by id, 256 connections: roster / axum-sqlx | 1.90 (1.00–3.00) | ≥ 2, 2.7: **missed** |  |  |",
            "| create, 64 connections: roster / axum-sqlx |  |  | 3.00 | ≥ 4, 8: **missed** |",
            "| page 1,000 of a list / page 1 | 1.00 | ≤ 1.2: met |  |  |",
            "| growth of the database file per create, bytes | 2500 |  |  |  |",
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
        self.assertEqual(undecided.verdict, "not measurable")
        self.assertTrue(Target("", (0.85, 0.8, 1.1), 0.9, 1.2, at_least=True, one_connection=True).is_missed)
        self.assertFalse(Target("", (1.2, 0.9, 1.3), 1.1, 1, one_connection=True).is_missed)

    def test_a_peer_that_cannot_sustain_the_rate_is_beaten(self):
        target = Target("", (1.5, 1, 2), 1, 0.5, unrivalled=True)
        self.assertFalse(target.is_missed)
        self.assertIn("cannot sustain", target.verdict)

    def test_the_median_of_the_open_loop_has_its_own_limit_on_sqlite(self):
        for scenario, limits in [("read", "≤ 1, 0.5"), ("mixed", "≤ 1.3, 1")]:
            name = f"open loop, {SCENARIOS[scenario]}: p50, roster / axum-sqlx"
            self.assertEqual([t.limits for t in check("sqlite", results()["sqlite"]) if t.name == name], [limits])

    def test_storage_is_compared_with_its_limits(self):
        measured = {"wal_per_create": {"1": 2700.0, "64": 2500.0}, "row_bytes": {"users": 400.0, "changes": 450.0}}
        targets = {target.name: target for target in check("postgres", {"storage": measured})}
        self.assertEqual(targets["write-ahead log per create, one client, bytes"].verdict, "**missed**")
        self.assertEqual(targets["rows of a user and its change, bytes"].verdict, "goal met")


class Databases(unittest.TestCase):
    def test_durations_are_those_that_psql_prints(self):
        self.assertEqual(durations("Timing is on.\nTime: 1.250 ms\nUPDATE 1\nTime: 1061.1 ms (00:01.061)\n"),
                         [1.25, 1061.1])


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
