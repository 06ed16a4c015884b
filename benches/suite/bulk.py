"""Imports and exports of a whole tenant, relative to the engine's own load and dump of the same rows."""

import hashlib
import json
import os
import subprocess
import time

from .report import table

TABLES = ["users", "user_emails", "user_external_ids", "changes"]


def measure(bed, count):
    """Each step is a command in a shell. Every step must succeed, and the copy must equal the source."""
    databases, directory, roster = bed.databases, bed.databases.directory, bed.options.roster
    write_users(directory / "users.ndjson", count)
    for name in ("bulk", "copy", "loaded"):
        databases.create(name)
        step(directory, databases.url(name), f"{roster} migrate")
    url, copy = databases.url("bulk"), databases.url("copy")
    load, dump = load_and_dump(databases)
    steps = [("import", count, url, f"{roster} import users.ndjson"),
             ("import a tenth again", count // 10, url, f"head -n {count // 10} users.ndjson | {roster} import -"),
             ("export", count, url, f"{roster} export first.ndjson"),
             ("import of the export", count, copy, f"{roster} import first.ndjson"),
             ("export of the copy", count, copy, f"{roster} export second.ndjson"),
             ("dump by the engine", count, url, dump), ("load by the engine", count, url, load),
             ("roster check", count, url, f"{roster} check")]
    results = {name: (rows, *step(directory, target, command)) for name, rows, target, command in steps}
    assert results["import a tenth again"][3]["unchanged"] == count // 10
    assert resources(directory / "first.ndjson") == resources(directory / "second.ndjson"), "the copy differs"
    seconds = {name: result[1] for name, result in results.items()}
    rows = [(databases.title, name, f"{took:.1f}", f"{rows / took:.0f}", f"{memory / 1024:.0f}")
            for name, (rows, took, memory, _) in results.items()]
    print(table("engine | step | s | users/s | peak MiB", rows))
    print(f"{databases.title}: import / load {seconds['load by the engine'] / seconds['import']:.2f}, "
          f"export / dump {seconds['dump by the engine'] / seconds['export']:.2f}", flush=True)


def write_users(file, count):
    with file.open("w") as out:
        for number in range(count):
            name = {"givenName": f"Given{number % 977}", "familyName": f"Family{number % 1999}"}
            user = {"userName": f"user{number:07}", "externalId": f"e{number}", "displayName": f"User {number}",
                    "name": name, "emails": [{"value": f"user{number}@example.com", "type": "work", "primary": True}],
                    "enterprise": {"department": f"Department {number % 50}"}}
            out.write(json.dumps(user, separators=(",", ":")) + "\n")


def step(directory, url, command):
    """Runs a command. Returns its seconds, its peak memory in KiB, and its summary, if it prints one."""
    began = time.monotonic()
    shell = ["/usr/bin/time", "-f", "%M", "bash", "-euo", "pipefail", "-c", command]
    done = subprocess.run(shell, cwd=directory, env={**os.environ, "DATABASE_URL": url}, text=True,
                          capture_output=True)
    took = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    last = done.stdout.strip().rpartition("\n")[2]
    return took, int(done.stderr.strip().rpartition("\n")[2]), json.loads(last) if last.startswith("{") else None


def load_and_dump(databases):
    """Commands that load and dump the rows of the imported users. The target of the load has the same indexes."""
    if databases.pid is None:
        names = " ".join(TABLES)
        dump = f"sqlite3 bulk.db '.dump {names}' | grep -E '^(BEGIN|INSERT|COMMIT)' > dump.sql"
        return "sqlite3 loaded.db < dump.sql", dump
    tables = " ".join(f"-t {name}" for name in TABLES)
    dump = f"{databases.programs}/pg_dump --data-only {tables} -f dump.sql {databases.direct_url('bulk')}"
    return f"{databases.programs}/psql -q -f dump.sql {databases.direct_url('loaded')}", dump


def resources(file):
    """A hash of the resources of an export without their versions and times, which belong to each database."""
    own, result = {"version", "time", "createdAt"}, hashlib.sha256()
    with file.open() as lines:
        for value in map(json.loads, lines):
            if "resource" in value:
                kept = {name: value[name] for name in sorted(value.keys() - own)}
                result.update(json.dumps(kept, sort_keys=True).encode())
    return result.digest()
