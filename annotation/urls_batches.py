"""Batches, for those who make them."""

from django.urls import path

from annotation.views import batches, gold

_HERE = "projects/<slug:slug>/batches/"
_BATCH = f"{_HERE}<int:batch_id>/"

urlpatterns = [
    path(_HERE, batches.batch_list, name="batches"),
    path(f"{_HERE}new/", batches.batch_new, name="batch_new"),
    path(_BATCH, batches.batch_page, name="batch"),
    path(f"{_BATCH}questions/", batches.batch_questions, name="batch_questions"),
    path(f"{_BATCH}draw/", batches.batch_redraw, name="batch_redraw"),
    path(f"{_BATCH}settings/", batches.batch_settings, name="batch_settings"),
    path(f"{_BATCH}preview/", batches.batch_preview, name="batch_preview"),
    path(f"{_BATCH}gold/", gold.batch_gold, name="batch_gold"),
    path(f"{_BATCH}gold/<int:item_id>/", gold.batch_gold_item, name="batch_gold_item"),
    path(f"{_BATCH}gold/<int:item_id>/remove/", gold.batch_gold_remove, name="batch_gold_remove"),
    path(f"{_BATCH}step/<slug:step>/", batches.batch_step, name="batch_step"),
    path(f"{_BATCH}extend/", batches.batch_extend, name="batch_extend"),
    path(f"{_BATCH}delete/", batches.batch_delete, name="batch_delete"),
]
