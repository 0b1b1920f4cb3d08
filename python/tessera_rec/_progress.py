"""Progress of a training, for terminals, notebooks and logs."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from . import _engine


class _Lines:
    """Lines on a stream; of a terminal the last one is written over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.rewrites = stream.isatty()
        self._width = 0

    def show(self, text: str) -> None:
        self._stream.write(("\r" if self.rewrites else "") + text.ljust(self._width))
        self._width = len(text) if self.rewrites else 0
        self._stream.flush()

    def end(self) -> None:
        self._stream.write("\n")
        self._width = 0
        self._stream.flush()

    def close(self) -> None:
        """Ends a bar that an interruption left half way."""
        if self._width:
            self.end()


class _Cell:
    """Lines in one output of a notebook's cell, which is shown anew: no bars stay in the file."""

    rewrites = True

    def __init__(self) -> None:
        from IPython.display import display

        self._ended: list[str] = []
        self._last = ""
        self._handle = display(self._content(), raw=True, display_id=True)

    def _content(self) -> dict[str, str]:
        return {"text/plain": "\n".join(self._ended + [self._last] * bool(self._last))}

    def show(self, text: str) -> None:
        self._last = text
        self._handle.update(self._content(), raw=True)

    def end(self) -> None:
        self._ended.append(self._last)
        self._last = ""

    def close(self) -> None:
        """Takes away a bar that an interruption left half way."""
        self.show("")


class Progress:
    """A bar that is written over a few times a second, and a line that stays for each epoch."""

    def __init__(self) -> None:
        self._lines = _Cell() if "ipykernel" in sys.modules else _Lines(sys.stderr)

    def step(self, part: str, epoch: int, step: int, steps: int, loss: float) -> None:
        if not self._lines.rewrites:
            return
        done = 24 * step // steps
        bar = "#" * done + "." * (24 - done)
        self._lines.show(f"{part}epoch {epoch} [{bar}] {step}/{steps} loss {loss:.4f}")

    def epoch(self, part: str, report: Any) -> None:
        measured = {name: value for name, value in report.validation.items() if value == value}
        shown = "".join(
            f"{name} {measured[name]:.4f}  " for name in _engine.epoch_metrics if name in measured
        )
        self._lines.show(
            f"{part}epoch {report.epoch:3}  loss {report.loss:.4f}  {shown}"
            f"{report.train_seconds:.1f} + {report.validation_seconds:.1f} s"
            + ("  best" if report.best and not part else "")
        )
        self._lines.end()

    def close(self) -> None:
        self._lines.close()
