"""What Django offers and the relay's handler does not look at fails a check."""

from pytest_django import Settings

from proxy.relay import checks


def test_middleware_of_the_proxy_fails_a_check(settings: Settings) -> None:
    settings.MIDDLEWARE = []
    assert checks.no_middleware(None) == []

    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware"]
    [error] = checks.no_middleware(None)

    assert error.is_serious()
    assert "django.middleware.gzip.GZipMiddleware" in error.msg
