"""Stands in for torchaudio, whose CUDA libraries do not load beside a CPU build of torch. No test has sound."""

__version__ = "0"
