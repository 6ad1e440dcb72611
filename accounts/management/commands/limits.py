"""`manage.py limits [--json]`: every limit and how much of it is used."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.limits.use import Overview, Use, overview

_SHOWN = ("of", "limit", "unit", "used", "most", "reserved")


class Command(BaseCommand):
    """Print what the dashboard's page of limits shows."""

    help = (
        "List every limit of the organisation, the domains and the client keys with how much of it is used now. Limits are "
        "set in the admin. Ends with 1 if Redis, which counts them, does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        found = overview()
        self.stdout.write(
            json.dumps(_data(found), default=float) if options["json"] else "\n".join(_lines(found))
        )
        if not found.redis_answers:
            raise CommandError(
                "Redis does not answer, so nobody knows what is used: look at REDIS_URL and its server.",
                returncode=1,
            )


def _data(found: Overview) -> dict[str, object]:
    passed = found.unchecked
    return {
        "limits": [_use(use) for use in found.uses],
        "redis_answers": found.redis_answers,
        "unchecked": passed.count if passed else 0,
        "unchecked_at": passed.at.isoformat() if passed else None,
    }


def _use(use: Use) -> dict[str, object]:
    return {name: getattr(use, name) for name in _SHOWN} | {"share": round(use.share, 4)}


def _lines(found: Overview) -> list[str]:
    if not found.uses:
        return ["There are no limits. Set them in the admin, under Limits or in a domain or a client key."]
    lines = [_line(use) for use in found.uses]
    if found.unchecked:
        lines.append(f"{found.unchecked.count} requests passed unchecked while Redis did not answer.")
    return lines


def _line(use: Use) -> str:
    used = "unknown" if use.used is None else f"{use.used:g}"
    reserved = f" and {use.reserved:g} reserved" if use.reserved else ""
    return f"{use.of}: {used}{reserved} of {use.most:g} {use.limit}"
