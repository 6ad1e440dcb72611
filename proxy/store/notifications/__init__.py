"""Tell Slack and telemetry of what was stored. Everything slow happens in Celery tasks.

Read `notify` below, then `news`, `slack_text` and `post_queue`, the way of a post; `tasks` are its doors, `telemetry` is the
other report.
"""

import logging

from django.conf import settings

from proxy.store.announce import Stored
from proxy.store.notifications import news, post_queue, slack_text, tasks, telemetry
from proxy.store.notifications.slack_config import EVERYBODY, recipient_of

log = logging.getLogger("nexus.notifications")

# Reports that waited longer are worth nothing, and a dead endpoint must not fill the queue.
TELEMETRY_EXPIRES_SECONDS = 300


def notify(stored: list[Stored]) -> None:
    """Queue what these exchanges have to tell. Never raises: what is stored is stored."""
    for report in (_notify_slack, _notify_unpriced, _notify_telemetry):
        try:
            report(stored)
        except Exception:  # the outermost door: a failure here must not make the worker store a batch again
            log.exception("notify.failed", extra={"exchanges": len(stored)})


def _notify_slack(stored: list[Stored]) -> None:
    heard = {domain for domain in {exchange.domain for exchange in stored} if recipient_of(domain)}
    reported = {
        exchange.domain
        for exchange in sorted(stored, key=lambda exchange: exchange.started_at)
        if exchange.domain in heard and _put(exchange)
    }
    for domain in reported:
        tasks.deliver_slack.delay(domain)


def _put(stored: Stored) -> bool:
    exchange_id = str(stored.exchange_id)
    if news.is_new_error(stored):
        return post_queue.put(stored.domain, exchange_id, {**slack_text.error(stored)})
    if news.is_new_text(stored):
        return post_queue.put(stored.domain, exchange_id, {**slack_text.conversation(stored)})
    return False


def _notify_unpriced(stored: list[Stored]) -> None:
    """Prices are everybody's: the global webhook hears of a model that has none, whatever domain met it."""
    reported = [exchange for exchange in stored if exchange.unpriced_model]
    if not reported or recipient_of(EVERYBODY) is None:
        return
    for exchange in reported:
        post_queue.put(
            EVERYBODY, str(exchange.exchange_id), {**slack_text.unpriced(exchange, settings.DASHBOARD_URL)}
        )
    tasks.deliver_slack.delay(EVERYBODY)


def _notify_telemetry(stored: list[Stored]) -> None:
    if stored and telemetry.is_on():
        reports = [telemetry.report(exchange) for exchange in stored]
        tasks.send_telemetry.apply_async((reports,), expires=TELEMETRY_EXPIRES_SECONDS)
