"""A mark may carry a number, which is written once as every number is."""

from django.db import migrations, models
from django.db.models import Q

VALUE_STANDS = """
CREATE TRIGGER mark_value_stands BEFORE UPDATE ON curation_mark FOR EACH ROW
    WHEN (OLD.value IS NOT NULL AND
          ROW(OLD.value, OLD.points, OLD.start, OLD."end", OLD.criterion_version_id)
          IS DISTINCT FROM ROW(NEW.value, NEW.points, NEW.start, NEW."end", NEW.criterion_version_id))
    EXECUTE FUNCTION curation_number_stands();
"""
DROP_VALUE_STANDS = "DROP TRIGGER mark_value_stands ON curation_mark;"


class Migration(migrations.Migration):
    dependencies = [("curation", "0011_requests")]

    operations = [
        migrations.AddField("mark", "value", models.FloatField(null=True)),
        migrations.AddConstraint(
            "mark",
            models.CheckConstraint(
                condition=Q(value__isnull=True) | (Q(value__gt=float("-inf")) & Q(value__lt=float("inf"))),
                name="mark_value_finite",
            ),
        ),
        migrations.AddConstraint(
            "mark",
            models.CheckConstraint(
                condition=Q(value__isnull=True) | Q(criterion_version__isnull=False), name="mark_value_has_criterion"
            ),
        ),
        migrations.RunSQL(VALUE_STANDS, DROP_VALUE_STANDS),
    ]
