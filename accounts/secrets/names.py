"""Which names (of headers, query parameters, JSON keys) say that their value is a credential."""

import re

# What such a name ends with. "tokens" does not count: input_tokens and max_tokens are numbers.
ENDINGS = (
    r"pass(?:word|wd|phrase|code)|pwd|authorization|token|secret|cookie|credential"
    r"|(?:api|access|auth|private|secret|signing|encryption|client|account)[_-]?key"
)
_SECRET = re.compile(rf"(?:{ENDINGS})(?:[_-]?(?:value|\d{{1,3}}))?$", re.IGNORECASE)
_SECRET_HEADER = re.compile(r"^x-.*-(?:key|signature|assertion|jwt)$|auth(?:entication)?$", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(
    r"^(?:key|code|code[_-]verifier|state|auth|sig|signature|jwt|session|sid|x-amz-(?:signature|credential))$",
    re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Whether a key of this name holds a credential, whatever its case and word separator."""
    return _SECRET.search(name) is not None


def is_secret_header(name: str) -> bool:
    """Whether a header of this name can carry a credential."""
    return is_secret_name(name) or _SECRET_HEADER.search(name) is not None


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of this name can carry a credential."""
    return is_secret_name(name) or _SECRET_PARAMETER.search(name) is not None
