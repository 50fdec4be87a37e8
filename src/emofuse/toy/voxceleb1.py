"""An invented VoxCeleb1: utterances of speakers in two videos each, the last of them in the official test set.

VoxCeleb1/{vox1_meta.csv,iden_split.txt,veri_test.txt} with dev/wav and test/wav as the two archives unpack. Planted: a list of speakers
that is separated by tabs despite its name, ids of videos that begin with ``-`` and ``_``, a file that macOS leaves behind.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emofuse.params import wearable
from emofuse.toy import acting, physiology, speech, tree, voices

VIDEOS = 2  # of each speaker
TEST_SPEAKER = "id10270"  # the first of the official test set
_LENGTH_S = (4.3, 7.5)  # genuine utterances are 4 s or longer
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FIRST_LETTERS = ("-", "_")  # of the first two videos
_PURPOSES = ("1", "2", "3")  # of iden_split.txt: train, validation, test


@dataclass(frozen=True)
class Clip:
    """One utterance: path below ``wav``, official set, and the scene to be spoken."""

    path: str
    split: str
    scene: voices.Scene


def write(root: Path, seed: int, sizes: wearable.ToyUtterances) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    clips = plan(seed, sizes)
    with tree.whole(root, "VoxCeleb1") as folder:
        release = folder / "VoxCeleb1"
        for clip, samples in zip(clips, voices.speak([clip.scene for clip in clips], seed, "voxceleb1"), strict=True):
            tree.write_wav(release / clip.split / "wav" / clip.path, samples, speech.SAMPLE_RATE_HZ)
        first = release / clips[0].split / "wav" / clips[0].path
        tree.write_text(first.with_name(f"._{first.name}"), "\0\5\26\7")
        tree.write_text(release / "vox1_meta.csv", _meta(clips))
        purposes = zip(itertools.cycle(_PURPOSES), clips, strict=False)
        tree.write_text(release / "iden_split.txt", "".join(f"{purpose} {clip.path}\n" for purpose, clip in purposes))
        test, dev = ([clip.path for clip in clips if clip.split == split] for split in ("test", "dev"))
        trials = [f"1 {test[0]} {other}\n0 {test[0]} {stranger}\n" for other, stranger in zip(test[1:], dev, strict=False)]
        tree.write_text(release / "veri_test.txt", "".join(trials))


def plan(seed: int, sizes: wearable.ToyUtterances) -> list[Clip]:
    """Every utterance of the corpus before it is spoken, by speaker and video."""
    rng = np.random.default_rng([seed, 1251])  # 1251: this corpus' own stream
    ids = [*(f"id{10001 + k}" for k in range(sizes.speakers - 1)), TEST_SPEAKER]
    clips = []
    for place, (speaker, voice) in enumerate(zip(ids, voices.speakers(sizes.speakers, rng), strict=True)):
        for video in range(VIDEOS):
            first = _FIRST_LETTERS[video] if place == 0 else ""
            name = first + "".join(rng.choice(list(_LETTERS), 11 - len(first)))
            for number in range(1, sizes.utterances + 1):
                scene = _scene(voice, rng)
                clips.append(Clip(f"{speaker}/{name}/{number:05}.wav", "test" if speaker == TEST_SPEAKER else "dev", scene))
    return clips


def _scene(voice: acting.Speaker, rng: np.random.Generator) -> voices.Scene:
    length_s = round(float(rng.uniform(*_LENGTH_S)), 2)
    return voices.Scene((voice,), (physiology.feelings(length_s, rng),), length_s)


def _meta(clips: list[Clip]) -> str:
    rows = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
    for number, (speaker, group) in enumerate(itertools.groupby(clips, lambda clip: clip.path.split("/")[0]), 1):
        clip = next(group)
        gender = clip.scene.speakers[0].gender[0]
        rows.append(f"{speaker}\tInvented_Person_{number}\t{gender}\tNowhere\t{clip.split}")
    return "\n".join(rows) + "\n"
