"""The colours of series: apart from each other for every eye, and from the card that they lie on."""

import itertools
import math
import re
from pathlib import Path

import pytest

import dashboard
from dashboard.queries.sums.colours import GREY, PALETTE

TOKENS = (Path(dashboard.__file__).parent / "static/dashboard/tokens.css").read_text()
LIGHT, DARK = TOKENS.split(':root[data-theme="dark"] {', 1)
# Linear RGB as people see it who lack one kind of cone (Machado, Oliveira and Fernandes, 2009, severity 1).
EYES = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
# In CIELAB, where 2.3 can just be told apart side by side.
LEAST_DISTANCE = 15
Colour = tuple[float, float, float]


def linear(name: str, theme: str) -> Colour:
    found = re.search(rf"--{name}: #(\w\w)(\w\w)(\w\w);", theme)
    assert found, name
    parts = [int(part, 16) / 255 for part in found.groups()]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return red, green, blue


def lab(colour: Colour) -> Colour:
    red, green, blue = colour
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    fx, fy, fz = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, luminance(colour), z)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def seen(colour: Colour, eye: str) -> Colour:
    rows = [sum(a * b for a, b in zip(row, colour, strict=True)) for row in EYES[eye]]
    red, green, blue = (min(1.0, max(0.0, part)) for part in rows)
    return red, green, blue


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_no_two_colours_are_taken_for_each_other(theme: str, eye: str) -> None:
    shown = {place: lab(seen(linear(f"s{place}", theme), eye)) for place in (*PALETTE, GREY)}

    near = {
        pair
        for pair in itertools.combinations(shown, 2)
        if math.dist(shown[pair[0]], shown[pair[1]]) < LEAST_DISTANCE
    }

    assert near == set()


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_each_colour_stands_out_from_its_card(theme: str) -> None:
    card = luminance(linear("card", theme))
    for place in PALETTE:
        low, high = sorted((card, luminance(linear(f"s{place}", theme))))

        assert (high + 0.05) / (low + 0.05) >= 2.95, f"s{place}"
