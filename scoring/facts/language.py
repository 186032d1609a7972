"""Cards of the scorers that read picture and words together: ImageReward, VQAScore and other yes-token scorers."""

from __future__ import annotations

from scoring.facts.clip import EACH_SHOWN
from scoring.scorers.base import Needs, Output, Published, ScorerFacts, Setting

IMAGE_OR_VIDEO = frozenset({"image", "video"})


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


_OCEAN = "a painting of an ocean with clouds and birds, day time, low depth field effect"
_GOLDEN = {
    "1.webp": 0.5811622738838196,
    "2.webp": 0.2745276093482971,
    "3.webp": -1.4131819009780884,
    "4.webp": -2.029569625854492,
}

IMAGEREWARD = ScorerFacts(
    name="imagereward",
    path="scoring.scorers.imagereward:ImageReward",
    version="1",
    kind="model",
    queue="gpu",
    title=_("ImageReward"),
    judges=_("How much people would like the picture as an answer to its prompt, learnt from ranked pictures."),
    formula=_(
        "BLIP reads the prompt while it looks at the picture; five linear layers turn the state of its first token "
        "into one number, which is shifted by 0.1672 and divided by 1.0333, the mean and deviation of the training "
        "data: about −2.3 to 2. Prompts over 35 tokens are cut, and the cut is recorded. Several pictures or frames: "
        "the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("imagereward", _("ImageReward"), "deviations", -100, 100, places=EACH_SHOWN),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Xu et al. 2023, ImageReward; Li et al. 2022, BLIP",
    settings=(
        Setting(
            "source",
            "zai-org/ImageReward@5736be03b2652728fb87788c9797b0570450ab72",
            _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with ImageReward.pt and med_config.json."),
        ),
        Setting(
            "tokenizer",
            "google-bert/bert-base-uncased@86b5e0934494bd15c9632b12f734a8a67f723594",
            _("Where vocab.txt of BERT (uncased) is, unless it lies beside the weights."),
        ),
        Setting("precision", "float32", _("float32; bfloat16 or float16 on a GPU.")),
    ),
    family="ImageReward",
    published=tuple(
        Published(name, _OCEAN, "imagereward", value, 5e-3, "README of zai-org/ImageReward")
        for name, value in _GOLDEN.items()
    ),
)

VQASCORE = ScorerFacts(
    name="vqascore",
    path="scoring.scorers.vqascore:VqaScore",
    version="1",
    kind="model",
    queue="gpu",
    title=_("VQAScore"),
    judges=_("Whether the picture shows what the prompt says, asked as a question, composition included."),
    formula=_(
        "The picture, padded to a square, and a question with the prompt in it go into CLIP-FlanT5. The score is the "
        "square root of the probability of “Yes” times that of the end after it. Without the question that the model "
        "was trained on (vqascore_template.txt beside the weights) our own wording is asked, and every score says so. "
        "Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("vqascore", _("VQAScore"), "probability", 0, 1, places=EACH_SHOWN),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Lin et al. 2024, VQAScore",
    settings=(
        Setting(
            "source",
            "zhiqiulin/clip-flant5-xl@3b4a6b1b618f4e286f5353b5b5147a3ae7d9ec55",
            _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with config.json and tensors."),
        ),
        Setting(
            "vision",
            "openai/clip-vit-large-patch14-336@ce19dc912ca5cd21c8a653c79e251e808ccabcd1",
            _("Where config.json and preprocessor_config.json of the picture tower are."),
        ),
        Setting(
            "tokenizer",
            "google/flan-t5-xl@7d6315df2c2fb742f0f5b556879d730926ca9001",
            _("Where tokenizer.json of Flan-T5 is, unless it lies beside the weights."),
        ),
        Setting("template", "", _("The question, with <image> and {prompt} once each; empty for the model's own.")),
        Setting("precision", "float32", _("float32; bfloat16 on a GPU, as its authors run it.")),
    ),
    family="CLIP-FlanT5",
)

YES_TOKEN = ScorerFacts(
    name="yes_token",
    path="scoring.scorers.yes_token:YesToken",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Yes or no, asked of a model"),
    judges=_("Whatever the question asks about the picture and its prompt, by any chat model that sees."),
    formula=_(
        "The model is asked one question about each picture. first-token: the probability that its answer begins with "
        "Yes. normalised: that, over the sum of Yes and No. geometric: the geometric mean of the probabilities of the "
        "answer's tokens and of its end. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("yes_token", _("Yes"), "probability", 0, 1, places=EACH_SHOWN),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Lin et al. 2024, VQAScore; Bai et al. 2024, Qwen2-VL (the default model)",
    settings=(
        Setting(
            "source",
            "Qwen/Qwen2-VL-2B-Instruct@895c3a49bc3fa70a340399125c650a463535e71c",
            _("Any image-and-text model in safetensors: OWNER/NAME@COMMIT on the Hub, or a folder. Mind its licence."),
        ),
        Setting(
            "question",
            "Does this picture show the following? “{prompt}” Answer with one word, Yes or No.",
            _("Asked about every picture, with {prompt} once."),
        ),
        Setting("yes", "Yes", _("Answers that mean yes, with | between several.")),
        Setting("no", "No", _("Answers that mean no, with | between several.")),
        Setting(
            "rule", "normalised", _("How probabilities become a score."), ("normalised", "first-token", "geometric")
        ),
        Setting("longest_side", "1024", _("Larger pictures are made smaller first (pixels); 0 for never.")),
        Setting("precision", "float32", _("float32; bfloat16 or float16 on a GPU.")),
    ),
    family="Qwen2-VL",
)

CARDS = (IMAGEREWARD, VQASCORE, YES_TOKEN)
