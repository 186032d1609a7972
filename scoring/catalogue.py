"""The dictionary of scorers: what each one is, and where a worker finds its code.

The web process reads this file; nothing here imports a model library. A new scorer is one file in
`scoring/scorers/` and one entry below. Titles and descriptions are marked for translation here and translated where
they are shown (`{% translate facts.title %}`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from scoring.scorers.base import Needs, Output, Scorer, ScorerFacts, ScorerUnavailable, Setting


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


IMAGE = frozenset({"image"})
IMAGE_OR_VIDEO = frozenset({"image", "video"})

OCR = ScorerFacts(
    name="ocr",
    path="scoring.scorers.ocr:Ocr",
    version="1",
    kind="model",
    queue="cpu",
    title=_("Text in the picture"),
    judges=_("Whether the words a prompt asks for can be read in the picture."),
    formula=_(
        "Text is read by a neural detector and recogniser, then compared with the expected text: the prompt's fact "
        "`text`, or else whatever the prompt puts in quotation marks. Both are brought to lower case without "
        "punctuation. Exact: nothing but the expected text is read. Word recall: share of expected words that were "
        "read. Similarity: 1 − edit distance / length of the longer text, spaces left out."
    ),
    needs=Needs(media=IMAGE),
    outputs=(
        Output("ocr_exact", _("Text exact"), "", 0, 1),
        Output("ocr_word_recall", _("Words found"), "", 0, 1),
        Output("ocr_similarity", _("Text similarity"), "", 0, 1),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="rapidocr (PP-OCR detector and recogniser on onnxruntime)",
)

TECHNICAL = ScorerFacts(
    name="technical",
    path="scoring.scorers.technical:Technical",
    version="1",
    kind="rule",
    queue="cpu",
    title=_("Technical measures"),
    judges=_("The picture as a signal: focus, light, colour, noise, size; for videos also motion and flicker."),
    formula=_(
        "Sharpness: variance of the Laplacian of luminance, the longer side scaled to 512 pixels. Exposure: mean "
        "closeness of the channels to middle grey. Contrast: standard deviation of luminance. Colourfulness: spread "
        "and mean of the two opponent colours. Noise: Immerkær's estimate. Blankness: share of pixels near the most "
        "common grey. Resolution in megapixels; aspect: width over height. Videos: means over evenly spaced frames; "
        "motion: deviation of the difference of neighbouring frames; flicker: second difference of mean luminance."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO),
    outputs=(
        Output("technical_sharpness", _("Sharpness"), "grey levels²", 0, 1_040_400),
        Output("technical_exposure", _("Exposure"), "", 0, 1),
        Output("technical_contrast", _("Contrast"), "", 0, 0.5),
        Output("technical_colourfulness", _("Colourfulness"), "", 0, 470),
        Output("technical_noise", _("Noise"), "grey levels", 0, 426.2, higher_is_better=False),
        Output("technical_blankness", _("Blankness"), "", 0, 1, higher_is_better=False),
        Output("technical_resolution", _("Resolution"), "megapixels", 0, 10_000),
        Output("technical_aspect", _("Aspect"), "width / height", 0, 100_000),
        Output("technical_motion", _("Motion"), "grey levels", 0, 255),
        Output("technical_flicker", _("Flicker"), "grey levels", 0, 510, higher_is_better=False),
    ),
    code_licence="Apache-2.0",
    weights_licence="",
    source="Pech-Pacheco 2000; Mertens 2007; Peli 1990; Hasler and Süsstrunk 2003; Immerkær 1996; ITU-T P.910",
)

NEAR_DUPLICATE = ScorerFacts(
    name="near_duplicate",
    path="scoring.scorers.near_duplicate:NearDuplicate",
    version="1",
    kind="rule",
    queue="cpu",
    title=_("Near duplicates in the group"),
    judges=_("Whether another sample of the same prompt shows almost the same picture, cropped or re-encoded."),
    formula=_(
        "The highest similarity of the sample's perceptual hashes to those of any other sample of its prompt; "
        "1 is the same picture."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO),
    outputs=(Output("near_duplicate", _("Near duplicate"), "", 0, 1, higher_is_better=False),),
    code_licence="Apache-2.0",
    weights_licence="",
    source="discrete-cosine perceptual hashes of the picture and of windows inside it",
    scope="group",
)

TEXT_RULES = ScorerFacts(
    name="text_rules",
    path="scoring.scorers.text_rules:TextRules",
    version="1",
    kind="rule",
    queue="cpu",
    title=_("Length and format of a text"),
    judges=_("How long a text answer is, whether it keeps the stated form, and how much it repeats itself."),
    formula=_(
        "Characters: Unicode code points without surrounding space. Words: runs of letters and digits, each ideograph "
        "a word. Format: 1 when the answer is not empty and keeps every rule of the prompt's fact `format`, else 0. "
        "Repetition: share of three-word sequences that occurred before."
    ),
    needs=Needs(answer_text=True),
    outputs=(
        Output("text_characters", _("Characters"), "characters", 0, 1e9),
        Output("text_words", _("Words"), "words", 0, 1e9),
        Output("text_format", _("Keeps the format"), "", 0, 1),
        Output("text_repetition", _("Repetition"), "", 0, 1, higher_is_better=False),
    ),
    code_licence="Apache-2.0",
    weights_licence="",
    source="own rules",
)

EXACT_MATCH = ScorerFacts(
    name="exact_match",
    path="scoring.scorers.exact_match:ExactMatch",
    version="1",
    kind="rule",
    queue="cpu",
    title=_("Exact answer"),
    judges=_("Whether a text answer is one of the reference answers."),
    formula=_(
        "1 when the answer equals a reference answer after both are brought to lower case, spaces are made single and "
        "surrounding punctuation is removed; else 0."
    ),
    needs=Needs(answer_text=True),
    outputs=(Output("exact_match", _("Exact answer"), "", 0, 1),),
    code_licence="Apache-2.0",
    weights_licence="",
    source="own rule",
)

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
    outputs=(Output("clipscore", _("CLIPScore"), "2.5 × cosine", 0, 2.5),),
    code_licence="MIT",
    weights_licence="MIT",
    source="Hessel et al. 2021, CLIPScore; Radford et al. 2021, CLIP",
    settings=(
        Setting(
            "source",
            "openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41",
            _("Weights: OWNER/NAME@COMMIT on the Hub, or a folder with config and safetensors."),
        ),
        Setting("prefix", "A photo depicts ", _("Words put before every prompt; empty for none.")),
        Setting("precision", "float32", _("float32, or bfloat16 on a GPU.")),
    ),
)

CATALOGUE: Mapping[str, ScorerFacts] = {
    facts.name: facts for facts in (OCR, TECHNICAL, NEAR_DUPLICATE, TEXT_RULES, EXACT_MATCH, CLIPSCORE)
}


def facts_of(name: str) -> ScorerFacts:
    """The card of a scorer; ScorerUnavailable names those that exist."""
    if name not in CATALOGUE:
        raise ScorerUnavailable(f"There is no scorer “{name}”. There are: {', '.join(sorted(CATALOGUE))}.")
    return CATALOGUE[name]


def checked_settings(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Every setting of the scorer, the given ones over the defaults; an unknown name is refused."""
    known = {setting.name: setting.default for setting in facts_of(name).settings}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ScorerUnavailable(
            f"Scorer “{name}” has no setting “{unknown[0]}”. It has: {', '.join(sorted(known)) or 'none'}."
        )
    return {**known, **settings}


def build(name: str, settings: Mapping[str, str] | None = None) -> Scorer[Any]:
    """Imports the scorer's code and makes it, without loading weights. For workers: model libraries come with it."""
    facts = facts_of(name)
    module, _separator, class_name = facts.path.partition(":")
    scorer_class = getattr(importlib.import_module(module), class_name)
    scorer: Scorer[Any] = scorer_class(facts, **checked_settings(name, settings or {}))
    return scorer
