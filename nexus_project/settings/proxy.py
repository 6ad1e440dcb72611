"""The proxy: no middleware, no sessions, no admin; its hot path asks no database."""

from nexus_project.settings.base import *  # noqa: F403

ALLOWED_HOSTS = ["*"]  # the Host names the tenant; accounts.access.decision decides what it may do
INSTALLED_APPS = ["accounts", "proxy.relay"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "nexus_project.urls.proxy"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # the handler bounds the body at 32 MiB with the API's own 413
SILENCED_SYSTEM_CHECKS = [
    "security.W001",  # SecurityMiddleware: there is no middleware; answers are upstream's, byte for byte
    "security.W002",  # XFrameOptionsMiddleware: the same
    "security.W003",  # CsrfViewMiddleware: no cookie is read, so there is nothing to forge
    "security.W020",  # ALLOWED_HOSTS: see above
]
