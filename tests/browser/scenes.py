"""Landscapes as SVG, made of layers of hills between a sky and a foreground: pictures for a library that is shown."""

import math
import random
from dataclasses import dataclass

WIDTH, HEIGHT = 1280, 720
_POINTS = 33
_STARS = 90


@dataclass(frozen=True)
class Palette:
    """Colours from the zenith to the foreground, as CSS writes them."""

    sky: tuple[str, str, str]
    sun: str
    near: tuple[int, int, int]
    """Hue in degrees, saturation and lightness in per cent of the nearest hill."""
    far: tuple[int, int, int]
    stars: bool = False
    water: bool = False


PALETTES = {
    "dawn": Palette(("#27374d", "#b0718d", "#ffc38b"), "#fff1cf", (262, 32, 17), (338, 38, 62)),
    "noon": Palette(("#2f86c8", "#8ecbef", "#e8f6fb"), "#fffbe6", (128, 40, 26), (190, 34, 66)),
    "dusk": Palette(("#1c1b45", "#8b3a74", "#ff8a5c"), "#ffd08a", (250, 42, 12), (322, 44, 44), water=True),
    "night": Palette(("#050b1e", "#0f2347", "#2c4f79"), "#f4f1de", (222, 48, 8), (214, 40, 30), stars=True),
    "snow": Palette(("#5b8fc2", "#b9d7ee", "#f7fbff"), "#ffffff", (212, 26, 88), (212, 32, 64)),
    "desert": Palette(("#3b6ea3", "#e6b27a", "#ffe7bd"), "#fff5d8", (18, 62, 32), (28, 64, 64)),
    "sea": Palette(("#1a6f9f", "#7fd0dd", "#f1f4d8"), "#fffbe0", (200, 62, 22), (186, 44, 58), water=True),
    "forest": Palette(("#6fa58b", "#c7ddb8", "#f5f1cf"), "#fffbe0", (152, 46, 14), (140, 26, 58)),
    "autumn": Palette(("#536b8f", "#d79a74", "#ffd9a0"), "#fff0c9", (14, 58, 22), (32, 56, 56)),
    "aurora": Palette(
        ("#03101f", "#0b4a4f", "#5fd2a3"), "#e9fff3", (200, 52, 9), (178, 42, 28), stars=True, water=True
    ),
}


def scene(palette_name: str, seed: int) -> str:
    """An SVG document of WIDTH to HEIGHT pixels; the same for the same arguments."""
    chance, palette = random.Random(seed), PALETTES[palette_name]  # noqa: S311  # pictures, no secrets
    layers = 4
    horizon = chance.uniform(0.42, 0.56) * HEIGHT
    parts = [_sky(palette, horizon, chance)]
    last = layers - (1 if palette.water else 0)
    for layer in range(last):
        depth = layer / (layers - 1)
        base = horizon + depth**1.2 * (HEIGHT - horizon) * 0.72
        parts.append(
            _hill(base, 26 + 74 * (1 - depth) + 20 * depth, _between(palette.far, palette.near, depth), chance)
        )
    if palette.water:
        parts.append(_water(palette, horizon + (HEIGHT - horizon) * 0.58, chance))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join(parts)}</svg>"
    )


def _sky(palette: Palette, horizon: float, chance: random.Random) -> str:
    top, middle, low = palette.sky
    sun_x, sun_y = chance.uniform(0.18, 0.82) * WIDTH, horizon * chance.uniform(0.35, 0.86)
    radius = chance.uniform(34, 62)
    stars = "".join(
        f'<circle cx="{chance.uniform(0, WIDTH):.0f}" cy="{chance.uniform(0, horizon * 0.9):.0f}"'
        f' r="{chance.uniform(0.6, 2):.1f}" fill="#fff" opacity="{chance.uniform(0.3, 0.9):.2f}"/>'
        for _ in range(_STARS if palette.stars else 0)
    )
    return (
        f'<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{top}"/>'
        f'<stop offset=".45" stop-color="{middle}"/><stop offset=".75" stop-color="{low}"/></linearGradient>'
        f'<radialGradient id="glow"><stop offset="0" stop-color="{palette.sun}" stop-opacity=".75"/>'
        f'<stop offset="1" stop-color="{palette.sun}" stop-opacity="0"/></radialGradient></defs>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#sky)"/>{stars}'
        f'<circle cx="{sun_x:.0f}" cy="{sun_y:.0f}" r="{radius * 5:.0f}" fill="url(#glow)"/>'
        f'<circle cx="{sun_x:.0f}" cy="{sun_y:.0f}" r="{radius:.0f}" fill="{palette.sun}"/>'
    )


def _hill(base: float, height: float, colour: str, chance: random.Random) -> str:
    waves = [(chance.uniform(0.6, 2.4) * count, chance.uniform(0, math.tau), 1 / count) for count in (1, 2, 4, 9)]
    points = []
    for point in range(_POINTS * 3):
        along = point / (_POINTS * 3 - 1)
        rise = sum(math.sin(along * math.tau * rate + phase) * size for rate, phase, size in waves)
        points.append(f"{along * WIDTH:.1f} {base - rise * height:.1f}")
    return f'<path d="M0 {HEIGHT}L{"L".join(points)}L{WIDTH} {HEIGHT}z" fill="{colour}"/>'


def _water(palette: Palette, shore: float, chance: random.Random) -> str:
    glints = "".join(
        f'<rect x="{chance.uniform(-60, WIDTH):.0f}" y="{chance.uniform(shore + 6, HEIGHT):.0f}" rx="2"'
        f' width="{chance.uniform(40, 220):.0f}" height="{chance.uniform(1.5, 4):.1f}" fill="{palette.sun}"'
        f' opacity="{chance.uniform(0.06, 0.3):.2f}"/>'
        for _ in range(46)
    )
    deep = _between(palette.far, palette.near, 0.55)
    return f'<rect y="{shore:.0f}" width="{WIDTH}" height="{HEIGHT - shore:.0f}" fill="{deep}"/>{glints}'


def _between(far: tuple[int, int, int], near: tuple[int, int, int], share: float) -> str:
    hue, saturation, lightness = (a + (b - a) * share for a, b in zip(far, near, strict=True))
    return f"hsl({hue:.0f} {saturation:.0f}% {lightness:.0f}%)"
