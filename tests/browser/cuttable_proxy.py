"""A cable between a browser and a server, to be pulled: connections break for real, and the address stays.

It hands bytes on and knows nothing of what they say.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from urllib.parse import urlsplit

PIECE_BYTES = 65_536


class CuttableProxy:
    """Listens on a port of its own, and joins every connection with one to the server."""

    def __init__(self, url: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ends: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._far_end: tuple[str, int] | None = None
        self.connect(url)
        self._run(self._accept)

    def disconnect(self) -> None:
        """Break every connection, and let none come about."""
        with self._lock:
            self._far_end = None
            for end in self._ends:
                _shut(end)

    def connect(self, url: str) -> None:
        """Lead to this server from now on."""
        self._far_end = ("127.0.0.1", urlsplit(url).port or 80)

    def close(self) -> None:
        """Break everything, for good."""
        self.disconnect()
        _shut(self._listener)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._run(self._join, near)

    def _join(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            far_end = self._far_end
            if not far_end:
                return
            with socket.create_connection(far_end) as far:
                with self._lock:
                    self._ends |= {near, far}
                back = Thread(target=_hand_on, args=(far, near))
                back.start()
                _hand_on(near, far)
                back.join()
                with self._lock:
                    self._ends -= {near, far}

    def _run(self, act: Callable[..., None], *arguments: socket.socket) -> None:
        thread = Thread(target=act, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


@contextmanager
def cuttable_proxy(url: str) -> Iterator[CuttableProxy]:
    """A cable to a server, gone when the block is left."""
    cable = CuttableProxy(url)
    try:
        yield cable
    finally:
        cable.close()


def _hand_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            sink.sendall(piece)
    _shut(source)
    _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
