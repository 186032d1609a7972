"""Rules that Django's constraints cannot say.

- Places in the queue come from one sequence, so that a slot that is put back lies behind every other.
- What an opened batch asks, of which project and with which seed, does not change.
"""

from django.db import migrations

SEQUENCE = "CREATE SEQUENCE annotation_slot_rank OWNED BY annotation_slot.rank"

FROZEN = """
CREATE FUNCTION annotation_batch_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.opened_at IS NOT NULL AND ROW(OLD.questions, OLD.seed, OLD.kind, OLD.project_id, OLD.guideline_id)
        IS DISTINCT FROM ROW(NEW.questions, NEW.seed, NEW.kind, NEW.project_id, NEW.guideline_id) THEN
        RAISE EXCEPTION 'batch % is open: what it asks cannot change', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER annotation_batch_stands BEFORE UPDATE ON annotation_batch
    FOR EACH ROW EXECUTE FUNCTION annotation_batch_stands();
"""
UNFROZEN = """
DROP TRIGGER annotation_batch_stands ON annotation_batch;
DROP FUNCTION annotation_batch_stands();
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]

    operations = [
        migrations.RunSQL(SEQUENCE, "DROP SEQUENCE annotation_slot_rank"),
        migrations.RunSQL(FROZEN, UNFROZEN),
    ]
