"""The confined child: `python -I -m streamtime.media.worker <control> <source> <bounds>`, the first two descriptors.

It imports everything, gives up its rights, then serves one order after another until the socket ends. It opens no
file, writes only to descriptors that came with an order, and tells the server in plain words what went wrong.
"""

import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

import av.logging

from streamtime.media import refusal
from streamtime.media.channel import Channel
from streamtime.media.confinement.confine import NotConfined, confine
from streamtime.media.package import Packaging
from streamtime.media.portrait import make_portrait
from streamtime.media.preload import preload
from streamtime.media.probe import probe
from streamtime.media.stills import make_stills
from streamtime.worker_protocol import (
    Bounds,
    Confinement,
    Failed,
    Introduce,
    MakePortrait,
    MakeStills,
    Message,
    Package,
    Probe,
    output_count,
)

Work = Probe | Package | MakeStills | MakePortrait
"""What touches a file, unlike an introduction."""


def main(arguments: list[str]) -> NoReturn:
    """Serve orders, then end the process."""
    control_number, source = int(arguments[0]), int(arguments[1])
    bounds = Bounds.from_arguments(arguments[2:])
    control = socket.socket(fileno=control_number)
    # Ctrl-C in a terminal reaches the whole group, and some service managers tell every process to end: it is the
    # server that decides when a child ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    av.logging.set_libav_level(av.logging.PANIC)
    preload()
    try:
        serve(Channel(control), source, confine(control, source, bounds))
    except NotConfined as reason:
        refuse(Channel(control), reason)
    # Threads that were called off may still be inside a codec: nobody waits for them.
    os._exit(0)


def refuse(channel: Channel, reason: NotConfined) -> None:
    """Answer the first order by saying why there is no work here."""
    if channel.receive() is not None:
        channel.send(refusal.as_failed(refusal.unconfined(str(reason))))


def serve(channel: Channel, source: int, confinement: Confinement) -> None:
    """Answer one order after another until the server closes its end, or one has failed."""
    while (received := channel.receive()) is not None:
        order, descriptors = received
        answer = confinement if isinstance(order, Introduce) else _answer(order, source, descriptors, channel)
        channel.send(answer)
        if isinstance(answer, Failed):
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _answer(order: Work, source: int, descriptors: list[int], channel: Channel) -> Message:
    try:
        return _fulfil(order, source, descriptors, channel)
    except Exception as error:  # noqa: BLE001  (whatever it is, the server is told in words it can show)
        if not isinstance(error, refusal.Refusal):
            # For the log of the server, which keeps the end of it; never for a page.
            traceback.print_exception(error)
        return refusal.as_failed(error)


def _fulfil(order: Work, source: int, descriptors: list[int], channel: Channel) -> Message:
    match order:
        case Probe():
            return probe(source)
        case Package():
            if output_count(order) != len(descriptors):
                raise ValueError("descriptors and outputs do not match")
            return Packaging(source, order, descriptors, channel).run()
        case MakeStills():
            if output_count(order) != len(descriptors):
                raise ValueError("descriptors and outputs do not match")
            return make_stills(source, order, descriptors, channel)
        case MakePortrait():
            return make_portrait(source, order)


if __name__ == "__main__":
    main(sys.argv[1:])
