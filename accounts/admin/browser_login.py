"""Signing in with a Claude account from the admin: an address to open, a code to paste, and the credential has its tokens.

The verifier waits in the session, encrypted, for one try and a quarter of an hour; neither it nor a token is shown or logged.
"""

import json
import time
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.fields import UnreadableSecret, decrypt, encrypt
from accounts.models import Credential, Domain
from accounts.oauth.endpoint import RefreshFailed
from accounts.oauth.login import BadCode, Login, begin

SESSION_FIELD = "oauth_login"
LASTS_SECONDS = 15 * 60
AGAIN = "Open the new address below and paste the code that its page shows."


class CodeForm(forms.Form):
    """The code for a credential that is there."""

    code = forms.CharField(
        label="Code",
        help_text="The whole line that the page shows: code#state. It works once and for minutes.",
        max_length=2000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "vTextField"}),
    )


class NewCredentialForm(CodeForm):
    """The same, and whose credential it will be."""

    domain = forms.ModelChoiceField(Domain.objects.defer("slack_webhook_url"))
    name = forms.CharField(
        max_length=80, initial="oauth", help_text="How people call it, e.g. the account's name."
    )
    field_order = ("domain", "name", "code")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if Credential.objects.filter(domain=data.get("domain"), name=data.get("name")).exists():
            raise ValidationError(
                "The domain has a credential of this name: sign in on its own page, or choose another name."
            )
        return data


class BrowserLogin(admin.ModelAdmin[Credential]):
    """Two addresses beside those of credentials: for one that is there, and for a new one."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.sign_in)
        return [
            path("sign-in/", view, name="accounts_credential_sign_in_new"),
            path("<int:pk>/sign-in/", view, name="accounts_credential_sign_in"),
            *super().get_urls(),
        ]

    def sign_in(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Show the address and take the code; after each try there is a new address."""
        row = self._row(request, pk)
        kind = CodeForm if row else NewCredentialForm
        form = kind(request.POST or None, initial={"domain": request.GET.get("domain")})
        login = _taken(request, pk)
        if request.method == "POST" and form.is_valid():
            try:
                if login is None:
                    raise BadCode("This sign-in is over: it lasts a quarter of an hour, and one try.")
                saved = self._save(request, row, form, login.finish(form.cleaned_data["code"]))
                return HttpResponseRedirect(reverse("admin:accounts_credential_change", args=[saved.pk]))
            except BadCode as error:
                form.add_error("code", f"{error} {AGAIN}")
            except RefreshFailed as failure:
                why = (
                    "The code is wrong, was used already or is too old"
                    if failure.permanent
                    else failure.message
                )
                form.add_error("code", f"{why[0].upper()}{why[1:]}. {AGAIN}")
        return self._page(request, row, form, _kept(request, pk))

    def _row(self, request: HttpRequest, pk: int | None) -> Credential | None:
        allowed = self.has_add_permission(request) if pk is None else self.has_change_permission(request)
        if not allowed:
            raise PermissionDenied
        if pk is None:
            return None
        row = self.get_queryset(request).filter(pk=pk, kind=Credential.Kind.OAUTH).first()
        if row is None:
            raise Http404("There is no such credential, or it is an API key.")
        return row

    def _save(
        self, request: HttpRequest, row: Credential | None, form: forms.Form, tokens: Any
    ) -> Credential:
        is_new = row is None
        if row is None:
            data = form.cleaned_data
            row = Credential.objects.create(
                domain=data["domain"], name=data["name"], kind=Credential.Kind.OAUTH
            )
        row.save_tokens(tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes)
        (self.log_addition if is_new else self.log_change)(request, row, "Signed in with a browser.")
        reported = f"{row}: signed in. Proxies use it within two seconds."
        self.message_user(request, reported, messages.SUCCESS)
        return row

    def _page(
        self, request: HttpRequest, row: Credential | None, form: forms.Form, login: Login
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Sign in: {row}" if row else "Sign in with a Claude account",
            "form": form,
            "address": login.address(),
            "opts": self.opts,
            "row": row,
        }
        shown = TemplateResponse(request, "admin/accounts/sign_in.html", context)
        shown.headers["Cache-Control"] = "no-store"
        return shown


def _kept(request: HttpRequest, pk: int | None) -> Login:
    """A new sign-in, which waits in the session for its code."""
    login = begin()
    waiting = {
        "verifier": login.verifier,
        "state": login.state,
        "pk": pk,
        "until": time.time() + LASTS_SECONDS,
    }
    request.session[SESSION_FIELD] = encrypt(json.dumps(waiting))
    return login


def _taken(request: HttpRequest, pk: int | None) -> Login | None:
    """The sign-in that waits for this credential's code; it is gone then."""
    sealed = request.session.pop(SESSION_FIELD, "") if request.method == "POST" else ""
    try:
        waiting = json.loads(decrypt(sealed)) if sealed else None
    except (UnreadableSecret, ValueError):
        return None
    if waiting is None or waiting["pk"] != pk or waiting["until"] < time.time():
        return None
    return Login(waiting["verifier"], waiting["state"])
