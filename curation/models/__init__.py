"""All nouns of the domain, so that callers need not know which file holds which."""

from curation.models.assets import Asset, Rendition
from curation.models.counts import ProjectCounts
from curation.models.criteria import (
    CriteriaSet,
    CriteriaSetItem,
    Criterion,
    CriterionVersion,
    GuidelinePicture,
    GuidelineVersion,
)
from curation.models.datasets import (
    Dataset,
    DatasetVersion,
    Export,
    Recipe,
    SplitAssignment,
    VersionTombstone,
)
from curation.models.evidence import Comparison, Flag, Mark, Note, Request, Score
from curation.models.jobs import Job, JobChunk, JobFailure, State
from curation.models.judgements import Judgement, JudgementLink, JudgingContext
from curation.models.people import Membership, Project, Task, User
from curation.models.prompts import Generator, Prompt, PromptMedia, Sample, SampleMedia
from curation.models.raters import Consent, Rater, RaterMember, RaterStanding
from curation.models.sign_in import SignInFailure

__all__ = [
    "Asset",
    "Comparison",
    "Consent",
    "CriteriaSet",
    "CriteriaSetItem",
    "Criterion",
    "CriterionVersion",
    "Dataset",
    "DatasetVersion",
    "Export",
    "Flag",
    "Generator",
    "GuidelinePicture",
    "GuidelineVersion",
    "Job",
    "JobChunk",
    "JobFailure",
    "Judgement",
    "JudgementLink",
    "JudgingContext",
    "Mark",
    "Membership",
    "Note",
    "Project",
    "ProjectCounts",
    "Prompt",
    "PromptMedia",
    "Rater",
    "RaterMember",
    "RaterStanding",
    "Recipe",
    "Rendition",
    "Request",
    "Sample",
    "SampleMedia",
    "Score",
    "SignInFailure",
    "SplitAssignment",
    "State",
    "Task",
    "User",
    "VersionTombstone",
]
