"""Judges, the templates written for them, calls with their replies, and what jobs may spend."""

from decimal import Decimal

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("curation", "0005_listeners"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="JudgeTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("number", models.SmallIntegerField()),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("points", "points"),
                            ("pair", "pair"),
                            ("list", "list"),
                            ("checklist", "checklist"),
                            ("listener", "listener"),
                        ],
                        max_length=10,
                    ),
                ),
                ("document", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="judge_templates",
                        to="curation.project",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "-number"],
            },
        ),
        migrations.CreateModel(
            name="Judge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("library", models.CharField(blank=True, max_length=120)),
                (
                    "backend",
                    models.CharField(
                        choices=[
                            ("endpoint", "an address that speaks OpenAI's protocol"),
                            ("local", "a model on the workers of this site"),
                        ],
                        max_length=8,
                    ),
                ),
                ("endpoint", models.CharField(blank=True, max_length=100)),
                ("model", models.CharField(max_length=300, verbose_name="model")),
                ("settings", models.JSONField(blank=True, default=dict)),
                (
                    "orders",
                    models.CharField(
                        choices=[("both", "both orders"), ("one", "one order")], default="both", max_length=4
                    ),
                ),
                ("repeats", models.SmallIntegerField(default=1, verbose_name="repeats")),
                ("family", models.CharField(blank=True, max_length=100, verbose_name="family")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="judges", to="curation.project"
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="judges",
                        to="scoring.judgetemplate",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Spending",
            fields=[
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="spending",
                        serialize=False,
                        to="curation.job",
                    ),
                ),
                ("most_requests", models.BigIntegerField(null=True)),
                ("most_cost", models.DecimalField(decimal_places=8, max_digits=16, null=True)),
                ("requests", models.BigIntegerField(default=0)),
                ("cost", models.DecimalField(decimal_places=8, default=Decimal("0"), max_digits=16)),
                ("dearest", models.DecimalField(decimal_places=8, max_digits=16, null=True)),
                ("from_cache", models.BigIntegerField(default=0)),
                ("is_spent", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("cost__gte", 0), ("from_cache__gte", 0), ("requests__gte", 0)),
                        name="spending_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("most_requests__isnull", True),
                            ("requests__lte", models.F("most_requests")),
                            _connector="OR",
                        ),
                        name="spending_within_requests",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("most_cost__isnull", True), ("most_cost__gte", 0), _connector="OR"),
                        name="spending_limit_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JudgeCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                ("is_current", models.BooleanField(default=True)),
                ("asked_at", models.DateTimeField()),
                ("seconds", models.FloatField()),
                ("prompt_tokens", models.IntegerField(default=0)),
                ("answer_tokens", models.IntegerField(default=0)),
                ("cost", models.DecimalField(decimal_places=8, default=Decimal("0"), max_digits=16)),
                ("text", models.TextField(blank=True)),
                ("tokens", models.JSONField(null=True)),
                ("finish", models.CharField(blank=True, max_length=40)),
                ("model", models.CharField(blank=True, max_length=300)),
                ("attempts", models.SmallIntegerField(default=1)),
                ("troubles", models.JSONField(default=list)),
                ("fault", models.TextField(blank=True)),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="judge_calls",
                        to="curation.job",
                    ),
                ),
                (
                    "judge",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="calls",
                        to="scoring.judge",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="judge_calls", to="curation.project"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["judge", "-id"], name="judge_call_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_current", True)), fields=("project", "digest"), name="judge_call_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("digest__regex", "^[0-9a-f]{64}$")), name="judge_call_digest"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("seconds__gte", 0), ("seconds__lt", float("inf"))),
                        name="judge_call_seconds_finite",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("answer_tokens__gte", 0), ("attempts__gte", 1), ("cost__gte", 0), ("prompt_tokens__gte", 0)
                        ),
                        name="judge_call_counts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JudgeRater",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(auto_now_add=True)),
                (
                    "judge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="raters", to="scoring.judge"
                    ),
                ),
                (
                    "rater",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="+", to="curation.rater"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [models.UniqueConstraint(fields=("judge", "rater"), name="judge_rater_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="judgetemplate",
            constraint=models.UniqueConstraint(fields=("project", "name", "number"), name="judge_template_once"),
        ),
        migrations.AddConstraint(
            model_name="judgetemplate",
            constraint=models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="judge_template_from_one"),
        ),
        migrations.AddConstraint(
            model_name="judgetemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["points", "pair", "list", "checklist", "listener"])),
                name="judge_template_mode",
            ),
        ),
        migrations.AddConstraint(
            model_name="judgetemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(("digest__regex", "^[0-9a-f]{64}$")), name="judge_template_digest"
            ),
        ),
        migrations.AddConstraint(
            model_name="judge",
            constraint=models.UniqueConstraint(
                condition=models.Q(("archived_at__isnull", True)), fields=("project", "name"), name="judge_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="judge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("library", ""), ("template__isnull", False)),
                    models.Q(models.Q(("library", ""), _negated=True), ("template__isnull", True)),
                    _connector="OR",
                ),
                name="judge_has_one_template",
            ),
        ),
        migrations.AddConstraint(
            model_name="judge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("backend", "endpoint"), models.Q(("endpoint", ""), _negated=True)),
                    models.Q(("backend", "local"), ("endpoint", "")),
                    _connector="OR",
                ),
                name="judge_endpoint_has_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="judge",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("model", ""), _negated=True), models.Q(("name", ""), _negated=True)),
                name="judge_names_its_model",
            ),
        ),
        migrations.AddConstraint(
            model_name="judge",
            constraint=models.CheckConstraint(
                condition=models.Q(("orders__in", ["both", "one"])), name="judge_orders_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="judge",
            constraint=models.CheckConstraint(
                condition=models.Q(("repeats__gte", 1), ("repeats__lte", 64)), name="judge_repeats_in_range"
            ),
        ),
    ]
