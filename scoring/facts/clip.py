"""Cards of the scorers that are built on CLIP."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, Published, ScorerFacts, Setting

IMAGE_OR_VIDEO = frozenset({"image", "video"})
CLIP_L = "openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41"
HPSV2_WEIGHTS = "xswu/HPSv2@697403c78157020a1ae59d23f111aa58ced35b0a"


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


PRECISION = Setting(
    "precision",
    "float32",
    _("float32; bfloat16 or float16 for a GPU: half the memory, another rater."),
    choices=("float32", "bfloat16", "float16"),
)

EACH_SHOWN = _("each picture, and each eighth of a video, where there are several")

CLIPSCORE = ScorerFacts(
    name="clipscore",
    path="scoring.scorers.clipscore:ClipScore",
    version="1",
    kind="model",
    queue="gpu",
    title=_("CLIPScore"),
    judges=_("How well the picture fits the prompt's words, by a model trained on captions."),
    formula=_(
        "2.5 × the cosine between the embeddings of the picture and of “A photo depicts ” with the prompt, negative "
        "values counted as 0. Prompts over 77 tokens are cut, and the cut is recorded. Several pictures or frames: the "
        "mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("clipscore", _("CLIPScore"), "2.5 × cosine", 0, 2.5, places=EACH_SHOWN),),
    code_licence="MIT",
    weights_licence="MIT",
    source="Hessel et al. 2021, CLIPScore; Radford et al. 2021, CLIP",
    family="OpenAI CLIP",
    settings=(
        Setting("source", CLIP_L, _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with config and safetensors.")),
        Setting("prefix", "A photo depicts ", _("Words put before every prompt; empty for none.")),
        PRECISION,
    ),
)

PICKSCORE = ScorerFacts(
    name="pickscore",
    path="scoring.scorers.pickscore:PickScore",
    version="1",
    kind="model",
    queue="gpu",
    title=_("PickScore"),
    judges=_("Which picture people would pick for the prompt, by a model trained on half a million choices."),
    formula=_(
        "exp(the weights' own logit scale, about 100) × the cosine between the embeddings of the picture and of the "
        "prompt. Ordinary pictures get 15 to 26; the chance that one of two is picked is the logistic function of the "
        "difference. Prompts over 77 tokens are cut, and the cut is recorded. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("pickscore", _("PickScore"), "exp(logit scale) × cosine", -101, 101, places=EACH_SHOWN),),
    code_licence="MIT",
    weights_licence="MIT",
    source="Kirstain et al. 2023, Pick-a-Pic",
    family="PickScore",
    settings=(
        Setting(
            "source",
            "yuvalkirstain/PickScore_v1@a4e4367c6dfa7288a00c550414478f865b875800",
            _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with config and safetensors."),
        ),
        PRECISION,
    ),
)

_HPS_FORMULA = _(
    "The cosine between the embeddings of the picture and of the prompt, without any scale; tables of the benchmark "
    "show 100 times it. Ordinary pictures get 0.2 to 0.35. The whole picture is seen, on black. Prompts over 77 tokens "
    "are cut, and the cut is recorded. Several pictures or frames: the mean."
)
_HPS_SOURCE = _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with the published file or safetensors.")

HPSV2 = ScorerFacts(
    name="hpsv2",
    path="scoring.scorers.hpsv2:HpsV2",
    version="1",
    kind="model",
    queue="gpu",
    title=_("HPSv2"),
    judges=_("How people would like the picture for the prompt, by a model trained on their rankings."),
    formula=_HPS_FORMULA,
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("hpsv2", _("HPSv2"), "cosine", -1, 1, places=EACH_SHOWN),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Wu et al. 2023, Human Preference Score v2",
    family="HPSv2",
    settings=(Setting("source", HPSV2_WEIGHTS, _HPS_SOURCE), PRECISION),
)

HPSV21 = ScorerFacts(
    name="hpsv21",
    path="scoring.scorers.hpsv2:HpsV21",
    version="1",
    kind="model",
    queue="gpu",
    title=_("HPSv2.1"),
    judges=_("As HPSv2, by a later model trained on better rankings; its numbers are of a scale of their own."),
    formula=_HPS_FORMULA,
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("hpsv21", _("HPSv2.1"), "cosine", -1, 1, places=EACH_SHOWN),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Wu et al. 2023, Human Preference Score v2; weights v2.1 of 2024",
    family="HPSv2",
    settings=(Setting("source", HPSV2_WEIGHTS, _HPS_SOURCE), PRECISION),
    published=(
        Published(
            sample="demo_image.jpg",
            prompt="A cat with two horns on its head",
            criterion="hpsv21",
            # Three digits are stated, computed in float16, perhaps before torchvision's resize was antialiased.
            value=0.288,
            tolerance=0.003,
            source="tgxs002/HPSv2, issue 30; the picture is in the wheel of hpsv2 1.2.0 below hpsv2/assets",
        ),
    ),
)

AESTHETIC = ScorerFacts(
    name="aesthetic",
    path="scoring.scorers.aesthetic:Aesthetic",
    version="1",
    kind="model",
    queue="gpu",
    title=_("LAION aesthetic"),
    judges=_("How much people like the look of the picture, whatever the prompt asks for."),
    formula=_(
        "Five linear layers on the embedding of the picture, brought to length 1. Trained on ratings from 1 to 10, and "
        "almost always within them, but nothing holds it there. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO),
    # Embeddings that are not of length 1 give 20 to 30: such a number is an error.
    outputs=(Output("aesthetic", _("LAION aesthetic"), "about 1 to 10", -10, 20),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0 AND MIT",
    source="Schuhmann 2022, improved-aesthetic-predictor; Radford et al. 2021, CLIP",
    family="OpenAI CLIP",
    settings=(
        Setting(
            "source",
            CLIP_L,
            _("Weights of the encoder, OpenAI's CLIP ViT-L/14: OWNER/NAME@COMMIT on the Hub, or a folder."),
        ),
        Setting(
            "head",
            "trl-lib/ddpo-aesthetic-predictor@cf4bd10345610935a80a5d3be9a3133c50f121e4",
            _("The head: OWNER/NAME@COMMIT on the Hub, a folder or a file."),
        ),
        PRECISION,
    ),
)

CARDS = (CLIPSCORE, PICKSCORE, HPSV2, HPSV21, AESTHETIC)
