"""What the first page after a first sign-in says: to operators the next steps, to others what is where and what they may see."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.models import WelcomeDismissal
from dashboard.access.signin import READ_BODIES

SETS_UP = ("accounts.add_domain", "accounts.add_credential", "accounts.add_clientkey")


@dataclass(frozen=True, slots=True)
class Welcome:
    """`is_operator` is who may do the next steps in the admin; `host` is the name that clients call."""

    name: str
    is_operator: bool
    reads_bodies: bool
    host: str


def welcome(request: HttpRequest) -> Welcome | None:
    """None for who has put it away, and for who came with DASHBOARD_API_KEY: that is nobody's own."""
    user = request.user
    if not user.is_authenticated or WelcomeDismissal.objects.filter(pk=user.pk).exists():
        return None
    return Welcome(
        name=user.get_short_name() or user.get_username(),
        is_operator=user.is_staff and user.has_perms(SETS_UP),
        reads_bodies=user.has_perm(READ_BODIES),
        host=request.get_host().rpartition(":")[0] or request.get_host(),
    )


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Put it away for good."""
    if request.user.is_authenticated:
        WelcomeDismissal.objects.get_or_create(user_id=request.user.pk)
    return redirect("overview")
