"""Prints the tables of results.json in Markdown, and draws the plots in the same directory. A ratio compares servers
within a round. Tables show the median of the rounds with the lowest and the highest. Fails if a target for p50, p99 or
throughput is missed."""

import argparse
import json
import sys
from pathlib import Path

from . import plots, targets
from .load import OPEN_CONNECTIONS
from .spreads import ratio, short, spread, text
from .workload import ROSTER, SCENARIOS

TITLES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "network": "network"}


def main():
    parser = argparse.ArgumentParser(prog="benches/report", description=__doc__)
    default = Path(__file__).parent.parent / "results/results.json"
    parser.add_argument("results", type=Path, nargs="?", default=default,
                        help="the results to report (default: benches/results/results.json)")
    sys.exit(1 if report(parser.parse_args().results) else 0)


def report(file):
    """Returns the number of missed targets that are enforced."""
    engines = json.loads(file.read_text())
    checked = {engine: targets.check(engine, engines[engine]) for engine in TITLES if engine in engines}
    print(f"\n## One server\n\n{server_table(engines)}")
    print(f"\n## Targets\n\n{target_table(checked)}")
    for engine in checked:
        results = engines[engine]
        print(f"\n## {TITLES[engine]}\n")
        if "closed" in results:
            print(closed_table(results["closed"]["groups"]))
            print(memory_table(results["closed"]["memory"]))
        if "open" in results:
            print(open_table(results["open"]["loads"]))
        if "flat" in results:
            print(flat_table(results["flat"]))
        plots.draw(TITLES[engine], results, file.parent)
    missed = sum(target.is_missed for own in checked.values() for target in own)
    print(f"{missed} of the required targets for p50, p99 and throughput are missed.")
    return missed


def table(header, rows):
    """The header is one string, with columns separated by ` | `."""
    rule = "|---" * len(header.split(" | ")) + "|"
    return "\n".join([f"| {header} |", rule, *(f"| {' | '.join(map(str, row))} |" for row in rows)]) + "\n"


def server_table(engines):
    """What Roster alone handles with 64 connections."""
    closed = {engine: {group["scenario"]: group["servers"][ROSTER] for group in engines[engine]["closed"]["groups"]
                       if group["connections"] == OPEN_CONNECTIONS}
              for engine in TITLES if "closed" in engines.get(engine, {})}
    header = " | ".join(["load", *(f"{TITLES[engine]}: requests/s | p50; p99 ms" for engine in closed)])
    return table(header, [(title, *(cell for own in closed.values() for cell in server_cells(own.get(scenario))))
                          for scenario, title in SCENARIOS.items()])


def server_cells(rounds):
    if not rounds:
        return "", ""
    return figure(rounds, "requests_per_second"), f"{middle(rounds, 'p50', 1000)}; {middle(rounds, 'p99', 1000)}"


def target_table(checked):
    """A row for each target, with its result, required value and goal on each engine."""
    cells = {engine: {target.name: target_cells(target) for target in own} for engine, own in checked.items()}
    names = dict.fromkeys(name for own in cells.values() for name in own)
    header = " | ".join(["target", *(f"{TITLES[engine]} | required, goal" for engine in checked)])
    return table(header, [
        (name, *(cell for own in cells.values() for cell in own.get(name, ("", "")))) for name in names])


def target_cells(target):
    limits = target.limits
    return text(target.values), f"{limits}: {target.verdict}" if limits else ""


def closed_table(groups):
    header = ("load | connections | server | requests/s | roster / server | p50 ms | p99 ms | p99.9 ms "
              "| CPU µs per request, server | database")
    return table(header, [
        (SCENARIOS[group["scenario"]], group["connections"], server, figure(rounds, "requests_per_second"),
         "" if server == ROSTER else text(ratio(group["servers"][ROSTER], rounds, "requests_per_second")),
         *(middle(rounds, percentile, 1000) for percentile in ("p50", "p99", "p999")),
         middle(rounds, "cpu_server"), middle(rounds, "cpu_database"))
        for group in groups for server, rounds in group["servers"].items()])


def open_table(loads):
    header = "open loop | requests/s | server | p50 ms | p99 ms | p99.9 ms | sustained"
    return table(header, [
        (SCENARIOS[load["scenario"]], short(load["rate"]), server,
         *(text(spread(one[percentile] for one in rounds), 1000) for percentile in ("p50", "p99", "p999")),
         "yes" if all(one["sustained"] for one in rounds) else "no")
        for load in loads for server, rounds in load["servers"].items()])


def flat_table(flat):
    rows = [(f"page {one['page']} of 50", one) for one in flat["pages"]]
    rows += [(f"adding a member to a group of {one['members']}", one) for one in flat["groups"]]
    rows.append((f"SCIM `emails.value eq` among {flat['search']['users']} users", flat["search"]))
    return table("one connection | µs", [(name, text(spread(one["blocks"]))) for name, one in rows])


def memory_table(memory):
    return table("resident memory, MiB | idle | after 256 connections | peak", [
        (name, short(own["idle"]), short(own["after_256"]) if "after_256" in own else "", short(own["peak"]))
        for name, own in memory.items()])


def figure(rounds, name):
    return text(spread(one[name] for one in rounds))


def middle(rounds, name, unit=1):
    """The median alone."""
    values = spread(one[name] for one in rounds if name in one)
    return short(values[0] / unit) if values else "?"
