"""The machine and the versions that a measurement depends on."""

import os
import platform
import subprocess
import tomllib
from pathlib import Path

BENCHES = Path(__file__).parent.parent
CRATES = ["actix-web", "axum", "hyper", "libsqlite3-sys", "sqlx", "tokio", "tokio-postgres"]


def describe(databases, options):
    return {
        "date": output("date", "-u", "+%FT%TZ"),
        "commit": output("git", "describe", "--always", "--dirty"),
        "processor": value_in("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(int(value_in("/proc/meminfo", "MemTotal").split()[0]) / 1024**2, 1),
        "kernel": platform.release(),
        "filesystem": " on ".join(filesystem(databases.directory)),
        "rustc": output("rustc", "--version"),
        "engine": f"{databases.title} {databases.version()}",
        "settings": databases.settings,
        "peers": peers(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "users": options.users,
    }


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, cwd=BENCHES).stdout.strip()


def value_in(file, name):
    lines = Path(file).read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "0")


def filesystem(directory):
    """The type of the file system of a directory, and its device."""
    mounts = [line.split()[:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [mount for mount in mounts if directory.resolve().is_relative_to(mount[1])]
    device, _, kind = max(holding, key=lambda mount: len(mount[1]))
    return kind, device


def peers():
    packages = tomllib.loads((BENCHES / "peers/Cargo.lock").read_text())["package"]
    return {package["name"]: package["version"] for package in packages if package["name"] in CRATES}
