"""`manage.py ensemble PROJECT --plan FILE`: makes one rater of several and lets it speak; again, of what is missing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import deriving, ensemble_making, ensembles
from curation.errors import PairwrightError
from curation.management.commands.reward import at_lines, find_project, read_text
from curation.models import Project, Rater
from curation.recipes.problems import RecipeProblems
from curation.rewards.plan import Plan, parse_ensemble


class Command(BaseCommand):
    help = (
        "Makes one rater of several by a plan in YAML (docs/rewards.md) and writes what it says. Without --plan or "
        "--again it lists the ensembles of the project."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--plan", metavar="FILE", help="an ensemble in YAML or JSON")
        parser.add_argument("--again", metavar="NAME", help="lets an ensemble (name or number) speak of what is new")
        parser.add_argument("--dry-run", action="store_true", help="with --plan: look at 500 prompts, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        project = find_project(options["project"])
        if options["plan"] and options["again"]:
            raise CommandError("Say --plan or --again, not both.")
        try:
            if options["plan"]:
                self._plan(project, parse_ensemble(read_text(options["plan"], "an ensemble")), options["dry_run"])
            elif options["again"]:
                self._speak(project, ensembles.named(project, options["again"]))
            else:
                self._list(project)
        except RecipeProblems as error:
            raise CommandError(at_lines(options["plan"], error)) from error
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _plan(self, project: Project, plan: Plan, is_dry: bool) -> None:
        if is_dry:
            self._say(ensembles.preview(project=project, plan=plan))
        else:
            self._speak(project, ensemble_making.make(project=project, plan=plan))

    def _say(self, found: ensembles.Preview) -> None:
        self.stdout.write(
            f"would speak of {found.subjects:,} among the newest prompts, {found.incomplete:,} incomplete"
        )
        self._agreement(ensembles.as_result(found))

    def _speak(self, project: Project, rater: Rater) -> None:
        ordered = ensembles.order(project=project, rater=rater, by=None)
        job = ensembles.run_job(job_id=ordered.pk)
        if job is None:
            ordered.refresh_from_db()
            raise CommandError(f"Job {ordered.pk} is {ordered.get_state_display()} elsewhere; see it on its page.")
        result = job.result
        self.stdout.write(
            f"“{rater.name}” ({rater.pk}): {result['written']:,} written, {result['kept']:,} stood, "
            f"{result['replaced']:,} replaced, {result['withdrawn']:,} withdrawn, {result['incomplete']:,} incomplete"
        )
        self._agreement(result)

    def _agreement(self, result: dict[str, Any]) -> None:
        for place, name in enumerate(result["members"]):
            said = ", ".join(_short(one) for one in result["correlations"][place])
            self.stdout.write(f"  {name}: silent on {result['silent'][place]:,}; correlations {said}")
        self.stdout.write(
            f"  mean spread {_short(result['mean_spread'])}; {_short(result['effective_opinions'])} effective opinions "
            f"of {len(result['members'])} on {result['common_subjects']:,} common subjects"
        )

    def _list(self, project: Project) -> None:
        rows = ensembles.of_project(project)
        for row in rows:
            plan = ensembles.plan_of(row)
            self.stdout.write(f"{row.pk}  {row.name}: {plan.rule} of {', '.join(deriving.member_names(plan))}")
        if not rows:
            self.stdout.write("No ensemble yet. Make one with --plan FILE.")


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
