"""Cards of the reward models that read a special token of a chat model: HPSv3, VideoReward, EditReward."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts, Setting


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


_BASE = _(
    "Configuration and tokenizer of the model it was made from: OWNER/NAME@COMMIT, or a folder; empty when they lie "
    "beside the weights."
)
_WORDING = _("Folder with the wording the model was trained on; empty when it lies beside the weights, or is not here.")
# As their authors run them; a model of seven billion numbers takes 16 GiB so.
_PRECISION = Setting("precision", "bfloat16", _("bfloat16, as its authors run it; float32 takes twice the memory."))
_REWARD = (-1000, 1000)

HPSV3 = ScorerFacts(
    name="hpsv3",
    path="scoring.scorers.hpsv3:HpsV3",
    version="1",
    kind="model",
    queue="gpu",
    title=_("HPSv3"),
    judges=_("How people would like the picture for the prompt, by a large model trained on a million comparisons."),
    formula=_(
        "Qwen2-VL-7B looks at the picture, brought to 200,704 pixels, and reads an instruction with the prompt; three "
        "linear layers on the state of its special token give μ, the score, and σ, kept as its spread. The best "
        "generators reach about 10, early ones about 0. The chance that one of two is preferred is the mean of the "
        "logistic function of a normal number with their difference and both σ. Without the instruction that it was "
        "trained on (hpsv3_template.txt) our own wording is read, and every score says so. Several pictures or "
        "frames: the mean."
    ),
    needs=Needs(media=frozenset({"image", "video"}), prompt_text=True),
    outputs=(Output("hpsv3", _("HPSv3"), _("reward"), *_REWARD),),
    code_licence="MIT",
    weights_licence="MIT AND Apache-2.0",
    source="Ma et al. 2025, HPSv3; Wang et al. 2024, Qwen2-VL",
    family="Qwen2-VL",
    settings=(
        Setting(
            "source",
            "MizzenAI/HPSv3@4f81e3e09edd82fe3c5f636444c721b592a735ca",
            _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with HPSv3.safetensors."),
        ),
        Setting("base", "Qwen/Qwen2-VL-7B-Instruct@eed13092ef92e448dd6875b2a00151bd3f7db0ac", _BASE),
        Setting("wording", "", _WORDING),
        _PRECISION,
    ),
)

VIDEOREWARD = ScorerFacts(
    name="videoreward",
    path="scoring.scorers.videoreward:VideoReward",
    version="1",
    kind="model",
    queue="gpu",
    title=_("VideoReward"),
    judges=_("Videos: how they look, how they move, and whether they show what the prompt says."),
    formula=_(
        "Qwen2-VL-2B looks at two frames a second and reads one question in three sections; one linear layer turns the "
        "states of three special tokens into numbers, from which the authors' mean is taken and which are divided by "
        "their deviation. Overall: the sum of the three. The first two do not depend on the prompt, and a video "
        "without one has them alone. Without the question that it was trained on (videoreward_template.txt) our own "
        "wording is read, and every score says so. Several videos: the mean."
    ),
    needs=Needs(media=frozenset({"video"})),
    outputs=(
        Output("videoreward", _("VideoReward"), _("deviations, sum of three"), *_REWARD),
        Output("videoreward_visual", _("Visual quality (VideoReward)"), _("deviations"), *_REWARD),
        Output("videoreward_motion", _("Motion quality (VideoReward)"), _("deviations"), *_REWARD),
        Output("videoreward_alignment", _("Faithfulness (VideoReward)"), _("deviations"), *_REWARD),
    ),
    code_licence="MIT",
    weights_licence="Apache-2.0",
    source="Liu et al. 2025, Improving Video Generation with Human Feedback; Wang et al. 2024, Qwen2-VL",
    family="Qwen2-VL",
    settings=(
        Setting(
            "source",
            "KlingTeam/VideoReward@4f26600130683e6f1de9f5d463887f28e8ef995c",
            _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with model_config.json and checkpoint-NUMBER."),
        ),
        Setting("base", "Qwen/Qwen2-VL-2B-Instruct@895c3a49bc3fa70a340399125c650a463535e71c", _BASE),
        Setting("wording", "", _WORDING),
        _PRECISION,
    ),
)

EDITREWARD = ScorerFacts(
    name="editreward",
    path="scoring.scorers.editreward:EditReward",
    version="1",
    kind="model",
    queue="gpu",
    title=_("EditReward"),
    judges=_("Edited pictures: whether the instruction was followed, and how good the outcome looks."),
    formula=_(
        "A Qwen2.5-VL-7B sees the source and the edited picture, each brought to 200,704 pixels, and reads two "
        "questions with the instruction; a head for each gives μ, the score, and σ, kept as its spread. Overall: both "
        "columns are averaged over the heads (setting “pooling”). Without the questions that it was trained on "
        "(editreward_following_template.txt, editreward_quality_template.txt) our own wording is read, and every score "
        "says so. Several pictures: the mean."
    ),
    needs=Needs(media=frozenset({"image"}), prompt_text=True, roles=("source",)),
    outputs=(
        Output("editreward", _("EditReward"), _("reward"), *_REWARD),
        Output("editreward_following", _("Instruction followed (EditReward)"), _("reward"), *_REWARD),
        Output("editreward_quality", _("Quality of the edit (EditReward)"), _("reward"), *_REWARD),
    ),
    code_licence="MIT",
    weights_licence="Apache-2.0",
    source="Wu et al. 2025, EditReward; Bai et al. 2025, Qwen2.5-VL",
    family="Qwen2.5-VL",
    settings=(
        Setting(
            "source",
            "TIGER-Lab/EditReward-Qwen2.5-VL-7B@51b92ab5246295637c4ab3bd71e54a26f0a5189d",
            _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with model.safetensors or model.pth."),
        ),
        Setting("base", "Qwen/Qwen2.5-VL-7B-Instruct@cc594898137f460bfe9f0759e9844b3ce807cfb5", _BASE),
        Setting("wording", "", _WORDING),
        Setting(
            "pooling",
            "mean",
            _("How the two heads become one number; the published models take the mean."),
            choices=("mean", "min", "sum"),
        ),
        _PRECISION,
    ),
)

CARDS: tuple[ScorerFacts, ...] = (HPSV3, VIDEOREWARD, EDITREWARD)
