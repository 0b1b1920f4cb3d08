"""Trains and measures the runs of a study, several at a time, so that it can stop and go on at any point."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import tessera_rec as tessera

from .errors import LabError
from .forecast import Forecast, Timing, forecast, most_epochs
from .results import Run, Study

ROOT = Path(__file__).resolve().parent.parent
# Seconds between pages that show no new model.
PAGE_SECONDS = 30


@dataclass
class Status:
    """How far a study is."""

    running: bool  # False: at its end, or interrupted
    finished: int
    total: int
    forecast: Forecast
    current: str = ""  # "beauty/unified-1 epoch 14, …": the models at work


@dataclass
class Options:
    folder: Path  # of it all: data/, models/, results/, index.html, report.json
    jobs: int = 1  # models at a time, each on one thread; 1: one on all threads
    publish: Callable[[Study, Status], None] = lambda study, status: None
    on_status: Callable[[Status], None] = lambda status: None
    on_finished: Callable[[Run], None] = lambda run: None


def write_json(file: Path, value) -> None:
    """Beside and renamed: what stands there is whole or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_name(file.name + ".new")
    made.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(made, file)


@dataclass
class _Work:
    """A run at work in a process of its own."""

    run: Run
    process: subprocess.Popen
    reader: threading.Thread
    at: str = "begins"
    error: str = ""


@dataclass
class Runner:
    """Runs a study; `run` returns False where it was interrupted."""

    study: Study
    options: Options
    timings: dict[str, Timing] = field(default_factory=dict)
    trained_now: int = 0
    _active: dict[str, _Work] = field(default_factory=dict)
    _messages: queue.Queue = field(default_factory=queue.Queue)

    def run(self) -> bool:
        """Trains and measures what the folder does not hold yet.

        A model that was begun goes on from its checkpoint. `LabError` if the folder holds a model of the same
        name with other settings or of other data; nothing is changed then.
        """
        self._find_results()
        self._publish(running=True)
        waiting = deque(run for run in self.study.runs if run.result is None)
        try:
            while waiting or self._active:
                while waiting and len(self._active) < self.options.jobs:
                    self._start(waiting.popleft())
                self._listen()
        except (KeyboardInterrupt, LabError) as error:
            self._stop()
            self._publish(running=False)
            if isinstance(error, LabError):
                raise
            return False
        self._publish(running=False)
        return True

    # What earlier calls left.

    def _record(self, run: Run) -> Path:
        return self.options.folder / "results" / f"{run.name}.json"

    def bundle(self, run: Run) -> Path:
        return self.options.folder / "models" / run.name

    def _find_results(self) -> None:
        for run in self.study.runs:
            settings = run.settings
            kind = f"{run.data.name}/{settings['recipe']}/{settings['tokens']}"
            timing = self.timings[run.name] = Timing(kind, most_epochs(settings))
            if not self._record(run).exists():
                continue
            run.result = self._checked(run)["result"]
            if run.result is not None:
                self._finish_timing(run)
                continue
            log = self.bundle(run) / "training.jsonl"
            epochs = log.read_text("utf-8").splitlines() if log.exists() else []
            if epochs:
                seconds = sum(sum(json.loads(line)["seconds"].values()) for line in epochs)
                timing.epochs, timing.epoch_seconds = len(epochs), seconds / len(epochs)

    def _checked(self, run: Run) -> dict:
        file = self._record(run)
        try:
            record = json.loads(file.read_text("utf-8"))
            settings, fingerprint, result = record["settings"], record["fingerprint"], record["result"]
            if result is not None:
                for part in "epochs", "best_epoch", "seconds", "test", "tokens", "curve", "baselines":
                    result[part]
        except (ValueError, KeyError, TypeError):
            raise LabError(f"{file}: damaged: remove it, and the model is trained again") from None
        try:  # settings that are newer than the record have their defaults
            words = {key: value for key, value in settings.items() if key != "recipe"}
            same = tessera.settings(settings.get("recipe", "paper"), **words) == run.settings
        except tessera.UsageError:
            same = False
        if not same or fingerprint != run.data.fingerprint:
            raise LabError(
                f"{file}: a model of this name was trained with other settings or data: choose another --out, "
                f"or remove {self.options.folder}"
            )
        return record

    def _write_record(self, run: Run) -> None:
        write_json(
            self._record(run),
            {"settings": run.settings, "fingerprint": run.data.fingerprint, "result": run.result},
        )

    # Models at work.

    def _start(self, run: Run) -> None:
        bundle = self.bundle(run).resolve()
        resume = self._record(run).exists() and (bundle / "checkpoint.safetensors").exists()
        if not resume:
            self._write_record(run)
        bundle.parent.mkdir(parents=True, exist_ok=True)
        first = run.variant is self.study.grid.variants[0] and run.seed == 1
        job = {
            "data": str(run.data.path.resolve()),
            "bundle": str(bundle),
            "negatives": str(run.data.negatives.resolve()) if run.data.negatives else None,
            "recipe": run.settings["recipe"],
            "settings": run.settings,
            "resume": resume,
            "threads": 0 if self.options.jobs == 1 else 1,
            "baselines": self.study.rules if first else False,
        }
        # A session of its own: Ctrl-C reaches the process once, through `_stop`.
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.work"], cwd=ROOT, start_new_session=True, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        reader = threading.Thread(target=self._read, args=(run.name, process), daemon=True)
        self._active[run.name] = _Work(run, process, reader)
        reader.start()

    def _read(self, name: str, process: subprocess.Popen) -> None:
        for line in process.stdout:
            self._messages.put((name, json.loads(line)))
        complaint = process.stderr.read().strip().splitlines()
        process.wait()
        self._messages.put((name, {"ended": (complaint or [""])[-1]}))

    def _listen(self, stopping: bool = False) -> None:
        """Waits for one message of a model at work."""
        try:
            name, said = self._messages.get(timeout=PAGE_SECONDS)
        except queue.Empty:
            return
        work = self._active[name]
        if "ended" in said:
            self._end(work, said["ended"], stopping)
            return
        timing = self.timings[name]
        if "epoch" in said:
            work.at = f"epoch {said['epoch']}"
            timing.epoch_seconds += (said["seconds"] - timing.epoch_seconds) / said["epoch"]
            timing.epochs = said["epoch"]
        elif "measuring" in said:
            work.at = "measured"
        elif "error" in said:
            work.error = said["error"]
        elif "result" in said:
            work.run.result = said["result"]
        self.options.on_status(self._status(True))
        if not stopping and time.monotonic() - self._published > PAGE_SECONDS:
            self._publish(running=True)

    def _end(self, work: _Work, complaint: str, stopping: bool) -> None:
        """A process has ended: with a result, an error, or because it was told to."""
        del self._active[work.run.name]
        if work.run.result is not None:
            self._write_record(work.run)
            self._finish_timing(work.run)
            self.trained_now += 1
            self.options.on_finished(work.run)
            if not stopping:
                self._publish(running=True)
        elif not stopping:
            raise LabError(f"{work.run.name}: {work.error or complaint or 'ended without a result'}")

    def _stop(self) -> None:
        """Models at work save their state; then their processes end."""
        for work in self._active.values():
            if work.process.poll() is None:
                work.process.send_signal(signal.SIGINT)
        while self._active:
            self._listen(stopping=True)

    def _finish_timing(self, run: Run) -> None:
        timing, result = self.timings[run.name], run.result
        timing.finished = True
        timing.epochs = result["epochs"]
        timing.epoch_seconds = result["seconds"]["train"] / max(result["epochs"], 1)
        timing.evaluate_seconds = result["seconds"]["evaluate"]

    def _status(self, running: bool) -> Status:
        current = ", ".join(f"{name} {work.at}" for name, work in self._active.items())
        known = forecast(list(self.timings.values()), self.options.jobs)
        return Status(running, self.study.finished(), len(self.study.runs), known, current)

    def publish_end(self) -> None:
        self._publish(running=False)

    def _publish(self, running: bool) -> None:
        self.options.publish(self.study, self._status(running))
        self._published = time.monotonic()

    _published: float = 0.0
