"""How old the prices are that came with Nexus: what a new model needs first is often a newer version."""

from datetime import date

from django.db.models import Max

from proxy.store.models import Price

ACTION = "Upgrade Nexus, or add the price in the admin or with `manage.py prices --import FILE`"


def read_on() -> date | None:
    """When the newest of them was read; an operator's own price says nothing about the others."""
    found: date | None = Price.objects.found().filter(shipped=True).aggregate(last=Max("read_on"))["last"]
    return found


def sentence() -> str:
    """As a sentence, "" where nothing is known."""
    day = read_on()
    return f"The prices that came with Nexus were read on {day:%Y-%m-%d}." if day else ""
