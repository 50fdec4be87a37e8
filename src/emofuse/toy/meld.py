"""An invented MELD: six main characters and some others in seven emotions, as MP4 with 5.1 sound, and every fault of the genuine release.

MELD.Raw with train/train_splits, dev/dev_splits_complete and test/output_repeated_splits_test. Speech (vowels) is in the centre channel,
a hum in all others. Planted: equal numbers in every split, a clip that is absent, one that cannot be decoded, one of a whole scene, lines
of one subtitle that share a clip, clips that are listed twice, a clip of 0.06 s, one in stereo and one with a picture, stray clips, a
file that macOS leaves behind, names in several spellings, clips of several speakers, curly and broken quotation marks.
"""

import csv
import io
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from emofuse.errors import InputError
from emofuse.toy import tree, vowels

SAMPLE_RATE_HZ = 48000
LENGTH_S = 0.45
SCENE_S = 31.0
SPLITS = {"train": ("train", "train_splits"), "dev": ("dev", "dev_splits_complete"), "test": ("test", "output_repeated_splits_test")}
EMOTIONS = {
    "anger": "angry", "disgust": "disgust", "fear": "fear", "joy": "happy", "neutral": "neutral", "sadness": "sad", "surprise": "surprise",
}  # fmt: skip
SENTIMENTS = {"joy": "positive", "surprise": "positive", "neutral": "neutral"}  # all others negative
MAIN = ("Chandler", "Joey", "Monica", "Phoebe", "Rachel", "Ross")
OTHERS = ("The Baker", "the  baker", "Ursula", "Joey/Drake", "All", "Ross and Rachel", "Old Sailor")
ABSENT, BROKEN, SCENE, SHORT = ("dev", 110, 7), ("train", 125, 3), ("test", 38, 4), ("train", 71, 0)
SHARED = (("test", 72, 0), ("test", 72, 1))  # lines of one subtitle: the clip is that of both
REPEATED = (  # two rows of one clip: of one emotion on two sides of the official split, and of two emotions
    (("train", 12, 7), ("test", 85, 0)),
    (("train", 312, 4), ("train", 698, 2)),
)
STEREO, PICTURE = ("train", 0, 1), ("train", 0, 2)
STRAYS = ("final_videos_testdia101_utt0", "dia49_utt5")  # in test: clips that no table lists
_TEXTS = {
    "anger": "Who moved the ladder again?", "disgust": "There’s moss in the soup.", "fear": "The cellar door is open.",
    "joy": "The kite is up, look at it!", "neutral": "The bus stops at the corner.", "sadness": "The last tree is gone.",
    "surprise": "You’ve painted the piano?",
}  # fmt: skip
_BROKEN_TEXT = "Thereâ€™s moss in the soup."  # UTF-8 that was read as Windows-1252 and written again
_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"


@dataclass(frozen=True)
class Line:
    """One utterance: its number, who speaks how, and the length of its clip and by its times, in s."""

    number: tuple[str, int, int]  # split, dialogue, utterance
    speaker: str
    emotion: str
    clip_s: float = LENGTH_S
    listed_s: float = field(default=LENGTH_S)


def write(root: Path, seed: int, ffmpeg: str | None = None) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds give equal bytes with one version of ffmpeg.

    ``ffmpeg`` is the program's path, the installed one where not given. Raises InputError where ``root`` holds anything but an invented
    corpus, or without the program.
    """
    rng = np.random.default_rng([seed, 1613])  # 1613: this corpus' own stream
    lines = plan()
    with tree.whole(root, "MELD") as folder:
        release = folder / "MELD.Raw"
        starts_s = _starts(lines, rng)
        homes = {split: release.joinpath(*names) for split, names in SPLITS.items()}
        for split, home in homes.items():
            home.mkdir(parents=True)
            tree.write_text(release / f"{split}_sent_emo.csv", _table([line for line in lines if line.number[0] == split], starts_s))
        clips = {homes[line.number[0]] / f"dia{line.number[1]}_utt{line.number[2]}.mp4": line for line in lines if line.number != ABSENT}
        clips |= {homes["test"] / f"{name}.mp4": Line(("test", 0, 0), "Ross", "joy") for name in STRAYS}
        _encode({path: _sound(line, rng) for path, line in clips.items()}, clips, ffmpeg or _program())
        for pair in (SHARED, *REPEATED):
            first, second = (homes[split] / f"dia{dialogue}_utt{utterance}.mp4" for split, dialogue, utterance in pair)
            shutil.copyfile(first, second)
        broken = homes["train"] / f"dia{BROKEN[1]}_utt{BROKEN[2]}.mp4"
        broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])  # without its index, as the genuine one
        tree.write_text(homes["test"] / "._dia0_utt0.mp4", "\0\5\26\7")


def plan() -> list[Line]:
    """Every utterance of the corpus: each emotion and each main character in each split, then the faults."""
    lines = []
    for split, speakers in (("train", (*MAIN, *MAIN, *OTHERS)), ("dev", (*MAIN, OTHERS[0])), ("test", (*MAIN, OTHERS[1]))):
        for place, speaker in enumerate(speakers):
            lines.append(Line((split, place // 7, place % 7), speaker, list(EMOTIONS)[(place + place // 7) % 7]))
    lines += [Line(BROKEN, "Joey", "neutral"), Line(ABSENT, "Monica", "neutral"), Line(SHORT, "Phoebe", "surprise", 0.064, 0.084)]
    lines += [Line(SCENE, "Ross", "joy", SCENE_S, SCENE_S)]
    lines += [Line(number, "Joey", "neutral") for number in REPEATED[0]]
    lines += [Line(number, "Ross", emotion) for number, emotion in zip(REPEATED[1], ("sadness", "anger"), strict=True)]
    return lines + [Line(number, "Rachel", emotion, 1.6, 0.8) for number, emotion in zip(SHARED, ("sadness", "fear"), strict=True)]


def _starts(lines: list[Line], rng: np.random.Generator) -> dict[tuple[str, int, int], float]:
    """Where each utterance starts in the episode, in s: no two alike but those of one clip."""
    starts_s = {line.number: 60 * place + float(rng.integers(0, 9000)) / 1000 for place, line in enumerate(lines)}
    return starts_s | {second: starts_s[first] for first, second in REPEATED}


def _table(lines: list[Line], starts_s: dict[tuple[str, int, int], float]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEADER.split(","))
    for place, line in enumerate(lines, 1):
        start_s = starts_s[line.number]
        said = _BROKEN_TEXT if line.emotion == "disgust" and line.number[1] == 1 else _TEXTS[line.emotion]
        times = (_time(start_s), _time(start_s + line.listed_s))
        rows.writerow((place, said, line.speaker, line.emotion, SENTIMENTS.get(line.emotion, "negative"), *line.number[1:], 4, 7, *times))
    return text.getvalue()


def _time(seconds: float) -> str:
    thousandths = round(1000 * seconds)
    return f"00:{thousandths // 60000:02}:{thousandths // 1000 % 60:02},{thousandths % 1000:03}"


def _sound(line: Line, rng: np.random.Generator) -> Float32[np.ndarray, "sample channel"]:
    """Front left and right, centre, low frequencies, back left and right."""
    place = MAIN.index(line.speaker) if line.speaker in MAIN else len(MAIN)
    pitch_hz = (110.0, 125.0, 210.0, 230.0, 190.0, 100.0, 160.0)[place]
    voice = vowels.say(EMOTIONS[line.emotion], pitch_hz, SAMPLE_RATE_HZ, rng, min(line.clip_s, LENGTH_S)) / 32768
    centre = np.zeros(round(line.clip_s * SAMPLE_RATE_HZ))  # longer clips are silent after the words: a few bytes in AAC
    centre[: len(voice)] = voice
    hum = 0.01 * np.sin(2 * np.pi * 60 * np.arange(len(centre)) / SAMPLE_RATE_HZ) * (np.arange(len(centre)) < len(voice))
    return np.stack([hum, hum, centre, hum, hum, hum], axis=1).astype(np.float32)


def _encode(sounds: dict[Path, Float32[np.ndarray, "sample channel"]], clips: dict[Path, Line], ffmpeg: str) -> None:
    """All clips by one run of the program, which reads their sound one after the other."""
    command = [ffmpeg, "-hide_banner", "-v", "error", "-f", "f32le", "-ar", str(SAMPLE_RATE_HZ), "-ac", "6", "-i", "pipe:0"]
    command += ["-f", "lavfi", "-i", "color=s=16x16:r=24"]
    start = 0
    for path, sound in sounds.items():
        number = clips[path].number
        cut = f"atrim=start_sample={start}:end_sample={start + len(sound)},asetpts=PTS-STARTPTS"
        command += ["-map", "0:a", "-af", cut, "-c:a", "aac", "-threads", "1", "-bitexact"]
        if number == STEREO:
            command += ["-ac", "2"]
        if number == PICTURE:
            command += ["-map", "1:v", "-c:v", "mpeg4", "-t", f"{len(sound) / SAMPLE_RATE_HZ}"]
        command.append(f"file:{path}")
        start += len(sound)
    data = b"".join(sound.astype("<f4").tobytes() for sound in sounds.values())
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
        raise InputError(f"{ffmpeg}: expected it to encode AAC in MP4, found: {said}; install ffmpeg with its own AAC encoder")


def _program() -> str:
    installed = shutil.which("ffmpeg")
    if installed:
        return installed
    try:
        from imageio_ffmpeg import get_ffmpeg_exe  # type: ignore[import-not-found, import-untyped, unused-ignore]

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise InputError("invented MELD: expected the program ffmpeg to encode its clips, found none; install ffmpeg") from None
