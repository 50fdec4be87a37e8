"""An invented CREMA-D: ten actors, two in each fold, and the eleventh whose genuine clips are at fault.

AudioWAV, AudioMP3, processedResults/summaryTable.csv, SentenceFilenames.csv and VideoDemographics.csv as the repository has them.
Planted: a Git LFS pointer instead of a clip, a clip that is listed and absent, the clip without sound, the clip of which raters heard
something else, one clip under two labels, votes that tie, votes that are not what was intended, a file that macOS leaves behind, a second
copy of a clip.
"""

from pathlib import Path

import numpy as np

from emofuse.toy import tree, vowels

SAMPLE_RATE_HZ = 16000
EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
ACTORS = {
    1001: "Male", 1002: "Female", 1003: "Female", 1004: "Female", 1005: "Male", 1006: "Female", 1007: "Female", 1011: "Male",
    1014: "Male", 1015: "Male",
}  # fmt: skip
SILENT, HEARD_WRONG = "1076_MTI_SAD_XX", "1076_MTI_NEU_XX"  # as in the genuine corpus
EQUAL = ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX")  # so are these: the second is the first under another label
POINTER, ABSENT = "1015_TSI_SAD_XX", "1015_WSI_ANG_XX"
_LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
_LEVELS = ("LO", "MD", "HI")  # of the sentence IEO; all others have no level


def write(root: Path, seed: int) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    rng = np.random.default_rng([seed, 1601])  # 1601: this corpus' own stream
    names = _names()
    with tree.whole(root, "CREMA-D") as folder:
        pitches = {actor: vowels.pitch_hz(gender.lower(), rng) for actor, gender in {**ACTORS, 1076: "Female"}.items()}
        for name in names:
            actor, _, code, _ = name.split("_")
            samples = vowels.say(EMOTIONS[code], pitches[int(actor)], SAMPLE_RATE_HZ, rng)
            if name == POINTER:
                tree.write_text(folder / "AudioWAV" / f"{name}.wav", _LFS.format("0" * 64, 44 + 2 * len(samples)))
            elif name != ABSENT:
                tree.write_wav(folder / "AudioWAV" / f"{name}.wav", samples if name != SILENT else 0 * samples, SAMPLE_RATE_HZ)
            tree.write_text(folder / "AudioMP3" / f"{name}.mp3", _LFS.format("1" * 64, 8192))
        clip, other = (folder / "AudioWAV" / f"{name}.wav" for name in EQUAL)
        other.write_bytes(clip.read_bytes())
        first = folder / "AudioWAV" / f"{names[0]}.wav"
        first.with_name(f"{names[0]} - Copy.wav").write_bytes(first.read_bytes())
        tree.write_text(first.with_name(f"._{first.name}"), "\0\5\26\7")
        tree.write_text(folder / "SentenceFilenames.csv", _list(names))
        tree.write_text(folder / "VideoDemographics.csv", _demographics())
        tree.write_text(folder / "processedResults" / "summaryTable.csv", _votes(names, rng))


def _names() -> list[str]:
    """Six clips of each actor, every sentence in turn; of the last actor, two with faults; a seventh of another."""
    names = []
    for place, actor in enumerate(ACTORS):
        for turn, code in enumerate(EMOTIONS):
            sentence = SENTENCES[(6 * place + turn) % len(SENTENCES)]
            level = _LEVELS[turn % 3] if sentence == "IEO" and code != "NEU" else "XX"
            names.append(f"{actor}_{sentence}_{code}_{level}")
    return [*names, *(name for name in (POINTER, ABSENT) if name not in names), SILENT, HEARD_WRONG, EQUAL[1]]


def _list(names: list[str]) -> str:
    return '"Stimulus_Number","Filename"\n' + "".join(f'{number},"{name}"\n' for number, name in enumerate(names, 1))


def _demographics() -> str:
    rows = [f'{actor},40,"{sex}","Unknown","Not Hispanic"\n' for actor, sex in {**ACTORS, 1076: "Female"}.items()]
    return '"ActorID","Age","Sex","Race","Ethnicity"\n' + "".join(rows)


def _votes(names: list[str], rng: np.random.Generator) -> str:
    """The vote on the voice is the intended emotion for half of the clips, neutral for a third, a tie of both for the rest."""
    text = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
    for number, name in enumerate(names, 1):
        meant = name.split("_")[2][0]
        tie = ":".join(sorted({meant, "S" if meant == "N" else "N"}))
        voice = (meant, "N", meant, tie, meant, "N")[(number + number // 6) % 6]
        levels = [":".join(f"{rng.uniform(30, 90):.2f}" for _ in vote.split(":")) for vote in (voice, meant, meant)]
        text += f'"{number}","{name}","{voice}","{levels[0]}","{meant}","{levels[1]}","{meant}","{levels[2]}"\n'
    return text
