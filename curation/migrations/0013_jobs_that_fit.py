from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("curation", "0012_marks_with_values")]

    operations = [
        migrations.AlterField(
            "job",
            "kind",
            models.CharField(
                choices=[
                    ("import", "import"),
                    ("score", "scoring"),
                    ("judge", "judging"),
                    ("build", "build"),
                    ("export", "export"),
                    ("publish", "publication"),
                    ("fit", "fitting"),
                ],
                max_length=8,
            ),
        ),
    ]
