"""How gunicorn serves `config.wsgi`; used by `up` and by `docs/deploy.md`."""

from config import env, logs

wsgi_app = "config.wsgi"
bind = env.text("PAIRWRIGHT_ADDRESS", "127.0.0.1:8000")
workers = env.integer("PAIRWRIGHT_WEB_WORKERS", 2, low=1, high=256)
# Threads, because a request mostly waits: for the database or for a picture to be sent.
threads = 8
# A large upload over a slow line is no reason to end a worker.
timeout = 300
graceful_timeout = 20
accesslog = "-"

logconfig_dict = logs.configure(env.choice("PAIRWRIGHT_LOG_LEVEL", "INFO", logs.LEVELS))
logconfig_dict["loggers"].update(
    {
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        "gunicorn.access": {"handlers": [], "level": "INFO", "propagate": True},
    }
)
