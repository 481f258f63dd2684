"""Fulfils a `MakeStills`: the sheets of a storyboard, a preview, one picture as a poster, each as asked for."""

from collections.abc import Sequence

from streamtime.media import refusal
from streamtime.media.channel import Channel
from streamtime.media.fragments import FragmentReader
from streamtime.media.jpeg import for_jpeg
from streamtime.media.poster import written_poster
from streamtime.media.preview import make_preview
from streamtime.media.storyboard import make_sheet
from streamtime.worker_protocol import MakeStills, OrderDone, OrderProgress, PosterAt, PosterWritten


def make_stills(source: int, order: MakeStills, outputs: Sequence[int], channel: Channel) -> OrderDone:
    """Fulfil the order, telling of each output as it is whole.

    Raises:
        Refusal: if not one picture can be decoded.
        OSError: if an output cannot be written.
    """
    fragments = FragmentReader(source, order.init_length)
    steps = len(order.sheets) + 1
    for number, sheet in enumerate(order.sheets):
        channel.send(make_sheet(sheet, fragments.frames_at(sheet.tiles), outputs[sheet.output]))
        # Also the sign of life that the server waits for.
        channel.send(OrderProgress((number + 1) / steps, 0.0))
    if order.preview is not None:
        preview = make_preview(order.preview, fragments, outputs[order.preview.output])
        if preview is None:
            raise refusal.damaged()
        channel.send(preview)
    if order.poster is not None:
        channel.send(_poster(order.poster, fragments, outputs[order.poster.output]))
    return OrderDone(0)


def _poster(order: PosterAt, fragments: FragmentReader, output: int) -> PosterWritten:
    picture = next(fragments.frames_at([order.location]))
    if picture is None:
        raise refusal.damaged()
    scale = min(1.0, order.max_width / order.width)
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (order.width, order.height))
    return written_poster(for_jpeg(picture, width, height), order.output, output)
