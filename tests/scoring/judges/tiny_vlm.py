"""A tiny Qwen2-VL with random weights and a tokenizer of single bytes. It is never trained and never downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

END, PAD, PICTURE = "<|im_end|>", "<|endoftext|>", "<|image_pad|>"
CONTROL = [PAD, "<|im_start|>", END, "<|vision_start|>", "<|vision_end|>", PICTURE, "<|video_pad|>"]
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for piece in message['content'] %}{% if piece['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ piece['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make(folder: Path, *, seed: int = 5, longest: int = 4096) -> Any:
    """Writes model, tokenizer and processor; returns transformers' own model."""
    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    model = Qwen2VLForConditionalGeneration(_config(tokenizer, longest)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # The default of 0.02 answers every picture alike.
            parameter.add_(torch.randn_like(parameter) * (0.15 if parameter.ndim > 1 else 0.05))
    # Such defaults of a repository must not creep into answers.
    model.generation_config.update(repetition_penalty=1.5, top_k=1, temperature=0.01, do_sample=True)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(END)
    model.generation_config.pad_token_id = tokenizer.convert_tokens_to_ids(PAD)
    model.save_pretrained(folder)
    _processor(tokenizer).save_pretrained(folder)
    return model


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=END, pad_token=PAD, additional_special_tokens=CONTROL, chat_template=CHAT
    )


def _config(tokenizer: PreTrainedTokenizerFast, longest: int) -> Qwen2VLConfig:
    ids = {word: tokenizer.convert_tokens_to_ids(word) for word in CONTROL}
    return Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": longest,
            "rope_parameters": {
                "type": "mrope",
                "rope_type": "default",
                "mrope_section": [1, 1, 2],
                "rope_theta": 10000.0,
            },
            "bos_token_id": ids["<|im_start|>"],
            "eos_token_id": ids[END],
        },
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": 4,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "in_channels": 3,
        },
        image_token_id=ids[PICTURE],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )


def _processor(tokenizer: PreTrainedTokenizerFast) -> Qwen2VLProcessor:
    shape = {"patch_size": 4, "merge_size": 2, "temporal_patch_size": 2}
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(min_pixels=256, max_pixels=4096, **shape),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**shape),
        chat_template=CHAT,
    )
