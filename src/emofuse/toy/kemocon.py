"""An invented K-EmoCon in the layout of release 1.0.0, with the oddities of the genuine release planted.

metadata/, e4_data/<pid>/E4_*.csv, emotion_annotations/{self,partner,external}_annotations/, debate_audios/debate_audios/. Planted: the
doubled folder; pid 2 without wearable; pid 3 with rows of two devices; rows from before and after the debate, a gap and a repeated row;
no contact of the electrodes; acceleration in 1/64 g or in g; a session with one annotation more than the debate has intervals of 5 s; an
empty rating; ``x`` marks; Windows line ends and another order of columns; a recording of stereo at 44.1 kHz, a recording that is shorter
than its debate; macOS ``._`` files.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Float64, Int16, Int64

from emofuse.params.wearable import ToyDyads
from emofuse.toy import acting, physiology, speech, tree, voices

LEAD_S, TAIL_S = 10.0, 5.0  # what the wearables record before and after the debate
RATES_HZ = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}
CATEGORIES = ("cheerful", "happy", "angry", "nervous", "sad")
_COMMON = ("boredom", "confusion", "delight", "concentration", "frustration", "surprise", "none_1")
_RARE = ("confrustion", "contempt", "dejection", "disgust", "eureka", "pride", "sorrow", "none_2")
_FIRST_MS = 1_560_000_000_000  # June 2019
_SHARE = 0.8  # of the variance of feelings that partners share: both are rated on the same mix of their voices
_INTERVAL_S = 5
_RATING_SD = 0.3  # of what raters say of their feelings
_STEREO_RATE_HZ = 44100
_MISSING_S = 2.0  # of the recording that is shorter than its debate
_APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "


@dataclass(frozen=True)
class Participant:
    """One debater: ``felt`` begins ``LEAD_S`` before the debate, which starts at ``start_ms`` (Unix, UTC)."""

    pid: int
    start_ms: int
    debate_s: float
    felt: physiology.Feelings
    body: physiology.Person
    voice: acting.Speaker

    @property
    def felt_in_debate(self) -> physiology.Feelings:
        """Feelings from the debate's beginning on."""
        lead = round(LEAD_S * physiology.RATE_HZ)
        return physiology.Feelings(self.felt.arousal[lead:], self.felt.valence[lead:])


def write(root: Path, seed: int, sizes: ToyDyads) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    people = plan(seed, sizes)
    rng = np.random.default_rng([seed, 59])
    with tree.whole(root, "K-EmoCon 1.0.0") as folder:
        _write_metadata(folder / "metadata", people)
        for who in people:
            if who.pid != 2:
                _write_wearable(folder / "e4_data" / str(who.pid), who, rng)
            _write_annotations(folder / "emotion_annotations", who, rng)
        pairs = list(zip(people[::2], people[1::2], strict=True))
        scenes = [voices.Scene((a.voice, b.voice), (a.felt_in_debate, b.felt_in_debate), a.debate_s) for a, b in pairs]
        for (a, b), samples in zip(pairs, voices.speak(scenes, seed, "kemocon"), strict=True):
            path = folder / "debate_audios" / "debate_audios" / f"p{a.pid}.p{b.pid}.wav"
            if a.pid == 3:
                tree.write_wav(path, _stereo(samples), _STEREO_RATE_HZ)
            else:
                kept = len(samples) - round(_MISSING_S * speech.SAMPLE_RATE_HZ) if a.pid == 5 else len(samples)
                tree.write_wav(path, samples[:kept], speech.SAMPLE_RATE_HZ)
        (path.parent / f"._{path.name}").write_bytes(_APPLE_DOUBLE)


def plan(seed: int, sizes: ToyDyads) -> list[Participant]:
    """Everyone with their feelings, by pid; 1 and 2 debate with each other, 3 and 4, and so on."""
    rng = np.random.default_rng([seed, 53])  # 53: this corpus' own stream
    people: list[Participant] = []
    for pair in range(sizes.pairs):
        start_ms = _FIRST_MS + 3_600_000 * pair + int(rng.integers(0, 1000))
        length_s = LEAD_S + sizes.debate_s + TAIL_S
        mood = physiology.feelings(length_s, rng)
        cast = voices.speakers(2, rng)
        for k in (0, 1):
            felt = physiology.feelings(length_s, rng, mood, _SHARE)
            voice = cast[(k + pair) % 2]
            people.append(Participant(2 * pair + k + 1, start_ms, float(sizes.debate_s), felt, physiology.person(rng), voice))
    return people


def _write_metadata(folder: Path, people: list[Participant]) -> None:
    clock = [
        f"{p.pid},{p.start_ms - round(1000 * LEAD_S)},{p.start_ms},{p.start_ms + round(1000 * p.debate_s)}" for p in reversed(people)
    ]  # in no order
    tree.write_text(folder / "subjects.csv", "pid,initTime,startTime,endTime\n" + "\n".join(clock) + "\n")
    columns = ["E4_ACC", "E4_BVP", "E4_EDA", "E4_HR", "E4_IBI", "E4_TEMP", "Attention", "BrainWave", "Meditation", "Polar_HR"]
    columns += ["debate_audio", "debate_recording", "aggregated_external_annotations", "partner_annotations", "self_annotations"]
    absent = {"E4_HR", "E4_IBI", "Attention", "BrainWave", "Meditation", "Polar_HR", "debate_recording"}
    rows = [",".join(["pid", *columns])]
    for who in people:
        here = [str(column not in absent and not (who.pid == 2 and column.startswith("E4"))).upper() for column in columns]
        rows.append(",".join([str(who.pid), *here]))
    tree.write_text(folder / "data_availability.csv", "\n".join(rows) + "\n")
    (folder / "._subjects.csv").write_bytes(_APPLE_DOUBLE)


def _write_wearable(folder: Path, who: Participant, rng: np.random.Generator) -> None:
    measured = physiology.record(who.felt, who.body, RATES_HZ, rng)
    measured["eda"][round((LEAD_S + 20) * 4) : round((LEAD_S + 21) * 4)] = 0.0  # no contact
    serial = f"A{who.pid:02d}3E1"
    for name, samples in measured.items():
        late_ms = int(rng.integers(0, 400))  # signals of one device do not begin together
        at_ms = who.start_ms - round(1000 * LEAD_S) + late_ms + np.round(np.arange(len(samples)) * 1000 / RATES_HZ[name]).astype(np.int64)
        keep = np.ones(len(samples), dtype=bool)
        if who.pid == 1 and name == "bvp":
            keep[round((LEAD_S + 8) * 64) : round((LEAD_S + 8.5) * 64)] = False  # lost on the radio
        rows = _rows(at_ms[keep], who.pid, samples[keep], name, serial)
        if who.pid == 1 and name == "temp":
            rows.insert(60, rows[60])
        if who.pid == 3:  # another device was switched on too, and came along for a while
            others = _rows(at_ms[::2] + 3, who.pid, rng.permutation(samples)[::2], name, "A01A3A")
            rows = others[: len(others) // 3] + rows + others[len(others) // 3 :]
        values = "x,y,z" if name == "acc" else "value"
        path = folder / f"E4_{name.upper()}.csv"
        if who.pid == 4:
            turned = [f"{row.rpartition(',')[2]},{row.rpartition(',')[0]}" for row in rows]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes("\r\n".join([f"device_serial,timestamp,pid,{values}", *turned, ""]).encode())
        else:
            tree.write_text(path, "\n".join([f"timestamp,pid,{values},device_serial", *rows]) + "\n")


def _rows(at_ms: Int64[np.ndarray, "sample"], pid: int, samples: Float64[np.ndarray, "sample *axis"], name: str, serial: str) -> list[str]:
    if name == "acc" and pid % 2:
        shown = [f"{x:.1f},{y:.1f},{z:.1f}" for x, y, z in np.round(64 * samples).tolist()]  # counts of the device
    elif name == "acc":
        shown = [f"{x:.5f},{y:.5f},{z:.5f}" for x, y, z in samples.tolist()]
    else:
        places = 6 if name == "eda" else 2
        shown = [f"{value:.{places}f}" for value in samples.tolist()]
    return [f"{time},{pid},{value},{serial}" for time, value in zip(at_ms.tolist(), shown, strict=True)]


def _write_annotations(folder: Path, who: Participant, rng: np.random.Generator) -> None:
    count = int(who.debate_s) // _INTERVAL_S + (who.pid in (1, 2))
    ends = np.arange(1, count + 1) * _INTERVAL_S
    arousal, valence = (
        values.reshape(count, -1).mean(axis=1) for values in who.felt_in_debate.at(np.arange(count * _INTERVAL_S * 4) / physiology.RATE_HZ)
    )
    for kind, noise in (("self", _RATING_SD), ("partner", 1.0), ("external", 0.7)):
        heard = arousal + noise * rng.standard_normal(count), valence + noise * rng.standard_normal(count)
        rows = [_rated(int(end), a, v, rng) for end, a, v in zip(ends, *heard, strict=True)]
        if kind == "self" and who.pid == 4:
            rows[1][2] = ""  # valence was left empty
        header = ["seconds", "arousal", "valence", *CATEGORIES, *_COMMON, *_RARE]
        lines = [",".join(row) for row in (header, *rows)]
        name = f"P{who.pid}.R1.csv" if kind == "external" else f"P{who.pid}.{kind}.csv"
        tree.write_text(folder / f"{kind}_annotations" / name, "\n".join(lines) + "\n")
    if who.pid == 1:
        (folder / "self_annotations" / "._P1.self.csv").write_bytes(_APPLE_DOUBLE)


def _rated(end_s: int, arousal: float, valence: float, rng: np.random.Generator) -> list[str]:
    """One row: ratings 1 to 5, scores 1 to 4 of which usually one is highest, and a mark in each of two groups."""
    dimensions = [int(np.clip(np.round(3 + 1.05 * value), 1, 5)) for value in (arousal, valence)]
    scores = dict.fromkeys(CATEGORIES, 1)
    if prominent := _prominent(arousal, valence):
        scores[prominent] = 4 if abs(arousal) + abs(valence) > 2 else 3
        if rng.random() < 0.3:
            second = str(rng.choice([name for name in CATEGORIES if name != prominent]))
            scores[second] = scores[prominent] if rng.random() < 0.15 else 2
    marks = [["x" if k == chosen else "" for k in range(size)] for size in (len(_COMMON), len(_RARE)) for chosen in [rng.integers(size)]]
    return [str(value) for value in (end_s, *dimensions, *scores.values())] + marks[0] + marks[1]


def _prominent(arousal: float, valence: float) -> str | None:
    """The category that stands for a place in the plane of arousal and valence; None where nothing stands out."""
    if valence > 0.48:
        return "cheerful" if arousal > 0.48 else "happy"
    if valence < -0.48:
        return "angry" if arousal > 0.48 else "sad"
    return "nervous" if arousal > 0.48 else None


def _stereo(samples: Int16[np.ndarray, "sample"]) -> Int16[np.ndarray, "sample 2"]:
    """The same mix on both channels at 44.1 kHz, as in the genuine recordings: channels do not tell speakers apart."""
    wide = np.clip(soxr.resample(samples / 32768, speech.SAMPLE_RATE_HZ, _STEREO_RATE_HZ), -1, 1)
    return np.round(np.stack([wide, wide], axis=1) * 32767).astype(np.int16)
