"""Cards of the rules, and of the reader of text whose weights are in its wheel."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts

IMAGE = frozenset({"image"})
IMAGE_OR_VIDEO = frozenset({"image", "video"})


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


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
        Output(
            "ocr_word_recall",
            _("Words found"),
            "",
            0,
            1,
            places=_("spans: each expected word where it stands in the prompt, 1 where it was read and 0 where not"),
        ),
        Output(
            "ocr_similarity",
            _("Text similarity"),
            "",
            0,
            1,
            places=_("boxes: each line that was read, with the recogniser's confidence"),
        ),
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
        Output(
            "technical_sharpness",
            _("Sharpness"),
            "grey levels²",
            0,
            1_040_400,
            places=_("heatmap: the same within each cell of a picture, 8 along the longer side"),
        ),
        Output("technical_exposure", _("Exposure"), "", 0, 1),
        Output("technical_contrast", _("Contrast"), "", 0, 0.5),
        Output("technical_colourfulness", _("Colourfulness"), "", 0, 470),
        Output("technical_noise", _("Noise"), "grey levels", 0, 426.2, higher_is_better=False),
        Output("technical_blankness", _("Blankness"), "", 0, 1, higher_is_better=False),
        Output("technical_resolution", _("Resolution"), "megapixels", 0, 10_000),
        Output("technical_aspect", _("Aspect"), "width / height", 0, 100_000),
        Output(
            "technical_motion",
            _("Motion"),
            "grey levels",
            0,
            255,
            places=_("intervals: from each looked-at frame to the next"),
        ),
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

CARDS = (OCR, TECHNICAL, NEAR_DUPLICATE, TEXT_RULES, EXACT_MATCH)
