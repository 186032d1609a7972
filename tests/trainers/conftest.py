"""Tiny models, saved once, and the step from an export to a trainer's log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest

from tests.trainers import environments


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> SimpleNamespace:
    """Folders of the tiny models: `words`, `reward` and `vision`."""
    import scoring.torch_setup  # noqa: F401  # before anything imports torchvision
    from tests.trainers import tiny

    root = tmp_path_factory.mktemp("tiny")
    return SimpleNamespace(
        words=tiny.save_words(tiny.llama(), root / "words"),
        reward=tiny.save_words(tiny.reward_model(), root / "reward"),
        vision=tiny.save_llava(root / "vision"),
    )


@pytest.fixture
def environment(request) -> Callable[[str], Path]:
    """`environment("swift")` gives that trainer's own Python, or skips with a sentence."""

    def python(name: str) -> Path:
        if not request.config.getoption("--environments"):
            pytest.skip(
                f"{name} runs in an environment of its own: `make trainers`, or pytest -m trainers --environments"
            )
        found = environments.python_of(name)
        if found is None:
            pytest.skip(f"the environment of {name} is absent or older than its pins: `make trainers` makes it")
        return found

    return python


@pytest.fixture
def loaded(tmp_path) -> Callable[..., Any]:
    """A config of an exported folder as a user loads it."""

    def load(folder: Path, config: str, split: str = "train") -> Any:
        return datasets.load_dataset(str(folder), config, split=split, cache_dir=str(tmp_path / "cache"))

    return load


@pytest.fixture
def trained(tmp_path) -> Callable[..., Any]:
    """`trained("DPO", model, rows, steps=2)` trains with TRL's trainer of that name and gives it, its log inside."""

    def train(what: str, model: Path, rows: Any, *, steps: int = 2, batch: int = 2, rate: float = 1e-6, **options: Any):
        import trl

        config = {
            "output_dir": str(tmp_path / "trained"),
            "max_steps": steps,
            "per_device_train_batch_size": batch,
            "learning_rate": rate,
            "lr_scheduler_type": "constant",
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "report_to": [],
            "logging_steps": 1,
            "disable_tqdm": True,
            "save_strategy": "no",
        }
        extra = {name: options.pop(name) for name in ("reward_funcs",) if name in options}
        made = getattr(trl, f"{what}Config")(**config | options)
        trainer = getattr(trl, f"{what}Trainer")(model=str(model), args=made, train_dataset=rows, **extra)
        trainer.train()
        return trainer

    return train


def first_loss(trainer: Any) -> float:
    return float(next(line["loss"] for line in trainer.state.log_history if "loss" in line))
