"""Prompts, generators and samples of one batch, written with a handful of statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from curation.actions import copying
from curation.actions.importing.batches import media_of
from curation.actions.importing.intake import Taken, handle
from curation.actions.importing.state import Pending, Run
from curation.formats.rows import MediaRef, PromptRow, Row, SampleRow
from curation.identity import digest, prompt_identity, sample_identity
from curation.models import Generator, Prompt, PromptMedia, Sample, SampleMedia, TakenDown, Withdrawal


@dataclass
class Entry:
    """A row whose media are settled, with the identities that follow from them."""

    row: SampleRow | PromptRow
    prompt_identity: str
    sample_identity: str = ""
    is_absent: bool = False  # some file it shows or asks about is not here
    media: Sequence[Taken] = field(default_factory=tuple)
    roles: Mapping[str, Sequence[Taken]] = field(default_factory=dict)
    prompt: Prompt | None = None
    is_first: bool = False  # the row that the prompt was made from


def entries(run: Run, rows: Iterable[Row], taken: Mapping[str, Taken]) -> list[Entry]:
    """The samples and prompts among the rows; those with a file that cannot be used are refused."""
    found = []
    barred = _taken_down_files(run, taken)
    for row in rows:
        if not isinstance(row, SampleRow | PromptRow):
            continue
        problems = [taken[handle(ref)].problem or barred.get(taken[handle(ref)].identity) for ref in media_of(row)]
        if any(problems):
            run.refuse(row.where, "; ".join(dict.fromkeys(filter(None, problems))))
        else:
            found.append(_entry(row, taken))
    return found


def _taken_down_files(run: Run, taken: Mapping[str, Taken]) -> dict[str, str]:
    """Why a file may not come back, by its digest. Costs one query a batch."""
    digests = {each.identity for each in taken.values()}
    rows = Withdrawal.objects.filter(project=run.project, asset_sha256__in=digests).exclude(asset_sha256="")
    return {row.asset_sha256: _("the file was taken down: %(why)s") % {"why": row.reason} for row in rows}


def _entry(row: SampleRow | PromptRow, taken: Mapping[str, Taken]) -> Entry:
    def all_of(refs: Sequence[MediaRef]) -> list[Taken]:
        return [taken[handle(ref)] for ref in refs]

    roles = {role: all_of(refs) for role, refs in row.roles.items()}
    asked = _stated_prompt(row) or prompt_identity(
        row.prompt,
        row.turns,  # type: ignore[arg-type]
        {role: [each.identity for each in found] for role, found in roles.items()},
    )
    entry = Entry(row, asked, roles=roles)
    entry.is_absent = any(each.is_absent for each in (t for ts in roles.values() for t in ts))
    if isinstance(row, SampleRow):
        entry.media = all_of(row.media)
        entry.is_absent = entry.is_absent or any(each.is_absent for each in entry.media)
        entry.sample_identity = row.identity or sample_identity(
            asked, generator_identity(row), row.seed, [each.identity for each in entry.media], row.text
        )
    return entry


def _stated_prompt(row: SampleRow | PromptRow) -> str:
    """The identity an export of ours states for the prompt; empty where it is to be computed."""
    return row.prompt_identity if isinstance(row, SampleRow) else row.identity


def generator_identity(row: SampleRow) -> dict[str, str]:
    """What of a generator tells two samples apart: the settings of the very sample included."""
    settings = digest(row.settings) if row.settings else ""
    return {"name": row.generator, "revision": row.revision, "kind": row.kind, "settings": settings}


def write(run: Run, found: list[Entry]) -> None:
    """Writes what is new. Afterwards the run's counts and refusals tell what became of every entry."""
    found = _with_prompts(run, found)
    _write_samples(run, [entry for entry in found if isinstance(entry.row, SampleRow)])


def _with_prompts(run: Run, found: list[Entry]) -> list[Entry]:
    """Gives each entry its prompt, creating the new ones; returns the entries that have one."""
    known = {
        prompt.identity: prompt
        for prompt in Prompt.objects.filter(
            project=run.project, identity__in={entry.prompt_identity for entry in found}
        )
    }
    keys = _prompt_keys(run, found)
    down = set(TakenDown.objects.filter(prompt__in=known.values()).values_list("prompt_id", flat=True))
    new: list[tuple[Prompt, Entry]] = []
    changed: dict[int, Prompt] = {}
    for entry in found:
        row = entry.row
        prompt = known.get(entry.prompt_identity)
        if prompt is None:
            if row.prompt_key and keys.setdefault(row.prompt_key, entry.prompt_identity) != entry.prompt_identity:
                run.refuse(row.where, _("prompt_key “%(key)s” already names another prompt") % {"key": row.prompt_key})
                continue
            prompt = known[entry.prompt_identity] = _prompt(run, entry)
            new.append((prompt, entry))
            entry.is_first = True
        elif prompt.pk in down:
            run.refuse(row.where, _("its prompt was taken down"))
            continue
        elif problem := _contradiction(prompt, row):
            run.refuse(row.where, problem)
            continue
        elif _fill_gaps(prompt, row) and prompt.pk:
            changed[prompt.pk] = prompt
        entry.prompt = prompt
    _count_prompts(run, found, len(new))
    copying.insert([prompt for prompt, _entry in new])
    copying.insert(
        [
            PromptMedia(prompt=prompt, role=role, position=position, **_placed(each, ref))
            for prompt, entry in new
            for role, refs in entry.row.roles.items()
            for position, (each, ref) in enumerate(zip(entry.roles[role], refs, strict=True))
        ]
    )
    if changed:
        Prompt.objects.bulk_update(changed.values(), ["facts", "tags"])
    return [entry for entry in found if entry.prompt is not None]


def _count_prompts(run: Run, found: list[Entry], new: int) -> None:
    """Rows that are prompts alone count as known when they brought nothing; a sample's prompt is just its prompt."""
    run.counts["prompts_new"] += new
    alone = sum(isinstance(entry.row, PromptRow) and entry.prompt is not None for entry in found)
    brought = sum(entry.is_first and isinstance(entry.row, PromptRow) for entry in found)
    run.counts["prompts_known"] += alone - brought
    run.counts["rows_known"] += alone - brought


def _prompt_keys(run: Run, found: list[Entry]) -> dict[str, str]:
    wanted = {entry.row.prompt_key for entry in found} - {""}
    return dict(Prompt.objects.filter(project=run.project, key__in=wanted).values_list("key", "identity"))


def _prompt(run: Run, entry: Entry) -> Prompt:
    row = entry.row
    meta = row.prompt_meta if isinstance(row, SampleRow) else row.meta
    return Prompt(
        project=run.project,
        identity=entry.prompt_identity,
        key=row.prompt_key,
        text=row.prompt,
        turns=row.turns,
        locale=row.locale,
        licence=row.licence or run.options.licence or run.project.licence,
        tags=list(row.tags),
        facts=row.facts,
        meta=meta,
        imported_by=run.job,
    )


def _contradiction(prompt: Prompt, row: SampleRow | PromptRow) -> str:
    if row.facts and prompt.facts and row.facts != prompt.facts:
        return _("its facts differ from those the prompt has already; the prompt keeps %(facts)s") % {
            "facts": prompt.facts
        }
    return ""


def _fill_gaps(prompt: Prompt, row: SampleRow | PromptRow) -> bool:
    """A prompt that was met without facts takes them from a later row that has them; tags add up."""
    gains_facts = bool(row.facts) and not prompt.facts
    new_tags = [tag for tag in row.tags if tag not in prompt.tags]
    if gains_facts:
        prompt.facts = row.facts
    prompt.tags += new_tags
    return gains_facts or bool(new_tags)


def _placed(taken: Taken, ref: MediaRef) -> dict[str, Any]:
    return {"asset_id": taken.asset_id, "absent_name": ref.name[:500] if taken.is_absent else ""}


def _write_samples(run: Run, found: list[Entry]) -> None:
    own = Sample.objects.filter(project=run.project)
    known = {sample.identity: sample for sample in own.filter(identity__in={e.sample_identity for e in found})}
    keys = {_row(entry).sample_key for entry in found} - {""}
    by_key = {sample.key: sample for sample in own.filter(key__in=keys)}
    generators = _generators(run, found)
    new: list[tuple[Sample, Entry]] = []
    for entry in found:
        row = _row(entry)
        same = known.get(entry.sample_identity)
        if same is not None:
            _meet_again(run, same, row, by_key)
            continue
        namesake = by_key.get(row.sample_key) if row.sample_key else None
        if namesake is not None:
            _meet_namesake(run, namesake, entry, known)
            continue
        sample = known[entry.sample_identity] = _sample(run, entry, generators)
        if row.sample_key:
            by_key[row.sample_key] = sample
        new.append((sample, entry))
    _create(run, new)


def _row(entry: Entry) -> SampleRow:
    assert isinstance(entry.row, SampleRow)
    return entry.row


def _meet_again(run: Run, same: Sample, row: SampleRow, by_key: dict[str, Sample]) -> None:
    """The very same sample was imported before. It takes the row's key if it has none; two keys would be a lie."""
    if row.sample_key and same.key != row.sample_key:
        if same.key or row.sample_key in by_key or same.pk is None:
            run.refuse(
                row.where,
                _("the same sample is here as “%(key)s”: same prompt, generator, settings, seed and content")
                % {"key": same},
            )
            return
        same.key = row.sample_key
        same.save(update_fields=["key"])
        by_key[row.sample_key] = same
    run.counts["samples_known"] += 1
    run.counts["rows_known"] += 1


def _meet_namesake(run: Run, namesake: Sample, entry: Entry, known: dict[str, Sample]) -> None:
    """Another sample has this key: refused, unless it was declared absent and these are its files."""
    row = _row(entry)
    waits = namesake.media_state == Sample.MediaState.ABSENT and not entry.is_absent and namesake.pk is not None
    if waits and TakenDown.objects.filter(sample=namesake).exists():
        run.refuse(row.where, _("“%(key)s” was taken down") % {"key": row.sample_key})
        return
    if not waits or entry.prompt is None or namesake.prompt_id != entry.prompt.pk:
        run.refuse(row.where, _("sample_key “%(key)s” already names another sample") % {"key": row.sample_key})
        return
    namesake.media.all().delete()
    namesake.identity = entry.sample_identity
    namesake.media_state = _media_state(entry)
    namesake.save(update_fields=["identity", "media_state"])
    SampleMedia.objects.bulk_create(_media(namesake, entry))
    known[entry.sample_identity] = namesake
    run.counts["samples_new"] += 1


def _generators(run: Run, found: list[Entry]) -> dict[tuple[str, str, str], int]:
    """The id of each generator by name, revision and kind."""
    wanted = {(row.generator, row.revision, row.kind) for row in map(_row, found)}
    own = Generator.objects.filter(project=run.project, settings_digest="")
    known = {
        (generator.name, generator.revision, generator.kind): generator.pk
        for generator in own.filter(name__in={name for name, _revision, _kind in wanted})
    }
    missing = sorted(wanted - known.keys())
    created = Generator.objects.bulk_create(
        [Generator(project=run.project, name=name, revision=revision, kind=kind) for name, revision, kind in missing]
    )
    return known | {name: generator.pk for name, generator in zip(missing, created, strict=True)}


def _sample(run: Run, entry: Entry, generators: Mapping[tuple[str, str, str], int]) -> Sample:
    row = _row(entry)
    return Sample(
        project=run.project,
        prompt=entry.prompt,
        generator_id=generators[row.generator, row.revision, row.kind],
        identity=entry.sample_identity,
        key=row.sample_key,
        text=row.text,
        media_state=_media_state(entry),
        seed=row.seed,
        settings=row.settings,
        round=row.round,
        licence=row.licence or run.options.licence or run.project.licence,
        tags=list(row.tags),
        meta=row.meta,
        imported_by=run.job,
    )


def _media_state(entry: Entry) -> str:
    """Absent as soon as anything is missing, an input of the prompt too: such a sample cannot be judged."""
    if entry.is_absent:
        return Sample.MediaState.ABSENT
    return Sample.MediaState.PRESENT if entry.media else Sample.MediaState.NONE


def _media(sample: Sample, entry: Entry) -> list[SampleMedia]:
    pairs = zip(entry.media, _row(entry).media, strict=True)
    return [
        SampleMedia(sample=sample, position=position, **_placed(taken, ref))
        for position, (taken, ref) in enumerate(pairs)
    ]


def _create(run: Run, new: list[tuple[Sample, Entry]]) -> None:
    copying.insert([sample for sample, _entry in new])
    copying.insert([each for sample, entry in new for each in _media(sample, entry)])
    run.counts["samples_new"] += len(new)
    run.counts["samples_absent"] += sum(entry.is_absent for _sample, entry in new)
    run.pending += [
        Pending(sample.pk, row.parent, row.branch, row.where) for sample, entry in new if (row := _row(entry)).parent
    ]
    settle_parents(run)


def settle_parents(run: Run, *, is_last: bool = False) -> None:
    """Joins samples to parents that are here by now. At the end of the file, those without one are reported."""
    if not run.pending:
        return
    wanted = {each.parent for each in run.pending}
    own = Sample.objects.filter(project=run.project)
    found = dict(own.filter(identity__in=wanted).values_list("identity", "pk"))
    found |= dict(own.filter(key__in=wanted).values_list("key", "pk"))
    joined, waiting = [], []
    for each in run.pending:
        parent = found.get(each.parent)
        if parent is None or parent == each.sample_id:
            waiting.append(each)
        else:
            joined.append(Sample(pk=each.sample_id, parent_id=parent, branch=each.branch))
    Sample.objects.bulk_update(joined, ["parent", "branch"], batch_size=1000)
    run.pending = [] if is_last else waiting
    if is_last:
        for each in waiting:
            run.refuse(
                _("%(where)s, parent") % {"where": each.where},
                _("the parent “%(key)s” is not in this project; the sample is here without it") % {"key": each.parent},
            )
