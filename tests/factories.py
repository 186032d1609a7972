"""Rows for tests: each factory states only what the database demands, so a test names what it is about."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from curation.actions import criteria, media
from curation.identity import digest
from curation.media.ingestion import ingest
from curation.models import (
    Asset,
    CriterionVersion,
    Generator,
    Membership,
    Project,
    Prompt,
    PromptMedia,
    Rater,
    Rendition,
    Sample,
    SampleMedia,
    User,
)

_numbers = itertools.count(1)


def user(name: str = "", **fields: Any) -> User:
    username = name or f"person-{next(_numbers)}"
    fields.setdefault("email", f"{username}@example.org")
    return User.objects.create_user(username=username, password="correct horse battery", **fields)


def project(slug: str = "", task: str = "text-to-image", **fields: Any) -> Project:
    slug = slug or f"project-{next(_numbers)}"
    row = Project.objects.create(name=fields.pop("name", slug.capitalize()), slug=slug, task=task, **fields)
    criteria.ensure(project=row, key="overall")
    return row


def member(of: Project, role: str, name: str = "") -> User:
    person = user(name or f"{role}-{next(_numbers)}")
    Membership.objects.create(project=of, user=person, role=role)
    return person


def overall(of: Project) -> CriterionVersion:
    return criteria.ensure(project=of, key="overall")


def prompt(of: Project, text: str = "", **fields: Any) -> Prompt:
    text = text or f"a prompt, number {next(_numbers)}"
    return Prompt.objects.create(project=of, text=text, identity=digest({"text": text, **_plain(fields)}), **fields)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in fields.items()}


def generator(of: Project, name: str = "painter", **fields: Any) -> Generator:
    return Generator.objects.get_or_create(project=of, name=name, defaults=fields)[0]


def sample(to: Prompt, by: str = "painter", **fields: Any) -> Sample:
    fields.setdefault("media_state", "none" if "text" in fields else "present")
    return Sample.objects.create(
        project=to.project,
        prompt=to,
        generator=fields.pop("generator", None) or generator(to.project, by),
        identity=digest({"number": next(_numbers)}),
        **fields,
    )


def asset(content: bytes = b"", kind: str = "image", **fields: Any) -> Asset:
    """A row about bytes; the bytes themselves are not stored."""
    sha256 = hashlib.sha256(content or f"asset {next(_numbers)}".encode()).hexdigest()
    fields = {
        "mime": "image/png",
        "size": 100,
        "storage_name": f"assets/{sha256}",
        "width": 64,
        "height": 48,
    } | fields
    row = Asset.objects.create(sha256=sha256, kind=kind, **fields)
    if kind != "file":
        Rendition.objects.create(
            asset=row,
            recipe_version=1,
            sha256=sha256,
            mime=row.mime,
            size=row.size,
            storage_name=row.storage_name,
            is_original=True,
            width=row.width,
            height=row.height,
        )
    return row


def stored(content: bytes, name: str) -> Asset:
    """A row whose bytes, rendition and thumbnails lie in the storage, as after an import."""
    taken = ingest(content, name=name, limits=media.limits())
    ids = media.store_many_from({taken.sha256: taken}, {taken.sha256: content})
    return Asset.objects.get(pk=ids[taken.sha256])


def place(to: Sample | Prompt, what: Asset | None = None, **fields: Any) -> SampleMedia | PromptMedia:
    if isinstance(to, Sample):
        return SampleMedia.objects.create(sample=to, asset=what or asset(), **fields)
    return PromptMedia.objects.create(prompt=to, asset=what or asset(), **fields)


def rater(of: Project | None = None, name: str = "", kind: str = "person", **fields: Any) -> Rater:
    name = name or f"{kind}-{next(_numbers)}"
    if kind in Rater.MACHINES and of is None:
        fields.setdefault("identity_digest", digest({"name": name}))
    return Rater.objects.create(project=of, name=name, kind=kind, **fields)
