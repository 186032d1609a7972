"""The best possible: the barest loop over the same model and pictures, with every core busy and nothing stored."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.making.pictures import SAMPLES_A_PROMPT

BATCH = 16
CORES = os.cpu_count() or 1

Scorers = dict[str, dict[str, str]]
Pictures = Sequence[tuple[str, str]]


class BareLoop:
    """Processes that hold the scorers and run the barest loop over their share of the pictures.

    Two numbers of processes are measured, one whose turns of decoding and forward each use every core, and one a
    core; the faster one counts.
    """

    def __init__(self, scorers: Scorers, processes: int) -> None:
        self.processes = processes
        context = get_context("spawn")
        self._pipes: list[Connection] = []
        self._started = []
        for _number in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(scorers, CORES // processes, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._started.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def seconds(self, pictures: Pictures) -> float:
        """Time until the last process is done with its share, whole prompts each."""
        shares: list[list[tuple[str, str]]] = [[] for _pipe in self._pipes]
        for number, start in enumerate(range(0, len(pictures), SAMPLES_A_PROMPT)):
            shares[number % len(shares)] += pictures[start : start + SAMPLES_A_PROMPT]
        began = time.perf_counter()
        for pipe, share in zip(self._pipes, shares, strict=True):
            pipe.send(share)
        done = sum(pipe.recv() for pipe in self._pipes)
        seconds = time.perf_counter() - began
        assert done == len(pictures)
        return seconds

    def stop(self) -> None:
        for process in self._started:
            process.terminate()
            process.join()


@contextmanager
def bare_loops(scorers: Scorers, processes: Sequence[int] = tuple(sorted({1, CORES}))) -> Iterator[list[BareLoop]]:
    loops = [BareLoop(scorers, number) for number in processes]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.stop()


def serve(scorers: Scorers, threads: int, pipe: Connection) -> None:
    """A process of `BareLoop`: loads the models, then scores every list of (path, prompt) it is sent."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)
    embed = direct_clip(scorers["clipscore"]["source"]) if list(scorers) == ["clipscore"] else through_scorers(scorers)
    pipe.send("ready")
    with ThreadPoolExecutor(threads) as decoders:
        while (share := pipe.recv()) is not None:
            done = sum(embed(decoders, share[at : at + BATCH]) for at in range(0, len(share), BATCH))
            pipe.send(done)


def direct_clip(source: str) -> Any:
    """Open_clip's own model called directly: decode and crop in threads, pictures and new texts embedded, cosines."""
    import numpy as np
    import torch
    from PIL import Image

    from scoring.scorers.clip_views import crop_for

    model, size, tokens = opened(Path(source))
    mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)
    std = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)
    texts: dict[str, torch.Tensor] = {}

    def crop(one: tuple[str, str]) -> Any:
        with Image.open(one[0]) as picture:
            return crop_for(picture.convert("RGB"), size)

    @torch.inference_mode()
    def embed(decoders: ThreadPoolExecutor, batch: Pictures) -> int:
        crops = torch.from_numpy(np.stack(list(decoders.map(crop, batch))))
        pixels = crops.permute(0, 3, 1, 2).float().div(255).sub(mean).div(std)
        pictures = model.encode_image(pixels, normalize=True)
        new = list({prompt for _path, prompt in batch} - set(texts))
        if new:
            texts.update(zip(new, model.encode_text(tokens(new), normalize=True), strict=True))
        captions = torch.stack([texts[prompt] for _path, prompt in batch])
        return len((pictures * captions).sum(dim=-1).tolist())

    return embed


def opened(folder: Path) -> tuple[Any, int, Any]:
    """The model, the side of its pictures and its tokenizer, by open_clip alone."""
    import json

    import scoring.torch_setup  # noqa: F401 - before open_clip

    # isort: split
    import open_clip
    from open_clip.tokenizer import SimpleTokenizer
    from safetensors.torch import load_file

    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    model = open_clip.CLIP(**config)
    model.load_state_dict(load_file(folder / "open_clip_model.safetensors"))
    return model.eval(), config["vision_cfg"].get("image_size", 224), SimpleTokenizer(context_length=77)


def through_scorers(scorers: Scorers) -> Any:
    """Several scorers: each picture decoded once in threads, then each scorer's two methods, and nothing else."""
    from scoring.catalogue import build
    from scoring.decoding import DecodedMedia

    made = [build(name, settings) for name, settings in scorers.items()]
    for scorer in made:
        scorer.ready()

    def prepare(one: Any) -> list[Any]:
        decoded = DecodedMedia(one)
        return [scorer.prepare(one, decoded) for scorer in made]

    def embed(decoders: ThreadPoolExecutor, batch: Pictures) -> int:
        items = [item(path, prompt, number) for number, (path, prompt) in enumerate(batch)]
        prepared = list(decoders.map(prepare, items))
        for place, scorer in enumerate(made):
            scorer.score(items, [parts[place] for parts in prepared])
        return len(items)

    return embed


def item(path: str, prompt: str, number: int, digest: str = "") -> Any:
    """A picture as the engine is given it."""
    from scoring.scorers.base import Item, MediaFile

    return Item(
        sample_id=number + 1,
        prompt_id=number // SAMPLES_A_PROMPT + 1,
        prompt_text=prompt,
        media=(MediaFile(Path(path), "image", 512, 512, digest=digest),),
    )
