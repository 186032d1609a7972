"""A wording that votes chose says on which prompts they were, and that stands like the rest of it."""

from importlib import import_module

from django.db import migrations, models

_rules = import_module("scoring.migrations.0002_rules_in_the_database")
MAKE, DROP = _rules.written_once(
    "scoring_judgetemplate",
    ("id", "project_id", "name", "number", "mode", "document", "digest", "fitted_on"),
    "template % is written once: save another version",
)
MAKE_BEFORE, DROP_BEFORE = _rules.TEMPLATE


class Migration(migrations.Migration):
    dependencies = [("scoring", "0008_rubrics")]

    operations = [
        migrations.AddField("judgetemplate", "fitted_on", models.JSONField(null=True)),
        migrations.RunSQL(DROP_BEFORE, MAKE_BEFORE),
        migrations.RunSQL(MAKE, DROP),
    ]
