"""Cards of the scorers that look at pictures alone: unsafe content, likeness to a reference, counted objects."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts, Setting

IMAGE = frozenset({"image"})
IMAGE_OR_VIDEO = frozenset({"image", "video"})


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


SOURCE_HELP = _(
    "Weights: OWNER/NAME@COMMIT on the Hub, a folder or s3://BUCKET/PREFIX, with config.json, preprocessor_config.json "
    "and safetensors."
)
PRECISION = Setting(
    "precision",
    "float32",
    _("float32; bfloat16 or float16 for a GPU: half the memory, another rater."),
    choices=("float32", "bfloat16", "float16"),
)

UNSAFE = ScorerFacts(
    name="unsafe",
    path="scoring.scorers.unsafe:Unsafe",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Unsafe content"),
    judges=_("How likely it is that the picture shows sexual content, by a classifier trained for that."),
    formula=_(
        "Softmax of a vision transformer's classes, summed over the labels that stand for unsafe content. Several "
        "pictures, or the frames of a video: the worst one; which one it is, is kept with the number."
    ),
    needs=Needs(media=IMAGE_OR_VIDEO),
    outputs=(Output("unsafe", _("Unsafe content"), _("probability"), 0, 1, higher_is_better=False),),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Falconsai/nsfw_image_detection; Dosovitskiy et al. 2021, An Image is Worth 16x16 Words",
    family="falconsai-nsfw",
    settings=(
        Setting("source", "Falconsai/nsfw_image_detection@04367978d3474804ab1a00a9bd6548b741764069", SOURCE_HELP),
        Setting("labels", "nsfw", _("The model's labels that stand for unsafe content, between commas.")),
        PRECISION,
    ),
)

DINO_SIMILARITY = ScorerFacts(
    name="dino_similarity",
    path="scoring.scorers.dino:DinoSimilarity",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Likeness to the reference (DINO)"),
    judges=_("Whether the picture shows the same subject as the prompt's reference pictures, whatever the words say."),
    formula=_(
        "Cosine between the embeddings of the picture and of a reference, by a self-supervised vision transformer. "
        "Several pictures, frames or references: the mean over all pairs."
    ),
    # Not in `roles`, for the role is a setting: a prompt without pictures in it is not applicable.
    needs=Needs(media=IMAGE_OR_VIDEO),
    outputs=(
        Output(
            "dino_similarity",
            _("Likeness to the reference"),
            _("cosine"),
            -1,
            1,
            places=_("heatmap, where the setting asks for it: each patch's largest cosine to a patch of a reference"),
        ),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Ruiz et al. 2023, DreamBooth; Caron et al. 2021, DINO; Oquab et al. 2023, DINOv2",
    family="dino",
    settings=(
        Setting("source", "facebook/dino-vits16@abe3b354cb6a9b6f146096b14a4a9d7eecbcb4bd", SOURCE_HELP),
        Setting(
            "role",
            "reference",
            _("The role of the prompt's pictures that are compared with: reference, or source for edits."),
        ),
        Setting(
            "pooling",
            "cls",
            _("cls: the token of the whole picture; patches: the mean over its parts."),
            choices=("cls", "patches"),
        ),
        Setting(
            "heatmap",
            "none",
            _("patches: where in a picture the likeness is, beside its number; nothing is then remembered of it."),
            choices=("none", "patches"),
        ),
        PRECISION,
    ),
)

OBJECT_CHECKS = ScorerFacts(
    name="object_checks",
    path="scoring.scorers.objects:ObjectChecks",
    version="1",
    kind="model",
    queue="gpu",
    title=_("Object checks"),
    judges=_("Whether the objects a prompt asks for are in the picture: how many, in which colour, in which place."),
    formula=_(
        "A detector finds boxes; each count, colour, place and exclusion in the prompt's facts `objects` and "
        "`excluded` is a requirement. Strict: 1 when all hold, else 0. Partial: the mean over the requirements, where "
        "a count of k instead of n gives max(0, 1 − |n − k| / n). A colour is the commonest of eleven names in the "
        "middle of a box. Several pictures: the mean."
    ),
    needs=Needs(media=IMAGE, facts=("objects", "excluded")),
    outputs=(
        Output("objects_strict", _("All objects right"), "", 0, 1),
        Output(
            "objects_partial",
            _("Objects right, in part"),
            "",
            0,
            1,
            places=_("boxes: each object that counts, with the detector's confidence"),
        ),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0",
    source="Ghosh et al. 2023, GenEval; Carion et al. 2020, DETR; Minderer et al. 2023, OWLv2",
    family="detr-resnet-50",
    settings=(
        Setting("source", "facebook/detr-resnet-50@1d5f47bd3bdd2c4bbfa585418ffe6da5028b4c0b", SOURCE_HELP),
        Setting("threshold", "0.3", _("Confidence above which an object counts, 0 to 1.")),
        Setting(
            "counting_threshold",
            "0.9",
            _("Confidence above which an object counts where more than one, or no more than some, are asked for."),
        ),
        Setting("most", "16", _("Objects of a class that are looked at, the most confident ones.")),
        Setting("margin", "0.1", _("Share of both sizes by which objects must be apart to be left of, above …")),
        Setting(
            "overlap",
            "1",
            _("Boxes of a class that overlap more than this are one object; 1 keeps all, 0.5 suits OWLv2."),
        ),
        Setting(
            "counting",
            "exact",
            _("exact: no more than asked for; at_least: more do not matter, as in GenEval's own script."),
            choices=("exact", "at_least"),
        ),
        PRECISION,
    ),
)

CARDS: tuple[ScorerFacts, ...] = (UNSAFE, DINO_SIMILARITY, OBJECT_CHECKS)
