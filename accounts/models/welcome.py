"""The table of those who have read what the dashboard says at the first sign-in."""

from django.db import models
from django.utils import timezone


class WelcomeDismissal(models.Model):
    """A row for each user who put the explanation away, for good; the number of a user is given to nobody else."""

    user_id = models.BigIntegerField(primary_key=True)
    dismissed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"user {self.user_id}"
