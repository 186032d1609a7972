"""HPSv3: how people would like a picture for its prompt, by a Qwen2-VL that reads the state of a special token.

Source: Ma, Shui, Wu, Sun and Li, "HPSv3: Towards Wide-Spectrum Human Preference Score", ICCV 2025. The picture comes
first, then the instruction with the prompt and the token `<|Reward|>`; three linear layers on the token's last state
give μ, the score, and log σ, how unsure the model is of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from scoring import weights
from scoring.scorers.base import Decoded, Item, Json, Outcome, Reading
from scoring.scorers.device import device, dtype_of, memory_watched
from scoring.scorers.reward_token_heads import estimates, ranking_head, result_of
from scoring.scorers.reward_token_model import Asked, RewardFiles, find_base, load_reward_model
from scoring.scorers.reward_token_scorer import RewardTokenScorer
from scoring.scorers.reward_token_views import Sight
from scoring.scorers.reward_token_words import IMAGE, Template, Wording, Words
from scoring.scorers.several import FRAMES_IN_WORDS, shown

FILES = ("HPSv3.safetensors",)
TEMPLATE = "hpsv3_template.txt"
MARK = "<|Reward|>"
OWN_TEMPLATE = (
    "Above is a picture that was made from a description. How much would people like it: how it looks, and whether it "
    "shows what was asked for?\nDescription: {prompt}\nRating of this picture: <|Reward|>\n"
)


class HpsV3(RewardTokenScorer):
    """The mean over pictures and frames."""

    @cached_property
    def _files(self) -> RewardFiles:
        folder = weights.folder_of(self._source, (*FILES, TEMPLATE))
        return find_base(self._base, folder, [weights.weights_file(folder, FILES)])

    @cached_property
    def _wording(self) -> Wording:
        (found,) = self._words_of(self._files.tensors[0].parent, [TEMPLATE], [OWN_TEMPLATE], [MARK])
        return found

    def load(self) -> None:
        words = Words(self._files.base, [MARK])
        self._template: Template = words.asked(self._wording.text, [IMAGE])
        self._model = load_reward_model(
            self._files,
            words=words,
            head=ranking_head,
            head_name="rm_head",
            sight=self._files.sight(Sight()),
            device=device(),
            dtype=dtype_of(self._precision),
        )

    def identity_parts(self) -> dict[str, Json]:
        return {
            **self._digests,
            "preprocessing": self._files.sight(Sight()).words,
            "positions": self._files.positions,
            "scale": "μ of the head",
            "template": self._wording.text,
            "template_origin": self._wording.origin,
            "decoding": FRAMES_IN_WORDS,
            "precision": self._precision,
        }

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Asked, ...]:
        views = [self._model.sight.picture(picture) for picture in shown(decoded)]
        stands = (self._model.image,)
        return tuple(
            Asked(self._model.checked(self._template.question(item.prompt_text, [view.tokens], stands)), (view,))
            for view in views
        )

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Asked, ...]]) -> list[Outcome]:
        with memory_watched():
            states = self._model.states([asked for several in prepared for asked in several])  # (n, 1, width)
            means, deviations = (iter(column) for column in estimates(self._model.head(states[:, 0])))
        return [
            self._reading([next(means) for _asked in several], [next(deviations) for _asked in several])
            for several in prepared
        ]

    def _reading(self, means: list[float], deviations: list[float]) -> Reading:
        detail: dict[str, Json] = {"values": means, "deviations": deviations, "template": self._wording.origin}
        return Reading({"hpsv3": result_of(means, deviations)}, detail)
