"""Signing in and out."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import guesses
from dashboard.access import oidc, signin, throttle
from dashboard.access.signin import Visitor

TROUBLE = {
    Visitor.REFUSED: (403, "This key is not right. It is the value of DASHBOARD_API_KEY on the server."),
    Visitor.THROTTLED: (429, "Too many wrong keys from this address."),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Ask for the key; a right one opens the session."""
    target = signin.local_target(request.POST.get("next") or request.GET.get("next", ""))
    if signin.session_is_open(request.session, request.user):
        return redirect(target)
    if not signin.has_a_way_in():
        return render(request, "dashboard/not_configured.html", status=503)
    context = {
        "next": target,
        "has_key": bool(settings.DASHBOARD_API_KEY),
        "error": request.META.get(signin.TROUBLE, ""),
        "provider": settings.OIDC_NAME if oidc.is_configured() else "",
    }
    if request.method != "POST" or not settings.DASHBOARD_API_KEY:
        return render(request, "login/page.html", context)
    who = signin.judge_key(request, request.POST.get("key", "").strip())
    if who is Visitor.WELCOME:
        request.session.flush()
        request.session[signin.SESSION_FIELD] = signin.fingerprint()
        return redirect(target)
    status, message = TROUBLE[who]
    wait = guesses.wait_of(throttle.address_of(request)) if who is Visitor.THROTTLED else 0
    if wait:
        message = f"{message} {throttle.advice(wait)}"
    response = render(request, "login/page.html", context | {"error": message}, status=status)
    return throttle.refuse(response, wait) if wait else response


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """End the session, of a Django user too."""
    request.session.flush()
    return redirect("login")
