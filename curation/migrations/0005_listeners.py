"""A listener reads the reasons of a verdict, and confirms or contradicts it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0004_guideline_pictures"),
    ]

    operations = [
        migrations.AlterField(
            model_name="judgement",
            name="act",
            field=models.CharField(
                choices=[
                    ("compare", "comparison"),
                    ("rank", "ranking"),
                    ("rate", "rating"),
                    ("check", "checklist"),
                    ("mark", "mark"),
                    ("write", "note"),
                    ("flag", "flag"),
                    ("pass", "forward pass"),
                    ("listen", "reading of another's reasons"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="judgementlink",
            name="kind",
            field=models.CharField(
                choices=[
                    ("supersedes", "supersedes"),
                    ("derived-from", "derived from"),
                    ("drafted-from", "drafted from"),
                    ("adjudicates", "adjudicates"),
                    ("confirms", "confirms"),
                    ("contradicts", "contradicts"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="judgementlink",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["confirms", "contradicts"])),
                fields=("judgement", "source"),
                name="judgement_confirms_or_contradicts",
            ),
        ),
    ]
