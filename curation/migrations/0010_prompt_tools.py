import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("curation", "0009_consensus")]

    operations = [
        migrations.CreateModel(
            name="Taxonomy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("facets", models.JSONField(default=list)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="taxonomy", to="curation.project"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "taxonomies",
            },
        ),
        migrations.CreateModel(
            name="PromptConstraints",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("items", models.JSONField()),
                ("edition", models.CharField(max_length=64)),
                ("source", models.CharField(blank=True, max_length=100)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "prompt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="constraint_list",
                        to="curation.prompt",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("items", []), _negated=True), name="prompt_constraints_not_empty"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PromptLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "relation",
                    models.CharField(
                        choices=[
                            ("rewrite", "rewrite"),
                            ("expansion", "expansion"),
                            ("translation", "translation"),
                            ("contrast", "contrast"),
                        ],
                        max_length=16,
                    ),
                ),
                ("operator", models.CharField(blank=True, max_length=80)),
                ("parameters", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="curation.rater",
                    ),
                ),
                (
                    "origin",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="derived_links", to="curation.prompt"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="prompt_links", to="curation.project"
                    ),
                ),
                (
                    "prompt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="origin_links", to="curation.prompt"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["project", "relation", "id"], name="prompt_link_page")],
                "constraints": [
                    models.UniqueConstraint(fields=("prompt", "origin"), name="prompt_link_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("relation", "contrast"), _negated=True),
                        fields=("prompt",),
                        name="prompt_rewrites_one_original",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("prompt", models.F("origin")), _negated=True), name="prompt_link_to_another"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("relation__in", ["rewrite", "expansion", "translation", "contrast"])),
                        name="prompt_link_relation_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("relation", "contrast"), _negated=True),
                            models.Q(("operator", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="prompt_contrast_names_its_operator",
                    ),
                ],
            },
        ),
    ]
