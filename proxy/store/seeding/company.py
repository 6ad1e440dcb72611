"""Who asks: a made-up company's domains, the accounts that pay for them, and strangers who try their luck."""

import random
from itertools import accumulate
from typing import NamedTuple

_TEAMS = (
    *("platform", "search", "billing", "mobile", "data", "infra", "support", "growth", "design", "research"),
    *("security", "payments", "web", "content", "legal", "sales", "finance", "ops", "maps", "media"),
    *("identity", "games", "ads", "cloud", "devices", "labs", "partners", "hiring", "translation", "archive"),
)
_ACCOUNTS = ("team", "ci", "night-jobs")
# The busiest account of a domain does most of its work.
_ACCOUNT_WEIGHTS = (8, 3, 1)
_KEYS = ("laptops", "build-server", "")


class Asker(NamedTuple):
    """What the proxy knows of a client beside its request."""

    domain: str
    account: str
    paid_by: str
    client_key: str
    client_address: str


class Company:
    """Draw askers: the n-th domain is 1/n as busy as the first."""

    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._weights = list(accumulate(1 / rank for rank in range(1, len(_TEAMS) + 1)))

    def asker(self) -> Asker:
        """Somebody of the company."""
        draw = self._random
        team = draw.choices(range(len(_TEAMS)), cum_weights=self._weights)[0]
        accounts = _ACCOUNTS[: 1 + team % len(_ACCOUNTS)]
        account = draw.choices(accounts, _ACCOUNT_WEIGHTS[: len(accounts)])[0]
        return Asker(
            domain=f"{_TEAMS[team]}.nexus.example",
            account=account,
            paid_by=f"database:{account}",
            client_key=_KEYS[draw.randrange(len(_KEYS))],
            client_address=f"10.{team}.0.{draw.randrange(1, 255)}",
        )

    def stranger(self) -> Asker:
        """Somebody under a Host that is nobody's, whom Nexus refuses."""
        number = self._random.randrange(1, 255)
        return Asker(f"203.0.113.{number}", "", "", "", f"198.51.100.{number}")
