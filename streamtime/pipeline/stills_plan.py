"""Which stills are made of a rendition, and from which of its bytes: pure, from its segment index."""

from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.storyboard import PREVIEW_SIDE, Storyboard, fit, locate_frames, plan_storyboard, preview_pieces
from streamtime.worker_protocol import MakePreview, MakeSheet, MakeStills

SMALL_PIXELS = 854 * 480
"""Up to here decoding whole segments, to show exact moments, is cheap."""

LONGEST_LARGE_MS = 120_000
"""Of a large picture that is all there is, exact moments are looked for up to this length."""


class StillsPlan:
    """The storyboard and the preview of one whole rendition, by its index and its size in pixels."""

    def __init__(self, index: SegmentIndex, width: int, height: int) -> None:
        self._index = index
        self._size = (width, height)
        self.duration_ms = index.duration_ms
        self.board: Storyboard = plan_storyboard(self.duration_ms, *self._size)

    @property
    def is_expensive(self) -> bool:
        """Whether exact moments would have to be decoded from a large picture."""
        return self._between_keyframes and self._size[0] * self._size[1] > SMALL_PIXELS

    @property
    def _between_keyframes(self) -> bool:
        return self.board.interval_ms < self._index.longest_s * 2000

    def order(self) -> MakeStills:
        """The order for the worker: sheets first, then the preview."""
        board = self.board
        exact = self._between_keyframes and (not self.is_expensive or self.duration_ms <= LONGEST_LARGE_MS)
        times = [board.time_ms(tile, self.duration_ms) for tile in range(board.tiles)]
        tiles = locate_frames(self._index, times, exact=exact)
        pieces, piece_ms = preview_pieces(self._index, self.duration_ms)
        return MakeStills(
            init_length=self._index.init_length,
            sheets=tuple(
                MakeSheet(
                    output=sheet,
                    tiles=tuple(tiles[sheet * board.per_sheet : (sheet + 1) * board.per_sheet]),
                    columns=board.columns,
                    tile_width=board.tile_width,
                    tile_height=board.tile_height,
                )
                for sheet in range(board.sheets)
            ),
            preview=MakePreview(board.sheets, tuple(pieces), piece_ms, *fit(*self._size, PREVIEW_SIDE)),
        )


def byte_ranges(order: MakeStills) -> list[tuple[int, int]]:
    """Offset and length of all bytes of the rendition that an order reads."""
    picked = [pick for sheet in order.sheets for pick in sheet.tiles]
    if order.preview is not None:
        picked += [pick for piece in order.preview.pieces for pick in piece]
    if order.poster is not None:
        picked.append(order.poster.location)
    return [(0, order.init_length), *((pick.offset, pick.length) for pick in picked)]
