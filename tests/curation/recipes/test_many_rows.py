"""What is done differently where there are many rows answers as for few."""

import hashlib
from statistics import fmean

import polars as pl

from curation.recipes.signals import mean_by
from curation.recipes.tables import row_digests


def test_a_row_has_the_same_digest_among_repeated_and_among_different_texts():
    different = pl.DataFrame({"name": ["cat", "dög", None, "", "owl"], "number": [1, 2, 3, 4, 5]})
    repeated = pl.concat([different] * 7)

    alone, among = row_digests(different), row_digests(repeated)

    assert among.to_list() == alone.to_list() * 7
    assert alone.n_unique() == 5


def test_texts_are_hashed_by_sha_256_in_their_order():
    texts = [f"text {number}" for number in range(120_000)]  # more than are looked at at once
    expected = row_digests(pl.DataFrame({"text": pl.Series(texts).append(pl.Series(texts)).append(pl.Series(texts))}))

    found = row_digests(pl.DataFrame({"text": texts}))

    assert found.to_list() == expected.head(len(texts)).to_list()
    first = pl.DataFrame({"text": texts[:1]})
    number = int.from_bytes(hashlib.sha256(b"text 0").digest()[:8], "little")
    # The digest of one text is that number, mixed; what is mixed is told apart by a column of plain numbers.
    as_number = row_digests(pl.DataFrame({"text": pl.Series([number - 2**64 if number >= 2**63 else number])}))
    assert row_digests(first).to_list() == as_number.to_list() == found.head(1).to_list()


def test_means_are_those_of_each_group_whatever_the_order_of_the_rows():
    rows = [(sample, rater, (sample * 7 + rater * 3 + answer) / 10) for sample in range(5) for rater in (1, 2)
            for answer in range(sample)]  # fmt: skip
    rows += [(9, 1, 0.1)]
    table = pl.DataFrame(rows, schema=["sample_id", "rater_id", "value"], orient="row")
    expected = {
        key: fmean(value for sample, rater, value in rows if (sample, rater) == key)
        for key in sorted({(sample, rater) for sample, rater, _value in rows})
    }

    sorted_already, mixed = (
        mean_by(frame, ["sample_id", "rater_id"], "value")
        for frame in (table, table.sample(fraction=1, shuffle=True, seed=3))
    )

    assert sorted_already.equals(mixed)
    assert list(mixed.select("sample_id", "rater_id").iter_rows()) == list(expected)
    assert all(abs(a - b) < 1e-12 for a, b in zip(mixed["value"], expected.values(), strict=True))
    assert mixed["value"].to_list()[-1] == 0.1


def test_weights_of_groups_are_added_or_averaged():
    table = pl.DataFrame({"key": [2, 1, 2], "value": [1.0, 5.0, 4.0], "weight": [1.0, 0.5, 2.0]})

    added = mean_by(table, ["key"], "value", weight="weight", keep_weight="sum")
    averaged = mean_by(table, ["key"], "value", weight="weight", keep_weight="mean")
    nobody = mean_by(table.clear(), ["key"], "value", weight="weight", keep_weight="sum")

    assert list(added.iter_rows()) == [(1, 5.0, 0.5), (2, 3.0, 3.0)]
    assert list(averaged.iter_rows()) == [(1, 5.0, 0.5), (2, 3.0, 1.5)]
    assert nobody.height == 0
    assert nobody.columns == ["key", "value", "weight"]
