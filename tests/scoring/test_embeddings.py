"""Embeddings kept by content: in memory, in a file shared by processes, and through whatever happens to the file."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest
from django.apps import apps

from scoring import embeddings
from scoring.embedding_file import FILES_KEPT, EmbeddingFile
from scoring.embeddings import Embeddings, frame_key, picture_key, text_key

ENCODER = "ab" * 32
OTHER = "cd" * 32
DAY = 86_400


def key(number: int) -> bytes:
    return text_key(f"text {number}")


def vector(number: int, width: int = 24) -> np.ndarray:
    return np.random.default_rng(number).standard_normal(width).astype(np.float32)


def some(numbers: range) -> dict[bytes, np.ndarray]:
    return {key(number): vector(number) for number in numbers}


def store(folder: Path | None, encoder: str = ENCODER, **sizes: int) -> Embeddings:
    return Embeddings(encoder, folder=folder, **sizes)


def files(folder: Path, pattern: str = "*.sqlite") -> list[Path]:
    return sorted(folder.glob(pattern))


# -- what is put comes back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_file", [True, False])
def test_vectors_come_back_bit_by_bit_and_the_unknown_are_absent(has_file: bool, tmp_path: Path) -> None:
    kept = store(tmp_path if has_file else None)
    odd = np.array([0.0, -0.0, 1e-45, np.finfo(np.float32).max, 0.1], np.float32)

    kept.put({**some(range(5)), key(99): odd})

    found = kept.get([key(3), key(7), key(99), key(3)])
    assert list(found) == [key(3), key(99)]
    assert found[key(3)].tobytes() == vector(3).tobytes()
    assert found[key(99)].tobytes() == odd.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        found[key(3)][0] = 1


def test_another_process_later_reads_the_same_bits(tmp_path: Path) -> None:
    store(tmp_path).put(some(range(700)))

    found = store(tmp_path).get([key(number) for number in range(1200)])

    assert len(found) == 700
    assert all(found[key(number)].tobytes() == vector(number).tobytes() for number in range(700))
    assert {one.dtype for one in found.values()} == {np.dtype(np.float32)}


def test_the_first_vector_of_a_key_stays_in_the_file(tmp_path: Path) -> None:
    store(tmp_path).put({key(1): vector(1)})
    store(tmp_path).put({key(1): vector(2)})

    assert store(tmp_path).get([key(1)])[key(1)].tobytes() == vector(1).tobytes()


def test_encoders_do_not_see_each_others_vectors(tmp_path: Path) -> None:
    store(tmp_path).put(some(range(3)))

    assert store(tmp_path, OTHER).get([key(1)]) == {}


def test_what_is_not_finite_is_computed_again(tmp_path: Path) -> None:
    kept = store(tmp_path)

    kept.put({key(1): np.array([1, np.nan], np.float32), key(2): np.array([np.inf, 0], np.float32), key(3): vector(3)})

    assert list(kept.get([key(1), key(2), key(3)])) == [key(3)]


def test_many_pictures_are_read_as_one_array_in_the_order_asked(tmp_path: Path) -> None:
    digests = [f"{number:064x}" for number in range(900)]
    store(tmp_path).put({picture_key(one): vector(place) for place, one in enumerate(digests[:600])})
    asked = [digests[599], digests[700], digests[0], digests[599]]

    rows = store(tmp_path).read_many(asked)

    assert rows.places.tolist() == [0, 2, 3]
    assert rows.vectors.dtype == np.float32
    assert np.array_equal(rows.vectors, [vector(599), vector(0), vector(599)])
    assert store(None).read_many(asked).vectors.shape == (0, 0)


def test_keys_tell_pictures_frames_and_texts_apart() -> None:
    digest = "ef" * 32

    keys = [picture_key(digest), frame_key(digest, 0, 8), frame_key(digest, 0, 4), frame_key(digest, 1, 8)]
    keys += [text_key(digest), text_key("a fox"), text_key("a fox "), text_key("")]

    assert {len(one) for one in keys} == {32}
    assert len(set(keys)) == len(keys)


# -- bounds -----------------------------------------------------------------------------------------------------------


def test_memory_keeps_the_last_used_within_its_bytes() -> None:
    entry = vector(0).nbytes + embeddings.ENTRY_BYTES
    kept = store(None, memory_bytes=10 * entry)
    kept.put(some(range(10)))
    kept.get([key(0)])

    kept.put(some(range(10, 19)))

    assert set(kept.get([key(number) for number in range(19)])) == {key(0), *(key(number) for number in range(10, 19))}


def test_a_row_of_a_batch_does_not_keep_the_batch_alive() -> None:
    kept = store(None)
    batch = np.ones((1000, 24), np.float32)

    kept.put({key(1): batch[0]})

    assert kept.get([key(1)])[key(1)].base is None


def test_the_file_stays_within_its_bytes_and_drops_what_was_unused_for_longest(tmp_path: Path) -> None:
    today = [100 * DAY]
    most = 2_000_000
    file = EmbeddingFile(tmp_path, ENCODER, most_bytes=most, clock=lambda: today[0])
    wide = {key(number): vector(number, 1024) for number in range(300)}
    file.write({one: wide[one] for one in [key(number) for number in range(300)]})
    today[0] += DAY
    file.read([key(number) for number in range(20)])  # used again, a day later
    file.close()

    for start in range(1000, 3000, 50):
        today[0] += DAY
        file.write({key(number): vector(number, 1024) for number in range(start, start + 50)})
        file.read([key(number) for number in range(20)])

    assert set(file.read([key(number) for number in range(20)])) == {key(number) for number in range(20)}
    assert file.read([key(number) for number in range(20, 300)]) == {}
    assert len(file.read([key(number) for number in range(2950, 3000)])) == 50
    file.close()
    assert sum(path.stat().st_size for path in files(tmp_path)) < 1.5 * most


def test_the_folder_keeps_the_encoders_used_last(tmp_path: Path) -> None:
    names = [f"{number:064x}" for number in range(FILES_KEPT + 3)]
    for place, name in enumerate(names):
        one = EmbeddingFile(tmp_path, name)
        one.write(some(range(3)))
        one.close()
        os.utime(files(tmp_path, f"{name}-*.sqlite")[0], (place, place))

    assert [path.name[:64] for path in files(tmp_path)] == names[3:]


# -- several at once --------------------------------------------------------------------------------------------------


def write_and_read(folder: Path, first: int) -> None:
    file = EmbeddingFile(folder, ENCODER)
    for start in range(first, first + 200, 20):
        file.write(some(range(start, start + 20)))
        assert len(file.read([key(number) for number in range(start, start + 20)])) == 20
    file.close()


def test_processes_write_one_file_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_and_read, args=(tmp_path, 100 * number)) for number in range(4)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0] * 4
    assert len(files(tmp_path)) == 1
    assert len(EmbeddingFile(tmp_path, ENCODER).read([key(number) for number in range(500)])) == 500


def test_threads_share_one_store(tmp_path: Path) -> None:
    kept = store(tmp_path, memory_bytes=1000)
    wrong: list[int] = []

    def work(first: int) -> None:
        for number in range(first, first + 60):
            kept.put({key(number): vector(number)})
            found = kept.get([key(number)])
            if found[key(number)].tobytes() != vector(number).tobytes():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(30 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(store(tmp_path).get([key(number) for number in range(210)])) == 210


def child(file: EmbeddingFile, results: multiprocessing.Queue) -> None:
    file.write(some(range(10, 20)))
    found = file.read([key(number) for number in range(20)])
    results.put((len(found), file._inherited is not None and file._connection is not file._inherited))


def test_a_process_born_with_the_file_open_opens_it_anew(tmp_path: Path) -> None:
    file = EmbeddingFile(tmp_path, ENCODER)
    file.write(some(range(10)))
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    process = context.Process(target=child, args=(file, results))
    process.start()

    assert results.get(timeout=60) == (20, True)
    process.join(60)
    assert process.exitcode == 0
    assert len(file.read([key(number) for number in range(20)])) == 20


# -- what can happen to a file ----------------------------------------------------------------------------------------


def made(folder: Path) -> Path:
    file = EmbeddingFile(folder, ENCODER)
    file.write(some(range(400)))
    file.close()
    return files(folder)[0]


def test_a_file_that_is_no_database_is_set_aside_and_made_anew(tmp_path: Path, caplog) -> None:
    path = made(tmp_path)
    path.write_bytes(b"not a database, " * 1000)

    kept = store(tmp_path)
    kept.put({key(1): vector(1)})

    assert list(store(tmp_path).get([key(1), key(2)])) == [key(1)]
    assert [aside.read_bytes()[:14] for aside in files(tmp_path, "*.aside")] == [b"not a database"]
    assert "set aside and made anew" in caplog.text


def test_a_file_damaged_while_it_is_open_is_set_aside_and_the_work_done_on_a_new_one(tmp_path: Path) -> None:
    path = made(tmp_path)
    file = EmbeddingFile(tmp_path, ENCODER)
    file.read([key(1)])
    content = bytearray(path.read_bytes())
    content[16_384 : 16_384 * 6] = b"\xff" * (16_384 * 5)
    path.write_bytes(content)
    file.close()

    again = EmbeddingFile(tmp_path, ENCODER)
    assert again.read([key(number) for number in range(400)]) == {}
    again.write(some(range(3)))

    assert len(again.read([key(number) for number in range(400)])) == 3
    assert len(files(tmp_path, "*.aside")) == 1
    assert files(tmp_path) != [path]


def test_one_that_still_has_the_damaged_file_open_finds_the_new_one(tmp_path: Path) -> None:
    path = made(tmp_path)
    first = EmbeddingFile(tmp_path, ENCODER)
    first.write(some(range(400, 401)))
    path.rename(tmp_path / f"{ENCODER}-0.aside")  # what another process does with a damaged file
    fresh = EmbeddingFile(tmp_path, ENCODER)
    fresh.write(some(range(3)))

    first.close()  # deletes the log of its own file, by name

    fresh.write(some(range(3, 6)))
    assert len(EmbeddingFile(tmp_path, ENCODER).read([key(number) for number in range(6)])) == 6


def test_a_database_of_somebody_else_is_set_aside(tmp_path: Path) -> None:
    path = made(tmp_path)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE diary (entry TEXT)")
    connection.close()

    EmbeddingFile(tmp_path, ENCODER).write(some(range(3)))

    assert len(EmbeddingFile(tmp_path, ENCODER).read([key(1)])) == 1
    (aside,) = files(tmp_path, "*.aside")
    assert sqlite3.connect(aside).execute("SELECT count(*) FROM diary").fetchone() == (0,)


def test_the_file_of_another_encoder_under_this_name_is_set_aside(tmp_path: Path) -> None:
    path = made(tmp_path)
    path.rename(tmp_path / path.name.replace(ENCODER, OTHER))

    assert EmbeddingFile(tmp_path, OTHER).read([key(1)]) == {}
    assert len(files(tmp_path, "*.aside")) == 1


def test_a_flipped_bit_in_a_vector_is_noticed_and_the_row_goes(tmp_path: Path) -> None:
    path = made(tmp_path)
    with sqlite3.connect(path) as connection:
        (packed,) = connection.execute("SELECT vector FROM embedding WHERE key = ?", (key(5),)).fetchone()
        flipped = bytes([packed[0] ^ 1]) + packed[1:]
        connection.execute("UPDATE embedding SET vector = ? WHERE key = ?", (flipped, key(5)))
    connection.close()

    kept = store(tmp_path)
    assert list(kept.get([key(5), key(6)])) == [key(6)]
    kept.put({key(5): vector(5)})

    assert store(tmp_path).get([key(5)])[key(5)].tobytes() == vector(5).tobytes()


def test_a_vector_that_stands_under_another_key_is_noticed(tmp_path: Path) -> None:
    path = made(tmp_path)
    with sqlite3.connect(path) as connection:
        (packed,) = connection.execute("SELECT vector FROM embedding WHERE key = ?", (key(6),)).fetchone()
        connection.execute("UPDATE embedding SET vector = ? WHERE key = ?", (packed, key(5)))
    connection.close()

    assert list(store(tmp_path).get([key(5), key(6)])) == [key(6)]


def test_a_folder_that_cannot_be_made_only_means_that_nothing_is_remembered(tmp_path: Path, caplog) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = store(tmp_path / "file" / "embeddings", memory_bytes=400)

    for number in range(5):
        kept.put({key(number): vector(number)})

    assert kept.get([key(0)]) == {}
    assert list(kept.get([key(4)])) == [key(4)]
    assert caplog.text.count("not remembered") == 1


def test_a_lock_held_too_long_only_means_that_nothing_is_remembered(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr("scoring.embedding_file.WAIT_SECONDS", 0.05)
    path = made(tmp_path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    file = EmbeddingFile(tmp_path, ENCODER)

    file.write(some(range(900, 903)))

    assert len(file.read([key(1), key(901)])) == 1
    holder.execute("COMMIT")
    file.write(some(range(900, 903)))
    assert len(file.read([key(1), key(901)])) == 2
    assert "locked" in caplog.text


# -- the stores of a process ------------------------------------------------------------------------------------------


def test_everybody_who_asks_for_an_encoder_gets_the_same_store_below_the_folder_given(tmp_path: Path) -> None:
    embeddings.keep_below(tmp_path / "embeddings")
    first = embeddings.of(ENCODER)

    first.put(some(range(3)))

    assert embeddings.of(ENCODER) is first
    assert len(files(tmp_path / "embeddings")) == 1
    embeddings.keep_below(None)
    assert embeddings.of(ENCODER).get([key(1)]) == {}
    embeddings.keep_below(tmp_path / "embeddings")
    assert list(embeddings.of(ENCODER).get([key(1)])) == [key(1)]


def test_the_application_keeps_embeddings_in_its_data_folder(settings) -> None:
    apps.get_app_config("scoring").ready()

    assert embeddings.folder() == settings.DATA_DIR / "embeddings"
