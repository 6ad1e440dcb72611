"""Tell the operators, through the global webhook, which credentials wait for somebody to sign in: each once."""

from django.db import transaction
from django.utils import timezone

from accounts.models import Credential
from proxy.store.notifications import outbox, slack_text, tasks
from proxy.store.notifications.losses import OPERATORS
from proxy.store.notifications.slack_config import recipient_of

MOST = 20


def watch() -> None:
    """Queue one message about what was not told yet, if anybody hears it; raises RedisError."""
    if not recipient_of(OPERATORS):
        return
    with transaction.atomic():
        waiting = Credential.objects.filter(
            state=Credential.State.NEEDS_LOGIN, enabled=True, login_told_at=None
        ).order_by("pk")
        # Named columns: this role sees no secret.
        found = list(
            waiting.select_for_update(skip_locked=True, of=("self",)).values("pk", "name", "domain__name")[
                :MOST
            ]
        )
        if not found:
            return
        Credential.objects.filter(pk__in=[one["pk"] for one in found]).update(login_told_at=timezone.now())
        names = "\n".join(f"{one['name']} ({one['domain__name']})" for one in found)
        advice = "Run `manage.py oauth_login --domain DOMAIN --name NAME`, or save new tokens in the admin."
        text = slack_text.warning("Credentials need a login", f"{names}\n{advice}")
        outbox.put(OPERATORS, "", {**text})
    tasks.deliver_slack.delay(OPERATORS)
