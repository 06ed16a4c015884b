"""Tests of the soak: `PYTHONPATH=benches python3 -m unittest suite.test_soak`."""

import contextlib
import io
import json
import tempfile
import threading
import unittest
import xml.etree.ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import soak
from .soak_checks import Checks


def samples(memory, files=lambda minute: 30):
    return [{"minute": minute, "memory_mib": memory(minute), "file_descriptors": files(minute), "threads": 9,
             "database_mib": 100.0} for minute in range(11)]


def results(**more):
    minutes = [{"p50": 500 + number, "p99": 2000, "p999": 3000, "max": 4000} for number in range(10)]
    return {"rate": 5000.0, "samples": samples(lambda minute: 40.0), "reads": {"minutes": minutes},
            "writes": {"minutes": minutes}, "checks": {"keys": 5, "export": 2}, "roster_check": "no differences",
            "failures": [], **more}


class Slopes(unittest.TestCase):
    def test_a_leak_is_a_slope_per_hour(self):
        self.assertAlmostEqual(soak.slope(samples(lambda minute: 40 + minute / 10), "memory_mib"), 6)

    def test_memory_that_fills_at_first_has_no_slope(self):
        self.assertAlmostEqual(soak.slope(samples(lambda minute: 40 + 5 * min(minute, 4)), "memory_mib"), 0)

    def test_one_sample_has_no_slope(self):
        self.assertIsNone(soak.slope(samples(lambda minute: 40)[:1], "memory_mib"))


class Results(unittest.TestCase):
    def test_the_summary_has_the_worst_minute(self):
        self.assertIn("| SQLite | 10 | 5000 | 40.0; 40.0 | +0.0 | 30; 30 | +0 | 0.51; 2.00 | 0.51; 2.00 | 7 | 0 | "
                      "no differences |", soak.summary({"sqlite": results()}).splitlines())

    def test_each_engine_has_results_and_a_plot(self):
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "soak.json")
            soak.save(file, "sqlite", results())
            # A run that failed early has no latencies.
            soak.save(file, "postgres", {**results(failures=["lifecycle"]), "reads": None, "writes": None})
            self.assertEqual(sorted(json.loads(file.read_text())), ["postgres", "sqlite"])
            for name in ("sqlite", "postgresql"):
                xml.etree.ElementTree.parse(Path(directory, f"{name}-soak.svg"))


    def test_a_run_without_samples_has_a_summary_and_no_plot(self):
        failed = {**results(failures=["sample"]), "samples": [], "reads": None, "writes": None}
        with tempfile.TemporaryDirectory() as directory:
            soak.save(Path(directory, "soak.json"), "sqlite", failed)
            self.assertEqual([file.name for file in Path(directory).iterdir()], ["soak.json"])
        self.assertIn("| SQLite | 0 | 5000 |  |  |  |  |  |  | 7 | 1 | no differences |",
                      soak.summary({"sqlite": failed}).splitlines())


class Liar(BaseHTTPRequestHandler):
    """A server whose responses have the right status and the wrong content."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"id":"1","items":[{"revision":2}],"head":2}'
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class WrongAnswers(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = "127.0.0.1:%d" % self.server.server_port
        self.checks = Checks(self.address, threading.Event())
        self.session = self.checks.session()
        self.addCleanup(self.session.close)

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def test_a_gap_in_the_changes_is_a_failure(self):
        with self.assertRaisesRegex(AssertionError, r"\[2\] instead of \[1\]"):
            self.checks.read_changes(self.session)

    def test_wrong_users_keys_and_exports_are_failures(self):
        for check in (self.checks.lifecycle, self.checks.keys, self.checks.export):
            with self.assertRaises((AssertionError, KeyError)):
                check(self.session, 1)

    def test_an_unexpected_status_is_a_failure(self):
        with self.assertRaisesRegex(AssertionError, "200 instead of 204"):
            self.session.send("DELETE", "/users/1", 204)

    def test_the_first_failure_ends_the_load(self):
        run = soak.Soak(None, {}, 1.0)
        with contextlib.redirect_stderr(io.StringIO()):
            run.guarded("first", lambda: self.checks.read_changes(self.session))
            run.guarded("second", lambda: [][1])
        self.assertTrue(run.stop.is_set())
        self.assertEqual(len(run.failures), 1)
        self.assertIn("first", run.failures[0])


if __name__ == "__main__":
    unittest.main()
