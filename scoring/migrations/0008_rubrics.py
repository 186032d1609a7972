"""Checklists induced from people's pairs."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scoring", "0007_service"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Rubric",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("criterion", models.CharField(max_length=120)),
                ("started_from", models.SmallIntegerField(default=0)),
                ("shown_prompts", models.JSONField(default=list)),
                ("proposed_by", models.CharField(blank=True, max_length=100)),
                ("report", models.JSONField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("learnt_at", models.DateTimeField(null=True)),
                (
                    "candidates",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="+", to="scoring.judgetemplate"
                    ),
                ),
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
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rubrics", to="curation.project"
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="scoring.judgetemplate",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("project", "name"), name="rubric_name_once"),
                    models.CheckConstraint(
                        condition=models.Q(("started_from__gte", 0)), name="rubric_start_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("learnt_at__isnull", True), ("report__isnull", True)),
                            models.Q(("learnt_at__isnull", False), ("report__isnull", False)),
                            _connector="OR",
                        ),
                        name="rubric_learnt_has_report",
                    ),
                ],
            },
        )
    ]
