"""What a machine asks, by name, and whether it goes back from the output: neither is an opinion from outside."""

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

# Judges have always stated their model. Where its files lie stays out: a folder is called by its last part.
NAMED = """
UPDATE curation_rater
SET model_names = ARRAY[regexp_replace(rtrim(split_part(identity->'model'->>'model', '@', 1), '/'), '^.*/', '')]
WHERE kind = 'model' AND identity ? 'judge' AND rtrim(split_part(identity->'model'->>'model', '@', 1), '/') <> '';
"""


class Migration(migrations.Migration):
    dependencies = [("curation", "0013_jobs_that_fit")]

    operations = [
        migrations.AddField(
            "rater",
            "model_names",
            django.contrib.postgres.fields.ArrayField(models.CharField(max_length=300), blank=True, default=list),
        ),
        migrations.AddField(
            "rater", "independence", models.CharField(blank=True, default="", max_length=8), preserve_default=False
        ),
        migrations.AddConstraint(
            "rater",
            models.CheckConstraint(condition=Q(independence__in=["", "cycle"]), name="rater_independence_known"),
        ),
        migrations.RunSQL(NAMED, migrations.RunSQL.noop),
    ]
