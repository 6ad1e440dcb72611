"""The admin's sign-in form counts wrong passwords as the dashboard counts wrong keys: by address, and by user name too.

By name, so that one account cannot be guessed from many addresses; whoever does that keeps its owner waiting, at most five
minutes at a time, while sessions that are open stay open.
"""

from hashlib import sha256
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from accounts import guesses
from dashboard.access import readers, throttle

WAIT = "Too many failed sign-ins from this address or with this name."


class ThrottledLogin(AdminAuthenticationForm):
    """Refuses before it looks at the password; `wait` says for how many seconds."""

    wait = 0

    def clean(self) -> dict[str, Any]:
        counted = [_name(str(self.cleaned_data.get("username", "")))]
        if self.request is not None:
            counted.append(throttle.address_of(self.request))
        self.wait = max(guesses.wait_of(who) for who in counted)
        if self.wait:
            raise ValidationError(f"{WAIT} {throttle.advice(self.wait)}", code="throttled")
        try:
            return super().clean()
        except ValidationError:
            for who in counted:
                guesses.count(who)
            raise


def may_enter(request: HttpRequest) -> bool:
    """Staff, but for who is bound to domains: the admin shows those of everybody."""
    user = request.user
    return bool(user.is_active and user.is_staff) and readers.patterns_of(user) is None


def login(request: HttpRequest) -> HttpResponse:
    """The admin's sign-in page, which tells who has to wait so by 429."""
    response: HttpResponse = admin.site.login(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    wait = form.wait if isinstance(form, ThrottledLogin) else 0
    return throttle.refuse(response, wait) if wait else response


def _name(username: str) -> str:
    """What Redis keeps of a name: people type passwords into that field."""
    return f"user:{sha256(username.casefold().encode()).hexdigest()}"
