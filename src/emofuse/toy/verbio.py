"""An invented VerBIO in the session-first layout: talks whose voice and body show the same feelings, with the oddities of the release.

PRE and TEST01, each with E4/, Audio/, Annotation/ and Self_Reports/. Planted: workbooks for the first two participants, csv for the
others, which in TEST01 has no times; a RELAX stage with one csv of a single column without a name; acceleration in 1/64 g; a missing TEMP;
a stereo file; an absent session; raters R1, R2, R4, R5 without R3, one rating left empty; a chest device that is not used.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
from jaxtyping import Float64

from emofuse.params import wearable
from emofuse.toy import acting, physiology, speech, tree, voices

SESSIONS = ("PRE", "TEST01")
RATERS = ("R1", "R2", "R4", "R5")
_RATES_HZ = {"acc": 32, "bvp": 64, "eda": 4, "temp": 4}
_DECIMALS = {"acc": 0, "bvp": 2, "eda": 6, "temp": 2, "ecg": 3}  # of the device's own files; acceleration in 1/64 g is whole
_CHEST_HZ = {"ecg": 128}
_REST_S = 20
_RATING_STEP_S = 1
_RATER_SD = 0.5  # on the scale of stress, 1 to 5
_WORKBOOKS = 2  # participants whose signals are workbooks: openpyxl writes 130,000 cells a second
_DATE = datetime(2019, 6, 8, 12)

Columns = dict[str, Float64[np.ndarray, "row"]]


@dataclass(frozen=True)
class Talk:
    """One talk: who, in which session, and what they feel."""

    participant: int
    session: str
    who: physiology.Person
    speaker: acting.Speaker
    felt: physiology.Feelings

    @property
    def code(self) -> str:
        """Such as P001."""
        return f"P{self.participant:03d}"


def write(root: Path, seed: int, sizes: wearable.ToyTalks) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    talks = plan(seed, sizes)
    scenes = [voices.Scene((talk.speaker,), (talk.felt,), sizes.talk_s) for talk in talks]
    with tree.whole(root, "VerBIO") as folder:
        for k, (talk, samples) in enumerate(zip(talks, voices.speak(scenes, seed, "verbio"), strict=True)):
            rng = np.random.default_rng([seed, 72, k])
            if (talk.participant, talk.session) == (2, "PRE"):
                samples = np.stack([samples, samples // 2], axis=1)
            name = f"{talk.session}_{talk.code}"
            tree.write_wav(folder / talk.session / "Audio" / f"{name}_AUDIO_PPT.wav", samples, speech.SAMPLE_RATE_HZ)
            _write_talk(folder / talk.session / "E4" / talk.code, talk, sizes, rng)
            _write_workbook(folder / talk.session / "Annotation" / f"{name}_annotation.xlsx", _stress(talk, rng))
        rng = np.random.default_rng([seed, 73])
        _write_rest(folder / "PRE", talks[0], rng)
        _write_self_reports(folder, talks, rng)


def plan(seed: int, sizes: wearable.ToyTalks) -> list[Talk]:
    """Every talk by participant and session; the last participant has no TEST01."""
    rng = np.random.default_rng([seed, 71])  # 71 to 73: this corpus' own streams
    people = [(physiology.person(rng), speaker) for speaker in voices.speakers(sizes.participants, rng)]
    talks = [
        Talk(k, session, who, speaker, physiology.feelings(sizes.talk_s, rng))
        for k, (who, speaker) in enumerate(people, 1)
        for session in SESSIONS
    ]
    return talks[:-1]


def _write_talk(folder: Path, talk: Talk, sizes: wearable.ToyTalks, rng: np.random.Generator) -> None:
    recorded = physiology.record(talk.felt, talk.who, _RATES_HZ, rng)
    if (talk.participant, talk.session) == (sizes.participants, "PRE"):
        del recorded["temp"]
    for signal, samples in recorded.items():
        columns = _columns(signal, samples, _RATES_HZ[signal])
        path = folder / f"{signal.upper()}_PPT.csv"
        if talk.participant <= _WORKBOOKS:
            _write_workbook(path.with_suffix(".xlsx"), columns)
        else:
            _write_csv(path, columns if talk.session == "PRE" else {n: c for n, c in columns.items() if n != "Time (s)"})


def _write_rest(session: Path, talk: Talk, rng: np.random.Generator) -> None:
    """RELAX of one participant, who sits still and feels nothing in particular; and the chest device of the same stage."""
    calm = np.zeros(round(_REST_S * physiology.RATE_HZ))
    recorded = physiology.record(physiology.Feelings(calm, calm), talk.who, {**_RATES_HZ, **_CHEST_HZ}, rng)
    folder = session / "E4" / talk.code
    for signal in ("acc", "bvp", "temp"):
        _write_workbook(folder / f"{signal.upper()}_RELAX.xlsx", _columns(signal, recorded[signal], _RATES_HZ[signal]))
    values = _columns("eda", recorded["eda"], _RATES_HZ["eda"])["EDA"]
    tree.write_text(folder / "EDA_RELAX.csv", "".join(f"{value}\n" for value in values.tolist()))
    _write_csv(session / "Actiwave" / talk.code / "ECG_RELAX.csv", _columns("ecg", recorded["ecg"], _CHEST_HZ["ecg"]))


def _write_self_reports(folder: Path, talks: Sequence[Talk], rng: np.random.Generator) -> None:
    for session, column, low, high in (
        ("PRE", "STAI State Score", 20, 80),
        ("TEST01", "State Anxiety Enthusiasm Score", 1, 5),
    ):
        people = [talk.code for talk in talks if talk.session == session]
        rows = zip(people, rng.integers(low, high, len(people), endpoint=True).tolist(), strict=True)
        _write_rows(folder / session / "Self_Reports" / f"{session}_afterPPT.xlsx", ["PID", column], rows)


def _stress(talk: Talk, rng: np.random.Generator) -> Columns:
    """Ratings of each rater, 1 to 5, each ``_RATING_STEP_S``: an aroused voice that is not pleased sounds stressed."""
    times = np.arange(0, talk.felt.duration_s, _RATING_STEP_S, dtype=np.float64)
    arousal, valence = talk.felt.at(times + _RATING_STEP_S / 2)
    columns = {"Time (s)": times}
    for rater in RATERS:
        heard = 3 + 0.8 * arousal - 0.6 * valence + _RATER_SD * rng.standard_normal(len(times))
        columns[rater] = np.clip(np.round(heard), 1, 5)
    if (talk.participant, talk.session) == (1, "PRE"):
        columns["R4"][len(times) // 2] = np.nan
    return columns


def _columns(signal: str, samples: np.ndarray, rate_hz: int) -> Columns:
    """Columns of one signal's file, times first; acceleration (sample, 3) from g to the device's 1/64 g, which ends at 2 g."""
    values = np.clip(samples * 64, -128, 127) if signal == "acc" else samples[:, None]
    values = np.round(values, _DECIMALS[signal]) + 0.0  # no -0
    names = ("X", "Y", "Z") if signal == "acc" else (signal.upper(),)
    return {"Time (s)": np.arange(len(values)) / rate_hz, **dict(zip(names, values.T, strict=True))}


def _write_csv(path: Path, columns: Columns) -> None:
    rows = (",".join(map(str, row)) for row in zip(*(column.tolist() for column in columns.values()), strict=True))
    tree.write_text(path, "\n".join([",".join(columns), *rows]) + "\n")


def _write_workbook(path: Path, columns: Columns) -> None:
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    _write_rows(path, list(columns), ([None if value != value else value for value in row] for row in rows))


def _write_rows(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """One sheet of named columns; the dates that openpyxl and zip write of themselves are those of an invented afternoon."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(list(names))
    for row in rows:
        sheet.append(row)
    book.save(saved := io.BytesIO())
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(saved) as dated, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as timeless:
        for name in dated.namelist():
            content = dated.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", _DATE.strftime("%Y-%m-%dT%H:%M:%SZ").encode(), content)
            timeless.writestr(zipfile.ZipInfo(name, _DATE.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
