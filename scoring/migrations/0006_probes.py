"""Runs of the probes, what was said of each input, and who has read the warning."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scoring", "0005_judge_tools"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="ProbeRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scorer", models.CharField(max_length=100)),
                ("settings", models.JSONField(default=dict)),
                ("suite", models.SmallIntegerField()),
                ("seed", models.BigIntegerField(default=0)),
                ("originals", models.JSONField(default=dict)),
                ("report", models.JSONField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("passing", "passing"),
                            ("doubtful", "doubtful"),
                            ("failing", "failing"),
                            ("none", "nothing to say"),
                        ],
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="probe_run",
                        to="curation.job",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="probe_runs",
                        to="curation.project",
                    ),
                ),
                (
                    "rater",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="probe_runs",
                        to="curation.rater",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ProbeReading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="curation.project"
                    ),
                ),
                (
                    "rater",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="curation.rater"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readings",
                        to="scoring.proberun",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ProbeAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.IntegerField()),
                ("probe", models.CharField(max_length=40)),
                ("group", models.SmallIntegerField()),
                ("original", models.SmallIntegerField()),
                ("values", models.JSONField(default=dict)),
                ("reason", models.TextField(blank=True)),
                ("prompt_text", models.TextField(blank=True)),
                ("text", models.TextField(null=True)),
                ("picture", models.BinaryField(null=True)),
                (
                    "sample",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="curation.sample"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="scoring.proberun"
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.AddIndex(
            model_name="proberun",
            index=models.Index(fields=["rater", "-id"], name="probe_run_newest"),
        ),
        migrations.AddConstraint(
            model_name="proberun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("outcome", ""), ("report__isnull", True)),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("outcome__in", ["passing", "doubtful", "failing", "none"]),
                        ("rater__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="probe_run_ended_says_how",
            ),
        ),
        migrations.AddIndex(
            model_name="probereading",
            index=models.Index(fields=["project", "rater", "-id"], name="probe_reading_newest"),
        ),
        migrations.AddConstraint(
            model_name="probeanswer",
            constraint=models.UniqueConstraint(fields=("run", "position"), name="probe_answer_once"),
        ),
        migrations.AddConstraint(
            model_name="probeanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("values", {}), _negated=True), models.Q(("reason", ""), _negated=True), _connector="OR"
                ),
                name="probe_answer_says_why_not",
            ),
        ),
    ]
