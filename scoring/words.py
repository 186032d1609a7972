"""A job in words, the same on a page and in a terminal."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.models import Job, State

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def progress(job: Job) -> str:
    """How far a job is: "6,204 of 9,640 · 212 a second · 16 s left"."""
    if job.state == State.QUEUED:
        return _("waits for a worker")
    if job.total is None:
        return _("%(done)s so far") % {"done": f"{job.processed:,}"} if job.processed else _("is being prepared")
    parts = [_("%(done)s of %(total)s") % {"done": f"{job.processed:,}", "total": f"{job.total:,}"}]
    if job.rate:
        parts.append(speed(job.rate))
    if job.seconds_left is not None and job.processed < job.total:
        parts.append(_("%(time)s left") % {"time": duration(job.seconds_left)})
    return " · ".join(parts + apart(job))


def apart(job: Job) -> list[str]:
    """What was not done, told apart: failed, and nothing to do there."""
    parts = []
    if job.skipped:
        parts.append(_("%(count)s not applicable") % {"count": f"{job.skipped:,}"})
    if job.failed:
        parts.append(_("%(count)s failed") % {"count": f"{job.failed:,}"})
    return parts


def speed(rate: float) -> str:
    """Items a second, or seconds an item where that is the larger number."""
    if rate >= 1:
        return _("%(rate)s a second") % {"rate": f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"}
    return _("%(time)s each") % {"time": duration(1 / rate)}


def duration(seconds: float) -> str:
    """A length of time in the unit in which one would say it."""
    if seconds < 10:
        return _("%(count).1f s") % {"count": seconds}
    if seconds < 1.5 * _MINUTE:
        return _("%(count)d s") % {"count": round(seconds)}
    if seconds < 1.5 * _HOUR:
        return _("%(count)d min") % {"count": round(seconds / _MINUTE)}
    if seconds < 2 * _DAY:
        return _("%(count).1f h") % {"count": seconds / _HOUR}
    return ngettext("%(count)d day", "%(count)d days", round(seconds / _DAY)) % {"count": round(seconds / _DAY)}


def bars(
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    spread: float | None = None,
    best: int | None = None,
    most: int | None = None,
) -> list[str]:
    """What a stage keeps of the one before, one bar a text."""
    found = []
    if at_least is not None:
        found.append(_("at least %(value)g") % {"value": at_least})
    if at_most is not None:
        found.append(_("at most %(value)g") % {"value": at_most})
    if spread is not None:
        found.append(_("a spread of at most %(value)g") % {"value": spread})
    if best is not None:
        found.append(ngettext("the best of each prompt", "the best %(count)d of each prompt", best) % {"count": best})
    if most is not None:
        found.append(
            ngettext("%(count)s sample in all", "at most %(count)s samples in all", most) % {"count": f"{most:,}"}
        )
    return found
