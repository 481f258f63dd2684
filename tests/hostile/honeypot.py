"""A honeypot: a secret file whose opening is noticed, and a port whose connections are noticed."""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
IN_NONBLOCK = os.O_NONBLOCK
IN_ACCESS_OR_OPEN = 0x01 | 0x20
LONGEST_READ = 65536


@dataclass
class Honeypot:
    """Set with `set_honeypot`. `secret` is playable media, so that a demuxer that opens it continues."""

    secret: Path
    listener: socket.socket
    datagrams: socket.socket
    watch: int

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def visits(self) -> set[str]:
        """The accesses since the last call."""
        ways: set[str] = set()
        try:
            self.listener.accept()[0].close()
            ways.add("connection")
        except BlockingIOError:
            pass
        try:
            self.datagrams.recv(LONGEST_READ)
            ways.add("datagram")
        except BlockingIOError:
            pass
        try:
            os.read(self.watch, LONGEST_READ)
            ways.add("file")
        except BlockingIOError:
            pass
        return ways


@contextmanager
def set_honeypot(secret: Path) -> Iterator[Honeypot]:
    """Watch this file, and listen on a TCP and UDP port."""
    watch = LIBC.inotify_init1(IN_NONBLOCK)
    assert watch >= 0
    try:
        assert LIBC.inotify_add_watch(watch, os.fsencode(secret), IN_ACCESS_OR_OPEN) >= 0
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(listener.getsockname())
            listener.setblocking(False)
            datagrams.setblocking(False)
            yield Honeypot(secret, listener, datagrams, watch)
    finally:
        os.close(watch)
