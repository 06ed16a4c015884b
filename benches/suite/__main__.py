"""Measures Roster and its peers on this machine. `benches/run` builds everything and starts this program."""

import argparse
import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from . import builds, bulk, followers, inspector, machine, overload, revert, soak
from .costs import costs
from .flat import flat
from .phases import CALIBRATION, closed, closed_group, long, open_loop, start
from .report import TITLES, closed_table, report
from .storage import storage
from .testbed import BASE, open_testbed
from .workload import CONSTANT, PEER, ROSTER

PHASES = {"start": start, "closed": closed, "open": open_loop, "flat": flat, "storage": storage, "costs": costs,
          "long": long}

COMMANDS = """commands:
  (none)    measures everything and checks the targets
  subset    measures ratios to the peers in two minutes: reads and creates with 64 connections
  builds    compares builds of Roster, each NAME=BINARY: memory, p50, p99 and throughput, 256 connections
  patch     compares builds of Roster: SCIM PATCH of one user and of many, 64 connections
  followers measures followers of /changes: latency, memory, and their effect on creates
  soak      sends mixed load for --minutes to both engines at once, or to --engine: memory, file descriptors, threads
            and latencies by minute, wrong responses, and `roster check` at the end
  inspector measures SCIM creates of a connection with and without the inspector, 64 connections
  revert    measures the revert of 10,000 changes of users, and of members of 50 groups
  overload  offers 0.1 to 4 times the capacity, and measures point reads beside pages of 500
  bulk      imports and exports a tenant of as many users as the option says, beside the engine's own load and dump
"""


def arguments():
    parser = argparse.ArgumentParser(prog="benches/run", description=__doc__, epilog=COMMANDS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", help="see below",
                        choices=["subset", "builds", "patch", "followers", "inspector", "overload",
                                 "revert", "soak", "bulk"])
    parser.add_argument("builds", nargs="*", metavar="NAME=BINARY", type=pair)
    parser.add_argument("--engine", choices=TITLES,
                        help="the engine to measure; `network` is PostgreSQL as if on another machine, for the part "
                             "`closed` (default: all; commands: sqlite and postgres)")
    parser.add_argument("--only", metavar="PART,…", type=parts, default=list(PHASES),
                        help=f"the parts to measure, of {','.join(PHASES)}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per measurement (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="seconds per round (%(default)s)")
    parser.add_argument("--users", type=int, default=100_000,
                        help="users in the database (%(default)s); `flat` also measures a tenth and ten times as many")
    parser.add_argument("--minutes", type=int, default=10, help="minutes of the part `long` and of soak (%(default)s)")
    parser.add_argument("--connections", type=lambda text: list(map(int, text.split(","))),
                        metavar="N,…", help="numbers of connections to measure (1,16,64,256; network: 1,64,256)")
    parser.add_argument("--server", metavar="NAME=URL", type=pair, action="append", default=[],
                        help="another running server; requires --describe")
    parser.add_argument("--describe", metavar="FILE", action="append", default=[],
                        help="the requests of the other server: see benches/servers/example.toml")
    parser.add_argument("--roster", metavar="BINARY", default=os.environ.get("ROSTER_BINARY", "target/release/roster"),
                        help="the release binary of Roster")
    parser.add_argument("--data", metavar="DIRECTORY", help="a directory for the databases, on a disk")
    parser.add_argument("--results", metavar="DIRECTORY", type=Path,
                        help="the directory for the results (default: benches/results, or benches/results/trial for "
                             "shorter runs)")
    options = parser.parse_intermixed_args()
    check(parser, options)
    options.roster = Path(options.builds[0][1] if options.builds else options.roster).resolve()
    options.builds = [(name, Path(binary).resolve()) for name, binary in options.builds]
    full = {"rounds": 5, "seconds": 5, "users": 100_000, "minutes": 10}
    options.is_full = all(getattr(options, name) >= least for name, least in full.items())
    options.results = options.results or machine.BENCHES / ("results" if options.is_full else "results/trial")
    return options


def check(parser, options):
    if (options.command in ("builds", "patch")) != bool(options.builds):
        parser.error("builds and patch require at least one NAME=BINARY; the other commands accept none")
    if len(options.server) != len(options.describe):
        parser.error("each --server requires its own --describe")
    if min(options.rounds, options.seconds) < 1 or options.users < 200 or options.minutes < 2:
        parser.error("the minimum is 1 round of 1 second, 200 users and 2 minutes")


def parts(text):
    names = text.split(",")
    if not PHASES.keys() >= set(names):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(PHASES)}")
    return names


def pair(text):
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError("expected NAME=VALUE")
    return name, value


def main():
    options = arguments()
    # Ends the run cleanly, like Ctrl-C: everything that was started is stopped.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    engines = [options.engine] if options.engine else ["sqlite", "postgres"]
    if options.command == "subset":
        options.users = min(options.users, 20_000)
        run(options, engines, subset)
    elif options.command == "followers":
        options.users = min(options.users, 20_000)
        run(options, engines, followers.measure)
    elif options.command == "inspector":
        options.users = min(options.users, 20_000)
        run(options, engines, inspector.measure)
    elif options.command == "revert":
        options.users = min(options.users, 20_000)
        run(options, engines, revert.measure)
    elif options.command == "soak":
        sys.exit(0 if soak.main(options, engines) else 1)
    elif options.command == "overload":
        run(options, engines, overload.measure)
    elif options.command == "bulk":
        imported, options.users = options.users, 200
        run(options, engines, lambda bed: bulk.measure(bed, imported))
    elif options.command:
        builds_of = {"builds": (builds.reads_and_creates, 256), "patch": (builds.patches, 64)}
        run(options, engines, lambda bed: builds.compare(bed, options.builds, *builds_of[options.command]))
    else:
        engines = [engine for engine in TITLES if options.engine in (engine, None) and parts_of(engine, options)]
        run(options, engines, measure)
        missed = report(options.results / "results.json")
        if not options.is_full:
            print("This run was too short to enforce the targets.")
        sys.exit(1 if missed and options.is_full else 0)


def run(options, engines, action):
    for engine in engines:
        with open_testbed(engine, options) as bed:
            action(bed)


def measure(bed):
    """Saves the results after each part. Parts that were not measured keep their earlier results."""
    file = bed.options.results / "results.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    for name in parts_of(bed.engine, bed.options):
        measured = PHASES[name](bed)
        results = json.loads(file.read_text()) if file.exists() else {}
        own = results.setdefault(bed.engine, {"measured": {}})
        own[name] = measured
        own["measured"][name] = machine.describe(bed.databases, bed.options)
        file.write_text(json.dumps(results, indent=1) + "\n")


def parts_of(engine, options):
    return [name for name in PHASES if name in options.only and (engine != "network" or name == "closed")]


def subset(bed):
    with ExitStack() as stack:
        for copy in ["roster", "peers"]:
            bed.databases.copy(BASE, copy)
        running = {ROSTER: bed.roster("roster"), PEER: bed.axum_sqlx("peers", 16), CONSTANT: bed.constant()}
        running = {name: stack.enter_context(server) for name, server in running.items()}
        rounds, seconds = CALIBRATION
        groups = [closed_group(bed, [bed.contender(name, running[name], scenario) for name in names], scenario, 64,
                               rounds=rounds, seconds=seconds)
                  for scenario, names in [("read", list(running)), ("create", [ROSTER, PEER])]]
    print(f"\n## {bed.databases.title}: subset\n\n{closed_table(groups)}")


main()
