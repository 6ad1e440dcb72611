"""`manage.py cooldowns`: which credentials of pools pay nothing for now, and a way to end that."""

import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.credentials import health as credential_health
from accounts.management.all_credentials import all_credentials
from accounts.management.report import Row, report


class Command(BaseCommand):
    """Show cool-downs, or end them."""

    help = (
        "Show every credential, row or file, that the API limited and that pays nothing until its cool-down ends. --end lets them "
        "pay again at once; proxies notice within two seconds. Example: manage.py cooldowns api.example.com --end --json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "domains", nargs="*", metavar="DOMAIN", help="only of these domains (default: all)"
        )
        parser.add_argument("--end", action="store_true", help="end the cool-downs that are shown")
        parser.add_argument("--json", action="store_true", help="print them as JSON")

    def handle(self, *args: Any, domains: list[str], **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("Cool-downs are in Redis: set REDIS_URL.")
        try:
            rows = _cooling(set(domains))
            if options["end"]:
                credential_health.reset([str(row["key"]) for row in rows])
        except redis.RedisError as error:
            raise CommandError(
                f"Redis does not answer ({type(error).__name__}): bring it back and try again."
            ) from error
        shown = [{**row, "ended": options["end"]} for row in rows]
        report(self, shown, _line, as_json=options["json"])
        if not rows and not options["json"]:
            self.stdout.write("No credential cools down.")


def _cooling(domains: set[str]) -> list[Row]:
    credentials = all_credentials(domains)
    health, now = credential_health.read([credential.key for _, credential in credentials]), time.time()
    return [
        {
            "domain": domain,
            "credential": credential.name,
            "key": credential.key,
            "until": datetime.fromtimestamp(health[credential.key].cooling_until, UTC).isoformat(),
            "reason": health[credential.key].cooling_reason,
        }
        for domain, credential in credentials
        if health[credential.key].is_cooling(now)
    ]


def _line(row: Row) -> str:
    state = "ended" if row["ended"] else f"until {row['until']}"
    return f"{row['domain']}  {row['credential']}  {row['reason']}, {state}"
