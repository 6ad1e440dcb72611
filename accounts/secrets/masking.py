"""Replace credentials by `****` before a text is logged, shown or posted.

Masking twice changes nothing and takes time in proportion to the text: possessive quantifiers (`++`) and atomic groups
(`(?>…)`) keep the patterns from trying again what they have eaten. A doubt is decided for masking.

A group that can fail in its middle is made atomic, never possessive: up to Python 3.11.4 a possessive one goes on behind what its
last, failed turn has eaten (https://github.com/python/cpython/issues/106052).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_plus

from accounts.secrets.names import ENDINGS, is_secret_header, is_secret_name, is_secret_parameter

MASK = "****"
# Deeper JSON than any client sends is masked as a whole.
_DEEPEST = 100

_KEY_BLOCK = re.compile(r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)(?>(?:(?!-----).)+)", re.DOTALL)
_SLACK_WEBHOOK = re.compile(
    r"""(hooks\.slack(?:-gov)?\.com\\?/(?:services|workflows|triggers)\\?/)(?>(?:[^\s"'<>\\)*]|\\/)+)"""
)
_URL_PASSWORD = re.compile(r"""(:\\?/\\?/[^\s/@:"'<>]*+:)[^\s/"'<>]+@""")
_URL_TOKEN = re.compile(r"""(:\\?/\\?/)[^\s/@:"'<>*]{16,}+@""")
_BEARER = re.compile(
    r"""\b(bearer(?:[ \t]++|%20|\+))(?!(?:tokens?|realm|auth(?:entication)?)(?:[\s.,;:!?)"'=\\]|$))"""
    r"""[^\s"'<>,;\\)&]++""",
    re.IGNORECASE,
)
# Prose says "Basic authentication"; base64 of user:password has a digit, a sign or a capital inside.
_BASIC = re.compile(
    r"\b((?i:basic)(?:[ \t]++|%20|\+))(?=[A-Za-z]*(?:[0-9+/=]|[a-z][A-Z]))[A-Za-z0-9+/=]{6,}+"
)
# Keys that are known by how they begin; the beginning stays, so that a reader sees what was there.
_PREFIXED = re.compile(
    r"(sk-ant-|cnp_live_|cnp_test_|cnp_invite_|gh[pousr]_|github_pat_|xox[a-z]-|xapp-|glpat-|whsec_"
    r"|(?<![A-Za-z0-9])(?:[sr]k_live_|[sr]k_test_|(?:AKIA|ASIA|AIza|sk-(?!ant-))(?=[A-Za-z0-9_-]{16})))"
    r"[A-Za-z0-9_-]++"
)
_JWT = re.compile(r"(?<![A-Za-z0-9_-])(eyJ)[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]++(?>(?:\.[A-Za-z0-9_-]*+)*)")
_SCHEME = r"(?>(?:(?:bearer|basic|digest|token)[ \t]++)?)"
_HEADER_LINE = re.compile(
    rf"""\b((?:cookie|authorization)[ \t]{{0,4}}:[ \t]{{0,4}}{_SCHEME})[^\s"'\\][^\r\n"'\\]*+""",
    re.IGNORECASE,
)
# A number after "token" is a count, and null is no secret.
_NAME = (
    rf"""(?:{ENDINGS})(?:[_-]?(?:value|\d{{1,3}}))?"""
    r"""(?!(?<=token)(?:\\*+["'])?[ \t]{0,4}[:=][ \t]{0,4}\d{1,9}(?![\w.-]))(?:\\*+["'])?[ \t]{0,4}"""
)
_NOT_NULL = r"(?!(?:null|none|true|false|undefined)(?!\w))"
# The value's quote may be escaped, as in JSON inside JSON; a quote that is escaped once more is inside it.
_QUOTED = rf"""(\\*+["'])({_SCHEME})(?>(?:(?!(?<!\\)\2)[^\r\n])+)"""
_QUOTED_PAIR = re.compile(rf"({_NAME}(?:=>|:=|[:=])[ \t]{{0,8}}\[?b?){_QUOTED}", re.IGNORECASE)
_HEADER_TUPLE = re.compile(
    rf"""((?:authorization|cookie|-key|-token|-secret)\\*+["'],[ \t]{{0,4}}b?){_QUOTED}""", re.IGNORECASE
)
_BARE_PAIR = re.compile(
    rf"""({_NAME}(?:=>|:=|[:=])[ \t]{{0,4}}{_SCHEME}){_NOT_NULL}[^\s"',;&<>{{}}()\[\]\\]++""", re.IGNORECASE
)


class _Rule(NamedTuple):
    """What is replaced by what within a line, which then has one of `needles` (lower case) and one of `signs`, if any."""

    pattern: re.Pattern[str]
    replacement: str
    needles: tuple[str, ...]
    signs: tuple[str, ...] = ()

    def may_apply(self, folded: str) -> bool:
        """Whether it can be anywhere in a text; to look for a needle takes a hundredth of the time of the pattern.

        Signs are looked for first: there are fewer of them, and prose that speaks of tokens has none.
        """
        return (not self.signs or _has(folded, self.signs)) and _has(folded, self.needles)


def _has(folded: str, needles: Iterable[str]) -> bool:
    for needle in needles:  # noqa: SIM110 - any() with a generator takes twice as long
        if needle in folded:
            return True
    return False


_KNOWN_PREFIXES = (
    *(
        "sk-",
        "cnp_",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "xox",
        "xapp-",
        "glpat-",
        "whsec_",
    ),
    *("k_live_", "k_test_", "akia", "asia", "aiza"),
)
_NAMES = (
    *("password", "passwd", "passphrase", "passcode", "pwd"),
    *("authorization", "token", "secret", "cookie", "credential", "key"),
)
# No pattern here takes a line break, so each is asked of lines.
_RULES = (
    _Rule(_SLACK_WEBHOOK, rf"\1{MASK}", ("hooks.slack",)),
    _Rule(_URL_PASSWORD, rf"\1{MASK}@", ("@",)),
    _Rule(_URL_TOKEN, rf"\1{MASK}@", ("@",)),
    _Rule(_BEARER, rf"\1{MASK}", ("bearer",)),
    _Rule(_BASIC, rf"\1{MASK}", ("basic",)),
    _Rule(_PREFIXED, rf"\1{MASK}", _KNOWN_PREFIXES),
    _Rule(_JWT, rf"\1{MASK}", ("eyj",)),
    _Rule(_HEADER_LINE, rf"\1{MASK}", ("cookie", "authorization")),
    _Rule(_HEADER_TUPLE, rf"\1\2\3{MASK}", _NAMES, ('",', "',")),
    _Rule(_QUOTED_PAIR, rf"\1\2\3{MASK}", _NAMES, ("=", ":")),
    _Rule(_BARE_PAIR, rf"\1{MASK}", _NAMES, ("=", ":")),
)


def mask_text(text: str) -> str:
    """`text` with every credential in it replaced, wherever it stands."""
    if not text:  # as most error messages are
        return text
    text = _KEY_BLOCK.sub(rf"\1{MASK}", text)
    folded = _fold(text)
    rules = [rule for rule in _RULES if rule.may_apply(folded)]
    if not rules:
        return text
    lines = text.split("\n")
    for at, line in enumerate(folded.split("\n")):
        for rule in rules:
            if rule.may_apply(line):
                lines[at] = rule.pattern.sub(rule.replacement, lines[at])
    return "\n".join(lines)


def _fold(text: str) -> str:
    """For needles: `re.IGNORECASE` takes the long s, the Kelvin sign and both special letters i for those of ASCII as well."""
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").replace("\u0131", "i").casefold()


def mask_headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers with the value of each that can carry a credential replaced as a whole."""
    return [(name, MASK if is_secret_header(name) else mask_text(value)) for name, value in pairs]


def mask_query(query: str) -> str:
    """A raw query string with the value of each parameter that can carry a credential replaced."""
    return "".join(_mask_parameter(part) for part in re.split("([&;])", query))


def mask_json(value: object) -> object:
    """A JSON value with credentials replaced: strings of any kind, and values whose key names a secret."""
    return _mask_value(value, 0)


def _mask_parameter(part: str) -> str:
    name, separator, value = part.partition("=")
    if value and is_secret_parameter(unquote_plus(name)):
        return f"{name}={MASK}"
    plain = unquote_plus(part)
    if mask_text(plain) == plain:
        return mask_text(part)
    return f"{mask_text(name)}={MASK}" if separator else MASK


def _mask_value(value: object, depth: int) -> object:
    if isinstance(value, str):
        return mask_text(value)
    if not isinstance(value, dict | list | tuple):
        return value
    if depth == _DEEPEST:
        return MASK
    if isinstance(value, dict):
        return {mask_text(str(key)): _mask_member(str(key), item, depth + 1) for key, item in value.items()}
    return [_mask_value(item, depth + 1) for item in value]


def _mask_member(key: str, value: object, depth: int) -> object:
    if not is_secret_name(key):
        return _mask_value(value, depth)
    if isinstance(value, list | tuple):
        return [_mask_member(key, item, depth + 1) for item in value] if depth < _DEEPEST else MASK
    if isinstance(value, str):
        return MASK if value else value
    is_count = key.lower().endswith("token")
    if isinstance(value, int | float) and not isinstance(value, bool) and not is_count:
        return MASK
    return _mask_value(value, depth)
