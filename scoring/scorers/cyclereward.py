"""CycleReward: how well a picture and its prompt stand for each other, learnt without people.

Source: Bahng, Chan, Durand and Isola, "Cycle Consistency as Reward: Learning Image-Text Alignment without Human
Preferences", ICCV 2025, and the package cyclereward 0.1.7. Of two pictures of a text (or two texts of a picture) that
one was preferred from which the original came back more like itself. ImageReward's network with a longer reading and
GELU between the layers of its head; the number is used as it is, without a mean and a deviation.
"""

from __future__ import annotations

from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.blip_model import BlipFiles, BlipKind
from scoring.scorers.blip_scorer import BlipScorer
from scoring.scorers.unpinned import named

VARIANTS = ("Combo", "T2I", "I2T")


class CycleReward(BlipScorer):
    """Which of the three models it is follows from the weights; each is a rater of its own."""

    kind = BlipKind(
        of="CycleReward",
        files=(
            "model.safetensors",
            *(f"CycleReward-{variant}.safetensors" for variant in VARIANTS),
            *(f"CycleReward-{variant}.pth" for variant in VARIANTS),
        ),
        places=(0, 2, 4, 6, 8),
        is_bent=True,
        longest=128,
        has_config=False,
    )

    def source(self) -> str:
        return named(
            self._source,
            setting="source",
            whose="CycleReward",
            where="CycleReward-Combo.pth, -T2I.pth and -I2T.pth with med_config.json, release v1.0.0 of "
            "hjbahng/cyclereward on GitHub; its authors name carolineec/CycleReward-Combo, -T2I and -I2T on the Hub, "
            "and there is a port in safetensors, NagaSaiAbhinay/CycleReward-Combo, -T2I and -I2T",
        )

    def found_files(self) -> BlipFiles:
        files = super().found_files()
        kept = [name for name in self.kind.files if (files.path.parent / name).is_file()]
        if len({name.rsplit(".", 1)[0] for name in kept}) > 1:
            raise ScorerUnavailable(
                f"The folder {files.path.parent} holds several models of CycleReward ({', '.join(kept)}). Put the one "
                "that is meant into a folder of its own."
            )
        return files

    def scale(self) -> str:
        return "the head's number as it is"

    def value_of(self, raw: float) -> float:
        return raw
