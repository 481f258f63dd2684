"""Range and conditional requests, against a plain reading of RFC 9110."""

from hypothesis import given
from hypothesis import strategies as st

from streamtime.http.ranges import NotModified, SendRange, Unsatisfiable, evaluate_conditions

ETAG = '"tag"'


def asked(
    range_header: str | None, *, total: int = 100, if_range: str | None = None, if_none_match: str | None = None
) -> SendRange | NotModified | Unsatisfiable:
    return evaluate_conditions(
        total=total, etag=ETAG, if_none_match=if_none_match, range_header=range_header, if_range=if_range
    )


def test_parts() -> None:
    assert asked(None) == SendRange(200, 0, 100)
    assert asked("bytes=0-9") == SendRange(206, 0, 10)
    assert asked("bytes=90-") == SendRange(206, 90, 10)
    assert asked("bytes=-10") == SendRange(206, 90, 10)
    assert asked("bytes=-1000") == SendRange(206, 0, 100)
    assert asked("bytes=50-1000") == SendRange(206, 50, 50)


def test_outside_is_416() -> None:
    assert asked("bytes=100-") == Unsatisfiable()
    assert asked("bytes=-0") == Unsatisfiable()
    assert asked("bytes=0-0", total=0) == Unsatisfiable()


def test_what_is_no_single_range_gets_everything() -> None:
    for header in ("bytes=9-0", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "", "bytes=0--1"):
        assert asked(header) == SendRange(200, 0, 100), header


def test_conditions() -> None:
    assert asked(None, if_none_match=ETAG) == NotModified()
    assert asked("bytes=0-9", if_none_match='"other", W/"tag"') == NotModified()
    assert asked(None, if_none_match="*") == NotModified()
    assert asked(None, if_none_match='"other"') == SendRange(200, 0, 100)
    assert asked("bytes=0-9", if_range=ETAG) == SendRange(206, 0, 10)
    assert asked("bytes=0-9", if_range='"other"') == SendRange(200, 0, 100)
    assert asked("bytes=0-9", if_range='W/"tag"') == SendRange(200, 0, 100)


@given(st.text(max_size=60) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), st.integers(0, 5000))
def test_whatever_is_asked_the_answer_lies_inside(header: str, total: int) -> None:
    answer = asked(header, total=total)
    if isinstance(answer, SendRange):
        assert 0 <= answer.start <= answer.start + answer.length <= total
        assert answer.status == 206 or answer.length == total
