"""Follows eight writers with both examples, while servers and followers are killed, and compares copies and source.

Usage: ROSTER=BINARY NODE=BINARY python acceptance.py DATABASE_URL SERVERS

FOLLOWER_WRITES is the number of writes of each writer, and FOLLOWER_SEED the seed of their random requests.
"""

import hashlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from copies import COMMANDS, Follower, Key, Members, Resource
from servers import Server, client, content, head
from writers import Writers

SEEDED_USERS = 400


def digest(live: dict[Key, Resource], members: Members) -> str:
    texts = [f"{kind}:{id}:{version}" for (kind, id), (version, _) in live.items()]
    total = 0
    for text in texts + [f"member:{group}:{user}" for group, user in members]:
        total ^= int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
    return f"{total:016x}"


def wait_for_head(server: Server, followers: list[Follower]) -> None:
    """Waits until the followers have reached the head."""
    deadline = time.monotonic() + 30
    with client(server.url) as roster:
        while {follower.revision() for follower in followers} != {head(roster)["head"]}:
            for follower in followers:
                assert follower.process and follower.process.poll() is None, follower.log.read_text()
            assert time.monotonic() < deadline, "the followers did not reach the head"
            time.sleep(0.05)


def compare(server: Server, followers: list[Follower]) -> None:
    with client(server.url) as roster:
        source, last = content(roster), head(roster)
    assert last["digest"] == digest(*source), f"the source has the digest {last['digest']}"
    for follower in followers:
        assert follower.content() == source, f"the copy in {follower.language} differs from the source"
        position = follower.query("SELECT revision, epoch, digest FROM position")
        assert position == [(last["head"], last["epoch"], last["digest"])], position


def take_new_copies(writers: Writers, servers: list[Server], directory: Path, key: str) -> int:
    """Takes new copies while the writers are active. Each follower verifies the digest after its export."""
    count = 0
    while writers.active():
        for language in COMMANDS:
            count += 1
            follower = Follower(language, directory / str(count), key)
            follower.file.parent.mkdir()
            assert follower.catch_up(servers[count % len(servers)].url) == 0, follower.log.read_text()
    return count


def kill_and_resume(server: Server, followers: list[Follower]) -> None:
    server.kill()
    for follower in followers:
        follower.end(signal.SIGKILL)
    server.start()
    for follower in followers:
        follower.start(server.url)


def accept(servers: list[Server], directory: Path, writes: int, seed: int) -> None:
    writers = Writers([server.url for server in servers], writes, seed)
    with client(servers[0].url) as roster:
        for _ in range(SEEDED_USERS):
            writers.create_user(roster).raise_for_status()
        key = roster.post("/keys", json={"role": "reader", "name": "follower"}).raise_for_status().json()["secret"]
    followers = [Follower(language, directory, key) for language in COMMANDS]
    for number, follower in enumerate(followers):
        follower.start(servers[number % len(servers)].url)
    writers.run()
    writers.wait_until(lambda: writers.done >= writes * 4 and all(follower.revision() for follower in followers))
    kill_and_resume(servers[-1], followers)
    copies = take_new_copies(writers, servers, directory, key)
    writers.join()
    with client(servers[0].url) as roster:
        writers.finish_erasures(roster)
    wait_for_head(servers[0], followers)
    for follower in followers:
        assert follower.end(signal.SIGTERM) == 0, follower.log.read_text()
    compare(servers[0], followers)
    for server in servers:
        server.stop()
    servers[0].renew_epoch()
    servers[0].start()
    for follower in followers:
        assert follower.catch_up(servers[0].url) == 0, follower.log.read_text()
    compare(servers[0], followers)
    servers[0].stop()
    print(f"{8 * writes} writes; {copies} new copies were taken and verified during the writes")


def main() -> None:
    database, count = sys.argv[1], int(sys.argv[2])
    seed = int(os.environ.get("FOLLOWER_SEED", time.time()))
    print(f"FOLLOWER_SEED={seed}")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        url = database or f"sqlite://{directory}/roster.db"
        servers = [Server(url, directory / f"server-{number}.log") for number in range(count)]
        accept(servers, directory, int(os.environ.get("FOLLOWER_WRITES", "250")), seed)


if __name__ == "__main__":
    main()
