"""An invented TESS: two women say four words in each of seven emotions.

Folders spelt as differently as in the genuine copies. Planted: the file whose name lacks a letter, a file at 96 kHz, a file that is no
audio, a silent file, a folder that is there once more inside the corpus, a file that macOS leaves behind, a second copy of a folder.
"""

import shutil
from pathlib import Path

import numpy as np

from emofuse.toy import tree, vowels

SAMPLE_RATE_HZ = 24414
FOLDERS = {
    "OAF": ("OAF_angry", "OAF_disgust", "OAF_Fear", "OAF_happy", "OAF_neutral", "OAF_Pleasant_surprise", "OAF_Sad"),
    "YAF": ("YAF_angry", "YAF_disgust", "YAF_fear", "YAF_happy", "YAF_neutral", "YAF_pleasant_surprised", "YAF_sad"),
}
EMOTIONS = {
    "angry": "angry", "disgust": "disgust", "fear": "fear", "happy": "happy", "neutral": "neutral", "ps": "surprise", "sad": "sad",
}  # fmt: skip
WORDS = ("back", "bite", "neat", "germ")
MISNAMED = {"OAF_bite_neutral": "OA_bite_neutral"}  # as in the genuine corpus
UNDECODABLE, SILENT, FAST = "YAF_germ_angry", "YAF_neat_sad", "OAF_germ_happy"
_FAST_HZ = 96000
_LENGTH_S = 0.35
_OUTER = "TESS Toronto emotional speech set data"


def write(root: Path, seed: int) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    rng = np.random.default_rng([seed, 1603])  # 1603: this corpus' own stream
    with tree.whole(root, "TESS") as folder:
        release = folder / _OUTER
        for speaker, folders in FOLDERS.items():
            pitch_hz = vowels.pitch_hz("female", rng)
            for name, (code, emotion) in zip(folders, EMOTIONS.items(), strict=True):
                for word in WORDS:
                    stem = f"{speaker}_{word}_{code}"
                    rate_hz = _FAST_HZ if stem == FAST else SAMPLE_RATE_HZ
                    samples = vowels.say(emotion, pitch_hz, rate_hz, rng, _LENGTH_S)
                    tree.write_wav(release / name / f"{MISNAMED.get(stem, stem)}.wav", samples * (stem != SILENT), rate_hz)
        (release / "YAF_angry" / f"{UNDECODABLE}.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + bytes(64))
        tree.write_text(release / "OAF_angry" / "._OAF_back_angry.wav", "\0\5\26\7")
        shutil.copytree(release / "OAF_neutral", release / _OUTER / "OAF_neutral")
        shutil.copytree(release / "YAF_sad", release / "YAF_sad - Copy")
