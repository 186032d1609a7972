"""Cards of the scorers that go back from the output to what was asked."""

from __future__ import annotations

from scoring.facts.language import IMAGE_OR_VIDEO
from scoring.scorers.base import CYCLE, Needs, Output, ScorerFacts, Setting


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


_PARTS = _(
    "spans of the prompt: the log-probability of each token, summed where a letter has several; several pictures or a "
    "video: box around each picture, interval for each eighth of a video"
)

CAPTION_LIKELIHOOD = ScorerFacts(
    name="caption_likelihood",
    path="scoring.scorers.caption_likelihood:CaptionLikelihood",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Likelihood of the prompt, given the picture"),
    judges=_("Whether the prompt could be read off the picture again, by any chat model that sees."),
    formula=_(
        "The model is asked what the picture shows, and the prompt's text is taken for its answer: the mean "
        "log-probability of the text's tokens, in nats; 0 is certainty. With the contrast, also the difference to the "
        "same of an even grey of the same size: what the picture adds to what words make likely by themselves. Prompts "
        "over the stated number of tokens are cut, and the cut is recorded. Several pictures or frames: the mean."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(
        Output("caption_likelihood", _("Likelihood of the prompt"), _("nats a token"), -1000, 0, places=_PARTS),
        Output("caption_contrast", _("What the picture adds"), _("nats a token"), -1000, 1000, places=_PARTS),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Bai et al. 2024, Qwen2-VL (the default model); Church and Hanks 1990, pointwise mutual information",
    settings=(
        Setting(
            "source",
            "Qwen/Qwen2-VL-2B-Instruct@895c3a49bc3fa70a340399125c650a463535e71c",
            _("Any image-and-text model in safetensors: OWNER/NAME@COMMIT on the Hub, or a folder. Mind its licence."),
        ),
        Setting(
            "question",
            "Write down what this picture shows, as briefly or as fully as it needs.",
            _("Asked about every picture, without the prompt. No model was trained on this wording."),
        ),
        Setting(
            "contrast",
            "none",
            _("grey: also says how much likelier the picture makes the prompt than an even grey; takes twice as long."),
            ("none", "grey"),
        ),
        Setting("most_tokens", "512", _("Longer prompts are cut to so many tokens.")),
        Setting("longest_side", "1024", _("Larger pictures are made smaller first (pixels); 0 for never.")),
        Setting("precision", "float32", _("float32; bfloat16 or float16 on a GPU.")),
    ),
    family="Qwen2-VL",
    independence=CYCLE,
)

CAPTION_ANSWERS = ScorerFacts(
    name="caption_answers",
    path="scoring.scorers.caption_answers:CaptionAnswers",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Answers from a description"),
    judges=_(
        "How much of the prompt is in what a model writes about the picture or video, without knowing the prompt."
    ),
    formula=_(
        "A model that sees describes the picture or video; it is not told the prompt. Then it reads its description, "
        "without the picture, and answers each question of the prompt's fact “checklist”, or whether what was "
        "described is what the prompt asks for: P(yes) over P(yes) and P(no) at the first token. The mean over the "
        "questions."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO, prompt_text=True),
    outputs=(Output("caption_answers", _("Answers from a description"), _("probability"), 0, 1),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Hu et al. 2023, TIFA (questions to a picture); Bai et al. 2024, Qwen2-VL (the default model)",
    settings=(
        Setting(
            "source",
            "Qwen/Qwen2-VL-2B-Instruct@895c3a49bc3fa70a340399125c650a463535e71c",
            _("Any image-and-text model in safetensors: OWNER/NAME@COMMIT on the Hub, or a folder. Mind its licence."),
        ),
        Setting(
            "endpoint", "", _("A name in the file of endpoints, where the model is served; it must give probabilities.")
        ),
        Setting("model", "", _("What the endpoint calls the model.")),
        Setting(
            "description",
            "Describe everything that can be seen: things and how many of each, colours, places, writing, style.",
            _("Asked about every picture or video, without the prompt. No model was trained on this wording."),
        ),
        Setting(
            "question",
            "Does it match “{prompt}” in every point?",
            _("Asked of the description where the prompt has no checklist, with {prompt} once."),
        ),
        Setting("most_tokens", "300", _("Tokens of a description, 8 to 4096; one that is not finished is a failure.")),
        Setting("precision", "bfloat16", _("Of a model on the workers: bfloat16, float32 or float16.")),
    ),
    family="Qwen2-VL",
    independence=CYCLE,
)

CONTROL_EDGES = ScorerFacts(
    name="control_edges",
    path="scoring.scorers.control_edges:ControlEdges",
    version="1",
    kind="rule",
    queue="cpu",
    title=_("Edges of the control picture"),
    judges=_("Whether a picture made to an edge map has its edges where the map says."),
    formula=_(
        "Canny's edges (thresholds 100 and 200) of the picture, brought to the size of the control picture, are held "
        "against its light lines. Precision: the share of found edge pixels within the tolerance of a line; recall: "
        "the share of the lines' pixels within it of a found edge; the score is their harmonic mean. Several pictures: "
        "the mean. A prompt whose fact “control” names another kind of control is left out."
    ),
    needs=Needs(media=frozenset({"image"}), roles=("control",)),
    outputs=(
        Output("control_edges", _("Edges of the control picture"), _("share"), 0, 1),
        Output("control_edges_precision", _("Edges that the control picture has"), _("share"), 0, 1),
        Output("control_edges_recall", _("The control picture's edges that are there"), _("share"), 0, 1),
    ),
    code_licence="Apache-2.0",
    weights_licence="",
    source="Canny 1986; Martin, Fowlkes and Malik 2004 (boundary precision and recall); Zhang et al. 2023, ControlNet",
    settings=(
        Setting(
            "tolerance", "2", _("How far an edge may be from its line, in pixels of the control picture; 0 to 32.")
        ),
        Setting(
            "map",
            "lines",
            _("lines: the control picture is an edge map, light on dark; picture: its own edges are found first."),
            ("lines", "picture"),
        ),
    ),
    independence=CYCLE,
)

CARDS: tuple[ScorerFacts, ...] = (CAPTION_LIKELIHOOD, CAPTION_ANSWERS, CONTROL_EDGES)
