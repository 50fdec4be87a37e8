"""An invented SAVEE: four men say one sentence in each of seven emotions, and a second neutral one.

AudioData/<speaker>, and the flat folder ALL of other copies with one speaker. Planted: copies of clips under the other name, a silent
clip, a clip that is cut short, a file that macOS leaves behind, a second copy of a clip.
"""

from pathlib import Path

import numpy as np

from emofuse.toy import tree, vowels

SAMPLE_RATE_HZ = 44100
SPEAKERS = ("DC", "JE", "JK", "KL")
SENTENCES = {
    "a01": "angry", "d01": "disgust", "f01": "fear", "h01": "happy", "n01": "neutral", "n30": "neutral", "sa01": "sad", "su01": "surprise",
}  # fmt: skip
SILENT, CUT_SHORT = "KL/su02", "KL/sa02"
_LENGTH_S = 0.3


def write(root: Path, seed: int) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    rng = np.random.default_rng([seed, 1604])  # 1604: this corpus' own stream
    with tree.whole(root, "SAVEE") as folder:
        release = folder / "AudioData"
        for speaker in SPEAKERS:
            pitch_hz = vowels.pitch_hz("male", rng)
            for sentence, emotion in SENTENCES.items():
                samples = vowels.say(emotion, pitch_hz, SAMPLE_RATE_HZ, rng, _LENGTH_S)
                tree.write_wav(release / speaker / f"{sentence}.wav", samples, SAMPLE_RATE_HZ)
        for sentence in ("a01", "su01"):
            original = release / "DC" / f"{sentence}.wav"
            (folder / "ALL").mkdir(exist_ok=True)
            (folder / "ALL" / f"DC_{sentence}.wav").write_bytes(original.read_bytes())
        data = (release / "KL" / "a01.wav").read_bytes()
        tree.write_wav(release / f"{SILENT}.wav", vowels.silence(SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
        (release / f"{CUT_SHORT}.wav").write_bytes(data[: len(data) // 2])
        (release / "KL" / "a01 - Copy.wav").write_bytes(data)
        tree.write_text(release / "DC" / "._a01.wav", "\0\5\26\7")
        tree.write_text(release / "Info.txt", "Four speakers: " + ", ".join(SPEAKERS) + "\n")
