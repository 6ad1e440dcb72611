"""`manage.py explain_cost`: the bill of one exchange, line by line."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import IO, Any, cast
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.store.billing.explain import Explanation, Line, UsedPrice, explain
from proxy.store.models import Exchange
from proxy.store.months.retention import METADATA, why_gone
from proxy.store.pricing.costs import plain
from proxy.wire.billing.pricing import Billed, Factor
from proxy.wire.billing.usage import Counts

# Where no terminal tells how wide it is.
_WIDTH = 200
_PER = {1000: "1K", 1_000_000: "1M"}


class Command(BaseCommand):
    """Print what an exchange cost and why."""

    help = (
        "Explain what one exchange cost: each line of its bill with the quantity, the rate, what multiplies it and the price"
        " row that it comes from; how far the cost can be trusted, and why. The amounts of the lines add up to the stored"
        " cost; where a price was changed since and they do not, it says so and what to do. It changes nothing."
        " Exit code 1: no such exchange is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "id", help="the exchange's id: `x-nexus-id` of its answer, the request id on its page"
        )
        parser.add_argument("--json", action="store_true", help="print JSON, amounts as decimals in texts")

    def handle(self, *args: Any, **options: Any) -> None:
        found = explain(_exchange(options["id"]))
        if options["json"]:
            self.stdout.write(json.dumps(_data(found), indent=2))
            return
        width = None if self.stdout.isatty() else _WIDTH
        console = Console(file=cast(IO[str], self.stdout), width=width, highlight=False)
        for part in _parts(found):
            console.print(part)


def _exchange(text: str) -> Exchange:
    try:
        exchange_id = UUID(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no id of an exchange: take `x-nexus-id` of its answer.") from error
    row = Exchange.objects.filter(id=exchange_id).first()
    if row is None:
        gone = why_gone(exchange_id, METADATA)
        raise CommandError(f"No exchange with the id {exchange_id} is stored{f': {gone}' if gone else ''}.")
    return row


def _data(value: Any) -> object:
    """As JSON has it: by names, and with every digit."""
    if is_dataclass(value):
        return {field.name: _data(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Factor | Billed | Counts):
        return {name: _data(inner) for name, inner in value._asdict().items()}
    if isinstance(value, tuple):
        return [_data(item) for item in value]
    if isinstance(value, Decimal):
        return plain(value)
    return value if isinstance(value, str | int | None) else str(value)


def _parts(found: Explanation) -> Iterator[Text | Table]:
    """What is printed, from top to bottom."""
    cost = "no cost" if found.cost_usd is None else f"USD {plain(found.cost_usd)}"
    yield _plain(f"{found.id}: {cost}, {found.cost_state}")
    yield _plain(_models(found))
    if found.lines:
        yield _table(found)
    for sentence in (*(f"Not exact: {reason}." for reason in found.reasons), *found.notes):
        yield _plain(sentence)


def _models(found: Explanation) -> str:
    billed = dict.fromkeys(part.model or "(none)" for part in found.billed)
    parts = [f"asked for {found.model or 'no model'}", f"answered by {found.answered_model or 'no model'}"]
    return ", ".join([*parts, f"billed as {', '.join(billed)}"] if billed else parts)


def _table(found: Explanation) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=True)
    table.add_column("What", overflow="fold", footer="Total")
    table.add_column("Model", overflow="fold")
    for name in ("Quantity", "Rate, USD", "Times"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("Amount, USD", justify="right", overflow="fold", footer=plain(found.total))
    table.add_column("Price", overflow="fold")
    for line in found.lines:
        table.add_row(*map(_plain, _cells(line)))
    return table


def _cells(line: Line) -> Iterator[str]:
    yield f"{line.label} ({line.kind})" if line.kind else line.label
    yield line.model or "(none)"
    yield f"{line.quantity:,}"
    yield f"{'?' if line.rate is None else plain(line.rate)} / {_PER[line.per]}"
    yield ", ".join(f"{plain(factor.value)} {factor.name}" for factor in line.factors)
    yield plain(line.amount)
    yield _price(line.price, line) if line.price else ""


def _price(price: UsedPrice, line: Line) -> str:
    """A table has room for the model once."""
    name = price.since if price.model == line.model else str(price)
    over = f", prompts over {line.over_tokens:,} tokens" if line.over_tokens else ""
    return f"{name}{over}; row {price.id}"


def _plain(text: str) -> Text:
    """What came over the wire must not steer a terminal."""
    return Text("".join(character if character.isprintable() else "�" for character in text))
