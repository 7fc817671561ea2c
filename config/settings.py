"""Settings: from the environment only. docs/settings.md describes each.

`./run up` and `./run test` need nothing of this: they bring their own environment.
"""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.version import VERSION as VERSION
from dashboard import content_policy
from dashboard.appearance import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
TESTING = environment.flag("ROLLCALL_TESTING")

# --- who we are -----------------------------------------------------------------------------
DEBUG = environment.flag("DEBUG")
SECRET_KEY = environment.secret("SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it, or SECRET_KEY_FILE, to 50 random characters; "
        "`./run up` makes one by itself."
    )
# Keys for what is encrypted at rest (gateways' secrets): the first encrypts, all decrypt.
FIELD_KEYS = [key.strip() for key in environment.secret("FIELD_KEYS").split(",") if key.strip()]
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "dashboard",  # before unfold: its templates come first
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "rest_framework",
    "drf_spectacular",
    "accounts",
    "webhooks",
    "reconciliation",
    "notices",
]
MIDDLEWARE = [
    "webhooks.wire.web_process.Presence",
    "dashboard.content_policy.PagePolicy",
    "webhooks.wire.guards.ForMachines",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "dashboard.people.second_factor.SecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL: the queue of record ----------------------------------------------------------
_database_url = environment.secret("DATABASE_URL")
if not _database_url:
    raise ImproperlyConfigured(
        "DATABASE_URL is not set: postgresql://user:password@host:port/name "
        "(`./run up` and `./run test` bring a PostgreSQL of their own)."
    )
DATABASES: dict[str, dict[str, Any]] = {"default": environment.database(_database_url)}
DATABASES["default"]["OPTIONS"] |= {"connect_timeout": 3}
# A connection that died with its server is replaced before use, so that no request fails by it.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
THREADS = environment.threads()
_pool_size = environment.number("DATABASE_POOL_SIZE", THREADS + 2, least=0)
if _pool_size and not TESTING:
    # One pool a process: a connection for each thread, and two spare.
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": _pool_size,
        "timeout": 3,
        # A longer timeout would delay the detection of a PostgreSQL that is back to the next of
        # ever rarer attempts (25 s were seen); every request begins a new one.
        "reconnect_timeout": 2,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: the doorbell, QR codes, counters. Losing it loses time, never data ------------------
REDIS_URL = environment.secret("REDIS_URL")
if not REDIS_URL:
    raise ImproperlyConfigured(f"REDIS_URL is not set. {environment.REDIS_LOOKS_LIKE}")
# Short, because a request must not wait for a Redis that is gone.
REDIS_TIMEOUT_SECONDS = 1.0

CELERY_WORKER_CONCURRENCY = THREADS
CELERY_BROKER_URL = environment.broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_EVENT_SERIALIZER = "json"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # the default gives up, and the worker ends
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
    "retry_on_timeout": False,
    # The doorbell is retried once, at once: a request must not wait the 2 and 4 s of the default.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
CELERY_TASK_ALWAYS_EAGER = TESTING
CELERY_TASK_EAGER_PROPAGATES = TESTING
CELERY_TIMEZONE = "UTC"

# --- people -------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Wrong passwords, by address: so many, and it is turned away for so long. What ends it earlier:
# ./run manage axes_reset_ip.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_CLIENT_IP_CALLABLE = "webhooks.route_monitor.source_address.address_of"
AXES_LOCKOUT_TEMPLATE = "dashboard/locked.html"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# What is not logged: a password may be typed where the name belongs.
AXES_SENSITIVE_PARAMETERS = ["username"]
STAFF_SECOND_FACTOR = environment.flag("STAFF_SECOND_FACTOR")
OTP_TOTP_ISSUER = "Rollcall"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
CONTENT_SECURITY_POLICY = content_policy.POLICY
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["dashboard.formats"]
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
# Target of collectstatic; without it static files are served from their source folders.
STATIC_ROOT = environment.text("STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = True

# --- e-mail: alerts for operators ----------------------------------------------------------------
EMAIL_HOST = environment.text("EMAIL_HOST")
EMAIL_HOST_USER = environment.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = environment.secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = environment.flag("EMAIL_USE_TLS")
EMAIL_USE_SSL = environment.flag("EMAIL_USE_SSL")
if EMAIL_USE_TLS and EMAIL_USE_SSL:
    raise ImproperlyConfigured(
        "EMAIL_USE_TLS and EMAIL_USE_SSL exclude each other: TLS begins in the clear (port 587), "
        "SSL does not (port 465)."
    )
EMAIL_PORT = environment.number(
    "EMAIL_PORT", 587 if EMAIL_USE_TLS else 465 if EMAIL_USE_SSL else 25
)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM", "rollcall@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- transport security: on, unless an instance on loopback says that it speaks plain HTTP ------
_plain_http = environment.flag("ROLLCALL_INSECURE_HTTP") or DEBUG or TESTING
SESSION_COOKIE_SECURE = not _plain_http
CSRF_COOKIE_SECURE = not _plain_http
SECURE_SSL_REDIRECT = not _plain_http
SECURE_HSTS_SECONDS = 0 if _plain_http else environment.number("HSTS_SECONDS", 31_536_000, least=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = not _plain_http
SECURE_HSTS_PRELOAD = not _plain_http
if environment.flag("BEHIND_TLS_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "webhooks.wire.bodies.AlwaysJson",
    "EXCEPTION_HANDLER": "webhooks.wire.errors.answer_exception",
    "DEFAULT_SCHEMA_CLASS": "webhooks.schema.Described",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rollcall",
    "DESCRIPTION": "What gateways call. People use the admin.",
    "VERSION": "1",
    "POSTPROCESSING_HOOKS": ["webhooks.schema.each_kind"],
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # the check builds the document; a test does that as well
}
# For forms, which anybody may send. Webhooks are read as a stream and bounded by their own reader
# (webhooks.wire.bodies).
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# --- logs: one JSON object a line -----------------------------------------------------------------
LOG_LEVEL = environment.choice(
    "LOG_LEVEL", "INFO", among=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "filters": {"counted": {"()": "config.logs.Counted"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["counted"],
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        # Its messages contain task arguments; our own log lines say what matters.
        "celery.app.trace": {"level": "WARNING"},
        # A line for each tick of each schedule would bury all others.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}

if not TESTING:
    logging.captureWarnings(True)

# --- Rollcall: the clocks (docs/settings.md) ------------------------------------------------------
# Constraint: a roll call every 20 s and one lost roll call must fit into the 45 s after which a
# live proof expires, and 45 s + one sweep of 5 s must stay below the promised 60 s.
ROLL_CALL_EVERY_SECONDS = environment.number("ROLL_CALL_EVERY_SECONDS", 20)
LIVE_WORD_EXPIRES_AFTER_SECONDS = environment.number("LIVE_WORD_EXPIRES_AFTER_SECONDS", 45)
HEARD_WORD_EXPIRES_AFTER_SECONDS = environment.number("HEARD_WORD_EXPIRES_AFTER_SECONDS", 86400)
ROLL_CALL_TICK_SECONDS = 5
EXPIRY_SWEEP_EVERY_SECONDS = 5
# Interval of the probe of a connected account's live client, which WhatsApp cannot see. With a tick
# and the deadline of a probe, a proof is at most 2 min old.
PROBE_EVERY_SECONDS = environment.number("PROBE_EVERY_SECONDS", 95, least=15)
PROBE_TICK_SECONDS = 5
DELIVERY_SWEEP_EVERY_SECONDS = 2
# A wrong status may stand for at most 5 s: this, and the read that it triggers.
CLAIM_SWEEP_EVERY_SECONDS = 2
NOTIFICATION_SWEEP_EVERY_SECONDS = 5
GOVERN_EVERY_SECONDS = 5
# Shorter than the shortest gap between two starts, or each start would wait for a second sweep.
START_SWEEP_EVERY_SECONDS = 2
# The queue of starts (accounts.repair.limits): a limit for clicks and repairs alike.
REPAIR_STARTS_PER_GATEWAY = environment.number("REPAIR_STARTS_PER_GATEWAY", 2)
REPAIR_STARTS_IN_FLEET = environment.number("REPAIR_STARTS_IN_FLEET", 40)
REPAIR_ACCOUNT_EVERY_SECONDS = environment.number("REPAIR_ACCOUNT_EVERY_SECONDS", 60)
REPAIR_CUSTOMER_STARTS_PER_HOUR = environment.number("REPAIR_CUSTOMER_STARTS_PER_HOUR", 6)
REPAIR_GAP_AFTER_MASS_EVENT_SECONDS = environment.number("REPAIR_GAP_AFTER_MASS_EVENT_SECONDS", 5)
# Clients that may read /metrics without a login; none if not set.
METRICS_TOKEN = environment.secret("METRICS_TOKEN")
# The port of the streams (config.live), as browsers reach it on the host of the pages. 0: a proxy
# brings /live/ to them.
LIVE_PORT = environment.number("LIVE_PORT", 0, least=0)
LIVE_ACCOUNTS = "dashboard.admin.account.live_rows.shown"
LIVE_COUNTS = "dashboard.admin.account.live_rows.counts"
# Monitoring of webhook routes (webhooks.route_monitor.rules).
WEBHOOK_FAILURES_IN_A_ROW = environment.number("WEBHOOK_FAILURES_IN_A_ROW", 3)
WEBHOOK_SUCCESS_PERCENT = environment.number("WEBHOOK_SUCCESS_PERCENT", 90)
WEBHOOK_SILENT_AFTER_EVENTS = environment.number("WEBHOOK_SILENT_AFTER_EVENTS", 20)
WEBHOOK_SLOW_P95_MS = environment.number("WEBHOOK_SLOW_P95_MS", 1000)
WEBHOOK_UNATTRIBUTED_REFUSALS = environment.number("WEBHOOK_UNATTRIBUTED_REFUSALS", 50)
# Proxies that are trusted for the client's address.
TRUSTED_PROXIES = environment.addresses("TRUSTED_PROXIES")
# What is called beside public addresses (gateways.wire.address_guard). Gateways live beside us.
_HERE = "127.0.0.0/8,::1/128"
GATEWAY_NETWORKS = environment.addresses(
    "GATEWAY_NETWORKS",
    f"{_HERE},10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7",
)
FORWARD_NETWORKS = environment.addresses("FORWARD_NETWORKS", _HERE if TESTING else "")
ALERT_NETWORKS = environment.addresses("ALERT_NETWORKS", _HERE if TESTING else "")
NEVER_CALLED = environment.places("NEVER_CALLED")
# Beyond those that accounts.alerts.sender names.
APPRISE_SCHEMES = environment.words("APPRISE_SCHEMES")
# Backpressure: beyond these a sender is told to come again (webhooks.inbox.backpressure).
WEBHOOK_MOST_PER_SECOND = environment.number("WEBHOOK_MOST_PER_SECOND", 200)
WEBHOOK_MOST_PENDING = environment.number("WEBHOOK_MOST_PENDING", 10_000)
DELIVERIES_KEPT_DAYS = environment.number("DELIVERIES_KEPT_DAYS", 14)
RUNS_KEPT_DAYS = environment.number("RUNS_KEPT_DAYS", 14)
REPAIRS_KEPT_DAYS = environment.number("REPAIRS_KEPT_DAYS", 90)
INCIDENTS_KEPT_DAYS = environment.number("INCIDENTS_KEPT_DAYS", 90)
# Notices about numbers (docs/notices.md): where "Reconnect Now" leads members, and the language and
# time zone of recipients who have none of their own.
NOTICE_TICK_SECONDS = 2
NOTICE_ACTION_URL = environment.action_url("NOTICE_ACTION_URL", "/settings/whatsapp-accounts")
NOTICE_LANGUAGE = environment.choice("NOTICE_LANGUAGE", "EN", among=("EN", "ID")).lower()
NOTICE_TIME_ZONE = environment.time_zone("NOTICE_TIME_ZONE", "UTC")
PUBLIC_URL = environment.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")

if "pytest" in sys.modules and not TESTING:
    raise ImproperlyConfigured("Run the tests with ./run test: it brings its own servers.")
