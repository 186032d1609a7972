import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0003_canaries"),
        ("curation", "0013_jobs_that_fit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FittedHead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, verbose_name="name")),
                ("revision", models.IntegerField()),
                (
                    "form",
                    models.CharField(choices=[("pairs", "preferences"), ("ratings", "ratings")], max_length=8),
                ),
                ("criterion", models.CharField(max_length=120)),
                ("asked", models.JSONField()),
                ("document", models.JSONField()),
                ("labels_digest", models.CharField(max_length=64)),
                ("labels", models.IntegerField()),
                ("prompts", models.IntegerField()),
                ("report", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="curation.job"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="heads", to="curation.project"
                    ),
                ),
                (
                    "rater",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="head", to="curation.rater"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("project", "name", "revision"), name="fitted_head_revision_once"),
                    models.CheckConstraint(condition=Q(("revision__gte", 1)), name="fitted_head_revision_from_one"),
                    models.CheckConstraint(
                        condition=Q(("form__in", ["pairs", "ratings"])), name="fitted_head_form_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(("labels__gte", 1), ("prompts__gte", 1)), name="fitted_head_saw_labels"
                    ),
                ],
            },
        ),
    ]
