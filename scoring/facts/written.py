"""Cards of the scorers whose numbers are read from what a model writes, and of VideoScore, the first of its line."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts, Setting

IMAGE, VIDEO = frozenset({"image"}), frozenset({"video"})


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


VIDEOSCORE = ScorerFacts(
    name="videoscore",
    path="scoring.scorers.videoscore:VideoScore",
    version="1",
    kind="model",
    queue="gpu",
    title=_("VideoScore"),
    judges=_(
        "A generated video on five points, as people rated them: looks, steadiness, motion, prompt, plausibility."
    ),
    formula=_(
        "Idefics2 reads a question with the prompt and the frames 0, s, 2s … of the video (s = total / 16); a linear "
        "layer on its last state gives five numbers, trained on ratings from 1 to 4 and not clipped. Without the "
        "question that the model was trained on (videoscore_template.txt beside the weights) our own wording is "
        "asked, and every score says so. Several videos: the mean."
    ),
    needs=Needs(media=VIDEO, prompt_text=True),
    outputs=(
        Output("videoscore_visual", _("VideoScore, visual quality"), "points", -100, 100),
        Output("videoscore_temporal", _("VideoScore, temporal consistency"), "points", -100, 100),
        Output("videoscore_dynamic", _("VideoScore, dynamic degree"), "points", -100, 100),
        Output("videoscore_alignment", _("VideoScore, text-to-video alignment"), "points", -100, 100),
        Output("videoscore_factual", _("VideoScore, factual consistency"), "points", -100, 100),
    ),
    code_licence="Apache-2.0",
    weights_licence="MIT (v1.1), Apache-2.0 (v1)",
    source="He et al. 2024, VideoScore",
    settings=(
        Setting(
            "source",
            "",
            _("Weights: TIGER-Lab/VideoScore@COMMIT or TIGER-Lab/VideoScore-v1.1@COMMIT on the Hub, or a folder."),
        ),
        Setting("frames", "16", _("Frames of a video, 1 to 48; v1 was made for 16, v1.1 takes up to 48.")),
        Setting("template", "", _("The question with {prompt} in it, where none lies beside the weights.")),
        Setting("precision", "float32", _("float32; bfloat16, as the authors run it, on a GPU.")),
    ),
    family="VideoScore",
)

_ENDPOINT = Setting(
    "endpoint", "", _("A name in the file of endpoints, where the model is served; empty for one on the workers.")
)
_MODEL = Setting("model", "", _("What the endpoint calls the model."))
_PRECISION = Setting("precision", "bfloat16", _("Of a model on the workers: bfloat16, float32 or float16."))


def _source(where: str) -> Setting:
    return Setting("source", "", where)


EDITSCORE = ScorerFacts(
    name="editscore",
    path="scoring.scorers.editscore:EditScore",
    version="1",
    kind="model",
    queue="gpu",
    title=_("EditScore"),
    judges=_("Whether an edit did what its instruction says and nothing else, and how well it is made."),
    formula=_(
        "A tuned model writes two scores from 0 to 25 for source and edit (success, restraint) and two for the edit "
        "(naturalness, freedom from artefacts). SC and PQ are the smaller of each two, over 2.5; the score is "
        "√(SC · PQ). Asked K times with seeds one after another: average_last is the mean of the K scores, "
        "average_first √(mean SC · mean PQ); the deviation over the K is the spread. An answer that cannot be read "
        "fails the sample. Every score says whether the trained wording was used or our own."
    ),
    needs=Needs(media=IMAGE, prompt_text=True, roles=("source",)),
    outputs=(
        Output("editscore", _("EditScore"), "points", 0, 10),
        Output("editscore_following", _("EditScore, following (SC)"), "points", 0, 10),
        Output("editscore_quality", _("EditScore, quality (PQ)"), "points", 0, 10),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Luo et al. 2025, EditScore",
    settings=(
        _source(
            _("The model that the adapter was trained on, or one with it merged in: OWNER/NAME@COMMIT, or a folder.")
        ),
        Setting(
            "adapter", "", _("EditScore's adapter (LoRA): OWNER/NAME@COMMIT on the Hub, or a folder; empty for none.")
        ),
        _ENDPOINT,
        _MODEL,
        Setting("passes", "1", _("How often each question is asked, 1 to 64; the authors report 1 and 4.")),
        Setting("ensemble", "average_last", _("How the passes are put together."), ("average_last", "average_first")),
        Setting(
            "quality_sees",
            "edit",
            _("What the question about quality shows: the edit, as the authors' evaluate; both, as batch_evaluate."),
            ("edit", "both"),
        ),
        Setting("seed", "42", _("Of the first pass; the next has the next.")),
        _PRECISION,
    ),
    family="EditScore",
)

VIDEOSCORE2 = ScorerFacts(
    name="videoscore2",
    path="scoring.scorers.videoscore2:VideoScore2",
    version="1",
    kind="model",
    queue="gpu",
    title=_("VideoScore2"),
    judges=_("How well a generated video is made, shows its prompt and keeps to what can happen."),
    formula=_(
        "A tuned model gives reasons and then three whole numbers from 1 to 5. The soft score of each is the likeliest "
        "digit times its probability among 1 to 5, after the temperature of 0.7; it is no expectation. Frames, two a "
        "second, are shown as pictures, not as the authors' video tokens, so that their numbers are near and not "
        "equal. Asked K times: the mean, with the deviation as spread. An answer that cannot be read fails the sample."
    ),
    needs=Needs(media=VIDEO, prompt_text=True),
    outputs=(
        Output("videoscore2_quality", _("VideoScore2, visual quality"), "points", 1, 5),
        Output("videoscore2_alignment", _("VideoScore2, text-to-video alignment"), "points", 1, 5),
        Output("videoscore2_consistency", _("VideoScore2, physical consistency"), "points", 1, 5),
        Output("videoscore2_quality_soft", _("VideoScore2, visual quality, soft"), "points", 0, 5),
        Output("videoscore2_alignment_soft", _("VideoScore2, text-to-video alignment, soft"), "points", 0, 5),
        Output("videoscore2_consistency_soft", _("VideoScore2, physical consistency, soft"), "points", 0, 5),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="He et al. 2025, VideoScore2",
    settings=(
        _source(_("Weights: TIGER-Lab/VideoScore2@COMMIT on the Hub, or a folder.")),
        _ENDPOINT,
        _MODEL,
        Setting("passes", "1", _("How often each video is judged, 1 to 64.")),
        Setting("seed", "42", _("Of the first pass; the next has the next.")),
        Setting("rate", "2", _("Frames shown of each second.")),
        Setting("most_frames", "64", _("Frames shown of a long video, 4 to 256.")),
        _PRECISION,
    ),
    family="VideoScore",
)

_CHECKLIST = Setting(
    "checklist",
    "",
    _("The folder of VisionReward's questions and weights, where they lie neither beside the weights nor in wordings."),
)
_ANSWERS = Setting(
    "answers",
    "word",
    _("word: yes is +1 and no is −1, as published; probability: 2p − 1 for the probability p of yes, with a spread."),
    ("word", "probability"),
)
_VISIONREWARD = _(
    "A model of transformers in safetensors. The released CogVLM2 needs code of its own, which is refused: serve it."
)
VISIONREWARD_IMAGE = ScorerFacts(
    name="visionreward_image",
    path="scoring.scorers.visionreward:VisionRewardImage",
    version="1",
    kind="model",
    queue="gpu",
    title=_("VisionReward, pictures"),
    judges=_("A picture by 27 yes-or-no questions with weights, and by its agreement with the prompt."),
    formula=_(
        "Each question is asked alone, greedily; yes is +1, no is −1, anything else fails the sample. Three more "
        "questions (body, face, hands) silence those that depend on them. The checklist's score is the sum of weight "
        "times answer; VisionReward is that sum with VQAScore as one more member, where its weights are named (the "
        "coefficients were fitted to CLIP-FlanT5-XXL). What each question added stands with the score. The questions "
        "and weights are the authors' files, never ours."
    ),
    needs=Needs(media=IMAGE, prompt_text=True),
    outputs=(
        Output("visionreward_image_checklist", _("VisionReward, the questions alone"), "points", -100, 100),
        Output("visionreward_image", _("VisionReward, pictures"), "points", -100, 100),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0 and the Llama 3 Community License",
    source="Xu et al. 2024, VisionReward",
    settings=(
        _source(_VISIONREWARD),
        _ENDPOINT,
        _MODEL,
        _CHECKLIST,
        _ANSWERS,
        Setting("alignment_source", "", _("Weights of VQAScore for the whole score; empty for the questions alone.")),
        Setting("alignment_vision", "", _("VQAScore's picture tower, where it is not the usual one.")),
        _PRECISION,
    ),
    family="VisionReward",
)

VISIONREWARD_VIDEO = ScorerFacts(
    name="visionreward_video",
    path="scoring.scorers.visionreward:VisionRewardVideo",
    version="1",
    kind="model",
    queue="gpu",
    title=_("VisionReward, videos"),
    judges=_("A video by 29 yes-or-no questions with weights, the prompt in each."),
    formula=_(
        "Each question is asked alone, greedily; yes is +1, no is −1, anything else fails the sample. The score is the "
        "mean of weight times answer over the 29. What each question added stands with the score. The questions and "
        "weights are the authors' files, never ours. Frames: one a second, 24 at most."
    ),
    needs=Needs(media=VIDEO, prompt_text=True),
    outputs=(Output("visionreward_video", _("VisionReward, videos"), "points", -100, 100),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0 and the Llama 3 Community License",
    source="Xu et al. 2024, VisionReward",
    settings=(_source(_VISIONREWARD), _ENDPOINT, _MODEL, _CHECKLIST, _ANSWERS, _PRECISION),
    family="VisionReward",
)

CARDS: tuple[ScorerFacts, ...] = (VIDEOSCORE, EDITSCORE, VIDEOSCORE2, VISIONREWARD_IMAGE, VISIONREWARD_VIDEO)
