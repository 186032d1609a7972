"""Kept counts of large projects, and indexes for the lists: by generator, of absent files, of what was retracted."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0002_rules_in_the_database"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProjectCounts",
            fields=[
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="kept_counts",
                        serialize=False,
                        to="curation.project",
                    ),
                ),
                ("counts", models.JSONField(verbose_name="counts")),
                ("histograms", models.JSONField(default=dict)),
                ("counted_at", models.DateTimeField(verbose_name="counted at")),
                ("seconds", models.FloatField(verbose_name="seconds it took")),
                ("marks", models.JSONField()),
            ],
        ),
        migrations.AlterField(
            model_name="sample",
            name="generator",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="samples",
                to="curation.generator",
            ),
        ),
        migrations.AddIndex(
            model_name="judgement",
            index=models.Index(
                condition=models.Q(("retracted_at__isnull", False)),
                fields=["project", "retracted_at"],
                name="judgement_retracted",
            ),
        ),
        migrations.AddIndex(
            model_name="sample",
            index=models.Index(fields=["generator", "id"], name="sample_of_generator"),
        ),
        migrations.AddIndex(
            model_name="sample",
            index=models.Index(
                condition=models.Q(("media_state", "absent")), fields=["project", "id"], name="sample_absent"
            ),
        ),
        migrations.AddConstraint(
            model_name="projectcounts",
            constraint=models.CheckConstraint(condition=models.Q(("seconds__gte", 0)), name="project_counts_take_time"),
        ),
    ]
