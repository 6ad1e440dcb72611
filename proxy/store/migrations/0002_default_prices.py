from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# What version 0.1.0 began with: models, and USD per million tokens of input, output, cache read, cache write for 5 minutes and for
# an hour. It stays as it is: a row with these values came with Nexus and is no operator's.
_ALWAYS = datetime(2023, 1, 1, tzinfo=UTC)
_TABLE = (
    (_ALWAYS, "claude-fable-5 claude-mythos-5", "10", "50", "1", "12.50", "20"),
    (
        _ALWAYS,
        "claude-opus-5 claude-opus-4-8 claude-opus-4-7 claude-opus-4-6 claude-opus-4-5",
        "5", "25", "0.50", "6.25", "10",
    ),
    (_ALWAYS, "claude-opus-4-1 claude-opus-4-0 claude-opus-4 claude-3-opus", "15", "75", "1.50", "18.75", "30"),
    (
        _ALWAYS,
        "claude-sonnet-4-6 claude-sonnet-4-5 claude-sonnet-4-0 claude-sonnet-4"
        " claude-3-7-sonnet claude-3-5-sonnet claude-3-sonnet",
        "3", "15", "0.30", "3.75", "6",
    ),
    (_ALWAYS, "claude-haiku-4-5", "1", "5", "0.10", "1.25", "2"),
    (_ALWAYS, "claude-3-5-haiku", "0.80", "4", "0.08", "1", "1.60"),
    (_ALWAYS, "claude-3-haiku", "0.25", "1.25", "0.03", "0.30", "0.50"),
    (_ALWAYS, "claude-sonnet-5", "2", "10", "0.20", "2.50", "4"),
    (datetime(2026, 9, 1, tzinfo=UTC), "claude-sonnet-5", "3", "15", "0.30", "3.75", "6"),
)  # fmt: skip
_RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def rows() -> list[dict[str, Any]]:
    """The columns of each row, by name."""
    return [
        {
            "model": model,
            "valid_from": valid_from,
            **dict(zip(_RATES, map(Decimal, rates), strict=True)),
            "web_search": Decimal(10),
        }
        for valid_from, models, *rates in _TABLE
        for model in models.split()
    ]


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A price that an operator has already entered stays."""
    model = apps.get_model("proxy", "Price")
    model.objects.bulk_create([model(**row) for row in rows()], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("proxy", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
