"""Addresses of this room: scorers and long work, inside a project."""

from django.urls import include, path

from scoring.views import (
    answers,
    ensembles,
    job,
    jobs,
    judge_run,
    judge_templates,
    judges,
    launch,
    scorer,
    scorers,
    side_by_side,
)

project_urls = [
    path("scorers/", scorers.scorers, name="scorers"),
    path("scorers/arrival/", scorers.arrival_scorers, name="arrival_scorers"),
    path("scorers/compare/", side_by_side.somewhere, name="side_by_side_somewhere"),
    path("scorers/<slug:scorer>/", scorer.scorer, name="scorer"),
    path("scorers/<slug:scorer>/try/", scorers.scorer_try, name="scorer_try"),
    path("raters/<int:rater_id>/machine-standing/", scorer.machine_standing, name="machine_standing"),
    path("prompts/<int:prompt_id>/side-by-side/", side_by_side.side_by_side, name="side_by_side"),
    path("score/", launch.launch, name="score"),
    path("judges/", judges.judges_list, name="judges"),
    path("judges/new/", judges.judge_new, name="judge_new"),
    path("judges/principles/", judges.principles, name="principles"),
    path("judges/templates/", judge_templates.judge_templates, name="judge_templates"),
    path("judges/templates/edit/", judge_templates.judge_template_edit, name="judge_template_edit"),
    path("judges/templates/<str:template_name>/", judge_templates.judge_template, name="judge_template"),
    path("judges/<int:judge_id>/", judges.judge, name="judge"),
    path("judges/<int:judge_id>/run/", judge_run.judge_run, name="judge_run"),
    path("judges/<int:judge_id>/try/", judge_run.judge_try, name="judge_try"),
    path("judges/<int:judge_id>/archive/", judges.judge_archive, name="judge_archive"),
    path("judgements/<int:judgement_id>/answer/", answers.answer, name="answer"),
    path("judge-calls/<int:call_id>/", answers.judge_call, name="judge_call"),
    path("ensembles/", ensembles.ensemble_list, name="ensembles"),
    path("ensembles/new/", ensembles.ensemble_new, name="ensemble_new"),
    path("ensembles/<int:ensemble_id>/", ensembles.ensemble, name="ensemble"),
    path("ensembles/<int:ensemble_id>/run/", ensembles.ensemble_run, name="ensemble_run"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<int:job_id>/", job.job, name="job"),
    path("jobs/<int:job_id>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("jobs/<int:job_id>/resume/", jobs.job_resume, name="job_resume"),
    path("jobs/<int:job_id>/retry/", jobs.job_retry, name="job_retry"),
    path("jobs/<int:job_id>/failures.csv", jobs.job_failures, name="job_failures"),
]

urlpatterns = [path("projects/<slug:slug>/", include(project_urls))]
