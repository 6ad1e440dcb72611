"""The dashboard: admin, pages, API, websockets. Pages have a pool of connections (asgi)."""

from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from nexus_project.settings.store import *  # noqa: F403
from nexus_project.settings.store import BASE_DIR, DASHBOARD_PORT, DASHBOARD_URL, DEBUG, HOST
from nexus_project.settings.store import INSTALLED_APPS as STORE_APPS

# Of those who serve pages (asgi); everybody else keeps one connection.
PAGES_POOL: dict[str, int] = {"min_size": 1, "max_size": 8, "timeout": 5}

_public = urlsplit(DASHBOARD_URL or f"http://{HOST}:{DASHBOARD_PORT}")
_secure = _public.scheme == "https"
ALLOWED_HOSTS = [_public.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

INSTALLED_APPS = [
    "daphne",
    *STORE_APPS,
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_htmx",
    "ninja",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "dashboard.static_files.StaticFilesMiddleware",
    "dashboard.compression.CompressionMiddleware",
    "dashboard.caching.ETagMiddleware",
    "csp.middleware.CSPMiddleware",
    "dashboard.caching.CacheMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.access.trusted_header.TrustedHeaderMiddleware",
    "dashboard.audit.actor.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.errors.ErrorMiddleware",
]
ROOT_URLCONF = "nexus_project.urls.dashboard"
ASGI_APPLICATION = "nexus_project.asgi.dashboard.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "dashboard" / "pages"],  # each page's templates lie in its folder
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.pages.context.shell",
            ],
            "string_if_invalid": "",
        },
    }
]

STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "dashboard.static_files.VersionedStorage"},
}
WHITENOISE_USE_FINDERS = True  # every file comes from its package: nothing has to be collected
WHITENOISE_AUTOREFRESH = DEBUG

SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_NAME = "nexus_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _secure
CSRF_COOKIE_SECURE = _secure
CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
SECURE_SSL_REDIRECT = False  # TLS ends at the balancer, which also redirects
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
LOGIN_URL = "/dashboard/login"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains is the owner's decision about hosts that are not ours
    "security.W008",  # SECURE_SSL_REDIRECT: see above
    "security.W021",  # HSTS preload: the same as W005
]
