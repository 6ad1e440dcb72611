"""Accepting an invitation. Looking at its page, also by a program that previews links, changes nothing and uses nothing up."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import guesses, invitations
from accounts.invitations import NotOpen
from accounts.models import Invitation
from dashboard.access import entry, oidc, sessions, signin, throttle

HOW = "invitation"
UNKNOWN = "Nexus knows no such invitation. See that the whole link arrived, or ask for another one."
THROTTLED = "Too many wrong invitations from this address."
View = Callable[[HttpRequest], HttpResponse]


def _quiet(view: View) -> View:
    """No address of these pages is passed on, and no cache keeps them."""

    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    def guarded(request: HttpRequest) -> HttpResponse:
        response = view(request)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return guarded


@_quiet
def invitation(request: HttpRequest) -> HttpResponse:
    """Take the secret, which a script moves from behind the `#` into the form."""
    if request.method != "POST":
        return render(request, "invitation/page.html")
    who = throttle.address_of(request)
    if wait := guesses.wait_of(who):
        return throttle.refuse(_again(request, f"{THROTTLED} {throttle.advice(wait)}", 429), wait)
    found = invitations.find(request.POST.get("secret", ""))
    if found is None:
        guesses.count(who)
        return _again(request, UNKNOWN, 404)
    try:
        invitations.require_open(found)
    except NotOpen as error:
        return _again(request, str(error), 410)
    request.session[sessions.INVITATION] = {"id": found.pk, "at": time.time()}
    return redirect("invitation-accept")


@_quiet
def accept(request: HttpRequest) -> HttpResponse:
    """Make the user: by a password here, or by the provider."""
    number = sessions.invitation_of(request.session)
    found = Invitation.objects.filter(pk=number).first() if number else None
    if found is None:
        return redirect("invitation")
    try:
        invitations.require_open(found)
        return _with_password(request, found) if request.method == "POST" else _form(request, found)
    except NotOpen as error:
        return _again(request, str(error), 410)


def _with_password(request: HttpRequest, found: Invitation) -> HttpResponse:
    password = request.POST.get("password", "")
    try:
        if password != request.POST.get("again", ""):
            raise ValidationError("The two passwords differ.")
        validate_password(password, User(username=found.email, email=found.email))
    except ValidationError as error:
        return _form(request, found, " ".join(error.messages))
    user = invitations.accept(found.pk, lambda user: user.set_password(password), how="password")
    entry.open_session(request, user, how=HOW)
    return redirect(signin.local_target(""))


def _form(request: HttpRequest, found: Invitation, error: str = "") -> HttpResponse:
    context = {
        "invitation": found,
        "error": error,
        "provider": settings.OIDC_NAME if oidc.is_configured() else "",
    }
    return render(request, "invitation/accept.html", context, status=400 if error else 200)


def _again(request: HttpRequest, message: str, status: int) -> HttpResponse:
    return render(request, "invitation/page.html", {"error": message}, status=status)
