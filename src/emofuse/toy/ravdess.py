"""An invented RAVDESS: twenty-four actors say one clip each, in turn of emotion.

Planted: a song, a stereo clip, a clip in FLAC, a Git LFS pointer instead of a clip, a silent clip, an actor who is there once more in a
nested folder, a file that macOS leaves behind, a second copy of a folder.
"""

import shutil
from pathlib import Path

import numpy as np
import soundfile

from emofuse.toy import tree, vowels

SAMPLE_RATE_HZ = 48000
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
ACTORS = 24
SONG, SILENT, POINTER = "03-02-01-01-01-01-01", "03-01-02-01-02-01-24", "03-01-03-01-02-01-24"
_STEREO, _FLAC = 2, 3  # actors
_LENGTH_S = 0.35
_RELEASE, _NESTED = "Audio_Speech_Actors_01-24", "audio_speech_actors_01-24"


def write(root: Path, seed: int) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    rng = np.random.default_rng([seed, 1605])  # 1605: this corpus' own stream
    with tree.whole(root, "RAVDESS") as folder:
        release = folder / _RELEASE
        for actor in range(1, ACTORS + 1):
            number = (actor - 1) % len(EMOTIONS)
            pitch_hz = vowels.pitch_hz("male" if actor % 2 else "female", rng)
            samples = vowels.say(EMOTIONS[number], pitch_hz, SAMPLE_RATE_HZ, rng, _LENGTH_S)
            path = release / f"Actor_{actor:02}" / f"03-01-{number + 1:02}-01-{actor % 2 + 1:02}-01-{actor:02}.wav"
            tree.write_wav(path, np.stack([samples, samples], axis=1) if actor == _STEREO else samples, SAMPLE_RATE_HZ)
            if actor == _FLAC:
                soundfile.write(path.with_suffix(".flac"), samples, SAMPLE_RATE_HZ, subtype="PCM_16")
                path.unlink()
        last = release / f"Actor_{ACTORS}"
        tree.write_wav(last / f"{SILENT}.wav", vowels.silence(SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
        tree.write_text(last / f"{POINTER}.wav", f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 33644\n")
        tree.write_wav(release / "Actor_01" / f"{SONG}.wav", vowels.say("happy", 110, SAMPLE_RATE_HZ, rng, _LENGTH_S), SAMPLE_RATE_HZ)
        tree.write_text(release / "Actor_01" / "._03-01-01-01-02-01-01.wav", "\0\5\26\7")
        shutil.copytree(release / "Actor_01", release / _NESTED / "Actor_01")
        shutil.copytree(release / "Actor_02", release / "Actor_02 - Copy")
