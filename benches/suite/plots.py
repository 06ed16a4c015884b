"""Line charts of the results as SVG, on white, so that they can be read on light and dark pages."""

from html import escape
from math import log10

from .spreads import spread
from .workload import CONSTANT, FULL_SCHEMA, LARGE_POOL, PEER, PIPELINED, ROSTER, SCENARIOS, SCIM, SCIM2_SERVER

# Colours that also colour-blind readers can tell apart (Okabe and Ito). A server has the same colour everywhere.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#565656", "#e69f00", "#56b4e9", "#000000"]
SERVERS = [ROSTER, PEER, CONSTANT, PIPELINED, FULL_SCHEMA, SCIM, SCIM2_SERVER, LARGE_POOL]
WIDTH, HEIGHT = 520, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 15, 35, 50


def draw(title, results, directory):
    def save(name, panels):
        (directory / f"{title.lower()}-{name}.svg").write_text(svg(panels))

    if "closed" in results:
        groups = results["closed"]["groups"]
        save("throughput", by_connections(title, groups, "requests/s", "requests_per_second", 1, False))
        save("p99", by_connections(title, groups, "p99, ms", "p99", 1000, True))
    if "long" in results:
        save("ten-minutes", [ten_minutes(title, results["long"])])
    if "flat" in results:
        save("flat", flat(title, results["flat"]))


def by_connections(title, groups, label, figure, unit, logarithmic):
    for scenario, name in SCENARIOS.items():
        chosen = [group for group in groups if group["scenario"] == scenario]
        servers = dict.fromkeys(server for group in chosen for server in group["servers"])
        lines = {server: [scaled(group["servers"].get(server), figure, unit) for group in chosen] for server in servers}
        if lines:
            yield chart(f"{title}: {name}", "connections", label, [group["connections"] for group in chosen], lines,
                        logarithmic)


def scaled(rounds, figure, unit):
    values = spread(one[figure] for one in rounds or [] if one[figure] > 0)
    return [value / unit for value in values] if values else None


def ten_minutes(title, long):
    slots = long["ten_seconds"]
    names = {"p50": "p50", "p99": "p99", "p99.9": "p999", "longest": "max"}
    lines = {name: [[slot[figure] / 1000] * 3 for slot in slots] for name, figure in names.items()}
    ticks = [number // 6 if number % 6 == 0 else "" for number in range(len(slots))]
    return chart(f"{title}: 90/10, {long['rate']:.0f} requests/s", "minutes", "latency, ms", ticks, lines, True)


def draw_soak(title, results, directory):
    (directory / f"{title.lower()}-soak.svg").write_text(svg(soak(title, results)))


def soak(title, results):
    samples, every = results["samples"], len(results["samples"]) // 10 + 1

    def by_minute(name, label, lines, first=0):
        last = first + max(map(len, lines.values()))
        ticks = [minute if minute % every == 0 else "" for minute in range(first, last)]
        points = {line: [[value] * 3 for value in values] for line, values in lines.items()}
        return chart(f"{title}: {name}", "minutes", label, ticks, points, label == "ms")

    yield by_minute("resident memory", "MiB", {"memory": [one["memory_mib"] for one in samples]})
    yield by_minute("file descriptors and threads", "number", {
        name.replace("_", " "): [one[name] for one in samples] for name in ("file_descriptors", "threads")})
    latencies = {f"{kind}, {figure}": [minute[figure] / 1000 for minute in results[kind]["minutes"]]
                 for kind in ("reads", "writes") if results.get(kind) for figure in ("p50", "p99")}
    if latencies:
        yield by_minute("latency", "ms", latencies, first=1)
    yield by_minute("database", "MiB", {"size": [one["database_mib"] for one in samples]})


def overload(title, results):
    ticks = [point["factor"] for point in next(iter(results.values()))["points"]]
    for name, figure in [("goodput", lambda loads, point: point["goodput"] / loads["capacity"]),
                         ("p99 of served requests", lambda _, point: point["latencies"]["p99"] / 1000)]:
        lines = {SCENARIOS[scenario]: [[figure(loads, point)] * 3 for point in loads["points"]]
                 for scenario, loads in results.items()}
        unit = "relative to the capacity" if name == "goodput" else "ms"
        yield chart(f"{title}: {name}", "offered load, relative to the capacity", unit, ticks, lines, unit == "ms")


def flat(title, results):
    sizes = [spread(1e6 / one["requests_per_second"] for one in size["rounds"]) for size in results["sizes"]]
    yield chart(f"{title}: read by id", "users", "µs per request, 64 connections",
                [size["users"] for size in results["sizes"]], {ROSTER: sizes})
    for series, name, label, axis in [("pages", "page of 50", "page", "page"),
                                      ("groups", "adding a member", "members", "members of the group")]:
        yield chart(f"{title}: {name}", axis, "µs, one connection", [one[label] for one in results[series]],
                    {ROSTER: [spread(one["blocks"]) for one in results[series]]})


def svg(panels):
    """Places the panels two in a row."""
    panels = list(panels)
    columns, rows = min(len(panels), 2), (len(panels) + 1) // 2
    placed = "".join(f'<g transform="translate({number % 2 * WIDTH} {number // 2 * HEIGHT})">\n{panel}</g>\n'
                     for number, panel in enumerate(panels))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * WIDTH}" height="{rows * HEIGHT}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
            f'{placed}</svg>\n')


def chart(title, x_label, y_label, ticks, lines, logarithmic=False):
    """A panel. Each line is a list of (median, lowest, highest), or None, by tick."""
    values = [value for line in lines.values() for point in line if point for value in point]
    scale, grid = logarithmic_scale(values) if logarithmic else linear_scale(values)

    def x(place):
        return LEFT + (place + 0.5) * (WIDTH - LEFT - RIGHT) / len(ticks)

    def y(value):
        return HEIGHT - BOTTOM - scale(value) * (HEIGHT - TOP - BOTTOM)

    parts = [label(WIDTH / 2, 20, title, size=15), label(WIDTH / 2, HEIGHT - 12, x_label),
             f'<g transform="translate(16 {HEIGHT / 2}) rotate(-90)">{label(0, 0, y_label)}</g>']
    for value in grid:
        parts.append(stroke([(LEFT, y(value)), (WIDTH - RIGHT, y(value))], "#e1e1e1"))
        parts.append(label(LEFT - 6, y(value) + 4, f"{value:g}" if value < 1e5 else f"{value:.0f}", "end"))
    parts += [label(x(place), HEIGHT - BOTTOM + 18, tick) for place, tick in enumerate(ticks)]
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[SERVERS.index(name) if name in SERVERS else min(number, len(COLOURS) - 1)]
        points = [(x(place), point) for place, point in enumerate(line) if point]
        parts.append(stroke([(at, y(point[0])) for at, point in points], colour, 2))
        parts += [stroke([(at, y(low)), (at, y(high))], colour) for at, (_, low, high) in points if low < high]
        if len(points) < 20:
            parts += [f'<circle cx="{at:.1f}" cy="{y(point[0]):.1f}" r="3" fill="{colour}"/>' for at, point in points]
        if len(lines) > 1:
            height = TOP + 8 + 15 * number
            parts.append(stroke([(LEFT + 8, height), (LEFT + 24, height)], colour, 2))
            parts.append(label(LEFT + 30, height + 4, name, "start"))
    return "\n".join(parts) + "\n"


def linear_scale(values):
    """Maps zero to 0 and leaves room for the legend below 1. Grid lines are at multiples of 1, 2 or 5 times a
    power of ten."""
    top = max(values) * 1.3
    power = 10 ** int(log10(top) // 1)
    step = next(power * factor for factor in (0.1, 0.2, 0.5, 1, 2) if top / (power * factor) <= 7)
    return lambda value: value / top, [step * number for number in range(int(top / step) + 1)]


def logarithmic_scale(values):
    """Grid lines are at 1, 2 and 5 times each power of ten."""
    low, high = log10(min(values) * 0.8), log10(max(values) * (max(values) / min(values)) ** 0.4 * 1.2)
    grid = [factor * 10.0**power for power in range(-6, 9) for factor in (1, 2, 5)]
    return lambda value: (log10(value) - low) / (high - low), [value for value in grid if low < log10(value) < high]


def stroke(points, colour, width=1):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def label(x, y, text, anchor="middle", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(str(text))}</text>'
