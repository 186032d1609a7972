"""What judges asked to see while they answered. A look is written once, as the reply it belongs to is."""

import django.db.models.deletion
from django.db import migrations, models

STANDS = """
CREATE FUNCTION scoring_look_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'look % is evidence and does not change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER scoring_look_stands BEFORE UPDATE ON scoring_look FOR EACH ROW
    WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION scoring_look_stands();
"""
DROP_STANDS = "DROP TRIGGER scoring_look_stands ON scoring_look; DROP FUNCTION scoring_look_stands;"


class Migration(migrations.Migration):
    dependencies = [("scoring", "0004_heads")]

    operations: list[migrations.operations.base.Operation] = [
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tool", models.CharField(blank=True, max_length=20)),
                ("arguments", models.JSONField(default=dict)),
                ("words", models.TextField(blank=True)),
                ("place", models.CharField(blank=True, max_length=60)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("box", models.JSONField(null=True)),
                ("time_us", models.BigIntegerField(null=True)),
                ("told", models.TextField()),
                ("fault", models.TextField(blank=True)),
                (
                    "asset",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="curation.asset"
                    ),
                ),
                (
                    "call",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="look", to="scoring.judgecall"
                    ),
                ),
            ],
            options={
                "ordering": ["call"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("fault", ""), ("asset__isnull", True), _connector="OR"),
                        name="look_shows_or_fails",
                    ),
                    models.CheckConstraint(condition=models.Q(("told", ""), _negated=True), name="look_is_answered"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("asset__isnull", False), ("fault", "")), ("digest", ""), _connector="OR"
                        ),
                        name="look_names_its_file",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("tool", ""), _negated=True),
                            models.Q(("fault", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="look_names_its_tool",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("digest", ""), ("digest__regex", "^[0-9a-f]{64}$"), _connector="OR"),
                        name="look_digest_is_hex",
                    ),
                ],
            },
        ),
        migrations.RunSQL(STANDS, DROP_STANDS),
    ]
