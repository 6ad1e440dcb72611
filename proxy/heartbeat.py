"""What a proxy process says of its spool each second, in a hash of Redis: the proxy writes it, the store side reads it."""

import msgspec

SPOOLS_KEY = "nexus:spools"


class Heartbeat(msgspec.Struct, frozen=True):
    """`waiting` is all that the spool holds, running exchanges too; `at` epoch seconds. Counts are for the spool's whole life."""

    accepted: int = 0
    dropped: int = 0
    bodies_dropped: int = 0
    waiting: int = 0
    used_bytes: int = 0
    at: float = 0
