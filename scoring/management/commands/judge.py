"""`manage.py judge`: adds judges to a project, lists them, and starts or resumes their jobs."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import yaml
from django.core.management.base import CommandError, CommandParser

from curation.errors import PairwrightError, Refused
from curation.models import Job, JudgingContext, Project
from scoring import words
from scoring.actions.judging import asks, budgets, judges, templates
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.budgets import Limits
from scoring.actions.judging.estimates import Estimate, estimate
from scoring.actions.judging.judges import NewJudge
from scoring.actions.judging.starting import start_judging
from scoring.actions.probing import cards
from scoring.actions.probing import judges as probing
from scoring.actions.probing.judges import Foreseen
from scoring.management import probe_table
from scoring.management.following import FollowingCommand, chosen_by, find_project
from scoring.models import Judge, Spending, judged


class Command(FollowingCommand):
    help = (
        "Ask a judge about the samples, pairs or groups of a project. Asks only for what is missing, so running it "
        "again goes on. With --list it shows the judges, with --add it makes one."
    )
    done_word = "answered"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address name, as in its URL")
        parser.add_argument("--judge", metavar="NAME", help="who is asked")
        parser.add_argument("--pairs", choices=asks.RULES[:3], help="which pairs a judge of pairs is asked about")
        parser.add_argument("--of", action="append", default=[], metavar="JUDGE", help="whose reasons a listener reads")
        parser.add_argument("--principle", metavar="NAME", help="the principle or profile to judge under")
        parser.add_argument(
            "--principle-text", metavar="TEXT", help="what it says; makes its next version if it differs"
        )
        parser.add_argument("--guideline", action="store_true", help="show the project's guideline to the judge")
        parser.add_argument("--budget-requests", type=int, metavar="N", help="stop after so many requests")
        parser.add_argument("--budget-cost", metavar="X", help="stop before a cost of X, in the unit of the endpoint")
        parser.add_argument("--estimate", action="store_true", help="only say what it would do and cost")
        parser.add_argument(
            "--probe",
            action="store_true",
            help="ask it about inputs that should not fool it, each a question; says first how many they are",
        )
        parser.add_argument("--seed", type=int, default=0, help="with --probe: of the choice of samples and prompts")
        self.add_job_arguments(parser)
        parser.add_argument("--list", action="store_true", help="show the judges and the templates of the project")
        parser.add_argument("--add", metavar="NAME", help="make a judge of this name")
        parser.add_argument("--template", metavar="NAME[@VERSION]", help="with --add: how it is asked")
        parser.add_argument("--model", help="with --add: the model, as the endpoint calls it or where its weights are")
        parser.add_argument("--endpoint", default="", help="with --add: a name in the file of endpoints; local without")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="PART.SETTING=VALUE",
            help="with --add: such as decoding.temperature=0.7 or pictures.longest_side=1024; may be repeated",
        )
        parser.add_argument("--orders", choices=Judge.Orders.values, default="both", help="with --add")
        parser.add_argument("--repeats", type=int, default=1, help="with --add: how often each question is asked")
        parser.add_argument("--family", default="", help="with --add: models it shares weights or training data with")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = find_project(options["project"])
            if options["list"]:
                self._list(project)
            elif options["add"]:
                self._add(project, options)
            elif options["judge"] and options["probe"]:
                self._probe(project, options)
            elif options["judge"]:
                self._judge(project, options)
            else:
                raise Refused("Say --judge NAME, or --list, or --add NAME.")
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    # -- judges -------------------------------------------------------------------------------------------------------

    def _list(self, project: Project) -> None:
        counts = judged.counts_by_judge(project_id=project.pk)
        for judge in Judge.objects.filter(project=project).select_related("template"):
            counted = counts.get(judge.pk, judged.CallCounts())
            where = f"{judge.model} at {judge.endpoint}" if judge.endpoint else f"{judge.model}, on the workers"
            state = " (archived)" if judge.archived_at else ""
            self.stdout.write(f"{judge.name}{state}: {judge.template_name}, {where}")
            self.stdout.write(
                f"  {counted.verdicts:,} verdicts, {counted.calls:,} calls, {counted.unreadable:,} unreadable, "
                f"cost {counted.cost:g}"
            )
        self.stdout.write("Templates: " + ", ".join(one.name for one in templates.listed(project)))

    def _add(self, project: Project, options: dict[str, Any]) -> None:
        missing = [f"--{name}" for name in ("template", "model") if not options[name]]
        if missing:
            raise Refused(f"A new judge needs {' and '.join(missing)}.")
        made = judges.add(
            project=project,
            judge=NewJudge(
                name=options["add"],
                template=options["template"],
                model=options["model"],
                endpoint=options["endpoint"],
                settings=_settings(options["set"]),
                orders=options["orders"],
                repeats=options["repeats"],
                family=options["family"],
            ),
            by=None,
        )
        self.stdout.write(f"{made.name} asks by {made.template_name}.")

    # -- asking -------------------------------------------------------------------------------------------------------

    def _judge(self, project: Project, options: dict[str, Any]) -> None:
        judge = judges.find(project, options["judge"])
        asked: dict[str, Any] = {
            "project": project,
            "judge": judge,
            "ask": _ask(project, judge, options),
            "chosen": chosen_by(project, options),
            "context": _context(project, options),
            "guideline": project.guideline if options["guideline"] else None,
        }
        if options["estimate"]:
            self._say(estimate(**asked))
            return
        job = start_judging(**asked, limits=_limits(options), by=None)
        self.run_jobs([job], wait=options["wait"])
        if options["wait"]:
            self._say_spent(job)

    def _say_spent(self, job: Job) -> None:
        spending = Spending.objects.get(job=job)
        self.stdout.write(f"  {budgets.spent_words(spending)}, {spending.from_cache:,} known already")

    def _probe(self, project: Project, options: dict[str, Any]) -> None:
        judge = judges.find(project, options["judge"])
        found = probing.foresee(project=project, judge=judge, seed=options["seed"])
        originals = "drawn originals" if found.is_drawn else "its samples"
        self.stdout.write(
            f"At most {found.questions:,} questions about {found.inputs:,} inputs, on {originals} of {found.prompts} "
            "prompts"
        )
        self._say_price(found)
        if options["estimate"]:
            return
        run = probing.start(project=project, judge=judge, seed=options["seed"], limits=_limits(options), by=None)
        assert run.job is not None
        self.run_jobs([run.job], wait=options["wait"])
        if options["wait"]:
            run.refresh_from_db()
            self.stdout.write(probe_table.lines(run, cards.of_judge(judge).outputs))
            self._say_spent(run.job)

    def _say(self, found: Estimate) -> None:
        self.stdout.write(
            f"{found.units:,} to ask about, {found.questions:,} questions, {found.answered:,} answered before, "
            f"{found.calls:,} calls left"
        )
        self._say_price(found)

    def _say_price(self, found: Estimate | Foreseen) -> None:
        cost = "unknown" if found.cost is None else f"{found.cost:.4g}"
        time = "unknown" if found.seconds is None else words.duration(found.seconds)
        tokens = "unknown" if found.tokens is None else f"{found.tokens:,.0f}"
        self.stdout.write(f"  tokens {tokens}, cost {cost}, time {time}")


def _ask(project: Project, judge: Judge, options: dict[str, Any]) -> Ask | None:
    about = asks.ABOUT[templates.of(judge).mode]
    if options["pairs"] and about != asks.PAIRS:
        raise Refused(f"“{judge.name}” judges {about}, so --pairs says nothing to it.")
    if about == asks.VERDICTS:
        return Ask(about, of=tuple(judges.find(project, name).pk for name in options["of"]))
    return Ask(about, options["pairs"]) if options["pairs"] else None


def _context(project: Project, options: dict[str, Any]) -> JudgingContext | None:
    name, text = options["principle"], options["principle_text"]
    if text and not name:
        raise Refused("--principle-text needs the name of the principle: --principle NAME.")
    if text:
        return judges.ensure_context(project=project, kind=JudgingContext.Kind.PRINCIPLE, name=name, text=text)
    return judges.find_context(project, name) if name else None


def _limits(options: dict[str, Any]) -> Limits:
    try:
        cost = None if options["budget_cost"] is None else Decimal(options["budget_cost"])
    except InvalidOperation as error:
        raise Refused(f"--budget-cost {options['budget_cost']!r} is not a number.") from error
    return Limits(requests=options["budget_requests"], cost=cost)


def _settings(given: list[str]) -> dict[str, dict[str, Any]]:
    """`PART.SETTING=VALUE` as parts of settings; values are read as YAML: numbers, true, false, text."""
    settings: dict[str, dict[str, Any]] = {}
    for text in given:
        left, separator, value = text.partition("=")
        part, dot, name = left.partition(".")
        if not separator or not dot or not name:
            raise Refused(f"--set {text!r} is not PART.SETTING=VALUE, such as decoding.temperature=0.7.")
        settings.setdefault(part, {})[name] = yaml.safe_load(value)
    return settings
