"""Rules that Django's constraints cannot say.

- A judge and the template it uses belong to one project.
- A saved template, a judge's way of asking and a paid reply are written once.
"""

from django.db import migrations

ONE_PROJECT = """
ALTER TABLE scoring_judgetemplate ADD CONSTRAINT judge_template_and_project UNIQUE (id, project_id);
ALTER TABLE scoring_judge ADD CONSTRAINT judge_uses_its_projects_template
    FOREIGN KEY (template_id, project_id) REFERENCES scoring_judgetemplate (id, project_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
DROP_ONE_PROJECT = """
ALTER TABLE scoring_judge DROP CONSTRAINT judge_uses_its_projects_template;
ALTER TABLE scoring_judgetemplate DROP CONSTRAINT judge_template_and_project;
"""


def written_once(table: str, columns: tuple[str, ...], words: str) -> tuple[str, str]:
    """SQL that makes and drops a trigger: these columns of a row never change."""
    name = f"{table}_stands"
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    make = f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{words}', OLD.id USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN (ROW({old}) IS DISTINCT FROM ROW({new})) EXECUTE FUNCTION {name}();
"""
    return make, f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name};"


TEMPLATE = written_once(
    "scoring_judgetemplate",
    ("id", "project_id", "name", "number", "mode", "document", "digest"),
    "template % is written once: save another version",
)
JUDGE = written_once(
    "scoring_judge",
    (
        *("id", "project_id", "name", "library", "template_id", "backend", "endpoint", "model", "settings", "orders"),
        *("repeats", "family"),
    ),
    "judge % is written once: archive it and add another",
)
CALL = written_once(
    "scoring_judgecall",
    ("id", "project_id", "digest", "asked_at", "seconds", "cost", "text", "tokens", "finish", "model"),
    "the reply of call % is a receipt and does not change",
)


class Migration(migrations.Migration):
    dependencies = [("scoring", "0001_initial")]

    operations = [
        migrations.RunSQL(ONE_PROJECT, DROP_ONE_PROJECT),
        *(migrations.RunSQL(make, drop) for make, drop in (TEMPLATE, JUDGE, CALL)),
    ]
