"""A confined child that tries to escape: `python escape_attempts.py <control> <source> <bounds>`

It answers the first order with a failure whose message has the result of every attempt.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from streamtime.media.channel import Channel
from streamtime.media.confinement.confine import confine
from streamtime.workers.protocol import OrderFailed, WorkerLimits

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH = 16
F_SETOWN = 8


def in_c(name: str, *arguments: object) -> None:
    """Call a function of the C library that returns -1 on errors."""
    if getattr(LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def connect(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        client.connect(address)


def send(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"out", address)


def fork() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def execute() -> None:
    subprocess.run(["/bin/true"], check=True)


def executable_memory() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def more_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def huge_memory() -> None:
    mmap.mmap(-1, 1 << 40)


def start_thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def many_descriptors(control: int) -> None:
    for _ in range(10_000):
        os.dup(control)


def ways(control: int, source: int, secret: str, port: int) -> dict[str, Callable[[], object]]:
    server = os.getppid()
    here = ("127.0.0.1", port)
    return {
        "read a file": lambda: Path(secret).read_bytes(),
        "make a file": lambda: Path(secret + ".new").write_bytes(b"x"),
        "remove a file": lambda: Path(secret).unlink(),
        "list a folder": lambda: list(Path(secret).parent.iterdir()),
        "read the server's memory": lambda: os.open(f"/proc/{server}/mem", os.O_RDONLY),
        "see the server's environment": lambda: Path(f"/proc/{server}/environ").read_bytes(),
        "connect over TCP": lambda: connect(here),
        "send over UDP": lambda: send(here),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "make a pair of sockets": socket.socketpair,
        "look up a name": lambda: socket.getaddrinfo("localhost", 80),
        "fork": fork,
        "execute": execute,
        "signal the server": lambda: os.kill(server, 0),
        "have the server signalled": lambda: fcntl.fcntl(control, F_SETOWN, server),
        "trace the server": lambda: in_c("ptrace", PTRACE_ATTACH, server, 0, 0),
        "mount": lambda: in_c("mount", b"none", b"/mnt", b"tmpfs", 0, 0),
        "leave its namespaces": lambda: in_c("unshare", 0x10000000),
        "make memory executable": executable_memory,
        "raise its limits": more_memory,
        "take a terabyte": huge_memory,
        "make an anonymous file": lambda: os.memfd_create("x"),
        "read its source": lambda: os.pread(source, 1, 0),
        "start a thread": start_thread,
        "tell the time": os.times,
        "take all descriptors": lambda: many_descriptors(control),
    }


def outcome(way: Callable[[], object]) -> str:
    try:
        way()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except MemoryError:
        return "ENOMEM"
    except ValueError as error:  # Python's error for EPERM from setrlimit
        return str(error)
    return "done"


def main() -> None:
    control, source = int(sys.argv[1]), int(sys.argv[2])
    secret, port = os.pread(source, 4096, 0).decode().split("\n")
    connection = socket.socket(fileno=control)
    "localhost".encode("idna")  # name resolution would import this late
    confine(connection, source, WorkerLimits.from_arguments(sys.argv[3:]))
    channel = Channel(connection)
    channel.receive()
    tried = {name: outcome(way) for name, way in ways(control, source, secret, int(port)).items()}
    channel.send(OrderFailed("tried", json.dumps(tried)))


if __name__ == "__main__":
    main()
