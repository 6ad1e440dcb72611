"""Which colour a value has: the same in each chart."""

import pytest

from dashboard.queries.sums import colours
from dashboard.queries.sums.breakdowns import DIMENSIONS
from dashboard.queries.sums.usage import OTHERS
from tests import people

MODEL = DIMENSIONS["model"]


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colours, "_orders", {})


@pytest.mark.django_db
def test_a_model_keeps_its_colour_whatever_stands_beside_it_and_whatever_comes_later() -> None:
    for days, name in enumerate(["opus", "sonnet", "haiku"]):
        people.make_exchange(at=people.hours_ago(72 - 24 * days), model=name)
    alone = colours.colours(MODEL, ["haiku"])

    people.make_exchange(model="a-new-one")
    together = colours.colours(MODEL, ["a-new-one", "haiku", "opus", OTHERS])

    assert alone["haiku"] == together["haiku"] == 2
    assert (together["opus"], together["a-new-one"], together[OTHERS]) == (0, 3, colours.GREY)


def test_of_two_that_share_a_colour_the_later_one_takes_the_next() -> None:
    order = [str(number) for number in range(20)]

    assert colours.assigned(order, ["8"]) == {"8": 0}
    assert colours.assigned(order, ["8", "0"]) == {"0": 0, "8": 1}


def test_more_values_than_colours_still_have_one_each() -> None:
    order = [str(number) for number in range(20)]

    assert set(colours.assigned(order, order).values()) == set(colours.PALETTE)
