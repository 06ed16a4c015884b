"""Overload: goodput and latency from a tenth to four times the capacity, and point reads beside pages."""

import json
from dataclasses import replace
from statistics import median

from . import plots, workload
from .load import Contender
from .phases import CALIBRATION
from .report import table
from .testbed import BASE
from .workload import ROSTER

# The offered load, relative to the capacity.
FACTORS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4]
SCENARIOS = ["create", "read", "page"]
# More than calls that can wait, so that a server that refuses none keeps requests waiting in its connections.
CONNECTIONS = 2_048
# The connections of the closed loop that measures the capacity: enough for full batches.
CLOSED_CONNECTIONS = 256
# The connections of the point reads beside those that read pages of 500.
READERS = [1, 16]
PAGERS = 4


def measure(bed):
    results = {scenario: loads(bed, scenario) for scenario in SCENARIOS}
    beside = beside_pages(bed)
    directory = bed.options.results
    directory.mkdir(parents=True, exist_ok=True)
    stored = {"loads": results, "beside_pages": beside}
    (directory / f"overload-{bed.engine}.json").write_text(json.dumps(stored, indent=1) + "\n")
    title = bed.databases.title
    (directory / f"{title.lower()}-overload.svg").write_text(plots.svg(plots.overload(title, results)))
    print(f"\n## {title}: overload\n\n{load_table(results)}\n{pages_table(beside)}", flush=True)


def loads(bed, scenario):
    """The capacity, and what the server does with each multiple of it. Each scenario has its own copy of the database."""
    bed.databases.copy(BASE, "overload")
    with bed.roster("overload") as server:
        contender = bed.contender(ROSTER, server, scenario)
        rounds, seconds = CALIBRATION
        closed = bed.closed([contender], CLOSED_CONNECTIONS, rounds, seconds)[ROSTER]
        capacity = median(one["requests_per_second"] for one in closed)
        bed.say(f"{workload.SCENARIOS[scenario]}: {capacity:.0f}/s")
        points = [offer(bed, contender, capacity, factor) for factor in FACTORS]
    bed.databases.remove("overload")
    return {"capacity": capacity, "points": points}


def offer(bed, contender, capacity, factor):
    seconds = bed.options.seconds
    result = bed.generator.open(contender, capacity * factor, seconds, [seconds], CONNECTIONS, True)
    point = {"factor": factor, "goodput": result["served"] / seconds, "refused_rate": result["refused"] / seconds, "latencies": result["intervals"][0][0],
             **{name: result[name] for name in ("refusals", "unanswered", "stolen_cores")}}
    bed.say(f"  {factor}: {point['goodput']:.0f}/s served, p99 {point['latencies']['p99'] / 1000:.1f} ms, "
            f"{point['refused_rate']:.0f}/s refused, p99 {point['refusals']['p99'] / 1000:.1f} ms, "
            f"{point['unanswered']} unanswered")
    return point


def beside_pages(bed):
    """The p50 of point reads, alone and beside connections that read pages of 500 in a loop."""
    bed.databases.copy(BASE, "pages")
    rows = []
    with bed.roster("pages") as server:
        reads = bed.contender(ROSTER, server, "read")
        page = replace(bed.requests(ROSTER)["page"], path="/users?limit=500&cursor={id}")
        pages = Contender("pages", server, [(100, page)])
        for connections in READERS:
            alone = [one["p50"] for one in bed.closed([reads], connections)[ROSTER]]
            with bed.generator.in_background(pages, PAGERS):
                beside = bed.closed([reads], connections)[ROSTER]
            rows.append({"connections": connections, "alone": alone, "beside": [one["p50"] for one in beside]})
            bed.say(f"{connections} readers: p50 {median(alone)} µs alone, {median(rows[-1]['beside'])} µs beside pages")
    bed.databases.remove("pages")
    return rows


def load_table(results):
    header = "load | offered | served/s | p50 ms | p99 ms | refused/s | p99 of refusals, ms | unanswered"
    return table(header, [row(scenario, loads, point) for scenario, loads in results.items() for point in loads["points"]])


def row(scenario, loads, point):
    offered = f"{point['factor']} × {loads['capacity']:.0f}/s"
    latencies, refusals = point["latencies"], point["refusals"]
    return (workload.SCENARIOS[scenario], offered, f"{point['goodput']:.0f}", f"{latencies['p50'] / 1000:.1f}",
            f"{latencies['p99'] / 1000:.1f}", f"{point['refused_rate']:.0f}", f"{refusals['p99'] / 1000:.1f}",
            point["unanswered"])


def pages_table(rows):
    header = f"connections that read by id | p50 alone, µs | p50 beside {PAGERS} that read pages of 500, µs | ratio"
    return table(header, [(one["connections"], f"{median(one['alone']):.0f}", f"{median(one['beside']):.0f}",
                           f"{median(one['beside']) / median(one['alone']):.2f}") for one in rows])
