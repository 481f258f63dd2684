"""What a worker calls finished is taken only where it plays: by the server's jobs and by `streamtime package` alike."""

import pytest

from streamtime.hls.segment_index import Segment, SegmentIndex
from streamtime.library.renditions import Kind, NewRendition, Origin
from streamtime.pipeline.plan import accepted
from streamtime.workers.failure import WorkerFailed

PLAYS = SegmentIndex(1000, 800, (Segment(0, 800, 500, 4000), Segment(0, 1300, 500, 2000)))
BROKEN = {
    "no segment": SegmentIndex(1000, 800, ()),
    "no bytes": SegmentIndex(1000, 800, (Segment(0, 800, 500, 4000), Segment(0, 1300, 0, 2000))),
    "no time": SegmentIndex(1000, 800, (Segment(0, 800, 500, 4000), Segment(0, 1300, 500, 0))),
    "no beginning": SegmentIndex(1000, 0, (Segment(0, 0, 500, 4000),)),
}


def new(kind: Kind, origin: Origin) -> NewRendition:
    return NewRendition(kind, origin, "360p", 5, None, "a.mp4")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("origin", Origin)
def test_an_index_that_plays_is_taken(kind: Kind, origin: Origin) -> None:
    assert accepted(new(kind, origin), PLAYS, PLAYS.bytes_total) is PLAYS


@pytest.mark.parametrize(
    ("kind", "origin", "code"),
    [
        (Kind.VIDEO, Origin.COPY, "copy_unfit"),
        (Kind.AUDIO, Origin.COPY, "audio_copy_unfit"),
        (Kind.VIDEO, Origin.ENCODE, "unplayable"),
        (Kind.AUDIO, Origin.ENCODE, "unplayable"),
    ],
)
@pytest.mark.parametrize("index", BROKEN.values(), ids=BROKEN)
def test_one_that_does_not_is_encoded_instead_or_fails(
    kind: Kind, origin: Origin, code: str, index: SegmentIndex
) -> None:
    with pytest.raises(WorkerFailed) as failed:
        accepted(new(kind, origin), index, index.bytes_total)
    assert failed.value.code == code


def test_a_copy_whose_segment_is_longer_than_its_target_is_encoded() -> None:
    long = SegmentIndex(1000, 800, (Segment(0, 800, 500, 5600),))
    with pytest.raises(WorkerFailed) as failed:
        accepted(new(Kind.VIDEO, Origin.COPY), long, long.bytes_total)
    assert failed.value.code == "copy_unfit"


def test_bytes_that_do_not_add_up_are_a_fault_of_the_worker() -> None:
    with pytest.raises(RuntimeError, match="do not add up"):
        accepted(new(Kind.VIDEO, Origin.ENCODE), PLAYS, PLAYS.bytes_total + 1)
