"""Settings that every process reads. Each name is explained in docs/settings.md."""

import ipaddress
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key

from nexus_project import __version__, env, logs
from proxy.live_events import LAYER_PREFIX

env.read_env_file()

BASE_DIR = env.BASE_DIR
VERSION = __version__
DEBUG = env.flag("DEBUG")
HOST = env.text("HOST", "127.0.0.1")
PROXY_PORT = env.integer("PROXY_PORT", 3000, minimum=1, maximum=65535)
PROXY_WORKERS = env.integer("PROXY_WORKERS", 1, minimum=1, maximum=256)
DASHBOARD_PORT = env.integer("DASHBOARD_PORT", 3001, minimum=1, maximum=65535)
DASHBOARD_URL = env.url("DASHBOARD_URL")
NEXUS_DATA_DIR = env.folder("NEXUS_DATA_DIR", "var")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
DASHBOARD_API_KEY = env.secret("DASHBOARD_API_KEY")

# Who pays
CLAUDE_API_KEY = env.secret("CLAUDE_API_KEY")
CLAUDE_API_BASE_URL = env.url("CLAUDE_API_BASE_URL", "https://api.anthropic.com")
CLAUDE_OAUTH_CLIENT_ID = env.text("CLAUDE_OAUTH_CLIENT_ID", "9d1c250a-e61b-44d9-88ed-5944d1962f5e")
CLAUDE_OAUTH_TOKEN_URL = env.url("CLAUDE_OAUTH_TOKEN_URL", "https://console.anthropic.com/v1/oauth/token")
CREDENTIALS_DIR = env.folder("CREDENTIALS_DIR", "credentials")
ALLOW_SHARED_FILES = env.flag("ALLOW_SHARED_FILES")

# The way out
UPSTREAM_PROXY = env.proxy("UPSTREAM_PROXY")
HTTPS_PROXY = env.proxy("HTTPS_PROXY")
NO_PROXY = env.either_case("NO_PROXY")
SSL_CERT_FILE = env.certificates("SSL_CERT_FILE")

# The relay
UPSTREAM_CONNECT_SECONDS = env.integer("UPSTREAM_CONNECT_SECONDS", 10, minimum=1)
EVENTS_DIRECT = env.flag("EVENTS_DIRECT", default=True)
UPSTREAM_IDLE_SECONDS = env.integer("UPSTREAM_IDLE_SECONDS", 600, minimum=1)
SHUTDOWN_GRACE_SECONDS = env.integer("SHUTDOWN_GRACE_SECONDS", 30)
CLIENT_SILENT_SECONDS = env.integer("CLIENT_SILENT_SECONDS", 30)
CLIENT_HEAD_SECONDS = env.integer("CLIENT_HEAD_SECONDS", 30)
CLIENT_BODY_SECONDS = env.integer("CLIENT_BODY_SECONDS", 30)
CLIENT_MAX_CONNECTIONS = env.integer("CLIENT_MAX_CONNECTIONS", 8192)
CLIENT_MAX_CONNECTIONS_PER_ADDRESS = env.integer("CLIENT_MAX_CONNECTIONS_PER_ADDRESS", 1024)
UNKNOWN_BODIES_MAX_BYTES = env.integer("UNKNOWN_BODIES_MAX_BYTES", 256 * 1024**2)
LIMITS_FAIL_CLOSED = env.flag("LIMITS_FAIL_CLOSED")
CLIENT_SETUP_DIR = env.folder("CLIENT_SETUP_DIR", "client-setup")

# The record
STORAGE_ENABLED = env.flag("STORAGE_ENABLED")
SEARCH_ENABLED = env.flag("SEARCH_ENABLED", default=True)
FINDINGS_REPEATS = env.integer("FINDINGS_REPEATS", 3, minimum=2, maximum=1000)
SPOOL_MAX_BYTES = env.integer("SPOOL_MAX_BYTES", 2 * 1024**3, minimum=1024**2)
UPLOADS_MAX_RECORDED_BYTES = env.integer("UPLOADS_MAX_RECORDED_BYTES", 32 * 1024**2, maximum=64 * 1024**2)
BATCH_RESULTS_MAX_BYTES = env.integer("BATCH_RESULTS_MAX_BYTES", 1024**3, minimum=1024**2)
RETENTION_BODIES_DAYS = env.integer("RETENTION_BODIES_DAYS", 0, maximum=36_500)
RETENTION_METADATA_DAYS = env.integer("RETENTION_METADATA_DAYS", 0, maximum=36_500)
REPORTING_TIME_ZONE = env.time_zone("REPORTING_TIME_ZONE", "UTC")

# Messages to people and machines
SLACK_WEBHOOK_URL = env.url("SLACK_WEBHOOK_URL", schemes=["https"])
SLACK_CHANNEL = env.text("SLACK_CHANNEL")
SLACK_USERNAME = env.text("SLACK_USERNAME", "Claude Nexus Proxy")
SLACK_ICON_EMOJI = env.text("SLACK_ICON_EMOJI", ":robot_face:")
SLACK_ENABLED = env.flag("SLACK_ENABLED", default=True)
SLACK_CA_FILE = env.file("SLACK_CA_FILE")
SLACK_ALLOW_PRIVATE_ADDRESSES = env.flag("SLACK_ALLOW_PRIVATE_ADDRESSES")
TELEMETRY_ENDPOINT = env.url("TELEMETRY_ENDPOINT")
TELEMETRY_ENABLED = env.flag("TELEMETRY_ENABLED", default=True)


def client_auth() -> bool:
    """Whether clients must show a key; on an address that others reach, the operator has to decide it."""
    chosen = env.boolean("ENABLE_CLIENT_AUTH", default=None)
    if chosen is not None:
        return chosen
    try:
        loopback = ipaddress.ip_address(HOST.strip("[]")).is_loopback
    except ValueError:
        loopback = HOST == "localhost"
    if loopback:
        return False
    raise env.SettingError(
        f"HOST={HOST} can be reached by others, so ENABLE_CLIENT_AUTH must be set: true demands a client key wherever your "
        "credential would be spent, false lets everybody spend it, except in domains that have client keys."
    )


def field_keys() -> list[str]:
    """Fernet keys of the encrypted columns: the first encrypts, all decrypt."""
    keys = env.secrets("FIELD_ENCRYPTION_KEYS")
    how = 'make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
    try:
        for key in keys:
            Fernet(key)
    except ValueError as error:
        raise env.SettingError(f"FIELD_ENCRYPTION_KEYS holds a value that is no Fernet key; {how}") from error
    if DATABASE_URL and not keys:
        raise env.SettingError(f"FIELD_ENCRYPTION_KEYS is not set, and the database holds credentials; {how}")
    return keys


def check_retention(bodies: int, metadata: int) -> None:
    """Bodies go first: without its metadata nobody finds a body. 0 days are for ever."""
    if metadata and (not bodies or metadata < bodies):
        kept = f"{bodies} days" if bodies else "for ever"
        raise env.SettingError(
            f"RETENTION_METADATA_DAYS={metadata} would drop exchanges whose bodies are kept {kept}; set it to 0 (for ever) or to "
            "RETENTION_BODIES_DAYS at least."
        )


ENABLE_CLIENT_AUTH = client_auth()
check_retention(RETENTION_BODIES_DAYS, RETENTION_METADATA_DAYS)

DATABASE_URL = env.url("DATABASE_URL", schemes=["postgres", "postgresql"])
REDIS_URL = env.url("REDIS_URL", schemes=["redis", "rediss"])
FIELD_ENCRYPTION_KEYS = field_keys()
SECRET_KEY = env.secret("SECRET_KEY") or get_random_secret_key()


def database() -> dict[str, Any]:
    """Django's DATABASES entry for DATABASE_URL; {} (nothing stored, no admin) when it is not set."""
    if not DATABASE_URL:
        return {}
    config = env.database_config(DATABASE_URL)
    # A server that is gone without a word must not keep a thread waiting for the quarter of an hour that TCP allows.
    options = {"connect_timeout": 5, "tcp_user_timeout": 10_000, **config.get("OPTIONS", {})}
    return {"default": {**config, "OPTIONS": options, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}}


DATABASES = database()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

LOG_LEVEL = env.choice("LOG_LEVEL", "info", ["debug", "info", "warning", "error"])
LOG_JSON = env.flag("LOG_JSON")
LOGGING = logs.config(level="debug" if DEBUG else LOG_LEVEL, as_json=LOG_JSON)

CHANNEL_LAYERS: dict[str, Any] = (
    {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": LAYER_PREFIX},
        }
    }
    if REDIS_URL
    else {}
)
