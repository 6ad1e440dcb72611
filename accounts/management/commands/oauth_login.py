"""`manage.py oauth_login`: sign in with an account of Claude, in a browser anywhere."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.credentials import files as credential_files
from accounts.credentials.files import BadCredentialFile
from accounts.models import Credential, Domain
from accounts.oauth.endpoint import RefreshFailed, Tokens
from accounts.oauth.login import BadCode, begin
from accounts.secrets import atomic_file


class Command(BaseCommand):
    """Log in."""

    help = (
        "Sign in with a Claude account: open the printed address in any browser, allow it, and paste the code that the page "
        "shows (code#state) here. The tokens go into the database (--domain, and --name for one of several) or into a credential "
        "file (--file), of which everything else stays. No token is shown. "
        "Example: manage.py oauth_login --domain nexus.example.com --name team"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--domain", help="the domain whose credential this is; made if it is new")
        where.add_argument("--file", type=Path, help="a credential file; made if it is new")
        parser.add_argument(
            "--name", default="oauth", help="the credential's name within the domain (default: %(default)s)"
        )

    def handle(self, *args: Any, domain: str | None, file: Path | None, name: str, **options: Any) -> None:
        if file and not credential_files.domain_of(file):
            raise CommandError(
                f"{file.name} is no credential file: call it <domain>{credential_files.SUFFIX}.", returncode=2
            )
        if file and not os.access(file.parent, os.W_OK):  # before a code is spent on it
            raise CommandError(
                f"{file.parent} is not there or cannot be written here: make it, or run this where the proxy runs."
            )
        login = begin()
        self.stdout.write(
            f"Open this address, allow the access, and paste what the page shows:\n\n{login.address()}\n"
        )
        try:
            tokens = login.finish(self._pasted())
        except BadCode as error:
            raise CommandError(f"{error} Run this again.") from error
        except RefreshFailed as failure:
            raise CommandError(
                f"{failure.message}. The code works once and for minutes: run this again."
            ) from failure
        kept = _into_file(file, tokens) if file else _into_row(domain or "", name, tokens)
        self.stdout.write(f"Signed in: {kept}. Proxies use it within two seconds.")

    def _pasted(self) -> str:
        try:
            return input("code#state: ")
        except EOFError as error:
            raise CommandError(
                "Nothing was pasted: run this in a terminal, or pipe the code into it."
            ) from error


def _into_row(name: str, credential: str, tokens: Tokens) -> str:
    domain = Domain.objects.filter(name=name).first()
    row = Credential.objects.filter(domain__name=name, name=credential).first()
    if row and row.kind != Credential.Kind.OAUTH:
        raise CommandError(f"{row} is an API key: choose another --name.")
    if domain is None:
        domain = Domain(name=name)
        try:
            domain.full_clean()
        except ValidationError as error:
            raise CommandError(f"{name}: {' '.join(error.messages)}") from error
        domain.save()
    row = row or Credential.objects.create(domain=domain, name=credential, kind=Credential.Kind.OAUTH)
    row.save_tokens(tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes)
    return str(row)


def _into_file(path: Path, tokens: Tokens) -> str:
    try:
        if not path.exists():
            atomic_file.write(path, json.dumps({"type": "oauth", "oauth": {}}).encode())
        with credential_files.locked(path):
            credential_files.write_tokens(
                path, tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes
            )
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written ({error.strerror}): choose another folder and run this again."
        ) from error
    except BadCredentialFile as error:
        raise CommandError(f"{path}: {error}: fix or delete it, and run this again.") from error
    return str(path)
