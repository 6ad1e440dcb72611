"""Cards and tables say what the table of metrics has, in its words."""

from decimal import Decimal

from dashboard.pages import metric_table
from dashboard.pages.cards import Card, Note, cards
from dashboard.queries.sums.figures import Figures
from dashboard.templatetags.nexus import NOTHING

SUMS = Figures(
    requests=2, errors=1, input_tokens=1_500, output_tokens=500, cost_usd=Decimal("0.5"), duration_ms=3_000
)


def by_title(sums: Figures) -> dict[str, Card]:
    return {card.title: card for card in cards(sums)}


def cells(sums: Figures) -> dict[str, metric_table.Cell]:
    [row] = metric_table.rows({"a": sums}).values()
    return {metric.name: cell for metric, cell in zip(metric_table.COLUMNS, row, strict=True)}


def test_a_card_has_a_figure_its_digits_and_notes() -> None:
    found = by_title(SUMS)

    assert [*found] == ["Requests", "Tokens", "Cache", "Cost"]
    assert (found["Tokens"].figure, found["Tokens"].exact) == ("2.0K", "2,000 tokens")
    assert found["Tokens"].notes == [Note("1.5K in"), Note("500 out")]
    assert (found["Cost"].figure, found["Cost"].exact) == ("$0.5000", "USD 0.5")
    assert found["Requests"].notes == [Note("1 failed", is_bad=True)]
    assert by_title(Figures())["Requests"].notes == [Note("none failed")]


def test_a_cost_is_exact_as_long_as_nothing_is_known_to_the_contrary() -> None:
    doubtful = by_title(SUMS._replace(partial=3, unpriced=1))

    assert [card.title for card in by_title(SUMS).values() if card.is_exact] == ["Cost"]
    assert [(metric.name, count) for metric, count in doubtful["Cost"].doubts] == [
        ("unpriced", 1),
        ("partial", 3),
    ]
    assert [metric.name for metric, _ in doubtful["Tokens"].doubts] == ["partial"]
    assert not any(card.is_exact for card in doubtful.values())


def test_a_row_begins_with_money_and_has_no_average_of_nothing() -> None:
    found, empty = cells(SUMS), cells(Figures(cost_usd=Decimal("0.1"), notional=1))

    assert [*found][:3] == ["cost_usd", "requests", "errors"]
    assert (found["average_ms"].text, empty["average_ms"].text) == ("1.5 s", NOTHING)
    assert (found["errors"].is_bad, empty["errors"].is_bad) == (True, False)
    assert [doubt.name for doubt in empty["cost_usd"].doubts] == ["notional"]
    assert empty["requests"].title == "It only worked inside the answers of others"
    assert "total_tokens" not in found
