"""Rules that Django's constraints cannot say.

- A row of evidence names its judgement and that judgement's rater in one foreign key.
- A sample's prompt and generator belong to the sample's project.
- A judgement is immutable but for its retraction, and its evidence follows in the same transaction.
- A frozen dataset version is immutable but for the count of what was withdrawn.
"""

from django.db import migrations

EVIDENCE = ("score", "comparison", "mark", "note", "flag")

EVIDENCE_KEYS = "\n".join(
    f"""ALTER TABLE curation_{table} ADD CONSTRAINT {table}_of_judgement_and_rater
    FOREIGN KEY (judgement_id, rater_id) REFERENCES curation_judgement (id, rater_id)
    DEFERRABLE INITIALLY DEFERRED;"""
    for table in EVIDENCE
)
DROP_EVIDENCE_KEYS = "\n".join(
    f"ALTER TABLE curation_{table} DROP CONSTRAINT {table}_of_judgement_and_rater;" for table in EVIDENCE
)

ONE_PROJECT = """
ALTER TABLE curation_prompt ADD CONSTRAINT prompt_and_project UNIQUE (id, project_id);
ALTER TABLE curation_generator ADD CONSTRAINT generator_and_project UNIQUE (id, project_id);
ALTER TABLE curation_sample ADD CONSTRAINT sample_of_its_projects_prompt
    FOREIGN KEY (prompt_id, project_id) REFERENCES curation_prompt (id, project_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE curation_sample ADD CONSTRAINT sample_of_its_projects_generator
    FOREIGN KEY (generator_id, project_id) REFERENCES curation_generator (id, project_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
DROP_ONE_PROJECT = """
ALTER TABLE curation_sample DROP CONSTRAINT sample_of_its_projects_prompt;
ALTER TABLE curation_sample DROP CONSTRAINT sample_of_its_projects_generator;
ALTER TABLE curation_prompt DROP CONSTRAINT prompt_and_project;
ALTER TABLE curation_generator DROP CONSTRAINT generator_and_project;
"""

IMMUTABLE_JUDGEMENT = """
CREATE FUNCTION curation_judgement_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.id, NEW.project_id, NEW.rater_id, NEW.act, NEW.purpose, NEW.context_id, NEW.guideline_id, NEW.at,
           NEW.seconds, NEW.client_key, NEW.batch_key, NEW.presentation, NEW.sampling_probability, NEW.created_at)
       IS DISTINCT FROM
       ROW(OLD.id, OLD.project_id, OLD.rater_id, OLD.act, OLD.purpose, OLD.context_id, OLD.guideline_id, OLD.at,
           OLD.seconds, OLD.client_key, OLD.batch_key, OLD.presentation, OLD.sampling_probability, OLD.created_at)
    THEN
        RAISE EXCEPTION 'judgement % is written once: retract or supersede it instead', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.payload IS DISTINCT FROM OLD.payload AND NOT (NEW.payload IS NULL AND NEW.retracted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the answer of judgement % can only be erased, and only once it is retracted', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.retracted_at IS NOT NULL AND NEW.retracted_at IS DISTINCT FROM OLD.retracted_at THEN
        RAISE EXCEPTION 'judgement % is retracted already, and that stands', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER judgement_stands BEFORE UPDATE ON curation_judgement
    FOR EACH ROW EXECUTE FUNCTION curation_judgement_stands();

CREATE FUNCTION curation_evidence_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE curation_score SET is_retracted = true WHERE judgement_id = NEW.id;
    UPDATE curation_comparison SET is_retracted = true WHERE judgement_id = NEW.id;
    UPDATE curation_mark SET is_retracted = true WHERE judgement_id = NEW.id;
    UPDATE curation_note SET is_retracted = true WHERE judgement_id = NEW.id;
    UPDATE curation_flag SET is_retracted = true WHERE judgement_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER evidence_follows AFTER UPDATE OF retracted_at ON curation_judgement
    FOR EACH ROW WHEN (OLD.retracted_at IS NULL AND NEW.retracted_at IS NOT NULL)
    EXECUTE FUNCTION curation_evidence_follows();
"""
DROP_IMMUTABLE_JUDGEMENT = """
DROP TRIGGER evidence_follows ON curation_judgement;
DROP FUNCTION curation_evidence_follows;
DROP TRIGGER judgement_stands ON curation_judgement;
DROP FUNCTION curation_judgement_stands;
"""

IMMUTABLE_EVIDENCE = """
CREATE FUNCTION curation_number_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence %.% is written once: retract its judgement instead', OLD.judgement_id, OLD.position
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER score_stands BEFORE UPDATE ON curation_score FOR EACH ROW
    WHEN (ROW(OLD.judgement_id, OLD.position, OLD.sample_id, OLD.prompt_id, OLD.rater_id, OLD.criterion_version_id,
              OLD.context_id, OLD.occasion, OLD.value, OLD.spread)
          IS DISTINCT FROM
          ROW(NEW.judgement_id, NEW.position, NEW.sample_id, NEW.prompt_id, NEW.rater_id, NEW.criterion_version_id,
              NEW.context_id, NEW.occasion, NEW.value, NEW.spread))
    EXECUTE FUNCTION curation_number_stands();
CREATE TRIGGER comparison_stands BEFORE UPDATE ON curation_comparison FOR EACH ROW
    WHEN (ROW(OLD.judgement_id, OLD.position, OLD.left_sample_id, OLD.right_sample_id, OLD.left_prompt_id,
              OLD.right_prompt_id, OLD.rater_id, OLD.criterion_version_id, OLD.context_id, OLD.occasion, OLD.outcome,
              OLD.strength, OLD.confidence, OLD.is_implied)
          IS DISTINCT FROM
          ROW(NEW.judgement_id, NEW.position, NEW.left_sample_id, NEW.right_sample_id, NEW.left_prompt_id,
              NEW.right_prompt_id, NEW.rater_id, NEW.criterion_version_id, NEW.context_id, NEW.occasion, NEW.outcome,
              NEW.strength, NEW.confidence, NEW.is_implied))
    EXECUTE FUNCTION curation_number_stands();
"""
DROP_IMMUTABLE_EVIDENCE = """
DROP TRIGGER score_stands ON curation_score;
DROP TRIGGER comparison_stands ON curation_comparison;
DROP FUNCTION curation_number_stands;
"""

IMMUTABLE_VERSION = """
CREATE FUNCTION curation_version_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'dataset version % is frozen: build the next one', OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER version_stands BEFORE UPDATE ON curation_datasetversion FOR EACH ROW
    WHEN (OLD.frozen_at IS NOT NULL AND
          ROW(OLD.dataset_id, OLD.number, OLD.minor, OLD.recipe_id, OLD.seed, OLD.code_version, OLD.frozen_at,
              OLD.digest, OLD.pair_count, OLD.pairs_name, OLD.evidence_name, OLD.funnel, OLD.manifest)
          IS DISTINCT FROM
          ROW(NEW.dataset_id, NEW.number, NEW.minor, NEW.recipe_id, NEW.seed, NEW.code_version, NEW.frozen_at,
              NEW.digest, NEW.pair_count, NEW.pairs_name, NEW.evidence_name, NEW.funnel, NEW.manifest))
    EXECUTE FUNCTION curation_version_stands();
"""
DROP_IMMUTABLE_VERSION = """
DROP TRIGGER version_stands ON curation_datasetversion;
DROP FUNCTION curation_version_stands;
"""


class Migration(migrations.Migration):
    dependencies = [("curation", "0001_initial")]

    operations = [
        migrations.RunSQL(EVIDENCE_KEYS, DROP_EVIDENCE_KEYS),
        migrations.RunSQL(ONE_PROJECT, DROP_ONE_PROJECT),
        migrations.RunSQL(IMMUTABLE_JUDGEMENT, DROP_IMMUTABLE_JUDGEMENT),
        migrations.RunSQL(IMMUTABLE_EVIDENCE, DROP_IMMUTABLE_EVIDENCE),
        migrations.RunSQL(IMMUTABLE_VERSION, DROP_IMMUTABLE_VERSION),
    ]
