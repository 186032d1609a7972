"""The room of the machines."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from scoring import embeddings, resident
from scoring.weight_sources import places


class ScoringConfig(AppConfig):
    name = "scoring"
    verbose_name = _("Scoring")

    def ready(self) -> None:
        resident.limit.megabytes = settings.MODEL_MEMORY_MB
        places.here.cache = settings.DATA_DIR / "weights"
        places.here.keys = places.BucketKeys(
            endpoint_url=settings.S3_OPTIONS["endpoint_url"],
            region_name=settings.S3_OPTIONS["region_name"],
            access_key=settings.S3_OPTIONS["access_key"],
            secret_key=settings.S3_OPTIONS["secret_key"],
        )
        places.here.endpoints = settings.ENDPOINTS_FILE
        places.here.wordings = settings.DATA_DIR / "wordings"
        embeddings.keep_below(settings.DATA_DIR / "embeddings")
