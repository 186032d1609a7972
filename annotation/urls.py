"""Addresses of the pages people judge on."""

from annotation import urls_batches, urls_people, urls_quality, urls_review, urls_work

urlpatterns = [
    *urls_batches.urlpatterns,
    *urls_people.urlpatterns,
    *urls_quality.urlpatterns,
    *urls_review.urlpatterns,
    *urls_work.urlpatterns,
]
