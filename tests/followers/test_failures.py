"""Tests the example followers with a simulated source, which changes and fails in ways that a real server seldom does.

FOLLOWER_SEEDS is the number of random histories; each has about 2,000 changes.
"""

import copy
import os
import signal
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from copies import COMMANDS, Follower
from simulation import Directory, Source


class Failures(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def source(self, seed: int) -> Source:
        source = Source(Directory(seed))
        self.addCleanup(source.server_close)
        self.addCleanup(source.shutdown)
        source.directory.change(200)
        return source

    def check(self, source: Source, follower: Follower) -> None:
        """Runs the follower while the source changes, and compares its copy with the source."""
        self.assertEqual(follower.catch_up(source.url), 0, follower.log.read_text())
        self.assertEqual(follower.content(), source.directory.content())
        digests = source.directory.digests
        self.assertEqual(follower.query("SELECT revision, digest FROM position"), [(len(digests) - 1, digests[-1])])

    def test_copies_equal_the_source_after_random_histories(self) -> None:
        seeds = range(int(os.environ.get("FOLLOWER_SEEDS", "2")))
        with ThreadPoolExecutor(4) as pool:  # The followers mostly wait before they retry.
            runs = [
                (seed, language, pool.submit(self.follow_random_history, self.source(seed), language))
                for seed in seeds
                for language in COMMANDS
            ]
        for seed, language, run in runs:
            with self.subTest(seed=seed, language=language):
                run.result()

    def follow_random_history(self, source: Source, language: str) -> None:
        follower = Follower(language, Path(tempfile.mkdtemp(dir=self.directory)), "key")
        # An export that is cut off, one without its last line, a complete one, and failing pages of changes.
        source.failures, source.changes = ["cut", "short", "", "503", "", "close", "", "429"], 200
        self.check(source, follower)
        self.assertEqual(source.exports, 3)
        # More changes, without a new export.
        source.directory.change(300)
        source.changes = 200
        self.check(source, follower)
        self.assertEqual(source.exports, 3)
        # A restored backup: the follower is ahead of the head, or the revision belongs to another history.
        backup = copy.deepcopy(source.directory)
        backup.epoch = backup.new_id()
        source.directory.change(50)
        self.check(source, follower)
        source.directory = backup
        self.check(source, follower)
        self.assertEqual(source.exports, 4)
        source.directory.epoch = source.directory.new_id()
        source.directory.change(50)
        source.changes = 50
        self.check(source, follower)
        self.assertEqual(source.exports, 5)

    def test_a_wrong_copy_is_detected_and_not_advanced(self) -> None:
        for language in COMMANDS:
            with self.subTest(language=language):
                source, follower = self.source(0), Follower(language, self.directory, "key")
                self.check(source, follower)
                follower.query("UPDATE users SET version = 0")
                before = follower.revision()
                source.directory.update(source.directory.pick("user"))
                self.assertEqual(follower.catch_up(source.url), 1)
                self.assertEqual(follower.revision(), before)
                self.assertIn(f"the source {source.directory.digests[-1]}", follower.log.read_text())

    def test_sigterm_ends_a_waiting_follower(self) -> None:
        for language in COMMANDS:
            with self.subTest(language=language):
                source, follower = self.source(0), Follower(language, self.directory, "key")
                follower.start(source.url)
                self.assertTrue(source.waiting.wait(timeout=30))
                self.assertEqual(follower.end(signal.SIGTERM), 0)
                self.assertEqual(follower.content(), source.directory.content())


if __name__ == "__main__":
    unittest.main()
