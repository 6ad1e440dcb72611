"""`manage.py set_operator NAME`: who may sign in to the admin."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.groups import READING, STOPPING


class Command(BaseCommand):
    """Create an operator or give one a new password."""

    help = (
        "Create a person who may sign in to the admin, manage everything there, read all traffic and stop it, or give an "
        "existing one a new password. "
        "The password comes from OPERATOR_PASSWORD (or the file that OPERATOR_PASSWORD_FILE names), else from the terminal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the name to sign in with")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        password = settings.OPERATOR_PASSWORD or self._asked()
        try:
            validate_password(password)
        except ValidationError as error:
            raise CommandError(f"{' '.join(error.messages)} Choose another one.") from error
        user, created = get_user_model().objects.get_or_create(username=name)
        user.is_staff = user.is_superuser = user.is_active = True
        user.set_password(password)
        user.save()
        user.user_permissions.add(
            *Permission.objects.filter(content_type__app_label="dashboard", codename__in=[*READING, STOPPING])
        )
        self.stdout.write(f"{name} {'was created' if created else 'has a new password'}: sign in at /admin/.")

    def _asked(self) -> str:
        if not sys.stdin.isatty():
            raise CommandError("No password: set OPERATOR_PASSWORD, or run this command in a terminal.")
        password = getpass("Password: ")
        if password != getpass("Again: "):
            raise CommandError("The two passwords differ; run the command again.")
        return password
