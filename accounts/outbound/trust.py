"""The certificates to trust on the way out: the system's, or `SSL_CERT_FILE` in their place."""

import ssl

import httpx
from django.conf import settings


class BadCertificates(httpx.ConnectError):
    """A file of certificates was good at the start and is not any more; the message names its setting."""


def context(extra_setting: str = "", extra_file: str = "") -> ssl.SSLContext:
    """A client's context, which trusts the certificates of `extra_file` as well. Raises BadCertificates."""
    try:
        made = ssl.create_default_context(cafile=settings.SSL_CERT_FILE or None)
    except OSError as error:
        raise _unusable("SSL_CERT_FILE", settings.SSL_CERT_FILE) from error
    if settings.SSL_CERT_FILE:
        # Python 3.13 refuses certificates that lack an authority key identifier, as those of inspecting proxies often do.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        if extra_file:
            made.load_verify_locations(extra_file)
    except OSError as error:
        raise _unusable(extra_setting, extra_file) from error
    return made


def shown() -> str:
    """What is trusted, for people."""
    return settings.SSL_CERT_FILE or "the system's certificates"


def _unusable(name: str, file: str) -> BadCertificates:
    return BadCertificates(f"{name}={file} cannot be used: name a readable file of certificates in PEM")
