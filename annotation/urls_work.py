"""Where people judge: the page, and what it asks of the server."""

from django.urls import path

from annotation.views import annotate, work

_BATCH = "projects/<slug:slug>/annotate/<int:batch_id>/"

urlpatterns = [
    path(_BATCH, annotate.annotate, name="annotate"),
    path(f"{_BATCH}lease/", work.lease, name="annotate_lease"),
    path(f"{_BATCH}answer/", work.answer, name="annotate_answer"),
    path(f"{_BATCH}skip/", work.skip, name="annotate_skip"),
    path(f"{_BATCH}history/", work.history, name="annotate_history"),
    path(f"{_BATCH}item/<int:assignment_id>/", work.item, name="annotate_item"),
    path(f"{_BATCH}item/<int:assignment_id>/picture/<int:place>/<int:index>/", work.media, name="annotate_media"),
]
