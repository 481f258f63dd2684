"""What can be wrong with how a page looks: faults that axe finds, and widths and themes that it was not made for."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it brings no types
from playwright.sync_api import Page, expect

WIDTHS = (1280, 390)
COLOUR_RULES = ("color-contrast", "link-in-text-block")
"""Those of axe that look at colours."""

THEMES: tuple[tuple[Literal["dark", "light"], tuple[str, ...]], ...] = (("dark", ()), ("light", COLOUR_RULES))
"""And the rules for each: all of them for one, since themes differ in colours alone."""

_HOLES = re.compile(r"\b(?:NaN|undefined|null|Infinity)\b|\bNone (?:B|[KMGT]i?B)")
_SETTLED = """([theme, width]) => {
  const { dataset, clientWidth } = document.documentElement;
  return (!theme || dataset.theme === theme) && (!width || clientWidth === width) &&
    document.getAnimations().every((animation) =>
      animation.playState !== "running" || animation.effect.getComputedTiming().endTime === Infinity);
}"""


def faults_of(page: Page, *rules: str, theme: str = "", width: int = 0) -> list[str]:
    """What axe finds, one line each; by all its rules, or by these. What is still being faded in has other colours."""
    wait_settled(page, theme=theme, width=width)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    wishes = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    found: list[dict[str, Any]] = page.evaluate("async (wishes) => (await axe.run(wishes)).violations", wishes)
    return [f"{rule['id']} at {node['target']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


def faults_in_all_themes(page: Page, *, both_at_each_width: bool = True) -> Iterator[str]:
    """What is wrong with a page as it lies there, in every theme and width; it ends as wide as it was.

    Without `both_at_each_width` it is dark where wide and light where narrow, by all rules: half the time, for a page
    whose frame another test has looked at.
    """
    before = page.viewport_size
    assert before
    some = ((THEMES[0],), ((THEMES[1][0], ()),))
    for width, themes in zip(WIDTHS, (THEMES, THEMES[::-1]) if both_at_each_width else some, strict=True):
        page.set_viewport_size({"width": width, "height": 800})
        for theme, rules in themes:
            page.emulate_media(color_scheme=theme)
            yield from (f"{theme} at {width}: {fault}" for fault in faults_of(page, *rules, theme=theme, width=width))
        if is_too_wide(page):
            yield f"scrolls sideways at {width}"
    page.set_viewport_size(before)


def is_too_wide(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


_CUT_OFF = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const words = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!words || element.clientWidth < 2 || element.closest("#player, svg")) return false;
  const style = getComputedStyle(element);
  const hides = (overflow) => overflow === "hidden" || overflow === "clip";
  return (
    (hides(style.overflowX) && style.textOverflow !== "ellipsis" && element.scrollWidth > element.clientWidth + 1) ||
    (hides(style.overflowY) && style.webkitLineClamp === "none" && element.scrollHeight > element.clientHeight + 2)
  );
}).map((element) => element.outerHTML.slice(0, 120))"""
"""Texts whose end is hidden, and which do not say so by an ellipsis."""


def texts_cut_off(page: Page) -> list[str]:
    """Where a page has no room for its text."""
    found: list[str] = page.evaluate(_CUT_OFF)
    return [f"cut off: {element}" for element in found]


def missing_values_in(page: Page) -> list[str]:
    """Where a page says what only programs say of a value that is not there."""
    text: str = page.evaluate("document.body.innerText")
    return [f"says {found}" for found in _HOLES.findall(text)]


def wait_page_ready(page: Page) -> None:
    """Wait until what the page has to show is shown."""
    expect(page.locator("html[data-script]")).to_have_count(1)
    if page.locator("#player[data-phase=loading]").count():
        expect(page.locator("#player")).to_have_attribute("data-phase", "ready")
    wait_settled(page)


def wait_settled(page: Page, *, theme: str = "", width: int = 0) -> None:
    """Wait until nothing moves any more but what never ends, and a page has taken on theme and width, where given."""
    page.wait_for_function(_SETTLED, arg=[theme, width])
