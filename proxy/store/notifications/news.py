"""What is news: a changed text of a user, or an error that was not just reported.

Redis remembers, so that all workers agree.
"""

import hashlib

from proxy.record import ABORTED, CLIENT_LEFT, COMPLETE, UPSTREAM_CUT, UPSTREAM_ERROR
from proxy.store.announce import Stored
from proxy.store.notifications.redis_link import connection

REMEMBERED_SECONDS = 24 * 3600
SAME_ERROR_SECONDS = 60
# A thread's texts as "exchange digest", which sorts by time, as the ids do. Workers store batches at once, so that a text may
# come after one that was written later: it is compared with those on both sides of it, in one step with being remembered.
_NEWS = """
local function same(text) return text and string.sub(text, -64) == ARGV[2] end
local before = redis.call('ZREVRANGEBYLEX', KEYS[1], '[' .. ARGV[1], '-', 'LIMIT', 0, 1)[1]
local after = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1], '+', 'LIMIT', 0, 1)[1]
redis.call('ZADD', KEYS[1], 0, ARGV[1] .. ' ' .. ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return (same(before) or same(after)) and 0 or 1
"""
_REMEMBERED_TEXTS = 32
# `refused` is missing on purpose: who was not let in must not be able to write into somebody's channel.
_FAILED = (UPSTREAM_ERROR, UPSTREAM_CUT, ABORTED)
_RESPONDED = (COMPLETE, CLIENT_LEFT)


def is_new_text(stored: Stored) -> bool:
    """Whether this is an answered inference with another user text than the one before it in its thread.

    Remembers the text. A thread is the session header with the first user text, so that parallel sub-agents of
    one session do not take turns in being new; without the header, the domain with the first user text.
    """
    if not _is_inference(stored) or stored.outcome not in _RESPONDED or stored.error_type:
        return False
    if not stored.user_text.strip():
        return False
    key = f"nexus:slack:texts:{_thread(stored)}"
    arguments = (str(stored.exchange_id), _digest(stored.user_text), _REMEMBERED_TEXTS, REMEMBERED_SECONDS)
    return bool(connection().eval(_NEWS, 1, key, *arguments))


def is_new_error(stored: Stored) -> bool:
    """Whether this is a failed inference, with an error that its thread did not have within the last minute.

    Clients try again several times, and one message is enough.
    """
    if not _is_inference(stored) or not (stored.outcome in _FAILED or _failed_inside(stored)):
        return False
    key = _digest(_thread(stored), stored.outcome, str(stored.status), stored.error_type)
    return bool(connection().set(f"nexus:slack:error:{key}", "1", ex=SAME_ERROR_SECONDS, nx=True))


def _failed_inside(stored: Stored) -> bool:
    return stored.outcome in _RESPONDED and bool(stored.error_type)


def _is_inference(stored: Stored) -> bool:
    return stored.request_type == "inference"


def _thread(stored: Stored) -> str:
    return _digest(stored.domain, stored.session_id, stored.first_user_text)


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "replace")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
