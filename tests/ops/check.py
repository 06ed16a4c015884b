"""Checks the metrics of a server under load with promtool, and the alerts and the dashboard with Prometheus.

The server and Prometheus listen on free local ports and end with this script.
"""

import contextlib
import itertools
import json
import os
import re
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "ops/prometheus/alerts.yaml"
ALERT_TESTS = ROOT / "ops/prometheus/alerts.test.yaml"
DASHBOARD = ROOT / "ops/grafana/dashboard.json"
KEY = "ops-test-key.0123456789-abcdefghijklmnop"
# The load runs for this long, in seconds, before the queries, which examine a minute.
LOAD_FOR = 20
# The time limit for a process to start and for data to arrive, in seconds.
LIMIT = 60
WRITERS = 4


def fetch(url, method="GET", body=None, headers=None, timeout=30):
    """Returns the status and the body of a response."""
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextlib.contextmanager
def process(arguments, **options):
    """Runs a process, and ends it."""
    started = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, **options)
    try:
        yield started
    finally:
        started.terminate()
        started.communicate(timeout=LIMIT)


def wait_for_lines(started, patterns):
    """The first group of each pattern in the log, in which the patterns appear in this order."""
    found = []
    for line in started.stderr:
        match = re.search(patterns[len(found)], line)
        if match:
            found.append(match[1])
            if len(found) == len(patterns):
                # Nothing may block because the pipe is full.
                threading.Thread(target=started.stderr.read, daemon=True).start()
                return found
    raise SystemExit(f"{started.args[0]} ended before it was ready")


def wait_until(what, condition):
    end = time.monotonic() + LIMIT
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise SystemExit(f"no {what} within {LIMIT} seconds")
        time.sleep(0.2)


class Load:
    """Writers, followers and requests that fail, until it is stopped."""

    def __init__(self, base):
        self.base, self.stopping, self.errors, self.key = base, threading.Event(), [], KEY
        # Unlike the key from the settings, a stored key is looked up in the cache.
        self.key = self.call("POST", "/keys", {"role": "admin"}, 201)["secret"]
        workers = [*([self.write] * WRITERS), self.poll, self.stream]
        self.threads = [threading.Thread(target=self.run, args=(worker, n)) for n, worker in enumerate(workers)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise SystemExit(f"the load failed: {self.errors[0]}")

    def run(self, worker, number):
        try:
            worker(number)
        except Exception as error:  # reported by __exit__
            self.errors.append(repr(error))

    def call(self, method, path, body=None, expected=200, kind="application/json", **headers):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind, **headers}
        status, text = fetch(f"{self.base}{path}", method, body, headers)
        assert status == expected, f"{method} {path}: {status} {text}"
        return json.loads(text) if text.startswith("{") and kind == "application/json" else text

    def write(self, number):
        group = self.call("POST", "/groups", {"displayName": f"group {number}"}, 201)
        for count in itertools.count():
            if self.stopping.is_set():
                return
            name = f"user-{number}-{count}"
            user = self.call("POST", "/users", {"userName": name}, 201, **{"Idempotency-Key": name})
            self.call("GET", f"/users/{user['id']}")
            self.call("PATCH", f"/users/{user['id']}", {"title": "x"})
            self.call("POST", f"/groups/{group['id']}/members", {"userIds": [user["id"]]}, 204)
            self.call("GET", "/users?limit=50&filter=title%20co%20%22x%22")
            self.call("GET", "/scim/v2/Groups?count=10", Accept="application/scim+json")
            self.call("POST", "/users", {"userName": name}, 409)
            self.call("GET", f"/nothing/{name}", expected=404)
            if count % 10 == 0:
                lines = "".join(json.dumps({"userName": f"{name}-{line}"}) + "\n" for line in range(20))
                self.call("POST", "/import?match=userName", lines, kind="application/x-ndjson")
                self.call("GET", "/export", kind="")
                self.call("DELETE", f"/users/{user['id']}", expected=204)
            time.sleep(0.02)

    def poll(self, _):
        after = 0
        while not self.stopping.is_set():
            after = self.call("GET", f"/changes?after={after}&wait=1")["next"]

    def stream(self, _):
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "text/event-stream"}
        request = urllib.request.Request(f"{self.base}/changes", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            while not self.stopping.is_set():
                response.readline()


def check_metrics(address):
    """promtool reads the format of Prometheus. It reports errors of the format and names against the conventions."""
    status, text = fetch(f"http://{address}/metrics", headers={"Accept": "text/plain"})
    assert status == 200, text
    result = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    if result.returncode or result.stderr:
        raise SystemExit(f"promtool check metrics: {result.stdout}{result.stderr}")
    return set(re.findall(r"^([a-z_]+)", text, re.MULTILINE))


class Prometheus:
    def __init__(self, address):
        self.base = f"http://{address}/api/v1"

    def get(self, path, **parameters):
        _, text = fetch(f"{self.base}/{path}?{urllib.parse.urlencode(parameters)}")
        response = json.loads(text)
        assert response["status"] == "success", f"{path} {parameters}: {text}"
        return response["data"]

    def query(self, expression):
        return self.get("query", query=expression)["result"]

    def alerts(self):
        return self.get("rules", type="alert")["groups"][0]["rules"]


def dashboard_queries():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            yield panel["title"], expression


def check_names(where, expression, names):
    unknown = set(re.findall(r"\b(?:roster|process)_[a-z_]+", expression)) - names
    assert not unknown, f"{where}: no such metric: {', '.join(sorted(unknown))}"


def has_number(results):
    return any(result["value"][1] != "NaN" for result in results)


def check_dashboard(prometheus, names):
    queries = list(dashboard_queries())
    for title, expression in queries:
        check_names(title, expression, names)
        assert has_number(prometheus.query(expression)), f"no data in the panel '{title}': {expression}"
    print(f"queries of the dashboard that return data: {len(queries)}")


def check_alerts(prometheus, names):
    def evaluated():
        alerts = prometheus.alerts()
        return alerts if all(alert["health"] != "unknown" for alert in alerts) else None

    alerts = wait_until("evaluation of all alerts", evaluated)
    tests = ALERT_TESTS.read_text()
    for alert in alerts:
        name = alert["name"]
        assert alert["health"] == "ok", f"{name}: {alert['lastError']}"
        assert alert["state"] != "firing", f"{name} fires: {alert['alerts']}"
        check_names(name, alert["query"], names)
        assert f"alertname: {name}\n" in tests, f"{name} has no test in {ALERT_TESTS.name}"
    print(f"alerts without errors: {len(alerts)}")


def check(api, metrics, directory):
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "roster", "static_configs": [{"targets": [metrics]}]}],
    }
    # JSON is valid YAML.
    Path(directory, "prometheus.yaml").write_text(json.dumps(settings))
    arguments = ["prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data"]
    arguments += ["--web.listen-address=127.0.0.1:0", "--log.level=info"]
    with Load(f"http://{api}"), process(arguments, cwd=directory) as started:
        [address] = wait_for_lines(started, [r"Listening on.*address=(127\.0\.0\.1:\d+)"])
        wait_until("Prometheus", lambda: fetch(f"http://{address}/-/ready")[0] == 200)
        prometheus = Prometheus(address)
        wait_until("scrape", lambda: has_number(prometheus.query("up == 1")))
        time.sleep(LOAD_FOR)
        names = check_metrics(metrics)
        check_dashboard(prometheus, names)
        check_alerts(prometheus, names)


def main():
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": "sqlite://roster.db",
            "ROSTER_LISTEN": "127.0.0.1:0",
            "ROSTER_METRICS_LISTEN": "127.0.0.1:0",
            "ROSTER_ADMIN_KEY": KEY,
            "ROSTER_LOG_FORMAT": "text",
            # Only the lines with the addresses.
            "RUST_LOG": "off,roster::app=info",
        }
        with process([os.environ["ROSTER"]], cwd=directory, env=environment) as started:
            lines = [r"serving metrics on http://(.*)/metrics", r"listening on http://(.*)"]
            metrics, api = wait_for_lines(started, lines)
            check(api, metrics, directory)


if __name__ == "__main__":
    main()
