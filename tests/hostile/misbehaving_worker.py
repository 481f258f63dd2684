"""A confined child that misbehaves: `python misbehaving_worker.py abort|allocate|spin <control> <source> <bounds>`"""

import os
import socket
import sys

from streamtime.media.channel import Channel
from streamtime.media.confinement.confine import confine
from streamtime.workers.protocol import WorkerLimits

MIB = 1 << 20


def allocate() -> None:
    """Allocate and use memory without end."""
    taken = []
    while True:
        taken.append(bytearray(b"x" * MIB))


def spin() -> None:
    """Compute without end, without a message."""
    while True:
        pass


WAYS = {"abort": os.abort, "allocate": allocate, "spin": spin}


if __name__ == "__main__":
    control = socket.socket(fileno=int(sys.argv[2]))
    confine(control, int(sys.argv[3]), WorkerLimits.from_arguments(sys.argv[4:]))
    Channel(control).receive()
    WAYS[sys.argv[1]]()
