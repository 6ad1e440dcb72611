"""Refresh OAuth tokens: one at a time per credential over all processes and machines, saved before they are used.

A row's `refreshing_since` is the lock: it is claimed under the row's lock, committed before the endpoint is called, and ends by
itself after LEASE_SECONDS. So a process that dies on the way leaves a trace, which the next refresh reports.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.db import Error as DatabaseFailure
from django.db import connection, transaction
from django.utils import timezone

from accounts.access.decision import REFRESH_AHEAD_SECONDS, AccessCredential
from accounts.credentials import dead_tokens
from accounts.credentials import files as credential_files
from accounts.fields import UnreadableSecret
from accounts.models import LEASE_SECONDS, Credential
from accounts.oauth import metrics as oauth_metrics
from accounts.oauth.endpoint import DEFAULT_SCOPES, RefreshFailed, Tokens, request_tokens

__all__ = ["DEFAULT_SCOPES", "Busy", "RefreshFailed", "refresh"]

log = logging.getLogger("nexus.oauth")

_LOOK_SECONDS = 0.1
# A pair that cannot be saved is lost, and the old one is spent: a database that restarts is waited for.
_SAVE_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0)


class Busy(RefreshFailed):
    """Another process is at it."""


def refresh(
    credential: AccessCredential, *, rejected: bool = False, patient: bool = True, forced: bool = False
) -> None:
    """Renew the tokens of one credential where it is kept, unless somebody else just did; raises RefreshFailed.

    `rejected` says that the API refused the credential's access token, so that it is no good however long it was to live.
    Who is not `patient` gets Busy where another process is at it; `forced` does not wait for the pause after a failure.
    """
    refused = credential.secret if rejected else ""
    try:
        if credential.source == "file":
            _refresh_file(Path(credential.reference), refused, patient=patient)
        else:
            _refresh_row(int(credential.reference), refused, patient=patient, forced=forced)
    except Busy:
        raise
    except RefreshFailed as failure:
        log.warning("oauth.refresh_failed", extra={"credential": credential.name, "why": failure.message})
        raise


def _fresh(access_token: str, expires_at: datetime | None, refused: str) -> bool:
    """Whether somebody else was faster: its pair is the valid one, as a refresh token works once."""
    ahead = timezone.now() + timedelta(seconds=REFRESH_AHEAD_SECONDS)
    return access_token not in {"", refused} and expires_at is not None and expires_at > ahead


def _refresh_row(pk: int, refused: str, *, patient: bool, forced: bool) -> None:
    try:
        token = _claim(pk, refused, patient=patient, forced=forced)
        if token is not None:
            _renew_row(pk, token)
    except Credential.DoesNotExist as error:
        raise RefreshFailed("it has been deleted", permanent=True) from error
    except UnreadableSecret as error:
        raise RefreshFailed(str(error), permanent=True) from error
    except DatabaseFailure as error:
        raise RefreshFailed(f"the database does not answer ({type(error).__name__})") from error


def _claim(pk: int, refused: str, *, patient: bool, forced: bool) -> str | None:
    """The refresh token to use, once nobody else uses it; None where another process has renewed the pair meanwhile."""
    until, waited = time.monotonic() + LEASE_SECONDS + 1, False
    while True:
        with transaction.atomic():
            row = Credential.objects.select_for_update().get(pk=pk)
            if _fresh(row.access_token, row.expires_at, refused):
                return None
            now = timezone.now()
            if row.state == Credential.State.NEEDS_LOGIN:
                raise RefreshFailed(row.last_error, permanent=True)
            if row.retry_at and row.retry_at > now and not forced:
                raise RefreshFailed(f"{row.last_error}; not tried again before {row.retry_at:%H:%M:%S} UTC")
            if not row.is_being_refreshed(now):
                _report_interrupted(row)
                row.claim_refresh(now)
                return row.refresh_token
        if not patient or time.monotonic() > until:
            raise Busy("another process is refreshing it")
        if not waited:
            oauth_metrics.count(oauth_metrics.WAITS)
            waited = True
        time.sleep(_LOOK_SECONDS)


def _report_interrupted(row: Credential) -> None:
    """A process ended between the claim and the save: if the endpoint had answered, the refresh token is spent."""
    if row.refreshing_since:
        since = row.refreshing_since.isoformat(timespec="seconds")
        row.last_error = (
            f"a refresh was interrupted at {since}: if the next one says invalid_grant, sign in again"
        )
        log.error("oauth.interrupted", extra={"credential": f"database:{row.pk}", "since": since})
        oauth_metrics.count(oauth_metrics.INTERRUPTED)


def _renew_row(pk: int, token: str) -> None:
    try:
        tokens = _counted(token)
    except RefreshFailed as failure:
        with transaction.atomic():
            row = Credential.objects.select_for_update().get(pk=pk)
            # With another pair there by now, somebody signed in: this failure is about a token that is gone.
            if row.refresh_token == token:
                row.save_failure(failure.message, permanent=failure.permanent)
            else:
                row.release_refresh()
        raise
    _keep(pk, token, tokens)
    # A field named after a credential would be masked.
    log.info("oauth.refreshed", extra={"credential": f"database:{pk}"})


def _keep(pk: int, token: str, tokens: Tokens) -> None:
    failed: DatabaseFailure | None = None
    for pause in _SAVE_PAUSES:
        time.sleep(pause)
        try:
            with transaction.atomic():
                row = Credential.objects.select_for_update().get(pk=pk)
                if row.refresh_token == token:
                    row.save_tokens(
                        tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes
                    )
                else:
                    row.release_refresh()
        except DatabaseFailure as error:
            failed = error
            connection.close()
        else:
            return
    raise RefreshFailed(
        "the new tokens could not be saved, because the database does not answer: sign in again with manage.py oauth_login"
    ) from failed


def _refresh_file(path: Path, refused: str, *, patient: bool) -> None:
    try:
        with credential_files.locked(path, wait=patient):
            file = credential_files.read(path)
            if _fresh(file.access_token, file.expires_at, refused):
                return
            if file.dead:
                raise RefreshFailed(file.dead.why, permanent=True)
            dead_tokens.forget(path)
            with _marked(path):
                tokens = _renewed_or_noted(path, file.refresh_token)
                credential_files.write_tokens(
                    path, tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes
                )
    except BlockingIOError as error:
        raise Busy("another process is refreshing it") from error
    except OSError as error:
        action = "make its folder writable for Nexus (with Docker the proxy's container alone writes it)"
        raise RefreshFailed(f"{path.name} cannot be written ({error.strerror}): {action}") from error
    except credential_files.BadCredentialFile as error:
        raise RefreshFailed(f"{path.name}: {error}", permanent=True) from error
    log.info("oauth.refreshed", extra={"credential": f"file:{path.name}"})


def _renewed_or_noted(path: Path, token: str) -> Tokens:
    """The new pair; that the token is dead is kept beside the file, so that nobody asks with it again."""
    try:
        return _counted(token)
    except RefreshFailed as failure:
        # Where somebody signed in during the call, the file holds another token, and the note is void from the start.
        # One that cannot be written leaves the failure as it is: the next attempt finds it out anew.
        if failure.permanent:
            with suppress(OSError):
                dead_tokens.note(path, token, failure.message)
        raise


@contextmanager
def _marked(path: Path) -> Iterator[None]:
    """Leave a trace beside the file while the endpoint is asked, as `refreshing_since` does in a row."""
    mark = path.with_name(f".{path.name}.refreshing")
    if mark.exists():
        log.error(
            "oauth.interrupted", extra={"credential": f"file:{path.name}", "since": mark.stat().st_mtime}
        )
        oauth_metrics.count(oauth_metrics.INTERRUPTED)
    mark.touch(mode=0o600)
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _counted(refresh_token: str) -> Tokens:
    """The endpoint's answer, counted and timed."""
    started = time.monotonic()
    oauth_metrics.count(oauth_metrics.ATTEMPTS)
    try:
        tokens = request_tokens(refresh_token)
    except RefreshFailed:
        oauth_metrics.count(oauth_metrics.FAILURES)
        raise
    finally:
        oauth_metrics.count(oauth_metrics.TIME_MS, round((time.monotonic() - started) * 1000))
    oauth_metrics.count(oauth_metrics.SUCCESSES)
    return tokens
