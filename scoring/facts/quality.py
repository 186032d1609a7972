"""Cards of the scorers of how a picture looks, whatever it shows: aesthetic v2.5 and CLIP-IQA."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts, Setting
from scoring.scorers.clip_iqa_pairs import OWN, criterion_of

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

AESTHETIC25 = ScorerFacts(
    name="aesthetic25",
    path="scoring.scorers.aesthetic25:Aesthetic25",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Aesthetic v2.5"),
    judges=_("How much people like the look of the picture, illustrations included, whatever the prompt asks for."),
    formula=_(
        "Five linear layers on SigLIP's embedding of the picture, brought to length 1. The whole picture is squashed "
        "to a square, nothing is cut. Trained on ratings from 1 to 10, of which 5.5 and more are called good, but "
        "nothing holds it there. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO),
    # Embeddings that are not of length 1 give far larger numbers: such a number is an error.
    outputs=(Output("aesthetic25", _("Aesthetic v2.5"), "about 1 to 10", -10, 20),),
    code_licence="Apache-2.0",
    # The head lies in a repository under the AGPL; we ship neither it nor any code of that repository.
    weights_licence="Apache-2.0 AND AGPL-3.0-only",
    source="discus0434 2024, Aesthetic Predictor V2.5; Zhai et al. 2023, SigLIP",
    family="SigLIP",
    settings=(
        Setting(
            "source",
            "google/siglip-so400m-patch14-384@9fdffc58afc957d1a03a25b10dba0329ab15c2a3",
            _("Weights of the encoder, SigLIP so400m/14 at 384 pixels: OWNER/NAME@COMMIT on the Hub, or a folder."),
        ),
        Setting(
            "head",
            "",
            _(
                "The head, aesthetic_predictor_v2_5.pth of discus0434's repository on GitHub: the path of the file, or "
                "a folder with it. It is not on the Hub under a commit known here, so that you must name it."
            ),
        ),
        PRECISION,
    ),
)

# For people: what more of each number means. Most are descriptions, of which neither end is the better one.
_TITLES = {
    "quality": _("CLIP-IQA: good, not bad"),
    "brightness": _("CLIP-IQA: bright, not dark"),
    "noisiness": _("CLIP-IQA: clean, not noisy"),
    "colorfullness": _("CLIP-IQA: colourful, not dull"),
    "sharpness": _("CLIP-IQA: sharp, not blurry"),
    "contrast": _("CLIP-IQA: high contrast, not low"),
    "complexity": _("CLIP-IQA: complex, not simple"),
    "natural": _("CLIP-IQA: natural, not synthetic"),
    "happy": _("CLIP-IQA: happy, not sad"),
    "scary": _("CLIP-IQA: scary, not peaceful"),
    "new": _("CLIP-IQA: new, not old"),
    "warm": _("CLIP-IQA: warm, not cold"),
    "real": _("CLIP-IQA: real, not abstract"),
    "beautiful": _("CLIP-IQA: beautiful, not ugly"),
    "lonely": _("CLIP-IQA: lonely, not sociable"),
    "relaxing": _("CLIP-IQA: relaxing, not stressful"),
    OWN: _("CLIP-IQA: words of one's own"),
}

CLIP_IQA = ScorerFacts(
    name="clip_iqa",
    path="scoring.scorers.clip_iqa:ClipIqa",
    version="1",
    kind="model",
    queue="gpu",
    title=_("CLIP-IQA"),
    judges=_("Whether the picture looks more like a good photo or a bad one, or like either side of another pair."),
    formula=_(
        "Softmax over the pair of exp(the weights' own logit scale, 100) × the cosine between the embeddings of the "
        "picture and of the words; the share of the better words. The picture is seen at its own size by a ResNet-50 "
        "without position embedding, as piq and torchmetrics do it. Two other things have this name and other scales: "
        "pyiqa's average over several pairs, and CLIP-IQA+, whose words are trained. Several pictures or frames: the "
        "mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO),
    outputs=tuple(Output(criterion_of(name), title, _("probability"), 0, 1) for name, title in _TITLES.items()),
    code_licence="Apache-2.0",
    weights_licence="MIT",
    source="Wang, Chan and Loy 2023, CLIP-IQA; piq 0.8; torchmetrics 1.9; Radford et al. 2021, CLIP",
    family="OpenAI CLIP",
    settings=(
        Setting(
            "source",
            "timm/resnet50_clip.openai@ec3d92cf63a5f9d591f0d611b736895966c73076",
            _("Weights of OpenAI's ResNet-50 CLIP: OWNER/NAME@COMMIT on the Hub, or a folder."),
        ),
        Setting(
            "pairs",
            "quality",
            _(
                "Which pairs, with commas between: quality, brightness, noisiness, colorfullness, sharpness, contrast, "
                "complexity, natural, happy, scary, new, warm, real, beautiful, lonely, relaxing."
            ),
        ),
        Setting("own", "", _("A pair of your own: the better words, a bar |, the worse ones; empty for none.")),
        Setting("tiles", "0", _("Also a heatmap of so many tiles each way, up to 16, each seen alone; 0 for none.")),
        Setting(
            "longest_side",
            "0",
            _("Larger pictures are made smaller first (pixels), which is another rater; 0 for never, as published."),
        ),
        PRECISION,
    ),
)

CARDS: tuple[ScorerFacts, ...] = (AESTHETIC25, CLIP_IQA)
