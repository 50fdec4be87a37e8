"""An invented EmoDB: ten speakers say one sentence in each of seven emotions.

wav, lablaut, labsilb, silb, erkennung.txt and erklaerung.txt as the classic archive has them. Planted: texts in Latin-1 with umlauts and
decimal commas, a clip that is cut short, a silent clip, a file that macOS leaves behind, a second copy of a clip.
"""

from pathlib import Path

import numpy as np

from emofuse.toy import tree, vowels

SAMPLE_RATE_HZ = 16000
EMOTIONS = {"W": "angry", "L": "boredom", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
SPEAKERS = {
    "03": "male", "08": "female", "09": "female", "10": "male", "11": "male", "12": "male", "13": "female", "14": "female", "15": "male",
    "16": "female",
}  # fmt: skip
TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
SILENT, CUT_SHORT = "16b01Nb", "16b02La"


def write(root: Path, seed: int) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    rng = np.random.default_rng([seed, 1602])  # 1602: this corpus' own stream
    with tree.whole(root, "EmoDB") as folder:
        names = []
        for place, (speaker, gender) in enumerate(SPEAKERS.items()):
            pitch_hz = vowels.pitch_hz(gender, rng)
            for turn, (code, emotion) in enumerate(EMOTIONS.items()):
                name = f"{speaker}{TEXTS[(place + turn) % len(TEXTS)]}{code}{'abc'[(place + turn) % 3]}"
                tree.write_wav(folder / "wav" / f"{name}.wav", vowels.say(emotion, pitch_hz, SAMPLE_RATE_HZ, rng), SAMPLE_RATE_HZ)
                tree.write_text(folder / "lablaut" / f"{name}.lablaut", "signal x\n#\n    0.100000  122 a\n")
                names.append(name)
        first = folder / "wav" / f"{names[0]}.wav"
        tree.write_wav(first.with_name(f"{SILENT}.wav"), vowels.silence(SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
        data = first.read_bytes()
        first.with_name(f"{CUT_SHORT}.wav").write_bytes(data[: len(data) // 2])
        first.with_name(f"{names[0]} - Copy.wav").write_bytes(data)
        tree.write_text(first.with_name(f"._{first.name}"), "\0\5\26\7")
        tree.write_text(folder / "labsilb" / f"{names[0]}.labsilb", "signal x\n#\n")
        tree.write_text(folder / "silb" / f"{names[0]}.silb", "0,10 a\n")
        rows = [
            f"{name}.wav\t{rng.uniform(80, 100):.2f}\t{rng.uniform(60, 100):.2f}".replace(".", ",").replace(",wav", ".wav")
            for name in names
        ]
        _write_latin1(folder / "erkennung.txt", "\n".join(["Satz\terkannt\tnatürlich", *rows]) + "\n")
        _write_latin1(folder / "erklaerung.txt", "Kürzel der Gefühle: " + ", ".join(EMOTIONS) + "\n")


def _write_latin1(path: Path, text: str) -> None:
    path.write_text(text, encoding="latin-1", newline="\r\n")
