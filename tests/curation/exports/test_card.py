"""The card: YAML that others act on, and words that do not mislead."""

from __future__ import annotations

import datasets
import pytest
import yaml
from huggingface_hub import DatasetCard

from curation.exports import canonical_columns, pickapic, trl
from curation.exports.columns import arrow_schema, features_json, features_yaml
from curation.exports.rows import FunnelStep, GeneratorSummary, RaterSummary
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, picture_pairs, source


def card_of(tmp_path, formats=("canonical",), **context) -> tuple[dict, str]:
    store = Store()
    write_export(source(picture_pairs(store), store, **context), list(formats), tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    return yaml.safe_load(text.split("---")[1]), text


@pytest.mark.parametrize(
    "columns", [canonical_columns.PAIRS, canonical_columns.RATINGS, trl.TEXT, trl.VISION, pickapic.COLUMNS]
)
def test_columns_are_the_same_for_the_file_the_card_and_datasets(columns):
    features = datasets.Features.from_dict({name: features_json(feature) for name, feature in columns.items()})

    assert datasets.Features._from_yaml_list(features_yaml(columns)) == features
    assert features.arrow_schema.types == arrow_schema(columns).types


def test_the_yaml_states_what_was_written_and_the_hub_reads_it(tmp_path):
    header, text = card_of(tmp_path, ("pickapic", "canonical"))

    data = DatasetCard(text).data
    assert (data.license, data.size_categories, data.task_categories) == ("cc-by-4.0", ["n<1K"], ["text-to-image"])
    assert {"preference", "dpo", "human-feedback"} <= set(data.tags)
    assert header["configs"][0]["config_name"] == "pickapic"
    assert [entry.get("default", False) for entry in header["configs"]] == [True, False, False]
    info = {entry["config_name"]: entry for entry in header["dataset_info"]}
    assert {split["name"]: split["num_examples"] for split in info["pairs"]["splits"]} == {"train": 4, "validation": 2}
    size = sum(path.stat().st_size for path in (tmp_path / "out" / "pairs").iterdir())
    assert info["pairs"]["download_size"] == size


def test_a_licence_the_hub_does_not_know_is_named(tmp_path):
    header, _ = card_of(tmp_path, licence="House Licence 2")

    assert (header["license"], header["license_name"]) == ("other", "house-licence-2")


def test_no_licence_is_said_and_none_is_invented(tmp_path):
    header, text = card_of(tmp_path, licence="")

    assert "license" not in header
    assert "No licence was stated" in text


def test_flagged_pictures_warn_the_audience(tmp_path):
    header, text = card_of(tmp_path, unsafe_samples=2)

    assert "not-for-all-audiences" in header["tags"]
    assert "2 samples are flagged as unsafe" in text


def test_scripted_raters_are_called_scripted(tmp_path):
    raters = (RaterSummary("scripted", "careful reader", 30), RaterSummary("rule", "ocr 1", 90))

    header, text = card_of(tmp_path, raters=raters, basis={"machines": 6})

    assert "scripted-raters" in header["tags"]
    assert "human-feedback" not in header["tags"]
    assert "| careful reader | scripted rater | 30 |" in text
    assert "not human opinions" in text
    assert "6 pairs rest on machines alone. They are provisional" in text


def test_people_are_counted_and_not_named(tmp_path):
    _, text = card_of(tmp_path, raters=(RaterSummary("person", "Ada Lovelace", 12, raters=3),))

    assert "Ada" not in text
    assert "| 3 people | people | 12 |" in text


def test_words_of_others_cannot_break_out_of_their_place(tmp_path):
    _, text = card_of(
        tmp_path,
        description="A set.\n\n<script>alert(1)</script>",
        funnel=(FunnelStep("margin | of 1\n# not a heading", 12, "pairs"),),
        generators=(GeneratorSummary("<img src=x onerror=alert(1)>", "", "generated", 4),),
        recipe_yaml="note: '``` ends the fence'\n",
    )

    assert "<script" not in text
    assert "<img" not in text
    assert "| margin \\| of 1 # not a heading | 12 | pairs |" in text
    assert "````yaml\nnote: '``` ends the fence'\n````" in text


def test_the_funnel_and_the_recipe_are_told_in_words(tmp_path):
    _, text = card_of(
        tmp_path,
        recipe_words=("Rank by overall.", "Keep pairs that differ by 0.2 or more."),
        funnel=(FunnelStep("pairs drawn", 1200, "samples"), FunnelStep("margin", 300, "pairs", "900 too close")),
    )

    assert "1. Rank by overall.\n2. Keep pairs" in text
    assert "| pairs drawn | 1,200 | samples |  |" in text


def test_references_are_explained_where_there_are_some(tmp_path):
    _, text = card_of(tmp_path, generators=(GeneratorSummary("camera", "", "real", 3),))

    assert "anchors, not generations" in text


def test_each_format_shows_how_to_load_it(tmp_path):
    _, text = card_of(tmp_path, ("canonical", "pickapic"))

    assert 'load_dataset("path/to/out", "pairs", split="train")' in text
    assert "--dataset_split_name train" in text
    assert str(tmp_path) not in text
