"""Rungs that save a viewer next to nothing are not made."""

from fractions import Fraction

from streamtime.hls.ladder import ReferenceRendition, plan_ladder, prune_ladder

PLAN = plan_ladder(1920, 1080, Fraction(25))


def split(plan: tuple[object, ...], known: ReferenceRendition) -> tuple[list[str], list[str]]:
    kept, dropped = prune_ladder(PLAN if plan is PLAN else plan, known)  # type: ignore[arg-type]  # plans are of rungs
    return [rung.name for rung in kept], [one.rung.name for one in dropped]


def test_of_an_ordinary_film_every_rung_is_made() -> None:
    assert split(PLAN, ReferenceRendition("480p", 854 * 480, 900_000, 1_400_000)) == (
        ["1080p", "720p", "360p", "240p"],
        [],
    )


def test_of_a_screen_recording_those_that_save_little_are_left_out() -> None:
    kept, dropped = prune_ladder(PLAN, ReferenceRendition("480p", 854 * 480, 150_000, 1_400_000))
    assert [rung.name for rung in kept] == ["1080p", "720p", "240p"]
    assert [(one.rung.name, one.above) for one in dropped] == [("360p", "480p")]
    assert dropped[0].expected_bps < 150_000


def test_under_a_copy_of_nearly_the_same_size_a_rung_is_left_out() -> None:
    plan = plan_ladder(1422, 800, Fraction(25), copied_height=800)
    assert plan[0].name == "720p"
    assert split(plan, ReferenceRendition("800p", 1422 * 800, 1_200_000, 2_000_000))[1] == ["720p"]


def test_the_largest_is_made_whatever_it_costs() -> None:
    assert split(PLAN, ReferenceRendition("480p", 854 * 480, 2_000, 1_400_000))[0] == ["1080p"]
