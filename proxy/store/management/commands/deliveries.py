"""`manage.py deliveries`: what became of the posts to Slack and of the telemetry."""

import json
from argparse import ArgumentParser
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError

from proxy.store.notifications.delivery_counts import counts


class Command(BaseCommand):
    """Show the counters."""

    help = (
        "Show how many posts to Slack were delivered, failed for good, were dropped because too many waited, and wait now, and how "
        "many reports of telemetry were delivered or failed; since Redis was last empty. Example: manage.py deliveries --json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print them as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = counts()
        except (redis.RedisError, ValueError) as error:  # ValueError: REDIS_URL is not set
            raise CommandError(
                f"The counts are in Redis, which does not answer ({type(error).__name__}): bring it back or set REDIS_URL."
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
            return
        for name, numbers in found.items():
            reported = ", ".join(f"{number} {word}" for word, number in numbers.items())
            self.stdout.write(f"{name}: {reported}")
