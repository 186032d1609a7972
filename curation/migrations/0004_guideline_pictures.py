"""Pictures in the guideline: examples with captions."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("curation", "0003_quick_lists")]

    operations = [
        migrations.CreateModel(
            name="GuidelinePicture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("position", models.SmallIntegerField(default=0)),
                ("absent_name", models.CharField(blank=True, max_length=500)),
                ("is_good", models.BooleanField(default=True, verbose_name="an example of what is good")),
                ("caption", models.TextField(blank=True, verbose_name="caption")),
                (
                    "asset",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="curation.asset",
                    ),
                ),
                (
                    "guideline",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pictures",
                        to="curation.guidelineversion",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=["guideline", "position"], name="guideline_picture_place_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("absent_name", ""), ("asset__isnull", False)),
                            models.Q(("asset__isnull", True), models.Q(("absent_name", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="guideline_picture_here_or_named",
                    ),
                ],
            },
        ),
    ]
