import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0007_gate"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="kind",
            field=models.CharField(
                choices=[
                    ("import", "import"),
                    ("score", "scoring"),
                    ("judge", "judging"),
                    ("build", "build"),
                    ("export", "export"),
                    ("publish", "publication"),
                ],
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="HubToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("label", models.CharField(max_length=80, verbose_name="name")),
                ("sealed", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("used_at", models.DateTimeField(null=True)),
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
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hub_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["label"],
            },
        ),
        migrations.CreateModel(
            name="Publication",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("repository", models.CharField(max_length=200, verbose_name="repository")),
                ("tag", models.CharField(max_length=40)),
                ("formats", models.JSONField(default=list)),
                ("licence", models.CharField(max_length=100, verbose_name="licence")),
                ("licence_link", models.URLField(blank=True, max_length=300, verbose_name="where its text stands")),
                ("is_private", models.BooleanField(default=True, verbose_name="private")),
                ("may_move_tag", models.BooleanField(default=False)),
                ("is_rehearsal", models.BooleanField(default=False)),
                ("uses_stored_token", models.BooleanField(default=False)),
                ("plan", models.JSONField(default=dict)),
                ("commit", models.CharField(blank=True, max_length=40)),
                ("published_at", models.DateTimeField(null=True)),
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
                    "export",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="publications",
                        to="curation.export",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="publications",
                        to="curation.job",
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="curation.hubtoken",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="publications",
                        to="curation.datasetversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="hubtoken",
            constraint=models.UniqueConstraint(
                fields=("owner", "label"), name="hub_token_label_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="hubtoken",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("label", ""), _negated=True), models.Q(("sealed", ""), _negated=True)),
                name="hub_token_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="hubtoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("sealed__startswith", "gAAAA")), name="hub_token_is_sealed"
            ),
        ),
        migrations.AddConstraint(
            model_name="publication",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("licence", ""), _negated=True), models.Q(("repository", ""), _negated=True)
                ),
                name="publication_says_terms",
            ),
        ),
        migrations.AddConstraint(
            model_name="publication",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("commit", ""), ("published_at__isnull", True)),
                    models.Q(
                        ("commit__regex", "^[0-9a-f]{40}$"), ("is_rehearsal", False), ("published_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="publication_is_whole",
            ),
        ),
    ]
