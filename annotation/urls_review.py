"""Looking over what people said: disagreements, reviews, drafts, and the end of a consent."""

from django.urls import path

from annotation.views import adjudication, drafts, review, withdrawal

_PROJECT = "projects/<slug:slug>/"
_BATCH = f"{_PROJECT}batches/<int:batch_id>/"

urlpatterns = [
    path(f"{_BATCH}disagreements/", adjudication.batch_disagreements, name="batch_disagreements"),
    path(f"{_BATCH}reviews/", review.batch_reviews, name="batch_reviews"),
    path(f"{_BATCH}reviews/next/", review.review_next, name="review_next"),
    path(f"{_PROJECT}reviews/<int:review_id>/", review.review, name="review"),
    path(f"{_BATCH}drafts/", drafts.batch_drafts, name="batch_drafts"),
    path(f"{_PROJECT}consent/withdraw/", withdrawal.withdrawal, name="consent_withdraw"),
    path(f"{_PROJECT}consent/data.jsonl", withdrawal.withdrawal_data, name="consent_data"),
    path(f"{_PROJECT}people/<int:rater_id>/withdraw/", withdrawal.rater_withdrawal, name="rater_withdraw"),
    path(f"{_PROJECT}people/<int:rater_id>/data.jsonl", withdrawal.rater_data, name="rater_data"),
]
