"""Addresses of this room: scorers and long work, inside a project."""

from django.urls import include, path

from scoring.views import jobs, launch, scorers

project_urls = [
    path("scorers/", scorers.scorers, name="scorers"),
    path("scorers/arrival/", scorers.arrival_scorers, name="arrival_scorers"),
    path("scorers/<slug:scorer>/try/", scorers.scorer_try, name="scorer_try"),
    path("score/", launch.launch, name="score"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<int:job_id>/", jobs.job, name="job"),
    path("jobs/<int:job_id>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("jobs/<int:job_id>/resume/", jobs.job_resume, name="job_resume"),
    path("jobs/<int:job_id>/retry/", jobs.job_retry, name="job_retry"),
    path("jobs/<int:job_id>/failures.csv", jobs.job_failures, name="job_failures"),
]

urlpatterns = [path("projects/<slug:slug>/", include(project_urls))]
