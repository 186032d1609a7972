"""Cards of the scorers that look for faces."""

from __future__ import annotations

from scoring.scorers.base import Needs, Output, ScorerFacts, Setting


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


FACE_SIMILARITY = ScorerFacts(
    name="face_similarity",
    path="scoring.scorers.face_similarity:FaceSimilarity",
    version="1",
    kind="model",
    queue="cpu",
    title=_("Likeness of the face"),
    judges=_("Whether the picture shows the person of the prompt's reference pictures."),
    formula=_(
        "The cosine between the embeddings of two faces, SFace of faces that YuNet found: for the largest face of each "
        "reference, the most similar face of the sample; their mean. OpenCV counts 0.363 and more as one person. "
        "A sample without a face gets no likeness, only a zero for “a face is there”."
    ),
    # Not in `roles`, for the role is a setting: a prompt without pictures in it is not applicable.
    needs=Needs(media=frozenset({"image", "video"})),
    outputs=(
        Output("face_similarity", _("Likeness of the face"), _("cosine"), -1, 1),
        Output("face_present", _("A face is there"), _("share of pictures and frames"), 0, 1),
    ),
    code_licence="Apache-2.0",
    weights_licence="Apache-2.0 (SFace), MIT (YuNet)",
    source="Zhong et al. 2021, SFace; Wu et al. 2023, YuNet; OpenCV Zoo",
    family="SFace",
    settings=(
        Setting(
            "source",
            "opencv/face_recognition_sface@3d7082438a6e4551e840c9b2bb60b71e8da4b524",
            _("SFace: OWNER/NAME@COMMIT on the Hub, a folder or s3://BUCKET/PREFIX."),
        ),
        Setting(
            "detector",
            "opencv/face_detection_yunet@3cc26e7f1014a5ee5d74a42acee58bafc9d0a310",
            _("YuNet: OWNER/NAME@COMMIT on the Hub, a folder or s3://BUCKET/PREFIX."),
        ),
        Setting(
            "role",
            "reference",
            _("The role of the prompt's pictures that are compared with: reference, or source for edits."),
        ),
        Setting("confidence", "0.9", _("Below it nothing counts as a face; OpenCV's example has 0.9.")),
    ),
)

CARDS = (FACE_SIMILARITY,)
