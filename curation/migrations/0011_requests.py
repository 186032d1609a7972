import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0010_prompt_tools"),
    ]

    operations = [
        migrations.CreateModel(
            name="Asking",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "audience",
                    models.CharField(
                        choices=[("people", "people"), ("machines", "machines")], max_length=8, verbose_name="of whom"
                    ),
                ),
                ("because", models.TextField(verbose_name="because")),
                ("step", models.CharField(blank=True, max_length=250, verbose_name="step")),
                ("taken_by", models.CharField(blank=True, max_length=100, verbose_name="taken by")),
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
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="askings", to="curation.project"
                    ),
                ),
                (
                    "recipe",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="curation.recipe"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="request",
            name="asking",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="requests", to="curation.asking"
            ),
        ),
        migrations.AddIndex(
            model_name="asking",
            index=models.Index(fields=["project", "-id"], name="asking_newest"),
        ),
        migrations.AddConstraint(
            model_name="asking",
            constraint=models.CheckConstraint(
                condition=models.Q(("because", ""), _negated=True), name="asking_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="asking",
            constraint=models.CheckConstraint(
                condition=models.Q(("audience__in", ["people", "machines"])), name="asking_audience_known"
            ),
        ),
    ]
