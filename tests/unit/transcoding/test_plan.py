"""What a worker calls finished is taken only where it plays: by the server's jobs and by `streamtime package` alike."""

import pytest

from streamtime.hls.segment_index import Segment, SegmentIndex
from streamtime.transcoding.plan import validated_index
from streamtime.videos.renditions import NewRendition, RenditionKind, RenditionOrigin
from streamtime.workers.failure import WorkerFailed

PLAYS = SegmentIndex(1000, 800, (Segment(0, 800, 500, 4000), Segment(0, 1300, 500, 2000)))
BROKEN = {
    "no segment": SegmentIndex(1000, 800, ()),
    "no bytes": SegmentIndex(1000, 800, (Segment(0, 800, 500, 4000), Segment(0, 1300, 0, 2000))),
    "no time": SegmentIndex(1000, 800, (Segment(0, 800, 500, 4000), Segment(0, 1300, 500, 0))),
    "no beginning": SegmentIndex(1000, 0, (Segment(0, 0, 500, 4000),)),
}


def new(kind: RenditionKind, origin: RenditionOrigin) -> NewRendition:
    return NewRendition(kind, origin, "360p", 5, None, "a.mp4")


@pytest.mark.parametrize("kind", RenditionKind)
@pytest.mark.parametrize("origin", RenditionOrigin)
def test_an_index_that_plays_is_taken(kind: RenditionKind, origin: RenditionOrigin) -> None:
    assert validated_index(new(kind, origin), PLAYS, PLAYS.bytes_total) is PLAYS


@pytest.mark.parametrize(
    ("kind", "origin", "code"),
    [
        (RenditionKind.VIDEO, RenditionOrigin.COPY, "copy_unfit"),
        (RenditionKind.AUDIO, RenditionOrigin.COPY, "audio_copy_unfit"),
        (RenditionKind.VIDEO, RenditionOrigin.ENCODE, "unplayable"),
        (RenditionKind.AUDIO, RenditionOrigin.ENCODE, "unplayable"),
    ],
)
@pytest.mark.parametrize("index", BROKEN.values(), ids=BROKEN)
def test_one_that_does_not_is_encoded_instead_or_fails(
    kind: RenditionKind, origin: RenditionOrigin, code: str, index: SegmentIndex
) -> None:
    with pytest.raises(WorkerFailed) as failed:
        validated_index(new(kind, origin), index, index.bytes_total)
    assert failed.value.code == code


def test_a_copy_whose_segment_is_longer_than_its_target_is_encoded() -> None:
    long = SegmentIndex(1000, 800, (Segment(0, 800, 500, 5600),))
    with pytest.raises(WorkerFailed) as failed:
        validated_index(new(RenditionKind.VIDEO, RenditionOrigin.COPY), long, long.bytes_total)
    assert failed.value.code == "copy_unfit"


def test_bytes_that_do_not_add_up_are_a_fault_of_the_worker() -> None:
    with pytest.raises(RuntimeError, match="do not add up"):
        validated_index(new(RenditionKind.VIDEO, RenditionOrigin.ENCODE), PLAYS, PLAYS.bytes_total + 1)
