"""Prints the tables of results.json in Markdown, and draws the plots in the same directory. A ratio compares servers
within a round. Tables show the median of the rounds with the lowest and the highest. Fails if a target for p50, p99 or
throughput is missed."""

import argparse
import json
import sys
from pathlib import Path

from . import plots, targets
from .spreads import ratio, short, spread, text
from .workload import ROSTER, SCENARIOS

TITLES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def main():
    parser = argparse.ArgumentParser(prog="benches/report", description=__doc__)
    default = Path(__file__).parent.parent / "results/results.json"
    parser.add_argument("results", type=Path, nargs="?", default=default,
                        help="the results to report (default: benches/results/results.json)")
    sys.exit(1 if report(parser.parse_args().results) else 0)


def report(file):
    """Returns the number of missed targets that are enforced."""
    missed = 0
    for engine, results in json.loads(file.read_text()).items():
        checked = targets.check(engine, results)
        missed += sum(target.is_missed for target in checked)
        print(f"\n## {TITLES[engine]}\n")
        print(target_table(checked))
        if "closed" in results:
            print(closed_table(results["closed"]["groups"]))
            print(memory_table(results["closed"]["memory"]))
        if "open" in results:
            print(open_table(results["open"]["loads"]))
        if "flat" in results:
            print(flat_table(results["flat"]))
        plots.draw(TITLES[engine], results, file.parent)
    print(f"{missed} of the required targets for p50, p99 and throughput are missed.")
    return missed


def table(header, rows):
    """The header is one string, with columns separated by ` | `."""
    rule = "|---" * len(header.split(" | ")) + "|"
    return "\n".join([f"| {header} |", rule, *(f"| {' | '.join(map(str, row))} |" for row in rows)]) + "\n"


def target_table(checked):
    def limit(target, value):
        return "" if value is None else f"{'≥' if target.at_least else '≤'} {value}"

    def met(target, value):
        if value is None:
            return ""
        return {True: "yes", False: "**no**", None: "–"}[target.meets(value)]

    return table("target | required | goal | result | required met | goal met | notes", [
        (target.name, limit(target, target.required), limit(target, target.goal), text(target.values),
         met(target, target.required), met(target, target.goal), target.note) for target in checked])


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
