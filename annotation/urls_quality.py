"""How a batch comes along, how far its raters can be relied on, and every vote of it."""

from django.urls import path

from annotation.views import downloads, quality, votes

_BATCH = "projects/<slug:slug>/batches/<int:batch_id>/"

urlpatterns = [
    path(f"{_BATCH}progress/", quality.batch_progress, name="batch_progress"),
    path(f"{_BATCH}quality/", quality.batch_quality, name="batch_quality"),
    path(f"{_BATCH}raters/<int:participant_id>/pause/", quality.rater_pause, name="rater_pause"),
    path(f"{_BATCH}raters/<int:participant_id>/trust/", quality.rater_trust, name="rater_trust"),
    path(f"{_BATCH}votes/", votes.batch_votes, name="batch_votes"),
    path(f"{_BATCH}items/<int:item_id>/", votes.batch_item, name="batch_item"),
    path(f"{_BATCH}download/<slug:what>.<slug:extension>", downloads.batch_download, name="batch_download"),
]
