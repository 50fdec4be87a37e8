"""An invented ESD: all twenty speakers, one sentence each in the five emotions, in both trees of the genuine copies.

Emotional Speech Dataset (ESD)/Emotion Speech Dataset/NNNN. Planted: tables of text in every encoding of the genuine release, emotions in
Chinese and English words, lines with a space for a tab and lines that cannot be understood, speakers with and without the folders of
the split and one with both, a file that macOS leaves behind, a second copy of a clip under another name.
"""

import codecs
from pathlib import Path

import numpy as np

from emofuse.toy import tree, vowels

SAMPLE_RATE_HZ = 16000
EMOTIONS = {"Neutral": "neutral", "Angry": "angry", "Happy": "happy", "Sad": "sad", "Surprise": "surprise"}
CHINESE = {"Neutral": "中立", "Angry": "生气", "Happy": "快乐", "Sad": "伤心", "Surprise": "惊喜"}
MEN = (4, 5, 6, 8, 10, 11, 12, 13, 14, 20)
ENCODINGS = {  # as in the genuine release
    **dict.fromkeys((1, 2, 4, 5, 9), "gb2312"),
    **dict.fromkeys((3, 6, 7, 8, 10, 12, 13, 14, 18, 19), "utf-16"),
    **dict.fromkeys((11, 15, 20), "utf-8"),
    **dict.fromkeys((16, 17), "latin-1"),
}
SPACED = "0015_000137"  # a space for the first tab
BROKEN = "0013_000431"  # fields that nobody can tell apart
BOTH_TREES = 2  # this speaker's neutral clip lies in both
_SENTENCES = {"mandarin": "第{}次列车在雨后离开了小站", "english": "Train number {} left the café after the rain"}
_SPECIAL = {13: 81, 15: 137}  # sentence of the speakers of the odd lines
_SPLITS = ("evaluation", "test", "train")
_FIRST = (1, 21, 51)  # sentence of each split, of 350


def write(root: Path, seed: int) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    rng = np.random.default_rng([seed, 1607])  # 1607: this corpus' own stream
    with tree.whole(root, "ESD") as folder:
        release = folder / "Emotional Speech Dataset (ESD)" / "Emotion Speech Dataset"
        tree.write_text(release / "ReadMe.txt", "An invented corpus in the layout of ESD.\n")
        for speaker in range(1, 21):
            home = release / f"{speaker:04}"
            split = _SPLITS[speaker % 3] if speaker not in _SPECIAL else "train"
            sentence = _SPECIAL.get(speaker, _FIRST[speaker % 3])
            pitch_hz = vowels.pitch_hz("male" if speaker in MEN else "female", rng)
            for place, (name, emotion) in enumerate(EMOTIONS.items()):
                clip = f"{speaker:04}_{350 * place + sentence:06}.wav"
                samples = vowels.say(emotion, pitch_hz, SAMPLE_RATE_HZ, rng)
                flat, deep = home / name / clip, home / name / split / clip
                tree.write_wav(flat if speaker % 2 == 0 else deep, samples, SAMPLE_RATE_HZ)
                if speaker == BOTH_TREES and name == "Neutral":
                    tree.write_wav(deep, samples, SAMPLE_RATE_HZ)
            _write_table(home / f"{speaker:04}.txt", speaker, sentence)
        first = release / "0002" / "Angry" / f"0002_{350 + _FIRST[2]:06}.wav"
        first.with_name(f"{first.stem} - Copy.wav").write_bytes(first.read_bytes())
        tree.write_text(first.with_name(f"._{first.name}"), "\0\5\26\7")


def _write_table(path: Path, speaker: int, sentence: int) -> None:
    """Every speaker's file ends its lines as on Windows; every second one names the emotions in Chinese where its encoding can."""
    chinese = speaker <= 10 and speaker % 2 == 1
    text = _SENTENCES["mandarin" if speaker <= 10 else "english"].format(sentence)
    if ENCODINGS[speaker] == "utf-8" and speaker != 11:
        text = text.replace("é", "e")  # 0015 and 0020 are plain ASCII
    lines = []
    for place, name in enumerate(EMOTIONS):
        stem = f"{speaker:04}_{350 * place + sentence:06}"
        word = CHINESE[name] if chinese else name
        line = {SPACED: f"{stem} {text}\t{word}", BROKEN: f"{stem} {text} {word}"}.get(stem, f"{stem}\t{text}\t{word}")
        lines.append(line + "\r\n")
    data = "".join(lines).encode("utf-16-le" if ENCODINGS[speaker] == "utf-16" else ENCODINGS[speaker])
    path.parent.mkdir(parents=True, exist_ok=True)
    marked = ENCODINGS[speaker] == "utf-16" and speaker != 3  # one file lacks the mark
    path.write_bytes(codecs.BOM_UTF16_LE + data if marked else data)
