"""Models small enough to train in a test: random weights from a configuration, a tokenizer over bytes, no download.

The chat templates take content as a plain string and as blocks, because trainers prepare rows of both kinds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>")
PICTURE_SIDE, PATCH = 32, 16
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: "
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for block in message['content'] %}"
    "{% if block['type'] == 'image' %}<image>{% else %}{{ block['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and the special ones."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *letters])}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
        model_max_length=2048,
    )
    made.chat_template = TEMPLATE
    return made


def _llama_config(**options: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer()),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **options,
    )


def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(_llama_config())


def reward_model() -> LlamaForSequenceClassification:
    torch.manual_seed(0)
    return LlamaForSequenceClassification(_llama_config(num_labels=1))


def processor() -> LlavaProcessor:
    side = {"height": PICTURE_SIDE, "width": PICTURE_SIDE}
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": PICTURE_SIDE}, crop_size=side),
        tokenizer=tokenizer(),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )


def llava() -> LlavaForConditionalGeneration:
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=PICTURE_SIDE,
        patch_size=PATCH,
        projection_dim=16,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=_llama_config(),
        image_token_index=SPECIAL.index("<image>"),
        image_seq_length=(PICTURE_SIDE // PATCH) ** 2,
    )
    return LlavaForConditionalGeneration(config)


def save_llava(folder: Path) -> Path:
    """The vision model as a folder that trainers load by its path."""
    llava().save_pretrained(folder)
    processor().save_pretrained(folder)
    return folder


def save_words(model: LlamaForCausalLM | LlamaForSequenceClassification, folder: Path) -> Path:
    """A model of words with its tokenizer, as a folder that trainers load by its path."""
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def answer_logp(model: Any, folder: Path, question: str, answer: str) -> float:
    """log p(answer | question) under the template, summed over the answer's tokens; no trainer has a hand in it."""
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    asked = words.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    said = words(answer, add_special_tokens=False)["input_ids"]
    ids = torch.tensor([[*asked, *said]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits.log_softmax(-1)
    return float(logits[0, len(asked) - 1 : -1].gather(-1, ids[0, len(asked) :, None]).sum())


def seen_answer_logp(model: Any, folder: Path, question: str, answer: str, picture: Any) -> float:
    """As `answer_logp`, for a question that shows a picture."""
    ready = LlavaProcessor.from_pretrained(folder)
    asked = f"user: <image>{question}</s>\nassistant: "
    whole = ready(text=[asked + answer], images=[picture], return_tensors="pt")
    said = len(ready.tokenizer(answer, add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        logits = model(**whole).logits.log_softmax(-1)
    return float(logits[0, -said - 1 : -1].gather(-1, whole["input_ids"][0, -said:, None]).sum())


def answer_reward(model: Any, folder: Path, question: str, answer: str) -> float:
    """The reward of an answer under the template, from the head alone."""
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    ids = words.apply_chat_template(turns, tokenize=True, return_dict=False)
    with torch.no_grad():
        return float(model(input_ids=torch.tensor([ids])).logits[0, 0])
