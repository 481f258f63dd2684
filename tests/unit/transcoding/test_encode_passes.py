"""A ladder is made in one decode where it fits the budget of memory, else in several."""

from fractions import Fraction

from streamtime.hls.ladder import SourceSize, encode_memory_bytes, plan_ladder
from streamtime.transcoding.plan import peak_memory, split_passes

SOURCE = SourceSize(3840, 2160)
PLAN = plan_ladder(3840, 2160, Fraction(25))
GIB = 2**30


def test_with_room_for_all_there_is_one_pass() -> None:
    whole = encode_memory_bytes(SOURCE, PLAN)
    assert split_passes(SOURCE, PLAN, whole) == [list(PLAN)]
    assert peak_memory(SOURCE, PLAN, whole) == whole


def test_with_less_there_are_more_and_none_is_over_the_budget() -> None:
    budget = encode_memory_bytes(SOURCE, PLAN) - 1
    parts = split_passes(SOURCE, PLAN, budget)
    assert len(parts) == 2
    assert [rung for part in parts for rung in part] == list(PLAN)
    assert peak_memory(SOURCE, PLAN, budget) == max(encode_memory_bytes(SOURCE, part) for part in parts) <= budget


def test_what_is_too_much_by_itself_is_made_alone() -> None:
    parts = split_passes(SOURCE, PLAN, 1)
    assert parts == [[rung] for rung in PLAN]
    assert peak_memory(SOURCE, PLAN, 1) == encode_memory_bytes(SOURCE, PLAN[:1])


def test_nothing_weighs_nothing() -> None:
    assert split_passes(SOURCE, [], GIB) == []
    assert peak_memory(SOURCE, [], GIB) == 0
