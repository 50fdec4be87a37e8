"""The invented corpora of acted emotions: their bytes, their size, and that a voice says the emotion."""

import hashlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from emofuse.errors import InputError
from emofuse.toy import vowels

every_corpus = pytest.mark.parametrize("name", ["crema_d", "emodb", "ravdess", "savee", "tess"])


def digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@every_corpus
def test_equal_seeds_give_equal_bytes_and_others_do_not(name: str, tmp_path: Path) -> None:
    write = import_module(f"emofuse.toy.{name}").write
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(tmp_path / folder, seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert set(digests(tmp_path / "a")) == set(digests(tmp_path / "c"))
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


@every_corpus
def test_a_corpus_is_below_1_5_mb_and_says_that_it_is_invented(name: str, tmp_path: Path) -> None:
    import_module(f"emofuse.toy.{name}").write(tmp_path / name, 1)
    assert sum(path.stat().st_size for path in (tmp_path / name).rglob("*") if path.is_file()) < 1_500_000
    assert "invented" in (tmp_path / name / "SYNTHETIC_README.txt").read_text()


@every_corpus
def test_other_files_are_not_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="found other files"):
        import_module(f"emofuse.toy.{name}").write(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def strongest_hz(samples: np.ndarray, rate_hz: int) -> float:
    """The fundamental: the lag at which the vowel repeats itself best."""
    similar = np.correlate(samples, samples, "full")[len(samples) - 1 :]
    lags = np.arange(rate_hz // 400, rate_hz // 70)
    return rate_hz / lags[similar[lags].argmax()]


@pytest.mark.parametrize("rate_hz", [16000, 24414])
def test_a_vowel_has_the_pitch_asked_for_and_its_length(rate_hz: int) -> None:
    rng = np.random.default_rng(0)
    samples = vowels.say("neutral", 120, rate_hz, rng, 0.5).astype(float)
    assert len(samples) == round(0.5 * rate_hz)
    assert strongest_hz(samples, rate_hz) == pytest.approx(120, rel=0.07)


def test_anger_is_louder_and_higher_than_sadness() -> None:
    rng = np.random.default_rng(0)
    angry, sad = (vowels.say(emotion, 120, 16000, rng).astype(float) for emotion in ("angry", "sad"))
    assert 20 * np.log10(angry.std() / sad.std()) == pytest.approx(15, abs=2.1)
    assert strongest_hz(angry, 16000) > 1.15 * strongest_hz(sad, 16000)


def test_two_vowels_of_one_manner_differ() -> None:
    rng = np.random.default_rng(0)
    assert not np.array_equal(vowels.say("calm", 120, 16000, rng), vowels.say("calm", 120, 16000, rng))
