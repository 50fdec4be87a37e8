"""A process of another program that answers lines of JSON, and whatever it may do instead: fail, crash, hang, or print something else."""

import json
import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from threading import Timer
from typing import Any

from emofuse.errors import InputError

_LONGEST_LINE = 1 << 24  # bytes; a longer one is no answer
_LAST_WORDS = 300  # characters of standard error that go into a message
_END_S = 5.0  # between the end of its output and its end


class WorkerProcess:
    """One process in a group of its own, killed with its children on request, or when an answer takes longer than ``timeout_s``."""

    def __init__(self, command: list[str], title: str, timeout_s: float) -> None:
        self._command = command
        self._title = title
        self._timeout_s = timeout_s
        self._expired = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  not a pipe: nobody would empty it
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
            )
        except OSError as error:
            self._errors.close()
            raise InputError(f"{title}: expected a program, found that {command[0]} cannot be run: {error.strerror}; correct it") from error

    def ask(self, request: dict[str, Any] | None, subject: str) -> dict[str, Any]:
        """Its next answer, after sending it a request where there is one; InputError, naming ``subject``, says what came instead."""
        timer = Timer(self._timeout_s, self._expire)
        timer.daemon = True
        timer.start()
        try:
            answer = self._exchange(request)
        finally:
            timer.cancel()
        if self._expired:
            raise InputError(
                f"{subject}: expected an answer of {self._title} within {self._timeout_s:g} s, found none; "
                f"raise transcription.{self._title}.timeout_s in params.yaml{self._last_words()}"
            )
        if answer is None:
            raise InputError(
                f"{subject}: expected an answer of {self._title}, found that its process ({self._command[0]}) {self._end()}"
                f"{self._last_words()}; correct that, or run it again"
            )
        return answer

    def kill(self) -> None:
        """End it and its children; whoever waits for an answer is told so."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """After ``kill``: free what it held."""
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def _exchange(self, request: dict[str, Any] | None) -> dict[str, Any] | None:
        """The first line out that is a JSON object, or None at the end of its output."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if request is not None:
            try:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
            except OSError:
                return None
        while line := self._process.stdout.readline(_LONGEST_LINE):
            with suppress(ValueError, RecursionError):
                answer = json.loads(line)
                if isinstance(answer, dict):
                    return answer
        return None

    def _expire(self) -> None:
        self._expired = self._process.poll() is None  # else its children alone hold the pipe
        self.kill()

    def _end(self) -> str:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "closed its output"
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def _last_words(self) -> str:
        """All of its standard error, or the last line of a long one."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 100 * _LAST_WORDS))
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        said = " ".join(" ".join(lines).split())
        if len(said) > _LAST_WORDS:
            said = " ".join(next(line for line in reversed(lines) if line.strip()).split())[-_LAST_WORDS:]
        return f": {said}" if said else ""
