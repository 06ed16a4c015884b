"""Servers as child processes, and what Linux reports about them."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from pathlib import Path

from .workload import AUTHORIZED, KEY

START_SECONDS = 60
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """The address is HOST:PORT. A server that the suite did not start has no process."""

    address: str
    pid: int | None = None


class Client:
    """A keep-alive connection for requests outside the load."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The duration of the last exchange.
        self.micros = 0.0

    def ask(self, method, path, body=None, headers=AUTHORIZED):
        """Returns the body of a successful response."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
        return self.send(f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{head}\r\n{body or ''}")

    def json(self, method, path, body=None):
        return loads(self.ask(method, path, body))

    def send(self, request):
        began = time.perf_counter()
        self.socket.sendall(request.encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        status, *headers = head.decode().split("\r\n")
        lengths = [int(line.split(":")[1]) for line in headers if line.lower().startswith("content-length:")]
        while len(body) < sum(lengths):
            body += self._receive()
        self.micros = (time.perf_counter() - began) * 1e6
        if status.split()[1][0] != "2":
            raise ConnectionError(f"{request.splitlines()[0]}: {status} {body.decode()}")
        return body

    def _receive(self):
        received = self.socket.recv(1 << 18)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received


def roster(binary, database, settings=None):
    """Roster as it is shipped, with the one setting that it needs, unless a measurement needs others."""
    address = free_address()
    environment = {"DATABASE_URL": database, "ROSTER_ADMIN_KEY": KEY, "ROSTER_LISTEN": address, **(settings or {})}
    return running([binary], address, environment)


def peer(binary, *arguments):
    address = free_address()
    return running([binary, "--listen", address, *arguments], address)


def scim2_server(binary):
    """scim2-server has no probe."""
    address = free_address()
    host, port = address.split(":")
    return running([binary, "--hostname", host, "--port", port], address, ready="/v2/ServiceProviderConfig")


@contextmanager
def running(command, address, environment=None, ready="/readyz"):
    """Runs a server until the block ends. Yields it as soon as `ready` returns 200. Its log goes to /dev/null."""
    child = subprocess.Popen(command, env=environment or {}, cwd="/", process_group=0, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_ready(child, address, ready), f"{command[0]} to be ready")
        yield Server(address, child.pid)
    finally:
        stop(child)


def is_ready(child, address, path):
    if child.poll() is not None:
        raise SystemExit(f"{child.args[0]} ended with {child.returncode}")
    try:
        return Client(address).ask("GET", path, headers={}) is not None
    except OSError:
        return False


def stop(child, signal=15):
    child.send_signal(signal)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def wait_for(condition, what):
    """Checks often at first, because this measures startup times of a few milliseconds."""
    began = time.monotonic()
    while not condition():
        passed = time.monotonic() - began
        if passed > START_SECONDS:
            raise SystemExit(f"timed out after {START_SECONDS} s waiting for {what}")
        time.sleep(min(max(passed / 50, 0.0005), 0.02))


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return "127.0.0.1:%d" % listener.getsockname()[1]


def cpu_seconds(pid):
    """CPU time of a process."""
    return ticks(stat(pid)[11:13])


def cpu_seconds_of_family(pid):
    """CPU time of a process and its children, including those that have ended."""
    total = ticks(stat(pid)[11:15])
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = stat(entry.name)
        except OSError:  # The process has just ended.
            continue
        if fields[1] == str(pid):
            total += ticks(fields[11:13])
    return total


def stat(pid):
    """The fields of /proc/PID/stat after the name, which may contain spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def ticks(fields):
    return sum(map(int, fields)) / TICKS_PER_SECOND


def memory(pid):
    """Resident memory in MiB: now and at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    return [int(values[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]


def stolen_seconds():
    """CPU time that the hypervisor gave to other machines."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / TICKS_PER_SECOND
