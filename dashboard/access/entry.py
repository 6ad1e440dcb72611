"""A session for somebody whom another system vouches for, and the page and log line of whom nobody lets in."""

import logging

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

log = logging.getLogger("nexus.access")
BACKEND = "django.contrib.auth.backends.ModelBackend"


def open_session(request: HttpRequest, user: User, how: str) -> None:
    """A fresh session: nothing that the visitor's browser held before is in it."""
    request.session.flush()
    login(request, user, backend=BACKEND)
    log.info("signin.opened", extra={"how": how, "user": user.get_username()})


def refuse(request: HttpRequest, why: str, message: str, how: str, status: int = 403) -> HttpResponse:
    """The product's own page, which says what to do next."""
    log.warning("signin.refused", extra={"how": how, "why": why})
    response = render(request, "dashboard/not_signed_in.html", {"message": message}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response
