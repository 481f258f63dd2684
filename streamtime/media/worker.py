"""The confined worker process: `python -I -m streamtime.media.worker <control> <source> <limits>` (two descriptors).

It imports everything, confines itself, then executes orders until the socket closes. It opens no files and writes only
to descriptors that came with an order. Modules that are imported lazily must be listed in `_LAZY_IMPORTS`: after
confinement they cannot be found.
"""

import importlib
import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

import av.logging

from streamtime.media import order_errors
from streamtime.media.channel import Channel
from streamtime.media.confinement.confine import NotConfined, confine
from streamtime.media.cutting import Cutter
from streamtime.media.package import Packager
from streamtime.media.probe import probe
from streamtime.media.profile_picture import make_poster_picture, make_profile_picture
from streamtime.media.stills import make_stills
from streamtime.workers.cut_order import Cut
from streamtime.workers.protocol import (
    Confinement,
    Handshake,
    MakePosterPicture,
    MakeProfilePicture,
    MakeStills,
    Message,
    OrderFailed,
    Package,
    Probe,
    WorkerLimits,
    output_count,
)

_LAZY_IMPORTS = (
    "av.subtitles.codeccontext",
    "av.subtitles.stream",
    "av.subtitles.subtitle",
    "encodings.ascii",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_8_sig",
)


def preload() -> None:
    """Import lazily loaded modules and warm up."""
    for name in _LAZY_IMPORTS:
        importlib.import_module(name)
    # Formatting a traceback imports further modules.
    traceback.format_exception(ValueError())


SourceOrder = Probe | Package | MakeStills | MakeProfilePicture | MakePosterPicture | Cut
"""Orders that read the source file."""


def main(arguments: list[str]) -> NoReturn:
    """Execute orders, then end the process."""
    control_number, source = int(arguments[0]), int(arguments[1])
    limits = WorkerLimits.from_arguments(arguments[2:])
    control = socket.socket(fileno=control_number)
    # Ctrl-C in a terminal signals the whole group, and some service managers signal every process: only the server
    # decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    av.logging.set_libav_level(av.logging.PANIC)
    preload()
    try:
        serve(Channel(control), source, confine(control, source, limits))
    except NotConfined as reason:
        refuse(Channel(control), reason)
    # Aborted threads may still be inside a codec: do not wait for them.
    os._exit(0)


def refuse(channel: Channel, reason: NotConfined) -> None:
    """Answer the first order with the reason why the worker refuses to run."""
    if channel.receive() is not None:
        channel.send(order_errors.as_failed(order_errors.unconfined(str(reason))))


def serve(channel: Channel, source: int, confinement: Confinement) -> None:
    """Execute orders until the server closes the connection, or one fails."""
    while (received := channel.receive()) is not None:
        order, descriptors = received
        answer = confinement if isinstance(order, Handshake) else _answer(order, source, descriptors, channel)
        channel.send(answer)
        if isinstance(answer, OrderFailed):
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _answer(order: SourceOrder, source: int, descriptors: list[int], channel: Channel) -> Message:
    try:
        return _execute(order, source, descriptors, channel)
    except Exception as error:  # noqa: BLE001  (whatever it is, the server is told in words it can show)
        if not isinstance(error, order_errors.OrderError):
            # For the server's log, which keeps the end of it; never for a page.
            traceback.print_exception(error)
        return order_errors.as_failed(error)


def _execute(order: SourceOrder, source: int, descriptors: list[int], channel: Channel) -> Message:
    match order:
        case Probe():
            return probe(source, order.rotate)
        case Package():
            if output_count(order) != len(descriptors):
                raise ValueError("descriptors and outputs do not match")
            return Packager(source, order, descriptors, channel).run()
        case MakeStills():
            if output_count(order) != len(descriptors):
                raise ValueError("descriptors and outputs do not match")
            return make_stills(source, order, descriptors, channel)
        case Cut():
            if len(descriptors) != 1:
                raise ValueError("a cut has one output")
            return Cutter(source, order, descriptors[0], channel).run()
        case MakeProfilePicture():
            return make_profile_picture(source, order)
        case MakePosterPicture():
            return make_poster_picture(source, order)


if __name__ == "__main__":
    main(sys.argv[1:])
