"""Cards of the scorers learnt from what people preferred, built on CLIP and BLIP: MPS, ICT, HP, CycleReward."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts, Setting

IMAGE_OR_VIDEO = frozenset({"image", "video"})


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


PRECISION = Setting(
    "precision",
    "float32",
    _("float32; bfloat16 or float16 for a GPU: half the memory, another rater."),
    choices=("float32", "bfloat16", "float16"),
)

ICT = ScorerFacts(
    name="ict",
    path="scoring.scorers.icthp:Ict",
    version="1",
    kind="model",
    queue="gpu",
    title=_("ICT"),
    judges=_("How much of the prompt the picture contains, without a penalty for what it shows beside it."),
    formula=_(
        "The cosine between the embeddings of the picture and of the prompt, without any scale, by a CLIP trained on "
        "plain and on elaborate pictures of the same prompts. Prompts over 77 tokens are cut, and the cut is recorded. "
        "Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("ict", _("ICT"), "cosine", -1, 1),),
    code_licence="MIT",
    weights_licence="MIT",
    source="Ba et al. 2025, Enhancing Reward Models for High-quality Image Generation",
    family="ICTHP",
    settings=(
        Setting(
            "source",
            "",
            _(
                "The weights of 8y/ICT on the Hub, of which no commit is pinned here: 8y/ICT@COMMIT with all 40 "
                "digits, or a folder with pytorch_model.bin."
            ),
        ),
        PRECISION,
    ),
)

HP = ScorerFacts(
    name="hp",
    path="scoring.scorers.icthp:Hp",
    version="1",
    kind="model",
    queue="gpu",
    title=_("HP (high preference)"),
    judges=_("How good the picture looks to people, richness and detail included, whatever the prompt asks for."),
    formula=_(
        "Sigmoid of five linear layers on CLIP's embedding of the picture, which keeps its own length. Trained to put "
        "elaborate pictures above plain ones and these above rejected ones. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO),
    outputs=(Output("hp", _("HP"), "sigmoid", 0, 1),),
    code_licence="MIT",
    weights_licence="MIT",
    source="Ba et al. 2025, Enhancing Reward Models for High-quality Image Generation",
    family="ICTHP",
    settings=(
        Setting(
            "source",
            "",
            _(
                "The weights of 8y/HP on the Hub, of which no commit is pinned here: 8y/HP@COMMIT with all 40 digits, "
                "or a folder with hp_backbone/pytorch_model.bin and hp_scorer/mlp_pytorch_model.bin."
            ),
        ),
        PRECISION,
    ),
)

MPS = ScorerFacts(
    name="mps",
    path="scoring.scorers.mps:Mps",
    version="1",
    kind="model",
    queue="gpu",
    title=_("MPS (overall)"),
    judges=_("How much people would prefer the picture for the prompt, all things considered."),
    formula=_(
        "CLIP's picture asks those words of the prompt that have to do with a list of words about quality, the "
        "condition; the score is exp(the weights' own logit scale) × the cosine between what comes of it and the "
        "prompt. The paper has heads for aesthetics, alignment and detail as well; their weights were never published. "
        "Without the condition that the model was trained on (mps_condition.txt beside the weights) our own words are "
        "taken, and every score says so. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("mps", _("MPS (overall)"), "exp(logit scale) × cosine", -101, 101),),
    code_licence="MIT",
    weights_licence="MIT",
    source="Zhang et al. 2024, Learning Multi-dimensional Human Preference (MPS)",
    family="MPS",
    settings=(
        Setting(
            "source",
            "",
            _(
                "The weights, of which no commit is pinned here: RE-N-Y/mpsv1@COMMIT on the Hub with all 40 digits, or "
                "a folder with safetensors made of the authors' pickled file."
            ),
        ),
        Setting("condition", "", _("Words about quality; empty for mps_condition.txt beside the weights.")),
        Setting("threshold", "0.3", _("Words less relevant than this share are not asked; 0.01 in the model's code.")),
        PRECISION,
    ),
)

CYCLEREWARD = ScorerFacts(
    name="cyclereward",
    path="scoring.scorers.cyclereward:CycleReward",
    version="1",
    kind="model",
    queue="gpu",
    title=_("CycleReward"),
    judges=_("How well the picture and a long, detailed prompt stand for each other, learnt without people."),
    formula=_(
        "BLIP reads the prompt while it looks at the picture; five linear layers with GELU between them turn the state "
        "of its first token into one number, which is used as it is. Trained on which of two pictures, or texts, gave "
        "the original back when it was turned round. Combo is trained on both directions, T2I on pictures of texts, "
        "I2T on texts of pictures: three models, three raters. Prompts over 128 tokens are cut, and the cut is "
        "recorded. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("cyclereward", _("CycleReward"), "", -1000, 1000),),
    code_licence="MIT",
    # That of the repository whose release the weights are.
    weights_licence="MIT",
    source="Bahng et al. 2025, Cycle Consistency as Reward; Li et al. 2022, BLIP",
    family="CycleReward",
    settings=(
        Setting(
            "source",
            "",
            _(
                "The weights, of which no commit is pinned here: a folder with CycleReward-Combo.pth (or -T2I, -I2T) "
                "of the authors' release on GitHub, or NagaSaiAbhinay/CycleReward-Combo@COMMIT on the Hub, a port."
            ),
        ),
        Setting(
            "tokenizer",
            "google-bert/bert-base-uncased@86b5e0934494bd15c9632b12f734a8a67f723594",
            _("Where vocab.txt of BERT (uncased) is, unless it lies beside the weights."),
        ),
        Setting("precision", "float32", _("float32; bfloat16 or float16 on a GPU.")),
    ),
)

CARDS: tuple[ScorerFacts, ...] = (ICT, HP, MPS, CYCLEREWARD)
