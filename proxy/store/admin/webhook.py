"""A domain's page can post a test message: by the sender of every other post, so that what it says is what is true of them."""

from dataclasses import dataclass

import redis
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from accounts.admin.registered import DomainAdmin
from accounts.models import Domain
from proxy.store.admin.history import WHY_DOMAIN, Kept, has_history
from proxy.store.notifications import slack_post, slack_text
from proxy.store.notifications.redis_link import connection
from proxy.store.notifications.slack_config import recipient_of

MOST, WINDOW_SECONDS = 5, 300
NOBODY = (
    "Nothing is posted for this domain: it has no webhook, or Slack is off for it. Set its webhook below, or SLACK_WEBHOOK_URL and "
    "SLACK_ENABLED for all."
)

LATER = "Posts that wait are tried again by themselves. If it stays so, look at SLACK_CA_FILE, HTTPS_PROXY and the network."


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a test, and what to do next."""

    delivered: bool
    words: str


def send_test(domain: str) -> Result:
    """Post one message where this domain's posts go."""
    recipient = recipient_of(domain)
    if recipient is None:
        return Result(False, NOBODY)
    post = {**slack_text.test(domain), **recipient.looks()}
    try:
        slack_post.send(recipient.webhook_url, post)
    except slack_post.Undeliverable as error:
        return Result(False, f"Not delivered, and trying again will not help: {error}.")
    except slack_post.NotNow as error:
        wait = f" Slack asks to wait {error.wait_seconds:.0f} seconds." if error.wait_seconds else ""
        return Result(False, f"Not delivered this time: {error}.{wait} {LATER}")
    return Result(
        True, "Delivered: look for it in the channel. If it is not there, the webhook belongs to another one."
    )


class TestedDomainAdmin(Kept, DomainAdmin):
    """Domains with the test, of which the store knows whether requests came for them."""

    why = WHY_DOMAIN

    def is_kept(self, row: Domain) -> bool:
        return has_history(row)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test_webhook)
        return [
            path("<int:pk>/test-webhook/", view, name="accounts_domain_test_webhook"),
            *super().get_urls(),
        ]

    def test_webhook(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send it and go back to the domain's page, which says what became of it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        name = Domain.objects.filter(pk=pk).values_list("name", flat=True).first()
        back = HttpResponseRedirect(reverse("admin:accounts_domain_change", args=[pk]))
        if name is None:
            return back  # whose page says that there is none
        if wait := _wait(request):
            self.message_user(request, f"Too many tests: wait {wait} seconds.", messages.WARNING)
            return back
        result = send_test(name)
        row = Domain.objects.defer("slack_webhook_url").get(pk=pk)
        self.log_change(
            request, row, f"Tested the webhook: {'delivered' if result.delivered else 'not delivered'}."
        )
        self.message_user(request, result.words, messages.SUCCESS if result.delivered else messages.ERROR)
        return back


def _wait(request: HttpRequest) -> int:
    """The seconds until this user may test again, 0 for now; without Redis nobody counts."""
    key = f"nexus:slack:tests:{request.user.pk}"
    try:
        with connection().pipeline() as pipe:
            pipe.set(key, 0, ex=WINDOW_SECONDS, nx=True)
            pipe.incr(key)
            pipe.ttl(key)
            _, count, left = pipe.execute()
    except redis.RedisError:
        return 0
    return max(1, int(left)) if int(count) > MOST else 0
