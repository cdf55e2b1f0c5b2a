"""The commands that learn from judgements: train adapter, train encoder, train ranker, train calibration."""

from recommend.cli import train_encoder, train_ranker
from recommend.cli.app import app

__all__ = ["app", "train_encoder", "train_ranker"]
