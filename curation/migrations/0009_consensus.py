import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("curation", "0008_hub")]

    operations = [
        migrations.CreateModel(
            name="KeptConsensus",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("criterion", models.CharField(max_length=100, verbose_name="criterion")),
                ("answer", models.JSONField(null=True, verbose_name="answer")),
                ("states", models.BinaryField(null=True)),
                ("counted_at", models.DateTimeField(null=True, verbose_name="counted at")),
                ("seconds", models.FloatField(default=0.0, verbose_name="seconds it took")),
                ("marks", models.JSONField(default=list)),
                ("asked_at", models.DateTimeField(null=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="kept_consensus",
                        to="curation.project",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("project", "criterion"), name="kept_consensus_once"),
                    models.CheckConstraint(condition=models.Q(("seconds__gte", 0)), name="kept_consensus_takes_time"),
                ],
            },
        ),
    ]
