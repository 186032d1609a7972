"""The life of a batch: drawn as a draft, opened, paused, extended, closed."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation import questions as asked
from annotation.actions import choosing, leasing
from annotation.actions.choosing import Chosen, Plan
from annotation.models import Batch, Item, Participant
from annotation.models import candidates as reads
from curation.access import Right
from curation.actions import raters
from curation.errors import Conflict, NotAllowed, Refused
from curation.models import Asking, CriterionVersion, Judgement, Project, Request, User

# What may still change once people have begun; the rest decides what was asked, of whom it was drawn and how.
CHANGEABLE_WHEN_OPEN = frozenset(
    {
        "name",
        "deadline",
        "gold_bar",
        "gold_least",
        "review_share",
        "lease_seconds",
        "undo_seconds",
        "is_open_to_members",
    }
)
SETTINGS = CHANGEABLE_WHEN_OPEN | {
    "overlap",
    "gold_share",
    "repeat_share",
    "control_share",
    "qualification",
    "pass_bar",
    "normalise_resolution",
}


@transaction.atomic
def create(
    *,
    project: Project,
    name: str,
    questions: Sequence[Mapping[str, Any]],
    plan: Plan,
    by: User,
    kind: str = Batch.Kind.LABEL,
    seed: int | None = None,
    listed: pl.DataFrame | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Batch, Chosen]:
    """A draft with its items drawn. Returns it with what was chosen, whose notes say what was passed over.

    Raises:
        Refused: the questions cannot be read, the plan cannot be followed, or it chooses nothing.
    """
    _require_editor(project, by)
    batch = Batch(
        project=project,
        name=name,
        kind=kind,
        questions=checked_questions(project, questions),
        # JSON keeps whole numbers exactly up to here.
        seed=secrets.randbelow(2**53) if seed is None else seed,
        created_by=by,
        **_checked_settings(project, None, settings or {}),
    )
    batch.save()
    return batch, _draw(batch, plan, listed)


@transaction.atomic
def redraw(*, batch: Batch, plan: Plan, by: User, listed: pl.DataFrame | None = None) -> Chosen:
    """Draws the items of a draft anew; those it had go, gold included."""
    batch = locked(batch, by, Batch.State.DRAFT)
    Item.objects.filter(batch=batch).delete()
    if plan.rule == "requests":
        plan = replace(plan, asking=batch.rule.get("asking"))
    return _draw(batch, plan, listed)


def _draw(batch: Batch, plan: Plan, listed: pl.DataFrame | None) -> Chosen:
    _check_shape(batch, plan)
    chosen = choosing.choose(project=batch.project, plan=plan, seed=batch.seed, listed=listed)
    if chosen.sets.is_empty():
        raise Refused(_("This rule finds nothing to ask about. Widen the filter or choose another rule."))
    add_items(batch=batch, chosen=chosen)
    batch.rule = {**plan.as_json(), "seed": batch.seed, "notes": list(chosen.notes), "extended": []}
    batch.save(update_fields=["rule"])
    return chosen


def checked_questions(project: Project, raw: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The questions in their strict form, each about a criterion of this project.

    Raises:
        Refused: one cannot be read, or names a criterion of another project.
    """
    try:
        parsed = asked.parse([dict(one) for one in raw])
    except ValueError as error:
        raise Refused(str(error)) from error
    named = {question.criterion for question in parsed} | {item.criterion for q in parsed for item in q.items}
    wanted = {pk for pk in named if pk is not None}
    own = CriterionVersion.objects.filter(criterion__project=project, pk__in=wanted)
    if foreign := wanted - set(own.values_list("pk", flat=True)):
        raise Refused(_("Criterion %(pk)d does not belong to this project.") % {"pk": min(foreign)})
    return asked.as_json(parsed)


def _check_shape(batch: Batch, plan: Plan) -> None:
    """Refuses items that the questions cannot be asked about."""
    least, most = asked.samples_asked(asked.parse(batch.questions))
    smallest = {"pair": 2, "single": 1, "group": plan.size, "all": 2}[plan.shape]
    largest = {"pair": 2, "single": 1}.get(plan.shape, choosing.LARGEST_GROUP)
    if smallest < least or (most is not None and largest > most):
        raise Refused(
            _("These questions are about %(wanted)s; the rule gives %(shape)s.")
            % {"wanted": _wanted(least, most), "shape": choosing.SHAPES[plan.shape]}
        )


def _wanted(least: int, most: int | None) -> str:
    if most == least:
        return _("exactly %(number)d samples") % {"number": least}
    return _("at least %(number)d samples") % {"number": least}


def add_items(*, batch: Batch, chosen: Chosen) -> int:
    """Writes the chosen sets as items behind those the batch has, by COPY. Returns how many."""
    last = Item.objects.filter(batch=batch).aggregate(last=Max("position"))["last"]
    first = 0 if last is None else last + 1
    ids = pl.concat_str(pl.lit("{"), pl.col("samples").cast(pl.List(pl.String)).list.join(","), pl.lit("}"))
    rows = chosen.sets.with_row_index("position").select(
        pl.lit(batch.pk).alias("batch_id"),
        (pl.col("position") + first).alias("position"),
        pl.col("prompt").alias("prompt_id"),
        ids.alias("sample_ids"),
        pl.lit(Judgement.Purpose.LABEL.value).alias("purpose"),
        pl.lit("{}").alias("about"),
        pl.col("request").alias("request_id"),
        pl.col("probability").alias("sampling_probability"),
    )
    text = io.BytesIO()
    rows.write_csv(text, include_header=False)
    # The names are ours, from the frame above.
    command = f"COPY annotation_item ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.write(text.getbuffer())
    return rows.height


# -- a draft ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def change_questions(*, batch: Batch, questions: Sequence[Mapping[str, Any]], by: User) -> Batch:
    """Another set of questions for a draft. Right answers to questions that are gone go with them."""
    batch = locked(batch, by, Batch.State.DRAFT)
    batch.questions = checked_questions(batch.project, questions)
    _check_shape(batch, Plan.from_json(batch.rule))
    batch.save(update_fields=["questions"])
    _forget_expected(batch)
    return batch


def _forget_expected(batch: Batch) -> None:
    keys = {question["key"]: question["kind"] for question in batch.questions}
    for item in Item.objects.filter(batch=batch, expected__isnull=False):
        known = {key: answer for key, answer in (item.expected or {}).get("questions", {}).items() if key in keys}
        item.expected = {"questions": known} if known else None
        if item.expected is None:
            item.purpose = Judgement.Purpose.LABEL
        item.save(update_fields=["expected", "purpose"])


@transaction.atomic
def change_settings(*, batch: Batch, settings: Mapping[str, Any], by: User) -> Batch:
    """Shares, bars, times and doors. Of a batch that is open only those that do not touch what was drawn.

    Raises:
        Refused: a setting that no longer changes, or a value that contradicts another.
    """
    batch = locked(batch, by)
    changed = {name: value for name, value in settings.items() if getattr(batch, name) != value}
    if batch.state != Batch.State.DRAFT and (late := sorted(set(changed) - CHANGEABLE_WHEN_OPEN)):
        field = Batch._meta.get_field(late[0])
        raise Refused(
            _("“%(name)s” no longer changes: people have begun. Close this batch and make another.")
            % {"name": getattr(field, "verbose_name", late[0])}
        )
    for name, value in _checked_settings(batch.project, batch, changed).items():
        setattr(batch, name, value)
    if batch.gold_share + batch.repeat_share > 1:
        raise Refused(_("Gold and repeats together are more than everything: lower one of the shares."))
    batch.save(update_fields=sorted(changed) or ["name"])
    return batch


def _checked_settings(project: Project, batch: Batch | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(settings) - SETTINGS)
    if unknown:
        raise Refused(_("A batch has no setting “%(name)s”.") % {"name": unknown[0]})
    first = settings.get("qualification")
    if first is not None and (first.project_id != project.pk or first.kind != Batch.Kind.QUALIFICATION):
        raise Refused(_("“%(name)s” is no qualification of this project.") % {"name": first})
    if first is not None and batch is not None and first.pk == batch.pk:
        raise Refused(_("A batch cannot be its own qualification."))
    if settings.get("gold_share", 0) + settings.get("repeat_share", 0) > 1:
        raise Refused(_("Gold and repeats together are more than everything: lower one of the shares."))
    return dict(settings)


@transaction.atomic
def set_people(*, batch: Batch, users: Iterable[User], by: User) -> None:
    """Who may judge by name. Whoever is left out and has begun keeps what they said and gets nothing more."""
    batch = locked(batch, by)
    wanted = {raters.for_user(user).pk for user in users}
    rows = {row.rater_id: row for row in Participant.objects.select_for_update(of=("self",)).filter(batch=batch)}
    for rater_id in wanted - set(rows):
        Participant.objects.create(batch=batch, rater_id=rater_id, state=Participant.State.INVITED)
    for rater_id, row in rows.items():
        if rater_id in wanted and row.state == Participant.State.REMOVED:
            _set_state(row, Participant.State.INVITED, "")
        elif rater_id not in wanted and row.served == 0:
            row.delete()
        elif rater_id not in wanted and row.state in (Participant.State.ACTIVE, Participant.State.INVITED):
            _set_state(row, Participant.State.REMOVED, _("You are no longer asked in this batch. Thank you."))


def _set_state(row: Participant, state: str, reason: str) -> None:
    row.state, row.reason = state, reason
    row.save(update_fields=["state", "reason"])


@transaction.atomic
def delete(*, batch: Batch, by: User) -> None:
    """Deletes a draft. What people have answered in is closed instead."""
    _free_asking(batch)
    locked(batch, by, Batch.State.DRAFT).delete()


def _free_asking(batch: Batch) -> None:
    """Lets another batch take what was asked for together."""
    Asking.objects.filter(project=batch.project_id, taken_by=f"batch:{batch.pk}").update(taken_by="")


# -- open, pause, close -----------------------------------------------------------------------------------------------


@transaction.atomic
def open_batch(*, batch: Batch, by: User) -> Batch:
    """Puts the batch to people. From here on its questions stand, bound to the guideline in force now.

    Raises:
        Refused: it has nothing to ask, its items do not fit its questions, or gold is dealt out that is not there.
    """
    batch = locked(batch, by, Batch.State.DRAFT)
    problems = why_not_open(batch)
    if problems:
        raise Refused(" ".join(problems))
    batch.guideline = batch.project.guideline
    batch.state, batch.opened_at = Batch.State.OPEN, timezone.now()
    batch.save(update_fields=["guideline", "state", "opened_at"])
    leasing.add_slots(batch=batch)
    _take_requests(batch)
    return batch


def why_not_open(batch: Batch) -> list[str]:
    """Everything that keeps a draft from being opened, in words. Costs three queries."""
    items = Item.objects.filter(batch=batch)
    known = items.filter(expected__isnull=False).count()
    every = items.count()
    problems = []
    if not every:
        problems.append(_("It has no items."))
    if not _sizes_fit(batch):
        problems.append(_("Some items have more or fewer samples than the questions are about; draw them anew."))
    if batch.kind == Batch.Kind.QUALIFICATION and known < every:
        problems.append(
            _("%(number)d of %(all)d items have no right answer yet, so they cannot qualify anybody.")
            % {"number": every - known, "all": every}
        )
    if batch.kind != Batch.Kind.QUALIFICATION and every and known == every:
        problems.append(_("All items are gold; nothing is left to ask."))
    if batch.kind != Batch.Kind.QUALIFICATION and batch.gold_share and not known:
        problems.append(
            _("%(share)d %% of what people see is to be gold, but no item has a right answer. Make some, or ask for 0.")
            % {"share": round(100 * batch.gold_share)}
        )
    if batch.deadline and batch.deadline <= timezone.now():
        problems.append(_("Its deadline has passed."))
    return problems


def _sizes_fit(batch: Batch) -> bool:
    least, most = asked.samples_asked(asked.parse(batch.questions))
    items = Item.objects.filter(batch=batch)
    if items.filter(sample_ids__len__lt=least).exists():
        return False
    return most is None or not items.filter(sample_ids__len__gt=most).exists()


def _take_requests(batch: Batch) -> None:
    asked_for = Item.objects.filter(batch=batch, request__isnull=False).values("request_id")
    Request.objects.filter(pk__in=asked_for).open().update(state=Request.State.TAKEN)


@transaction.atomic
def pause(*, batch: Batch, by: User) -> Batch:
    """Nobody gets anything new; what is in hand may still be sent."""
    return _into(locked(batch, by, Batch.State.OPEN), Batch.State.PAUSED)


@transaction.atomic
def resume(*, batch: Batch, by: User) -> Batch:
    return _into(locked(batch, by, Batch.State.PAUSED), Batch.State.OPEN)


@transaction.atomic
def close(*, batch: Batch, by: User) -> Batch:
    """Ends the batch for good. Requests it had taken and nobody answered are open again."""
    batch = locked(batch, by, Batch.State.OPEN, Batch.State.PAUSED)
    batch.closed_at = timezone.now()
    batch.save(update_fields=["closed_at"])
    left = Item.objects.filter(batch=batch, request__state=Request.State.TAKEN).exclude(assignments__state="done")
    if Request.objects.filter(pk__in=left.values("request_id")).update(state=Request.State.OPEN):
        _free_asking(batch)
    return _into(batch, Batch.State.CLOSED)


def _into(batch: Batch, state: str) -> Batch:
    batch.state = state
    batch.save(update_fields=["state"])
    return batch


# -- more of it -------------------------------------------------------------------------------------------------------


@transaction.atomic
def extend_items(*, batch: Batch, more: int, by: User, listed: pl.DataFrame | None = None) -> int:
    """More items by the rule the batch was drawn by, none of them twice. Returns how many were found."""
    batch = locked(batch, by, Batch.State.DRAFT, Batch.State.OPEN, Batch.State.PAUSED)
    plan = replace(Plan.from_json(batch.rule), limit=more)
    extended = batch.rule.get("extended", [])
    seed = batch.seed + 1 + len(extended)
    chosen = choosing.choose(
        project=batch.project, plan=plan, seed=seed, earlier=reads.item_sets(batch.pk), listed=listed
    )
    if chosen.sets.is_empty():
        raise Refused(_("The rule finds nothing more to ask about."))
    found = add_items(batch=batch, chosen=chosen)
    batch.rule = {**batch.rule, "extended": [*extended, {"seed": seed, "items": found}]}
    batch.save(update_fields=["rule"])
    _refill(batch)
    return found


@transaction.atomic
def extend_overlap(*, batch: Batch, overlap: int, by: User) -> Batch:
    """More people an item. Answers given already count among them."""
    batch = locked(batch, by, Batch.State.DRAFT, Batch.State.OPEN, Batch.State.PAUSED)
    if overlap <= batch.overlap:
        raise Refused(
            _("Each item is asked of %(now)d already; name a larger number than that.") % {"now": batch.overlap}
        )
    batch.overlap = overlap
    batch.save(update_fields=["overlap"])
    _refill(batch)
    return batch


def _refill(batch: Batch) -> None:
    if batch.opened_at is not None:
        leasing.add_slots(batch=batch)
        _take_requests(batch)


# -- who and when -----------------------------------------------------------------------------------------------------


def locked(batch: Batch, by: User, *states: str) -> Batch:
    """The batch's row, locked, in one of these states (any, if none is named)."""
    row = Batch.objects.select_for_update(of=("self",)).select_related("project__guideline").get(pk=batch.pk)
    _require_editor(row.project, by)
    if states and row.state not in states:
        raise Conflict(
            _("“%(name)s” is %(state)s by now, so this cannot be done. Look at its page again.")
            % {"name": row.name, "state": row.get_state_display()}
        )
    return row


def _require_editor(project: Project, by: User) -> None:
    if not project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only a curator or an admin of “%(project)s” may do this.") % {"project": project.name})
