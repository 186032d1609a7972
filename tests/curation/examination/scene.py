"""A project in the database with votes of people and machines to be tested, every number of which is known by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from curation.actions import criteria, judgements, raters
from curation.actions.judgements import Act, NewComparison, NewScore, PassScore, Subject
from curation.models import CriterionVersion, JudgingContext, Project, Prompt, Rater, Sample
from tests import factories


@dataclass
class Scene:
    """Prompts with samples, people and machines by name."""

    project: Project
    overall: CriterionVersion
    groups: list[list[Sample]] = field(default_factory=list)

    def subject(self, prompt: int, sample: int) -> Subject:
        row = self.groups[prompt][sample]
        return Subject(row.pk, row.prompt_id)

    def group(self, samples: int, *, makers: tuple[str, ...] = ("flux", "sdxl"), **prompt) -> Prompt:
        """A new prompt with samples by the makers in turn."""
        row = factories.prompt(self.project, **prompt)
        self.groups.append([factories.sample(row, makers[n % len(makers)]) for n in range(samples)])
        return row

    def person(self, name: str) -> Rater:
        return raters.named(project=self.project, name=name)

    def model(self, name: str, kind: str = "model", **identity) -> Rater:
        return raters.machine(kind=kind, name=name, identity={"of": name, **identity})

    def vote(self, rater: Rater, prompt: int, left: int, right: int, outcome: str, **fields) -> int:
        """One comparison by anybody; returns the judgement."""
        said = {"strength": fields.pop("strength", None)}
        criterion = fields.pop("criterion", self.overall)
        comparison = NewComparison(
            self.subject(prompt, left), self.subject(prompt, right), criterion.pk, outcome, **said
        )
        act = Act(rater.pk, "compare", comparisons=[comparison], **fields)
        return judgements.record(project=self.project, acts=[act])[0].pk

    def score(self, rater: Rater, prompt: int, values: list[float], criterion: CriterionVersion | None = None) -> None:
        """A machine's scores of the samples of a prompt, in one pass."""
        of = (criterion or self.overall).pk
        subjects = [self.subject(prompt, place) for place in range(len(values))]
        scores = [PassScore(s.sample_id, s.prompt_id, of, v) for s, v in zip(subjects, values, strict=True)]
        judgements.record_pass(project=self.project, rater=rater, scores=scores, job=None)

    def rate(self, rater: Rater, prompt: int, values: list[float]) -> None:
        scores = [NewScore(self.subject(prompt, place), self.overall.pk, v) for place, v in enumerate(values)]
        judgements.record(project=self.project, acts=[Act(rater.pk, "rate", scores=scores)])

    def principle(self, name: str, number: int = 1) -> JudgingContext:
        return JudgingContext.objects.create(
            project=self.project, kind="principle", name=name, number=number, text=f"Judge by {name}."
        )


def bare(slug: str = "boats") -> Scene:
    project = factories.project(slug, name=slug.capitalize())
    return Scene(project, factories.overall(project))


def voted(slug: str = "boats") -> Scene:
    """Two prompts of four samples. Anne and Bert compare; a model and a colour rule score.

    Votes on prompt 0 (tags night): 0–1 left by both; 0–2 left by Anne, right by Bert; 0–3 left by Anne.
    Votes on prompt 1 (tags night, hands): 0–1 right by Anne; 2–3 tie by Anne; 1–2 left by Bert; 0–3 both bad by Bert.
    The model scores 4 3 2 1 and 4 3 2 1: right on 0–1 twice, 0–2 once of two, 0–3, and 1–2; wrong on 0–1 of prompt 1.
    The rule (noise, lower is better) says 1 2 3 and nothing, and 9 1 1 1: right on the votes of 0–1 and one of 0–2 of
    prompt 0, and on 0–1 of prompt 1; on 1–2 of prompt 1 it calls a tie.
    """
    made = bare(slug)
    made.group(4, text="a red boat at night", tags=["night"])
    made.group(4, text="hands at night", tags=["night", "hands"], locale="de")
    anne, bert = made.person("anne"), made.person("bert")
    made.vote(anne, 0, 0, 1, "left", strength=2)
    made.vote(bert, 0, 1, 0, "right", strength=1)
    made.vote(anne, 0, 0, 2, "left")
    made.vote(bert, 0, 0, 2, "right")
    made.vote(anne, 0, 0, 3, "left")
    made.vote(anne, 1, 0, 1, "right")
    made.vote(anne, 1, 2, 3, "tie")
    made.vote(bert, 1, 1, 2, "left")
    made.vote(bert, 1, 0, 3, "both-bad")
    for prompt in (0, 1):
        made.score(made.model("clip-tiny"), prompt, [4, 3, 2, 1])
    noise = criteria.ensure(
        project=made.project,
        key="noise",
        wording=criteria.Wording(name="Noise", scale="interval", higher_is_better=False),
    )
    made.score(made.model("grain", kind="rule"), 0, [1, 2, 3], noise)
    made.score(made.model("grain", kind="rule"), 1, [9, 1, 1, 1], noise)
    return made


def specialists() -> Scene:
    """Sixty prompts of two samples; people prefer the first. `reader` knows it on text, `general` on the others."""
    made = bare()
    people = [made.person(name) for name in ("ada", "ben")]
    general, reader = made.model("general"), made.model("reader")
    for number in range(60):
        is_text = number % 3 == 0
        made.group(2, tags=["text" if is_text else "animals"])
        for person in people:
            made.vote(person, number, 0, 1, "left")
        made.score(general, number, [0.6, 0.4] if not is_text or number % 2 else [0.4, 0.6])
        made.score(reader, number, [0.9, 0.1] if is_text or number % 2 else [0.1, 0.9])
    return made
