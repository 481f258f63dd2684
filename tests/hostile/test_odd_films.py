"""Some random valid but unusual clips: each is rejected with a reason, or plays to the end correctly.

`make fuzz` tries thousands, of other seeds.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.hostile.edge_case_clips import make_film
from tests.hostile.edge_case_fuzz import judged
from tests.hostile.recipes import KINDS, ORDINARY, Sound, draw, simpler
from tests.hostile.verdicts import PreparedResult, faults
from tests.server import Server

SEED = "in every run of the tests"
CASES = range(16)
UPLOADED = (7, 10)


@pytest.mark.parametrize("number", CASES)
def test_an_odd_clip_has_no_faults(number: int) -> None:
    verdict = judged(number, draw(SEED, number))
    assert verdict.faults == (), verdict


@pytest.mark.parametrize("number", UPLOADED)
def test_an_odd_clip_on_a_server_has_no_faults(number: int, shared_server: Server) -> None:
    verdict = judged(number, draw(SEED, number), shared_server)
    assert verdict.faults == (), verdict


def test_the_same_seed_draws_the_same_recipes_of_every_kind() -> None:
    recipes = [draw(SEED, number) for number in range(400)]
    assert recipes == [draw(SEED, number) for number in range(400)]
    assert {recipe.container for recipe in recipes} == set(KINDS)
    assert any(recipe.skipped for recipe in recipes)
    assert any(recipe.codec and not recipe.sounds for recipe in recipes)


def test_a_recipe_gives_the_same_bytes_again_and_can_be_parsed(tmp_path: Path) -> None:
    recipe = replace(ORDINARY, container="ts", sounds=(Sound("aac"),), pace="jitter")
    again = eval(str(recipe), {"Recipe": type(recipe), "Sound": Sound})  # noqa: S307  # it is Python of our own
    assert again == recipe
    one, other = make_film(recipe, tmp_path / "one.ts"), make_film(again, tmp_path / "other.ts")
    assert one.read_bytes() == other.read_bytes()


def test_removing_oddities_ends_with_an_ordinary_clip() -> None:
    recipe = draw(SEED, 0)
    steps = 0
    while fewer := [one for one in simpler(recipe) if one != recipe]:
        recipe = fewer[0]
        steps += 1
        assert steps < 100


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (PreparedResult(refusal="not_media"), "refused"),
        (PreparedResult(refusal="worker_crashed"), "failed"),
        (PreparedResult(refusal="traceback", words="IndexError"), "failed"),
        (PreparedResult(duration_s=2.0, pictures_s=(2.0,), findings=("x",), has_poster=True), "checker"),
        (PreparedResult(duration_s=2.0, pictures_s=(2.0,)), "poster"),
        (PreparedResult(duration_s=2.0, pictures_s=(2.0,), has_poster=True, damaged=True), "damaged"),
        (PreparedResult(duration_s=2.2, pictures_s=(2.2,), has_poster=True), "length"),
        (PreparedResult(duration_s=2.0, pictures_s=(2.5,), has_poster=True), "told"),
        (PreparedResult(duration_s=2.0, has_poster=True), "picture"),
        (PreparedResult(duration_s=2.0, pictures_s=(2.0,), has_poster=True), ""),
    ],
)
def test_each_kind_of_fault_is_found(result: PreparedResult, kind: str, tmp_path: Path) -> None:
    path = make_film(ORDINARY, tmp_path / "film.mkv")
    found = faults(ORDINARY, path, result)
    assert kind in {fault.partition(":")[0] for fault in found} if kind else not found, found
