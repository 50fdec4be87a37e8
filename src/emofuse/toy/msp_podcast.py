"""An invented MSP-Podcast in the layout of release 1.7, with the oddities of the genuine release planted.

Labels/ with labels_concensus.{csv,json} (the release's own spelling), labels_detailed.{csv,json} and labels.txt; Partitions.txt;
Speaker_ids.txt; Audios/. No transcripts: they came with later releases. Planted: three-part names, training examples of unknown
speakers, the validation split called ``Validation``, all ten class letters, a stereo file at 44.1 kHz, a class of a worker's own that
holds separators, empty secondary classes, a misspelt one, numbers as strings in JSON, Test2 sharing speakers with Test1.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from emofuse import params
from emofuse.toy import acting, speech, tree

_SPLITS = {"train": "Train", "dev": "Validation", "test1": "Test1", "test2": "Test2"}
_UTTERANCES_PER_SPEAKER = {"train": 14, "dev": 9, "test1": 9, "test2": 4}
_PER_PODCAST = 5
_UNKNOWN_SHARE = 0.1  # of the training examples
_SCALE = (1, 7)
_LETTERS = {
    "angry": "A",
    "sad": "S",
    "happy": "H",
    "surprise": "U",
    "fear": "F",
    "disgust": "D",
    "contempt": "C",
    "neutral": "N",
    "other": "O",
    "no agreement": "X",
}
_WORDS = {
    "angry": "Angry",
    "sad": "Sad",
    "happy": "Happy",
    "surprise": "Surprise",
    "fear": "Fear",
    "disgust": "Disgust",
    "contempt": "Contempt",
}
_WORDS |= {"neutral": "Neutral", "other": "Other"}
_SECONDARY = ("Frustrated", "Annoyed", "Dissapointed", "Amused", "Concerned", "Excited", "Confused")  # one is misspelt as in the release
_OWN_CLASS = 'Other(tired; bored, maybe "calm"?)'
_STEREO_RATE_HZ = 44100


@dataclass(frozen=True)
class Rating:
    """What one worker said: primary class, secondary classes, arousal, valence, dominance on 1 to 7."""

    worker: str
    primary: str
    secondary: tuple[str, ...]
    arousal: int
    valence: int
    dominance: int


@dataclass(frozen=True)
class Turn:
    """One utterance with all that the release says of it."""

    file: str
    split: str
    speaker: str
    gender: str
    act: acting.Act
    ratings: tuple[Rating, ...]

    def mean(self, dimension: str) -> float:
        """Mean of the workers' ratings of ``arousal``, ``valence`` or ``dominance``."""
        return float(np.mean([getattr(rating, dimension) for rating in self.ratings]))


def write(root: Path, seed: int, sizes: params.ToyMSPPodcast) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    turns = plan(seed, sizes)
    stereo = turns[1].file
    with tree.whole(root, "MSP-Podcast, release 1.7") as folder:
        for turn, samples in zip(turns, speech.speak([t.act.utterance for t in turns], title="msp_podcast"), strict=True):
            path = folder / "Audios" / turn.file
            if turn.file == stereo:
                tree.write_wav(path, _stereo(samples), _STEREO_RATE_HZ)
            else:
                tree.write_wav(path, samples, speech.SAMPLE_RATE_HZ)
        _write_labels(folder / "Labels", turns)
        tree.write_text(folder / "Partitions.txt", "".join(f"{_SPLITS[t.split]}; {t.file}\n" for t in turns))
        tree.write_text(folder / "Speaker_ids.txt", _speakers(turns))


def plan(seed: int, sizes: params.ToyMSPPodcast) -> list[Turn]:
    """Every utterance of the corpus before it is spoken, sorted by file name."""
    rng = np.random.default_rng([seed, 17])  # 17: this corpus' own stream
    others = itertools.cycle(("surprise", "no agreement", "disgust", "contempt", "fear", "other"))
    ids = (str(n) for n in itertools.cycle(rng.permutation(np.arange(3, 999))))
    podcasts = itertools.count(int(rng.integers(1, 40)), 3)
    turns: list[Turn] = []
    cast: list[tuple[str, acting.Speaker]] = []
    for split, size in ((name, getattr(sizes, name)) for name in _SPLITS):
        if split != "test2":  # test sets may share speakers with one another
            people = max(2, size // _UTTERANCES_PER_SPEAKER[split])
            cast = [(next(ids), acting.speaker("female" if k % 2 else "male", rng)) for k in range(people)]
        unknown = max(2, round(_UNKNOWN_SHARE * size)) if split == "train" else 0
        voices = [(*cast[k % len(cast)], True) for k in range(max(0, size - unknown))]
        voices += [("Unknown", acting.speaker("female" if k % 2 else "male", rng), bool(k % 2)) for k in range(size - len(voices))]
        voices.sort(key=lambda voice: voice[0])  # a podcast holds turns of one or two people in sequence
        for (speaker, voice, gender_known), feeling, file in zip(
            voices, acting.feelings(size, acting.FOUR, others, rng), _files(podcasts, rng), strict=False
        ):
            played = acting.act(voice, feeling, rng)
            gender = voice.gender.capitalize() if gender_known else "Unknown"
            turns.append(Turn(file, split, speaker, gender, played, _rate(played, rng)))
    first = next((k for k, turn in enumerate(turns) if turn.act.emotion == "other"), 0)
    turns[first] = _with_own_class(turns[first])
    return sorted(turns, key=lambda turn: turn.file)


def _files(podcasts: Iterator[int], rng: np.random.Generator) -> Iterator[str]:
    for podcast in podcasts:
        turn = int(rng.integers(1, 60))
        for k in range(_PER_PODCAST):
            turn += int(rng.integers(1, 9))
            part = "_0001" if k == 2 else "_0002" if k == 3 else ""  # a later re-segmentation left both forms
            yield f"MSP-PODCAST_{podcast:04d}_{turn:04d}{part}.wav"


def _rate(played: acting.Act, rng: np.random.Generator) -> tuple[Rating, ...]:
    raters = int(rng.integers(5, 9))
    classes = acting.votes(played.emotion, raters, tuple(_WORDS), rng)
    dimensions = [acting.ratings(value, raters, *_SCALE, rng) for value in (played.arousal, played.valence, played.dominance)]
    workers = rng.choice(np.arange(80000001, 80000400), raters, replace=False)
    secondary = [tuple(str(word) for word in rng.choice(_SECONDARY, rng.integers(0, 3), replace=False)) for _ in range(raters)]
    return tuple(
        Rating(f"WORKER{worker}", _WORDS[name], more, *values)
        for worker, name, more, values in zip(workers, classes, secondary, zip(*dimensions, strict=True), strict=True)
    )


def _with_own_class(turn: Turn) -> Turn:
    first = turn.ratings[0]
    own = Rating(first.worker, _OWN_CLASS, (), first.arousal, first.valence, first.dominance)
    return Turn(turn.file, turn.split, turn.speaker, turn.gender, turn.act, (own, *turn.ratings[1:]))


def _write_labels(folder: Path, turns: list[Turn]) -> None:
    rows = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"]
    for turn in turns:
        means = ",".join(_short(turn.mean(name)) for name in ("arousal", "valence", "dominance"))
        rows.append(f"{turn.file},{_LETTERS[turn.act.emotion]},{means},{turn.speaker},{turn.gender},{_SPLITS[turn.split]}")
    tree.write_text(folder / "labels_concensus.csv", "\n".join(rows) + "\n")
    tree.write_text(folder / "labels_concensus.json", json.dumps({t.file: _consensus(t) for t in turns}, indent=1) + "\n")
    detailed = [(turn.file, _worker_line(rating).replace('"', '""')) for turn in turns for rating in turn.ratings]
    tree.write_text(folder / "labels_detailed.csv", "FileName,EmoDetail\n" + "".join(f'{file},"{line}"\n' for file, line in detailed))
    tree.write_text(
        folder / "labels_detailed.json", json.dumps({t.file: {r.worker: _detail(r) for r in t.ratings} for t in turns}, indent=1) + "\n"
    )
    tree.write_text(folder / "labels.txt", "\n".join(_block(turn) for turn in turns))


def _consensus(turn: Turn) -> dict[str, str]:
    """The JSON twin of a row: numbers are strings, the speaker has a leading space."""
    return {
        "EmoClass": _LETTERS[turn.act.emotion],
        "EmoAct": _short(turn.mean("arousal")),
        "EmoVal": _short(turn.mean("valence")),
        "EmoDom": _short(turn.mean("dominance")),
        "SpkrID": f" {turn.speaker}",
        "Gender": turn.gender,
        "Split_Set": _SPLITS[turn.split],
    }


def _detail(rating: Rating) -> dict[str, str]:
    return {
        "EmoClass_Major": rating.primary,
        "EmoClass_Second": ",".join(rating.secondary),
        "EmoAct": f"{rating.arousal}",
        "EmoVal": f"{rating.valence}",
        "EmoDom": f"{rating.dominance}",
    }


def _worker_line(rating: Rating) -> str:
    numbers = f"A:{rating.arousal:.6f}; V:{rating.valence:.6f}; D:{rating.dominance:.6f};"
    return f"{rating.worker}; {rating.primary}; {','.join(rating.secondary)}; {numbers}"


def _block(turn: Turn) -> str:
    means = f"A:{turn.mean('arousal'):.6f}; V:{turn.mean('valence'):.6f}; D:{turn.mean('dominance'):.6f};"
    return f"{turn.file}; {_LETTERS[turn.act.emotion]}; {means}\n" + "".join(_worker_line(rating) + "\n" for rating in turn.ratings)


def _short(value: float) -> str:
    """As in the release: ``2.2``, ``4.0``, ``3.777778``."""
    return str(round(value, 6))


def _speakers(turns: list[Turn]) -> str:
    genders = {turn.speaker: turn.gender for turn in turns if turn.speaker != "Unknown"}
    people = "".join(f"Speaker_{speaker}; {genders[speaker]}\n" for speaker in sorted(genders, key=int))
    return people + "*" * 40 + "\n" + "".join(f"{turn.file}; {turn.speaker}\n" for turn in turns)


def _stereo(samples: np.ndarray) -> np.ndarray:
    """int16 of shape (sample, 2) at 44.1 kHz, the right channel weaker."""
    wide = soxr.resample(samples / 32768, speech.SAMPLE_RATE_HZ, _STEREO_RATE_HZ)
    return np.clip(np.round(np.stack([wide, 0.7 * wide], axis=1) * 32767), -32768, 32767).astype(np.int16)
