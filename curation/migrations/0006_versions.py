"""Minor versions, withdrawals and benchmarks, and the rules that Django's constraints cannot say.

- A frozen version keeps its note, and goes only with its whole project. So do its tombstones, which never change.
- A benchmark and its items stand as they were frozen: a prompt that is taken down loses its text, nothing else changes.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

VERSION_STANDS = """
DROP TRIGGER version_stands ON curation_datasetversion;
CREATE TRIGGER version_stands BEFORE UPDATE ON curation_datasetversion FOR EACH ROW
    WHEN (OLD.frozen_at IS NOT NULL AND
          ROW(OLD.dataset_id, OLD.number, OLD.minor, OLD.recipe_id, OLD.seed, OLD.code_version, OLD.frozen_at,
              OLD.digest, OLD.pair_count, OLD.pairs_name, OLD.evidence_name, OLD.funnel, OLD.manifest, OLD.note)
          IS DISTINCT FROM
          ROW(NEW.dataset_id, NEW.number, NEW.minor, NEW.recipe_id, NEW.seed, NEW.code_version, NEW.frozen_at,
              NEW.digest, NEW.pair_count, NEW.pairs_name, NEW.evidence_name, NEW.funnel, NEW.manifest, NEW.note))
    EXECUTE FUNCTION curation_version_stands();
"""
VERSION_STOOD = """
DROP TRIGGER version_stands ON curation_datasetversion;
CREATE TRIGGER version_stands BEFORE UPDATE ON curation_datasetversion FOR EACH ROW
    WHEN (OLD.frozen_at IS NOT NULL AND
          ROW(OLD.dataset_id, OLD.number, OLD.minor, OLD.recipe_id, OLD.seed, OLD.code_version, OLD.frozen_at,
              OLD.digest, OLD.pair_count, OLD.pairs_name, OLD.evidence_name, OLD.funnel, OLD.manifest)
          IS DISTINCT FROM
          ROW(NEW.dataset_id, NEW.number, NEW.minor, NEW.recipe_id, NEW.seed, NEW.code_version, NEW.frozen_at,
              NEW.digest, NEW.pair_count, NEW.pairs_name, NEW.evidence_name, NEW.funnel, NEW.manifest))
    EXECUTE FUNCTION curation_version_stands();
"""

# Whoever deletes a whole project says so for the length of that transaction.
VERSION_STAYS = """
CREATE FUNCTION curation_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('pairwright.deleting_project', true), '') <> 'yes' THEN
        RAISE EXCEPTION 'dataset version % is frozen: it is kept, and a withdrawal makes a minor version', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER version_stays BEFORE DELETE ON curation_datasetversion FOR EACH ROW
    WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION curation_version_stays();

CREATE FUNCTION curation_tombstone_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND coalesce(current_setting('pairwright.deleting_project', true), '') = 'yes' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the tombstone of pair % stands: what was withdrawn stays withdrawn', left(OLD.pair_id, 12)
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER tombstone_stands BEFORE UPDATE OR DELETE ON curation_versiontombstone FOR EACH ROW
    EXECUTE FUNCTION curation_tombstone_stands();
"""
VERSION_GOES = """
DROP TRIGGER tombstone_stands ON curation_versiontombstone;
DROP FUNCTION curation_tombstone_stands;
DROP TRIGGER version_stays ON curation_datasetversion;
DROP FUNCTION curation_version_stays;
"""

BENCHMARK_STANDS = """
CREATE FUNCTION curation_benchmark_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a benchmark is frozen: freeze its next version instead'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER benchmark_stands BEFORE UPDATE ON curation_benchmark FOR EACH ROW
    WHEN (ROW(OLD.id, OLD.name, OLD.number, OLD.source, OLD.source_name, OLD.digest, OLD.item_count,
              OLD.sample_count, OLD.verdict_count, OLD.created_at)
          IS DISTINCT FROM
          ROW(NEW.id, NEW.name, NEW.number, NEW.source, NEW.source_name, NEW.digest, NEW.item_count,
              NEW.sample_count, NEW.verdict_count, NEW.created_at))
    EXECUTE FUNCTION curation_benchmark_stands();
CREATE TRIGGER benchmark_stays BEFORE DELETE ON curation_benchmark FOR EACH ROW
    EXECUTE FUNCTION curation_benchmark_stands();
CREATE TRIGGER benchmark_item_stands BEFORE UPDATE ON curation_benchmarkitem FOR EACH ROW
    WHEN (ROW(OLD.id, OLD.benchmark_id, OLD.position, OLD.prompt_identity, OLD.inputs, OLD.samples, OLD.verdicts)
          IS DISTINCT FROM
          ROW(NEW.id, NEW.benchmark_id, NEW.position, NEW.prompt_identity, NEW.inputs, NEW.samples, NEW.verdicts)
          OR (OLD.prompt_text IS DISTINCT FROM NEW.prompt_text AND NEW.prompt_text <> ''))
    EXECUTE FUNCTION curation_benchmark_stands();
CREATE TRIGGER benchmark_item_stays BEFORE DELETE ON curation_benchmarkitem FOR EACH ROW
    EXECUTE FUNCTION curation_benchmark_stands();
"""
BENCHMARK_GOES = """
DROP TRIGGER benchmark_item_stays ON curation_benchmarkitem;
DROP TRIGGER benchmark_item_stands ON curation_benchmarkitem;
DROP TRIGGER benchmark_stays ON curation_benchmark;
DROP TRIGGER benchmark_stands ON curation_benchmark;
DROP FUNCTION curation_benchmark_stands;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0005_listeners"),
    ]

    operations = [
        migrations.CreateModel(
            name="Benchmark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.SlugField(max_length=80, verbose_name="name")),
                ("number", models.SmallIntegerField()),
                ("description", models.TextField(blank=True, verbose_name="description")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("project", "a whole project"),
                            ("version", "a version of a dataset"),
                            ("tag", "prompts with a tag"),
                            ("batch", "items judged in a batch"),
                            ("import", "a public benchmark, imported whole"),
                        ],
                        max_length=8,
                    ),
                ),
                ("source_name", models.CharField(blank=True, max_length=500)),
                ("digest", models.CharField(max_length=64)),
                ("item_count", models.IntegerField()),
                ("sample_count", models.IntegerField()),
                ("verdict_count", models.IntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name", "-number"],
            },
        ),
        migrations.CreateModel(
            name="BenchmarkItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.IntegerField()),
                ("prompt_identity", models.CharField(max_length=64)),
                ("prompt_text", models.TextField(blank=True)),
                ("inputs", models.JSONField(default=list)),
                ("samples", models.JSONField(default=list)),
                ("verdicts", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["benchmark", "position"],
            },
        ),
        migrations.CreateModel(
            name="TakenDown",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
        ),
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("consent", "consent withdrawn"),
                            ("rater", "judgements of one person"),
                            ("sample", "a sample"),
                            ("prompt", "a prompt with its samples"),
                            ("asset", "a file wherever it stands"),
                        ],
                        max_length=8,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                ("asset_sha256", models.CharField(blank=True, max_length=64)),
                ("versions", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="note",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="datasetversion",
            name="replaced_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="curation.datasetversion"
            ),
        ),
        migrations.AddConstraint(
            model_name="datasetversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("minor", 0), models.Q(("note", ""), _negated=True), _connector="OR"),
                name="dataset_version_minor_says_why",
            ),
        ),
        migrations.AddField(
            model_name="benchmark",
            name="created_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="benchmark",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="curation.job"
            ),
        ),
        migrations.AddField(
            model_name="benchmark",
            name="project",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="benchmarks",
                to="curation.project",
            ),
        ),
        migrations.AddField(
            model_name="benchmark",
            name="version",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="benchmarks",
                to="curation.datasetversion",
            ),
        ),
        migrations.AddField(
            model_name="benchmarkitem",
            name="benchmark",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="items", to="curation.benchmark"
            ),
        ),
        migrations.AddField(
            model_name="benchmarkitem",
            name="prompt",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="curation.prompt"
            ),
        ),
        migrations.AddField(
            model_name="takendown",
            name="prompt",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="taken_down", to="curation.prompt"
            ),
        ),
        migrations.AddField(
            model_name="takendown",
            name="sample",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="taken_down", to="curation.sample"
            ),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="created_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="curation.job"
            ),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="withdrawals", to="curation.project"
            ),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="rater",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="curation.rater"
            ),
        ),
        migrations.AddField(
            model_name="takendown",
            name="withdrawal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="taken", to="curation.withdrawal"
            ),
        ),
        migrations.AddConstraint(
            model_name="benchmark",
            constraint=models.UniqueConstraint(fields=("name", "number"), name="benchmark_version_once"),
        ),
        migrations.AddConstraint(
            model_name="benchmark",
            constraint=models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="benchmark_from_one"),
        ),
        migrations.AddConstraint(
            model_name="benchmark",
            constraint=models.CheckConstraint(
                condition=models.Q(("digest__regex", "^[0-9a-f]{64}$")), name="benchmark_digest_is_hex"
            ),
        ),
        migrations.AddConstraint(
            model_name="benchmark",
            constraint=models.CheckConstraint(
                condition=models.Q(("item_count__gte", 1)), name="benchmark_holds_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="benchmark",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["project", "version", "tag", "batch", "import"])),
                name="benchmark_source_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="benchmarkitem",
            constraint=models.UniqueConstraint(fields=("benchmark", "position"), name="benchmark_item_place_once"),
        ),
        migrations.AddConstraint(
            model_name="benchmarkitem",
            constraint=models.UniqueConstraint(fields=("benchmark", "prompt_identity"), name="benchmark_item_once"),
        ),
        migrations.AddConstraint(
            model_name="benchmarkitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("prompt_identity__regex", "^[0-9a-f]{64}$")), name="benchmark_item_is_hex"
            ),
        ),
        migrations.AddIndex(
            model_name="withdrawal",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", True)), fields=["project"], name="withdrawal_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="withdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["consent", "rater", "sample", "prompt", "asset"])),
                name="withdrawal_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="withdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "consent"), models.Q(("reason", ""), _negated=True), _connector="OR"),
                name="withdrawal_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="withdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "asset"), ("asset_sha256__regex", "^[0-9a-f]{64}$")),
                    models.Q(models.Q(("kind", "asset"), _negated=True), ("asset_sha256", "")),
                    _connector="OR",
                ),
                name="withdrawal_of_an_asset_names_it",
            ),
        ),
        migrations.AddConstraint(
            model_name="withdrawal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("asset_sha256", ""), _negated=True),
                fields=("project", "asset_sha256"),
                name="withdrawal_of_an_asset_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="takendown",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("prompt__isnull", True), ("sample__isnull", False)),
                    models.Q(("prompt__isnull", False), ("sample__isnull", True)),
                    _connector="OR",
                ),
                name="taken_down_is_one_thing",
            ),
        ),
        migrations.RunSQL(VERSION_STANDS, VERSION_STOOD),
        migrations.RunSQL(VERSION_STAYS, VERSION_GOES),
        migrations.RunSQL(BENCHMARK_STANDS, BENCHMARK_GOES),
    ]
