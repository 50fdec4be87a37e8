"""What the GPUs of this machine are doing, as ``nvidia-smi`` says."""

import csv
import math
import subprocess

_FIELDS = "index,name,utilization.gpu,memory.used,memory.total"
_COMMAND = ("nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
_TIMEOUT_S = 5.0


def lines() -> list[str]:
    """One line for each GPU; none where there is no ``nvidia-smi``, and one that says so where it fails."""
    try:
        done = subprocess.run(_COMMAND, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except FileNotFoundError:
        return []
    except subprocess.TimeoutExpired:
        return [f"nvidia-smi: no answer in {_TIMEOUT_S:.0f} s"]
    except OSError as error:
        return [f"nvidia-smi: {error.strerror or error}"]
    output, problem = (text.decode("utf-8", "replace").strip() for text in (done.stdout, done.stderr))
    if done.returncode:
        first = (problem or output or "no word").splitlines()[0]
        return [f"nvidia-smi: exit code {done.returncode}: {first}"]
    return [_line(row) for row in csv.reader(output.splitlines(), skipinitialspace=True, quoting=csv.QUOTE_NONE) if row]


def _line(row: list[str]) -> str:
    """``0  NVIDIA A100-SXM4-40GB  87 % busy, 1.2 of 39.4 GiB``; a question mark for what a GPU does not tell, as one in parts its use."""
    if len(row) < 5 or not row[0].isdigit():
        return f"nvidia-smi: expected {_FIELDS}, found {','.join(row)}"
    index, *name, busy, used, total = row
    return f"{index}  {', '.join(name)}  {busy if busy.isdigit() else '?'} % busy, {_gib(used)} of {_gib(total)} GiB"


def _gib(mebibytes: str) -> str:
    try:
        value = float(mebibytes) / 1024
    except ValueError:
        return "?"
    return f"{value:.1f}" if math.isfinite(value) else "?"
