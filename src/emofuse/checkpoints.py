"""How far a training has come, kept on disk between epochs: a killed run goes on from there, and ends with the bits of an undisturbed one.

A checkpoint is scratch, keyed by the run: no output of any stage, verified by its own digest, and deleted when the run is published.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

log = logging.getLogger("training")
State = dict[str, Any]
_DIGEST_BYTES = 32
_BLOCK_BYTES = 1 << 20
_LARGEST_SHARE = 1 / 20  # of a run's time that keeping its state may take: that of a wide network takes seconds


class Checkpoint:
    """One file that is replaced as a whole: the state as PyTorch writes it, then the SHA-256 of that."""

    def __init__(self, path: Path, every_s: float, device: str) -> None:
        """Keep at most one state each ``every_s`` seconds; a state of another run or another kind of ``device`` is not gone on from.

        ``path`` is named after the run's key.
        """
        self.path = path
        self.every_s = every_s
        self.device = torch.device(device)
        self._partial = path.with_name(f".{path.name}.partial")  # under the run's lock there is one writer
        self._last = time.monotonic()  # which no clock that is set wrong or put right moves
        self._cost_s = 0.0

    def due(self) -> bool:
        """True if the last state was kept ``every_s`` ago, and so long ago as makes up for what it cost; always where ``every_s`` is 0."""
        return self.every_s == 0 or time.monotonic() - self._last >= max(self.every_s, self._cost_s / _LARGEST_SHARE)

    def save(self, state: State) -> None:
        """Replace what was kept by a state of tensors, numbers, texts, lists and dicts. A disk that is full costs the checkpoint only."""
        start = time.monotonic()
        whole = {**state, "key": self.path.stem, "device": self.device.type, "random": self._random_states()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._partial.open("wb") as file:
                _write(whole, file)
            self._partial.replace(self.path)
        except (OSError, RuntimeError) as error:
            # PyTorch's writer, which fails once more as it closes what it could not write, hides the cause
            cause = error if isinstance(error, OSError) else error.__context__
            if not isinstance(cause, OSError):
                raise
            log.warning("%s: the checkpoint could not be kept: %s; the run goes on without", self.path, cause.strerror or cause)
            _remove(self._partial)
        self._last = time.monotonic()
        self._cost_s = self._last - start

    def load(self, check: Callable[[State], None]) -> State | None:
        """The state that was kept last, the random generators set as they were; None if there is none that may be gone on from.

        ``check`` raises whatever it likes where the state does not fit; it must not change anything.
        """
        try:
            with self.path.open("rb") as file:
                if not _is_whole(file):
                    raise ValueError("it is damaged")
                state: State = torch.load(file, map_location="cpu", weights_only=True)
            self._check(state)
            check(state)
        except FileNotFoundError:
            return None
        except Exception as error:  # a run can always start from its first epoch
            why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            log.warning("%s: the checkpoint is not used: %s; the run starts from its first epoch", self.path, why)
            return None
        torch.set_rng_state(state["random"]["cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)
        return state

    def delete(self) -> None:
        """Forget what was kept, and what a killed process had begun to keep."""
        _remove(self.path)
        _remove(self._partial)

    def _check(self, state: State) -> None:
        for name, own in (("key", self.path.stem), ("device", self.device.type)):
            if state[name] != own:
                raise ValueError(f"expected {name} {own}, found {state[name]}")
        sizes, expected = ({name: random.shape for name, random in s.items()} for s in (state["random"], self._random_states()))
        if sizes != expected:
            raise ValueError("its random states are of another size")
        torch.Generator().set_state(state["random"]["cpu"])

    def _random_states(self) -> dict[str, Tensor]:
        """Of the processor and, wherever it stands in the machine, of the run's own GPU."""
        own = {"cuda": torch.cuda.get_rng_state(self.device)} if self.device.type == "cuda" else {}
        return {"cpu": torch.get_rng_state(), **own}


class _Hashed:
    """A file that PyTorch writes to and that takes the digest of what goes by: a wide network's state is not held in memory once more."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _write(state: State, file: BinaryIO) -> None:
    hashed = _Hashed(file)
    torch.save(state, hashed)  # type: ignore[arg-type]  # it asks of a file only write and flush
    file.write(hashed.sha256.digest())
    file.flush()
    os.fsync(file.fileno())


def _is_whole(file: BinaryIO) -> bool:
    """True if the file ends with the digest of what comes before; it is rewound."""
    sha256 = hashlib.sha256()
    left = os.fstat(file.fileno()).st_size - _DIGEST_BYTES
    while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
        sha256.update(block)
        left -= len(block)
    whole = file.read() == sha256.digest()
    file.seek(0)
    return whole


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
