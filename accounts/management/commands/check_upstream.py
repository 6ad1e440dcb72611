"""`manage.py check_upstream`: is there a way to the API?"""

import asyncio
import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.outbound.check import Destination, Result, check


class Command(BaseCommand):
    """Go each way out and tell how far it leads."""

    help = (
        "Show how Nexus reaches the API, the token endpoint and, where they are set, Slack and telemetry: directly or by which "
        "proxy, trusting which certificates, and whether it works: name, connection, CONNECT, TLS, an HTTP answer. Nothing is "
        "spent, and no credential is sent but the proxy's. Exit code 1: a way does not work. Example: "
        "manage.py check_upstream --json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print it as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        results = asyncio.run(_all(_destinations(), settings.UPSTREAM_CONNECT_SECONDS))
        if options["json"]:
            rows = [{**asdict(result), "good": result.good} for result in results]
            self.stdout.write(json.dumps({"ways": rows}, indent=2))
        else:
            for result in results:
                self.stdout.write("\n".join(_lines(result)))
        bad = sum(not result.good for result in results)
        if bad:
            raise CommandError(f"{bad} of {len(results)} ways do not work.")


async def _all(destinations: list[Destination], seconds: float) -> list[Result]:
    return await asyncio.gather(*(check(destination, seconds) for destination in destinations))


def _destinations() -> list[Destination]:
    api, token = settings.CLAUDE_API_BASE_URL, settings.CLAUDE_OAUTH_TOKEN_URL
    found = [
        Destination("the API", "CLAUDE_API_BASE_URL", api, "GET /v1/models?limit=1", wants_json=True),
        Destination("token endpoint", "CLAUDE_OAUTH_TOKEN_URL", token),
    ]
    if settings.SLACK_ENABLED and settings.SLACK_WEBHOOK_URL:
        found.append(Destination("Slack", "SLACK_WEBHOOK_URL", settings.SLACK_WEBHOOK_URL))
    if settings.TELEMETRY_ENABLED and settings.TELEMETRY_ENDPOINT:
        found.append(Destination("telemetry", "TELEMETRY_ENDPOINT", settings.TELEMETRY_ENDPOINT))
    return found


def _lines(result: Result) -> list[str]:
    mark = "ok " if result.good else "BAD"
    way = f"by the proxy {result.proxy}" if result.proxy else "directly"
    lines = [
        f"{mark}  {result.purpose}: {result.destination}, {way} ({result.why}), trusting {result.certificates}"
    ]
    lines += [f"     {'ok ' if step.good else 'BAD'}  {step.name}: {step.what}" for step in result.steps]
    if not result.good:
        lines.append(f"          {result.steps[-1].action}")
    return lines
