"""The only settings. Every value from outside is read once, strictly, through `config.env`.

`.env.example` lists each name with its reason; a test keeps the two in step.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _

from config import database, embedded, env, folders, logs, secret_key
from curation.media.limits import Limits
from scoring.probes import bars

BASE_DIR = env.CHECKOUT
DATA_DIR = folders.data()

# -- identity and safety ---------------------------------------------------------------------

DEBUG = env.boolean("PAIRWRIGHT_DEBUG", default=False)
SECRET_KEY = env.secret("PAIRWRIGHT_SECRET_KEY", "") or secret_key.read_or_create(DATA_DIR)
ALLOWED_HOSTS = env.words("PAIRWRIGHT_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("PAIRWRIGHT_ORIGINS")

# Behind a proxy that speaks HTTPS and says so in X-Forwarded-Proto. Without it cookies must
# travel over plain HTTP, or nobody could sign in on a laptop.
HTTPS = env.boolean("PAIRWRIGHT_HTTPS", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
# A load balancer asks for health inside the house, without HTTPS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SAMESITE = "Lax"

# -- the application -------------------------------------------------------------------------

# django_htmx is middleware only: as an application it would bring scripts of its own, which
# nobody asks for and whose imports have no files.
INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "curation",
    "annotation",
    "scoring",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
]

MIDDLEWARE = [
    "config.middleware.request_log_context",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.person_log_context",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # Innermost: a domain error of any view becomes a page that says what happened.
    "curation.views.explain.ExplainErrors",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "curation.views.context.page",
            ],
        },
    },
]

# -- people ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "curation.User"
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "projects"
LOGOUT_REDIRECT_URL = "sign_in"
CSRF_FAILURE_VIEW = "curation.views.explain.csrf_failed"
# A password reset letter serves for a day.
PASSWORD_RESET_TIMEOUT = 86_400
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# -- language and time -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# -- rows ------------------------------------------------------------------------------------

DATABASE_URL = env.secret("DATABASE_URL", "")
EMBEDDED_DATABASE = not DATABASE_URL
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **(
            {
                "ENGINE": "config.embedded_postgresql",
                "NAME": embedded.DATABASE_NAME,
                "USER": embedded.DATABASE_USER,
            }
            if EMBEDDED_DATABASE
            else database.parse_url(DATABASE_URL)
        ),
        "CONN_MAX_AGE": 60,
        # A server that was restarted costs one query, not one failed request.
        "CONN_HEALTH_CHECKS": True,
    }
}

# -- queue -----------------------------------------------------------------------------------

REDIS_URL = env.secret("REDIS_URL", "")
EMBEDDED_QUEUE = not REDIS_URL
CELERY_BROKER_URL = REDIS_URL or "redis+socket://" + quote(str(embedded.redis_socket(DATA_DIR)), safe="/")
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_TASK_QUEUES: dict[str, dict[str, Any]] = {"cpu": {}, "gpu": {}}
# A misspelt queue is an error at once, not a queue that nobody serves.
CELERY_TASK_CREATE_MISSING_QUEUES = False
# A message is done when its task is, not when it is fetched; a killed worker's come back.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# What became of a job stands in its row.
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Longer than the longest task: Redis would hand a message out again while it is still at work.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    # A sweep that was not taken in time is not worth taking: the next one finds the same.
    "every-minute-sweep-jobs": {"task": "scoring.tasks.sweep", "schedule": 60.0, "options": {"expires": 55}},
    "every-minute-end-leases": {"task": "annotation.tasks.end_leases", "schedule": 60.0, "options": {"expires": 55}},
    "every-minute-count-projects": {
        "task": "curation.tasks.count_projects",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
}

# -- models ----------------------------------------------------------------------------------

# 0 leaves it to the memory of the device.
MODEL_MEMORY_MB = env.integer("PAIRWRIGHT_MODEL_MEMORY_MB", 0, low=0, high=10_000_000)
# The addresses at which judges may be asked. Only whoever runs the site can add one.
ENDPOINTS_FILE = Path(env.text("PAIRWRIGHT_ENDPOINTS_FILE", "") or DATA_DIR / "endpoints.yaml")

# Whether every new rater of the catalogue runs through the probes, and bars of this installation's own.
PROBE_NEW_RATERS = env.boolean("PAIRWRIGHT_PROBES", default=True)
try:
    PROBE_BARS = bars.changed(env.words("PAIRWRIGHT_PROBE_BARS"))
except ValueError as error:
    raise env.SettingError(f"PAIRWRIGHT_PROBE_BARS: {error}.") from error

# -- the Hub ---------------------------------------------------------------------------------

HUB_ENDPOINT = env.text("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
# Publishes for everybody who may export; people may store tokens of their own, encrypted with the key below.
HUB_TOKEN = env.secret("PAIRWRIGHT_HUB_TOKEN", "") or env.secret("HF_TOKEN", "")
TOKEN_KEY = env.secret("PAIRWRIGHT_TOKEN_KEY", "") or SECRET_KEY

# -- files -----------------------------------------------------------------------------------

MEDIA_ROOT = DATA_DIR / "media"
# Archives on their way in and files on their way out; safe to empty when nothing runs.
SCRATCH_ROOT = DATA_DIR / "scratch"
S3_BUCKET = env.text("PAIRWRIGHT_S3_BUCKET", "")
S3_OPTIONS: dict[str, Any] = {
    "bucket_name": S3_BUCKET,
    "endpoint_url": env.text("PAIRWRIGHT_S3_ENDPOINT", "") or None,
    "region_name": env.text("PAIRWRIGHT_S3_REGION", "") or None,
    "location": env.text("PAIRWRIGHT_S3_PREFIX", ""),
    "access_key": env.secret("PAIRWRIGHT_S3_ACCESS_KEY", "") or None,
    "secret_key": env.secret("PAIRWRIGHT_S3_SECRET_KEY", "") or None,
    "default_acl": None,
    "querystring_auth": True,
    # Content-addressed names: the same name is the same bytes.
    "file_overwrite": True,
    # Copies that workers on this host keep of what they read.
    "copies_folder": DATA_DIR / "copies",
    "copies_bytes": env.integer("PAIRWRIGHT_S3_COPIES_GB", 20, low=1, high=100_000) * 10**9,
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "curation.storage.bucket.ContentBucket", "OPTIONS": S3_OPTIONS}
        if S3_BUCKET
        else {
            "BACKEND": "curation.storage.folder.ContentFolder",
            "OPTIONS": {
                "location": MEDIA_ROOT,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    ),
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "config.static_files.HashedStaticFiles"
        )
    },
}
# What is refused before it is decoded; the other bounds of `Limits` need no setting.
MEDIA_LIMITS = Limits(
    picture_bytes=env.integer("PAIRWRIGHT_MAX_PICTURE_MB", 64, low=1, high=2_000) * 2**20,
    picture_pixels=env.integer("PAIRWRIGHT_MAX_PICTURE_MEGAPIXELS", 64, low=1, high=80) * 2**20,
    video_bytes=env.integer("PAIRWRIGHT_MAX_VIDEO_MB", 1024, low=1, high=100_000) * 2**20,
    video_seconds=env.integer("PAIRWRIGHT_MAX_VIDEO_SECONDS", 600, low=1, high=36_000),
)
STATIC_URL = "/static/"
STATIC_ROOT = folders.make_private(DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG

# An upload of a whole archive goes to disk, never into memory.
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
FILE_UPLOAD_HANDLERS = [
    "curation.uploads.RefuseTooLarge",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
UPLOAD_BYTES = env.integer("PAIRWRIGHT_UPLOAD_MIB", 4096, low=1, high=1_000_000) * 2**20
# The folder below which project admins may import files that lie on this machine already; empty allows none.
IMPORT_ROOT = env.text("PAIRWRIGHT_IMPORT_ROOT", "")
FILE_UPLOAD_TEMP_DIR = folders.make_private(DATA_DIR / "uploads")
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20

# -- mail ------------------------------------------------------------------------------------

# Without a mail server, letters such as a password reset are written to the log of the web
# process; `doctor` says so.
EMAIL_HOST = env.text("PAIRWRIGHT_EMAIL_HOST", "")
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if EMAIL_HOST else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_PORT = env.integer("PAIRWRIGHT_EMAIL_PORT", 587, low=1, high=65535)
EMAIL_HOST_USER = env.text("PAIRWRIGHT_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = env.secret("PAIRWRIGHT_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = env.boolean("PAIRWRIGHT_EMAIL_TLS", default=True)
DEFAULT_FROM_EMAIL = env.text("PAIRWRIGHT_EMAIL_FROM", "pairwright@localhost")

# -- logs ------------------------------------------------------------------------------------

LOG_LEVEL = env.choice("PAIRWRIGHT_LOG_LEVEL", "INFO", logs.LEVELS)
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logs.configure(LOG_LEVEL)
