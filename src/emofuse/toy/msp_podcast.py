"""An invented MSP-Podcast in the layout of any release, with the oddities of the genuine one planted.

All releases: a label folder with consensus labels (CSV and JSON), workers' labels and labels.txt; partitions; Speaker_ids.txt; Audios/.
Planted: three-part names, training examples of unknown speakers, all ten class letters, a stereo file at 44.1 kHz, a class of a
worker's own that holds separators, empty secondary classes, a misspelt one, numbers as strings in JSON, Test2 sharing speakers with
Test1.

By release: the spelling of label files and splits (``msp_labels``); Transcripts/ from 1.10, one missing and one empty; a hidden test
without labels from 1.11; ForceAligned/, Time_Labels/ and the labels and audio of 1.6 to 1.11 in 1.12, which dropped two turns, put one
into another split and numbers its speakers anew; in 2.0 a listed turn without audio. ForceAligned/ and Time_Labels/ have contents of
our own.

``SYNTHETIC_TEXT.csv`` holds what was said, the reference of a word error rate; it belongs to no release.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import soxr

from emofuse import params
from emofuse.errors import InputError
from emofuse.toy import acting, msp_labels, speech, tree
from emofuse.toy.msp_labels import SPELLINGS, Rating, Turn

TEXTS = "SYNTHETIC_TEXT.csv"
HIDDEN = 2  # turns of test3
_SPLITS = ("train", "dev", "test1", "test2")
_UTTERANCES_PER_SPEAKER = {"train": 14, "dev": 9, "test1": 9, "test2": 4}
_PER_PODCAST = 5
_UNKNOWN_SHARE = 0.1  # of the training examples
_SCALE = (1, 7)
_SECONDARY = ("Frustrated", "Annoyed", "Dissapointed", "Amused", "Concerned", "Excited", "Confused")  # one is misspelt as in the release
_OWN_CLASS = 'Other(tired; bored, maybe "calm"?)'
_STEREO_RATE_HZ = 44100
_WITH_TRANSCRIPTS = ("1.10", "1.11", "1.12", "2.0")
_WITH_HIDDEN = ("1.11", "1.12", "2.0")
_EARLIER = ("1.6", "1.7", "1.8", "1.9", "1.10", "1.11")  # told of in 1.12
_RENUMBERED = 1000  # added to the numbers of the speakers in 1.12
_ABSENT = "MSP-PODCAST_1909_1017.wav"  # listed in 2.0, which has no audio of it


def write(root: Path, seed: int, sizes: params.ToyMSPPodcast, release: str = "1.7") -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds, sizes and releases give equal bytes.

    ``sizes`` count the turns of 1.6 to 1.10. Raises InputError for an unknown release, and where ``root`` holds anything but an invented
    corpus.
    """
    if release not in SPELLINGS:
        raise InputError(f"invented MSP-Podcast: expected a release of {list(SPELLINGS)}, found '{release}'; name one of them")
    planned = plan(seed, sizes)
    hidden = _hidden(seed) if release in _WITH_HIDDEN else []
    spoken = [*planned, *hidden]
    dropped = [turn.file for turn in planned if turn.split == "train"][2:4] if release == "1.12" else []
    with tree.whole(root, f"MSP-Podcast, release {release}") as folder:
        for turn, samples in zip(spoken, speech.speak([t.act.utterance for t in spoken], title="msp_podcast"), strict=True):
            homes = [_removed(folder, earlier) for earlier in _EARLIER] if turn.file in dropped else [folder / "Audios"]
            for home in homes:
                if turn == planned[1]:
                    tree.write_wav(home / turn.file, _stereo(samples), _STEREO_RATE_HZ)
                else:
                    tree.write_wav(home / turn.file, samples, speech.SAMPLE_RATE_HZ)
        turns = _of_release(planned, dropped, release) + hidden
        msp_labels.write(folder, turns, SPELLINGS[release])
        msp_labels.write_lists(folder, turns, SPELLINGS[release])
        if release in _WITH_TRANSCRIPTS:
            _write_transcripts(folder / "Transcripts", [turn for turn in turns if turn.file != _ABSENT])
        if release == "1.12":
            _write_times(folder, turns)
            for earlier in _EARLIER:
                told = folder / "Previous_releases_information" / "previous_releases_info" / f"v{earlier}"
                msp_labels.write(told, spoken if earlier in _WITH_HIDDEN else planned, SPELLINGS[earlier])
        tree.write_text(folder / TEXTS, _texts(spoken))


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
    classes = acting.votes(played.emotion, raters, tuple(msp_labels.WORDS), rng)
    dimensions = [acting.ratings(value, raters, *_SCALE, rng) for value in (played.arousal, played.valence, played.dominance)]
    workers = rng.choice(np.arange(80000001, 80000400), raters, replace=False)
    secondary = [tuple(str(word) for word in rng.choice(_SECONDARY, rng.integers(0, 3), replace=False)) for _ in range(raters)]
    return tuple(
        Rating(f"WORKER{worker}", msp_labels.WORDS[name], more, *values)
        for worker, name, more, values in zip(workers, classes, secondary, zip(*dimensions, strict=True), strict=True)
    )


def _with_own_class(turn: Turn) -> Turn:
    first = turn.ratings[0]
    own = Rating(first.worker, _OWN_CLASS, (), first.arousal, first.valence, first.dominance)
    return Turn(turn.file, turn.split, turn.speaker, turn.gender, turn.act, (own, *turn.ratings[1:]))


def _hidden(seed: int) -> list[Turn]:
    """The turns of test3, whose names number them."""
    rng = np.random.default_rng([seed, 19])  # 19: their own stream, so that the other turns are those of the earlier releases
    turns = []
    for k in range(HIDDEN):
        played = acting.act(acting.speaker("female" if k % 2 else "male", rng), "neutral", rng)
        turns.append(Turn(f"MSP-PODCAST_test3_{k + 1:04d}.wav", "test3", "", "", played, ()))
    return turns


def _of_release(planned: list[Turn], dropped: list[str], release: str) -> list[Turn]:
    """What the release lists of the planned turns, sorted by file name."""
    if release == "2.0":
        return sorted([*planned, replace(planned[0], file=_ABSENT)], key=lambda turn: turn.file)
    if release != "1.12":
        return planned
    kept = [turn for turn in planned if turn.file not in dropped]
    moved = next(turn for turn in kept if turn.split == "dev")
    kept = [replace(turn, split="train") if turn == moved else turn for turn in kept]
    return [replace(t, speaker=str(int(t.speaker) + _RENUMBERED)) if t.speaker.isdigit() else t for t in kept]


def _removed(folder: Path, release: str) -> Path:
    return folder / "Previous_releases_information" / "files_removed_from_prev_versions" / f"v{release}_removed_files"


def _write_transcripts(folder: Path, turns: list[Turn]) -> None:
    """One text for each turn but the last; that of the third is empty."""
    for k, turn in enumerate(turns[:-1]):
        said = turn.act.utterance.text
        tree.write_text(folder / f"{Path(turn.file).stem}.txt", "" if k == 2 else f"{said[0].upper()}{said[1:]}.\n")


def _write_times(folder: Path, turns: list[Turn]) -> None:
    times = {turn.file: {"start_time": 10.0 * k, "end_time": 10.0 * k + 3} for k, turn in enumerate(turns)}
    tree.write_text(folder / "Time_Labels" / "segments.json", json.dumps(times, indent=1) + "\n")
    for turn in turns:
        tree.write_text(folder / "ForceAligned" / f"{Path(turn.file).stem}.txt", "\n".join(turn.act.utterance.text.split()) + "\n")


def _texts(turns: list[Turn]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["example_id", "text"])
    table.writerows([f"msp_podcast:{Path(turn.file).stem}", turn.act.utterance.text] for turn in turns)
    return text.getvalue()


def _stereo(samples: np.ndarray) -> np.ndarray:
    """int16 of shape (sample, 2) at 44.1 kHz, the right channel weaker."""
    wide = soxr.resample(samples / 32768, speech.SAMPLE_RATE_HZ, _STEREO_RATE_HZ)
    return np.clip(np.round(np.stack([wide, 0.7 * wide], axis=1) * 32767), -32768, 32767).astype(np.int16)
