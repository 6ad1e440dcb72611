"""Tell the operators, through the global webhook, which credentials wait for somebody to sign in: each once.

That a row was reported is kept in the row, that a file was reported in Redis, by its dead token: a worker may only read the folder.
"""

from django.db import transaction
from django.utils import timezone

from accounts.credentials import folder as credential_folder
from accounts.models import Credential
from proxy.store.notifications import post_queue, slack_text, tasks
from proxy.store.notifications.losses import OPERATORS
from proxy.store.notifications.redis_link import connection
from proxy.store.notifications.slack_config import recipient_of

MOST = 20
CLAIM_SECONDS = 60
REPORTED_SECONDS = 365 * 86_400
ADVICE = "Run `manage.py oauth_login --domain DOMAIN --name NAME` (`--file PATH` for a file), or save new tokens in the admin."


def watch() -> None:
    """Queue one message about what was not reported yet, if anybody hears it; raises RedisError."""
    if not recipient_of(OPERATORS):
        return
    with transaction.atomic():
        rows, files = _rows(), _files()
        if not rows and not files:
            return
        text = slack_text.warning("Credentials need a login", "\n".join([*rows, *files.values(), ADVICE]))
        post_queue.put(OPERATORS, "", {**text})
    for key in files:
        connection().expire(key, REPORTED_SECONDS)
    tasks.deliver_slack.delay(OPERATORS)


def _rows() -> list[str]:
    """The names of rows that were not reported, which count as reported from now on."""
    waiting = Credential.objects.filter(
        state=Credential.State.NEEDS_LOGIN, enabled=True, login_told_at=None
    ).order_by("pk")
    # Named columns: this role sees no secret.
    named = waiting.select_for_update(skip_locked=True, of=("self",)).values("pk", "name", "domain__name")
    found = list(named[:MOST])
    Credential.objects.filter(pk__in=[row["pk"] for row in found]).update(login_told_at=timezone.now())
    return [f"{row['name']} ({row['domain__name']})" for row in found]


def _files() -> dict[str, str]:
    """The names of files that were not reported, by their keys in Redis: claimed for a minute, as this worker may yet die."""
    found: dict[str, str] = {}
    for path, dead in credential_folder.needing_login().items():
        key = f"nexus:login_told:{path.name}:{dead.digest}"
        if len(found) < MOST and connection().set(key, "1", nx=True, ex=CLAIM_SECONDS):
            found[key] = path.name
    return found
