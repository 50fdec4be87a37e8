"""An invented WESAD in the layout of the release, with its oddities planted.

S2/S2.pkl, a pickle of Python 2 (signals of chest and wrist, labels at 700 Hz), S2_E4_Data.zip, S2_quest.csv, S2_readme.txt; then S3 and so
on, without S12. Planted: acceleration of the wrist in 1/64 g, of the chest in g; another spelling of temperature for the chest; labels
that are to be ignored; ``7.4`` for 7 min 40 s in the questionnaire; a zip file of the wristband's own clock, of the last subject unpacked.
Feelings follow the condition: high arousal under stress, low in meditation. The chest device's own file (S2_respiban.txt) is left out.
"""

from itertools import count, islice
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from emofuse.params.wearable import ToySubjects
from emofuse.toy import empatica_export, physiology, python2_pickle, tree

CHEST_HZ = 700.0
LABELS = (0, 1, 0, 2, 0, 3, 0, 4, 5)  # one after the other, equally long
_ABSENT = 12  # a number that the release has not either, besides 1
_MOOD = {1: (-0.6, 0.2), 2: (1.2, -1.0), 3: (0.4, 1.2), 4: (-1.2, 0.6)}  # arousal and valence of a condition; 0 in between
_ZIPPED_S = 20  # length of the wristband's own files
_QUESTIONNAIRE = """# Subj;{subject};;;;;
# ORDER;Base;TSST;Medi 1;Fun;Medi 2;
# START;7.08;39.55;70.19;81.25;93.38;
# END;26.32;50.3;77.1;87.47;7.4;
# PANAS;3;2;3;1;4;2;1;2
# PANAS;1;3;4;4;2;3;5;1
# STAI;1;3;2;4;1;2;;
# STAI;4;2;3;1;4;3;;
# DIM;7;2;;;;;
# DIM;2;8;;;;;
# SSSQ;4;3;3;4;2;3
"""


def write(root: Path, seed: int, sizes: ToySubjects) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    with tree.whole(root, "WESAD") as folder:
        numbers = [*islice((n for n in count(2) if n != _ABSENT), sizes.subjects)]
        for number in numbers:
            _write_subject(folder / f"S{number}", number, seed, sizes.duration_s, unpacked=number == numbers[-1])


def labels(duration_s: float) -> Int32[np.ndarray, "sample"]:
    """The label of each sample at 700 Hz."""
    total = round(duration_s * CHEST_HZ)
    return np.array(LABELS, np.int32)[np.arange(total) * len(LABELS) // total]


def _write_subject(folder: Path, number: int, seed: int, duration_s: float, unpacked: bool) -> None:
    rng = np.random.default_rng([seed, 61, number])  # 61: this corpus' own stream
    felt, who = _felt(duration_s, rng), physiology.person(rng)
    body = int(rng.integers(2**62))
    wrist = physiology.record(felt, who, empatica_export.RATES_HZ, np.random.default_rng(body))
    on_chest = dict.fromkeys(("acc", "ecg", "emg", "eda", "temp", "resp"), CHEST_HZ)
    chest = physiology.record(felt, who, on_chest, np.random.default_rng(body))  # the same heart
    content = {
        "signal": {
            "wrist": {"ACC": np.round(wrist["acc"] * 64), **{name.upper(): wrist[name][:, None] for name in ("bvp", "eda", "temp")}},
            "chest": {
                "ACC": chest["acc"].astype(np.float32),
                **{name.upper(): chest[name][:, None].astype(np.float32) for name in ("ecg", "emg", "eda")},
                **{name.capitalize(): chest[name][:, None].astype(np.float32) for name in ("temp", "resp")},
            },
        },
        "label": labels(duration_s),
        "subject": folder.name,
    }
    python2_pickle.write(folder / f"{folder.name}.pkl", content)
    short = {name: wrist[name][: round(_ZIPPED_S * rate)] for name, rate in empatica_export.RATES_HZ.items()}
    start_unix_s = empatica_export.FIRST_UNIX_S + 86400 * number
    files = empatica_export.files(short, start_unix_s, 60 / who.heart_rate_bpm)
    if unpacked:
        empatica_export.write_folder(folder / f"{folder.name}_E4_Data", files)
    else:
        empatica_export.write_zip(folder / f"{folder.name}_E4_Data.zip", files)
    tree.write_text(folder / f"{folder.name}_quest.csv", _QUESTIONNAIRE.format(subject=folder.name))
    tree.write_text(folder / f"{folder.name}_readme.txt", f"Subject {folder.name}: invented.\n")


def _felt(duration_s: float, rng: np.random.Generator) -> physiology.Feelings:
    """Feelings that wander about the condition's own."""
    own = physiology.feelings(duration_s, rng)
    step = round(CHEST_HZ / physiology.RATE_HZ)
    moods = np.array([_MOOD.get(int(label), (0.0, 0.0)) for label in labels(duration_s)[::step][: len(own.arousal)]])
    return physiology.Feelings(0.7 * own.arousal + 0.8 * moods[:, 0], 0.7 * own.valence + 0.8 * moods[:, 1])
