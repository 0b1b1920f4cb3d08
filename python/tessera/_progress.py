"""Progress of a training, for terminals, notebooks and logs."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from . import _engine


def _rewrites(stream: TextIO) -> bool:
    """Whether a line can be written over: on a terminal and in a notebook's output."""
    return stream.isatty() or "ipykernel" in sys.modules


class Progress:
    """A bar that is written over a few times a second, and a line that stays for each epoch."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._rewrites = _rewrites(self._stream)
        self._width = 0

    def step(self, part: str, epoch: int, step: int, steps: int, loss: float) -> None:
        if not self._rewrites:
            return
        done = 24 * step // steps
        self._show(f"{part}epoch {epoch} [{'#' * done}{'.' * (24 - done)}] {step}/{steps} loss {loss:.4f}")

    def epoch(self, part: str, report: Any) -> None:
        values = {} if part else report.validation
        shown = "".join(f"{name} {values[name]:.4f}  " for name in _engine.epoch_metrics if values)
        self._show(
            f"{part}epoch {report.epoch:3}  loss {report.loss:.4f}  "
            f"{shown}{report.train_seconds:.1f} + {report.validation_seconds:.1f} s"
            + ("  best" if report.best and not part else "")
        )
        self._stream.write("\n")
        self._width = 0
        self._stream.flush()

    def close(self) -> None:
        """Ends a bar that an interruption left half way."""
        if self._width:
            self._stream.write("\n")
            self._width = 0

    def _show(self, text: str) -> None:
        start = "\r" if self._rewrites else ""
        self._stream.write(start + text.ljust(self._width))
        self._width = len(text) if self._rewrites else 0
        self._stream.flush()
