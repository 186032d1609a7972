"""All nouns of the domain, so that callers need not know which file holds which."""

from curation.models.assets import Asset, Rendition
from curation.models.benchmarks import Benchmark, BenchmarkItem
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
from curation.models.gate import GateExamination, Look, Waiver
from curation.models.jobs import Job, JobChunk, JobFailure, State
from curation.models.judgements import Judgement, JudgementLink, JudgingContext
from curation.models.kept_consensus import KeptConsensus
from curation.models.people import Membership, Project, Task, User
from curation.models.prompt_tools import PromptConstraints, PromptLink, Taxonomy
from curation.models.prompts import Generator, Prompt, PromptMedia, Sample, SampleMedia
from curation.models.publishing import HubToken, Publication
from curation.models.raters import Consent, Rater, RaterMember, RaterStanding
from curation.models.requests import Asking
from curation.models.sign_in import SignInFailure
from curation.models.withdrawals import TakenDown, Withdrawal

__all__ = [
    "Asking",
    "Asset",
    "Benchmark",
    "BenchmarkItem",
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
    "GateExamination",
    "Generator",
    "GuidelinePicture",
    "GuidelineVersion",
    "HubToken",
    "Job",
    "JobChunk",
    "JobFailure",
    "Judgement",
    "JudgementLink",
    "JudgingContext",
    "KeptConsensus",
    "Look",
    "Mark",
    "Membership",
    "Note",
    "Project",
    "ProjectCounts",
    "Prompt",
    "PromptConstraints",
    "PromptLink",
    "PromptMedia",
    "Publication",
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
    "TakenDown",
    "Task",
    "Taxonomy",
    "User",
    "VersionTombstone",
    "Waiver",
    "Withdrawal",
]
