"""Diffusion-DPO in a model small enough for a test: UNet, VAE and text encoder of diffusers with random weights.

Source: Wallace et al., Diffusion Model Alignment Using Direct Preference Optimization, 2023, equation 14: with the same
noise and timestep on both sides, -log sigmoid(-beta / 2 * (model's error on the winner less on the loser, less the same
difference of the reference)).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from PIL import Image
from tokenizers.pre_tokenizers import ByteLevel
from torch.nn.functional import logsigmoid
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

SIDE = 16
WORDS = 256  # a token a byte
LENGTH = 16
BETA = 500.0


@dataclass(frozen=True)
class Pair:
    """What a reader hands to the trainer."""

    caption: str
    winner: Image.Image
    loser: Image.Image


class TinyDiffusion:
    """A model, and the frozen copy of it that it is compared with."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.vae = AutoencoderKL(
            block_out_channels=(32, 32),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            sample_size=SIDE,
        ).requires_grad_(False)
        config = CLIPTextConfig(
            vocab_size=WORDS + 2,
            hidden_size=32,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            bos_token_id=WORDS,
            eos_token_id=WORDS + 1,
        )
        self.reader = CLIPTextModel(config).requires_grad_(False)
        self.unet = UNet2DConditionModel(
            sample_size=SIDE // 2,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=8,
            norm_num_groups=8,
        )
        self.reference = copy.deepcopy(self.unet).requires_grad_(False)
        self.schedule = DDPMScheduler(clip_sample=False)

    def first_loss(self, pairs: Sequence[Pair]) -> float:
        with torch.no_grad():
            return float(-logsigmoid(self._inside(self._encoded(pairs), torch.Generator().manual_seed(1))).mean())

    def train(self, pairs: Sequence[Pair], steps: int) -> None:
        optimiser = torch.optim.AdamW(self.unet.parameters(), lr=1e-3)
        generator = torch.Generator().manual_seed(2)
        encoded = self._encoded(list(pairs) * 4)  # four draws of noise and timestep a step
        for _step in range(steps):
            loss = -logsigmoid(self._inside(encoded, generator)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def accuracy(self, pairs: Sequence[Pair]) -> float:
        """The share of 64 draws of noise and timestep in which the model favours the winner more than the reference."""
        with torch.no_grad():
            inside = self._inside(self._encoded(list(pairs) * 64), torch.Generator().manual_seed(3))
        return float((inside > 0).float().mean())

    def _encoded(self, pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor]:
        latents = self._latents([pair.winner for pair in pairs] + [pair.loser for pair in pairs])  # (2B, 4, h, w)
        return latents, self._words([pair.caption for pair in pairs]).repeat(2, 1, 1)

    def _inside(self, encoded: tuple[torch.Tensor, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """What the loss takes the sigmoid of, (B,): positive where the winner gained on the loser."""
        latents, words = encoded
        count = len(latents) // 2
        noise = torch.randn(latents[:count].shape, generator=generator).repeat(2, 1, 1, 1)
        steps = torch.randint(0, 1000, (count,), generator=generator).repeat(2)
        noisy = self.schedule.add_noise(latents, noise, steps)

        def advantage(model: UNet2DConditionModel) -> torch.Tensor:
            errors = (model(noisy, steps, words).sample - noise).pow(2).mean(dim=(1, 2, 3))
            return errors[:count] - errors[count:]  # (B,)

        with torch.no_grad():
            before = advantage(self.reference)
        return -BETA / 2 * (advantage(self.unet) - before)

    def _latents(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        pixels = [np.asarray(picture.convert("RGB").resize((SIDE, SIDE)), dtype=np.float32) for picture in pictures]
        stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            return self.vae.encode(stacked).latent_dist.mean * self.vae.config.scaling_factor

    def _words(self, captions: Sequence[str]) -> torch.Tensor:
        rows = [[WORDS, *caption.encode()[: LENGTH - 2], WORDS + 1] for caption in captions]
        padded = torch.tensor([row + [WORDS + 1] * (LENGTH - len(row)) for row in rows])
        with torch.no_grad():
            return self.reader(padded).last_hidden_state


def save_pipeline(folder: Path) -> Path:
    """The tiny model as the folder that the public scripts load by its parts: `subfolder="unet"` and so on."""
    model = TinyDiffusion()
    for name, part in (("unet", model.unet), ("vae", model.vae), ("scheduler", model.schedule)):
        part.save_pretrained(folder / name)
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder / "tokenizer")
    config = copy.deepcopy(model.reader.config)
    config.vocab_size, config.max_position_embeddings = len(tokenizer), tokenizer.model_max_length
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    parts = {
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDPMScheduler"],
        **{name: [None, None] for name in ("safety_checker", "feature_extractor", "image_encoder")},
    }
    index = {"_class_name": "StableDiffusionPipeline", "requires_safety_checker": False, **parts}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _tokenizer() -> CLIPTokenizer:
    """Every byte, inside and at the end of a word, and nothing merged."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: place for place, word in enumerate(words)}, merges=[], model_max_length=77)
