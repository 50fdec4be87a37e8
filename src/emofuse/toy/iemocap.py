"""An invented IEMOCAP in the layout of the full release, with the oddities of the genuine release planted.

Session1..5/dialog/{EmoEvaluation,transcriptions}, Session1..5/sentences/wav/<dialogue>/. Planted: a dialogue's letter names the actor
with the markers, not the speaker; dialogues 05a and 01_1b; all eleven codes; ``FXX0`` and ``M:`` lines; ``:`` and ``[LAUGHTER]`` in
texts; blank self reports; comments; per-rater folders with files of the same kind; macOS ``._`` files.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emofuse import params
from emofuse.toy import acting, speech, tree

_CODES = {
    "neutral": "neu",
    "happy": "hap",
    "excited": "exc",
    "sad": "sad",
    "angry": "ang",
    "frustrated": "fru",
    "surprise": "sur",
    "fear": "fea",
    "disgust": "dis",
    "other": "oth",
    "no agreement": "xxx",
}
_WORDS = {
    "neutral": "Neutral state",
    "happy": "Happiness",
    "excited": "Excited",
    "sad": "Sadness",
    "angry": "Anger",
    "frustrated": "Frustration",
}
_WORDS |= {"surprise": "Surprise", "fear": "Fear", "disgust": "Disgust", "other": "Other"}
_FOUR = {  # excited counts as happy in the four-class task
    "F": ("angry", "happy", "neutral", "sad", "angry", "excited", "neutral", "sad"),
    "M": ("angry", "excited", "neutral", "sad", "angry", "happy", "neutral", "sad"),
}
_OTHERS = ("frustrated", "no agreement", "surprise", "fear", "disgust", "other", "frustrated", "no agreement")
_SCALE = (1, 5)
_APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
_HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


@dataclass(frozen=True)
class Turn:
    """One utterance with all that the release says of it; ratings are triples (valence, arousal, dominance), the file's order."""

    session: int
    dialogue: str
    name: str
    gender: str  # F or M: the speaker, not the letter of the dialogue
    text: str
    act: acting.Act
    votes: tuple[str, ...]
    ratings: tuple[tuple[int, int, int], ...]

    @property
    def triple(self) -> tuple[float, float, float]:
        """Mean valence, arousal, dominance of the external raters."""
        valence, arousal, dominance = np.mean(self.ratings, axis=0)
        return float(valence), float(arousal), float(dominance)


def write(root: Path, seed: int, sizes: params.ToyIEMOCAP) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    turns = plan(seed, sizes)
    with tree.whole(root, "IEMOCAP (full release)") as folder:
        lengths = []
        for turn, samples in zip(turns, speech.speak([t.act.utterance for t in turns], title="iemocap"), strict=True):
            path = folder / f"Session{turn.session}" / "sentences" / "wav" / turn.dialogue / f"{turn.name}.wav"
            tree.write_wav(path, samples, speech.SAMPLE_RATE_HZ)
            lengths.append(len(samples) / speech.SAMPLE_RATE_HZ)
        timed = itertools.groupby(zip(turns, lengths, strict=True), key=lambda pair: (pair[0].session, pair[0].dialogue))
        for (session, dialogue), group in timed:
            _write_dialogue(folder / f"Session{session}", dialogue, list(group))


def plan(seed: int, sizes: params.ToyIEMOCAP) -> list[Turn]:
    """Every utterance of the corpus before it is spoken, dialogue by dialogue in the order of speaking."""
    rng = np.random.default_rng([seed, 29])  # 29: this corpus' own stream
    others = itertools.cycle(_OTHERS)
    turns: list[Turn] = []
    for session in range(1, 6):
        voices = {"F": acting.speaker("female", rng), "M": acting.speaker("male", rng)}
        feelings = {letter: acting.feelings(sizes.utterances_per_speaker, _FOUR[letter], others, rng) for letter in voices}
        names = _dialogues(session)
        for k, dialogue in enumerate(names):
            numbers = dict.fromkeys(voices, 0)
            for turn in range(k, sizes.utterances_per_speaker, len(names)):
                for letter in "FM" if dialogue[5] == "F" else "MF":
                    played = acting.act(voices[letter], feelings[letter][turn], rng)
                    name = f"{dialogue}_{letter}{numbers[letter]:03d}"
                    numbers[letter] += 1
                    turns.append(_turn(session, dialogue, name, letter, played, rng))
    return turns


def _dialogues(session: int) -> list[str]:
    """Four dialogues of a session, each actor with the markers in two."""
    improvised = "impro05a" if session == 3 else "impro02"
    scripted = "script01_1b" if session == 5 else "script02_1"
    return [f"Ses{session:02d}{part}" for part in ("F_impro01", "F_script01_1", f"M_{improvised}", f"M_{scripted}")]


def _turn(session: int, dialogue: str, name: str, letter: str, played: acting.Act, rng: np.random.Generator) -> Turn:
    votes = acting.votes(played.emotion, 3 if played.emotion != "no agreement" else 2, tuple(_WORDS), rng)
    raters = int(rng.integers(2, 4))
    dimensions = [acting.ratings(value, raters, *_SCALE, rng) for value in (played.valence, played.arousal, played.dominance)]
    said = played.utterance.text
    text = said[0].upper() + said[1:] + "."
    if name.endswith("F000"):
        text = f"[LAUGHTER] Listen: {text}"
    return Turn(session, dialogue, name, letter, text, played, tuple(votes), tuple(zip(*dimensions, strict=True)))


def _write_dialogue(folder: Path, dialogue: str, timed: list[tuple[Turn, float]]) -> None:
    blocks, lines, clock = [], [], 6.2901
    for turn, length in timed:
        end = clock + length
        blocks.append(_block(turn, clock, end))
        lines.append(f"{turn.name} [{clock:08.4f}-{end:08.4f}]: {turn.text}")
        clock = end + 0.75
    lines.insert(1, f"{dialogue}_FXX0 [{timed[0][1] + 6.3:08.4f}-{timed[0][1] + 6.8:08.4f}]: Mmhm.")  # heard but not cut out: no label
    lines.insert(2, "M: sorry")
    tree.write_text(folder / "dialog" / "transcriptions" / f"{dialogue}.txt", "\n".join(lines) + "\n")
    evaluation = folder / "dialog" / "EmoEvaluation"
    tree.write_text(evaluation / f"{dialogue}.txt", _HEADER + "\n".join(blocks))
    for stub, rater in (("Attribute", "e3_atr"), ("Categorical", "e2_cat"), ("Self-evaluation", "f1_cat")):
        tree.write_text(evaluation / stub / f"{dialogue}_{rater}.txt", "".join(f"{turn.name} :Other; ()\n" for turn, _ in timed))
    for path in (evaluation / f"{dialogue}.txt", folder / "sentences" / "wav" / dialogue / f"{timed[0][0].name}.wav"):
        (path.parent / f"._{path.name}").write_bytes(_APPLE_DOUBLE)
    (folder / "sentences" / "wav" / f"._{dialogue}").write_bytes(_APPLE_DOUBLE)


def _block(turn: Turn, start_s: float, end_s: float) -> str:
    valence, arousal, dominance = turn.triple
    blank = turn.name.endswith("1")  # the actor gave no report
    own = f"{turn.gender}1"
    lines = [f"[{start_s:.4f} - {end_s:.4f}]\t{turn.name}\t{_CODES[turn.act.emotion]}\t[{valence:.4f}, {arousal:.4f}, {dominance:.4f}]"]
    lines += [f"C-E{k}:\t{_WORDS[vote]};\t({'curious' if k == 4 else ''})" for k, vote in enumerate(turn.votes, start=2)]
    lines.append(f"C-{own}:\t;\t()" if blank else f"C-{own}:\t{_WORDS[turn.votes[0]]}; {_WORDS['other']};\t()")
    lines += [f"A-E{k}:\tval {v}; act {a}; dom  {d};\t()" for k, (v, a, d) in enumerate(turn.ratings, start=3)]
    v, a, d = turn.ratings[0]
    lines.append(f"A-{own}:\tval ; act ; dom  ;\t()" if blank else f"A-{own}:\tval {v}; act {a}; dom  {d};\t()")
    return "\n".join(lines) + "\n"
