"""Cards of chat models with a head on the last token's state: Skywork-VL and LLaVA-Reward."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts, Setting


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


PRECISION = Setting("precision", "float32", _("float32; bfloat16 or float16 on a GPU, as its authors run it."))
LONGEST_SIDE = Setting("longest_side", "2048", _("Larger pictures are made smaller first (pixels); 0 for never."))

SKYWORK_VL = ScorerFacts(
    name="skywork_vl",
    path="scoring.scorers.skywork_vl:SkyworkVl",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Skywork-VL Reward"),
    judges=_("How good a text answer is, to a question with or without pictures."),
    formula=_(
        "Qwen2.5-VL reads question, pictures and answer as one conversation; a linear layer turns the state of the "
        "last token into one number without bounds. Numbers of one prompt may be compared with each other."
    ),
    needs=Needs(answer_text=True),
    outputs=(Output("skywork_vl", _("Skywork-VL Reward"), "", -1000, 1000),),
    code_licence="Apache-2.0",
    weights_licence="MIT",
    source="Wang et al. 2025, Skywork-VL Reward",
    settings=(
        Setting(
            "source",
            "",
            _(
                "Skywork/Skywork-VL-Reward-7B@COMMIT on the Hub (its terms must be agreed to there), or a folder; no "
                "commit is pinned here."
            ),
        ),
        LONGEST_SIDE,
        PRECISION,
    ),
    family="Skywork-VL",
)

_LLAVA_SETTINGS = (
    Setting(
        "source",
        "",
        _(
            "smz8599/LLaVA-Reward@COMMIT on the Hub, a folder or s3://BUCKET/PREFIX; no commit is pinned here. Its "
            "licence is that of the code, Apache-2.0."
        ),
    ),
    Setting(
        "adapter",
        "",
        _("The folder of one dimension in it (alignment, quality, safety), with reward_config.yaml; empty for none."),
    ),
    Setting(
        "base",
        "",
        _(
            "The chat model it was trained on, as OWNER/NAME@COMMIT or a folder: Phi-3.5-vision, Qwen2.5-VL or "
            "LLaVA-1.6."
        ),
    ),
    LONGEST_SIDE,
    PRECISION,
)
_LLAVA_FORMULA = _(
    "A chat model with an adapter reads the picture and its caption; a linear layer reads the state of the last token. "
    "Which dimension it is of, the adapter says. Two numbers a picture (general preference) are read pair by pair."
)

LLAVA_REWARD = ScorerFacts(
    name="llava_reward",
    path="scoring.scorers.llava_reward:LlavaRewardOne",
    version="1",
    kind="model",
    queue="gpu",
    title=_("LLaVA-Reward"),
    judges=_("How well the picture shows its caption, or how good or safe it is, by the adapter."),
    formula=_LLAVA_FORMULA,
    needs=Needs(media=frozenset({"image", "video"}), prompt_text=True),
    outputs=(Output("llava_reward", _("LLaVA-Reward"), "", -1000, 1000),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Zhou et al. 2025, LLaVA-Reward",
    settings=_LLAVA_SETTINGS,
    family="LLaVA-Reward",
)

LLAVA_REWARD_PAIRS = ScorerFacts(
    name="llava_reward_pairs",
    path="scoring.scorers.llava_reward:LlavaRewardPairs",
    version="1",
    kind="model",
    queue="gpu",
    scope="group",
    title=_("LLaVA-Reward, pair by pair"),
    judges=_("How probable it is that the picture is preferred to another one of its prompt."),
    formula=_LLAVA_FORMULA,
    needs=Needs(media=frozenset({"image", "video"}), prompt_text=True),
    outputs=(Output("llava_reward_pairs", _("LLaVA-Reward, pair by pair"), _("probability"), 0, 1),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Zhou et al. 2025, LLaVA-Reward; Zhang et al. 2024, General Preference Modeling",
    settings=_LLAVA_SETTINGS,
    family="LLaVA-Reward",
)

CARDS = (SKYWORK_VL, LLAVA_REWARD, LLAVA_REWARD_PAIRS)
