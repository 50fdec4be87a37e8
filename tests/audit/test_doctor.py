import re
import shutil

import numpy as np
import pytest
import soundfile

from emofuse import doctor
from emofuse.corpora.ravdess import LICENCE
from emofuse.release import INVENTED
from emofuse.toy import empatica_export, physiology


@pytest.fixture
def here(tmp_path, repository, monkeypatch):
    """An empty project: params.yaml alone."""
    (tmp_path / "project").mkdir()
    shutil.copy(repository / "params.yaml", tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "project"


@pytest.fixture
def ravdess(tmp_path):
    """Six actors, one of each fold, each class once and each sentence; invented, so that no count is published."""
    root, rng = tmp_path / "RAVDESS", np.random.default_rng(0)
    for actor in (1, 4, 8, 3, 2, 6):
        folder = root / f"Actor_{actor:02d}"
        folder.mkdir(parents=True)
        for emotion in ("01", "03", "04", "05"):
            for statement in ("01", "02"):
                name = f"03-01-{emotion}-01-{statement}-01-{actor:02d}.wav"
                soundfile.write(folder / name, rng.uniform(-0.5, 0.5, 16000), 16000, subtype="PCM_16")
    (root / INVENTED).write_text("invented")
    return root


@pytest.fixture
def wristbands(tmp_path):
    """Two subjects' exports of 700 s, the second of which a cable fault made flat."""
    rng = np.random.default_rng(0)
    for number, subject in enumerate(("S1", "S2")):
        signals = dict(physiology.record(physiology.feelings(700, rng), physiology.person(rng), empatica_export.RATES_HZ, rng))
        signals["eda"] = signals["eda"] if number == 0 else np.full_like(signals["eda"], 0.2)
        empatica_export.write_folder(tmp_path / "E4" / subject, empatica_export.files(signals, 1_560_000_000 + 9000 * number, 0.8))
    return tmp_path / "E4"


def test_a_good_corpus_passes_and_only_the_doctors_folder_is_written(here, ravdess, capsys):
    assert doctor.main(["ravdess", str(ravdess)]) == 0
    out = capsys.readouterr().out
    assert "read as release 1.0.0" in out and "48 utterances of 6 known speakers, 0.01 h" in out
    assert f"licence: {LICENCE}" in out and "text carries nothing here" in out and "Passed: no error" in out
    assert sorted(path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()) == [
        "doctor/ravdess/audit.md",
        "doctor/ravdess/audit.svg",
        "params.yaml",
    ]


def test_broken_audio_stops_and_each_finding_is_one_line(here, ravdess, capsys):
    clips = sorted(ravdess.rglob("*.wav"))
    clips[0].write_bytes(clips[0].read_bytes()[:5000])
    soundfile.write(clips[1], np.zeros(16000), 16000)
    shutil.copy(clips[2], clips[2].with_name(clips[2].name.replace("-01-01-01.", "-01-02-01.")))
    assert doctor.main(["ravdess", str(ravdess), "1.0.0"]) == 1
    lines = capsys.readouterr().out.splitlines()
    found = [match.group(1, 2) for line in lines if (match := re.match(r"  (error|warning|note|accepted) +(\w+)", line))]
    assert found[:2] == [("error", "damaged_audio"), ("error", "silent_audio")]
    assert ("warning", "duplicate_audio") in found  # both say the same with the same feeling
    assert any(line.startswith("Stopped by") for line in lines)
    assert "damaged_audio" in (here / "doctor" / "ravdess" / "audit.md").read_text()


def test_wearables_of_no_study_are_examined_through_a_store_that_is_gone_afterwards(here, wristbands, capsys):
    assert doctor.main(["empatica_e4", str(wristbands)]) == 0
    out = capsys.readouterr().out
    assert "2 recordings of 2 subjects" in out and "flat_signal (S2/eda)" in out
    assert sorted(path.name for path in (here / "doctor").iterdir()) == ["empatica_e4"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ravdes", "."], "did you mean ravdess?"),
        (["ravdess", "../RAVDES"], "holds ['RAVDESS']"),
        (["ravdess", "params.yaml"], "found a file"),
        (["ravdess", "../RAVDESS", "9.9"], "expected one of ['1.0.0']"),
        (["empatica_e4", "../RAVDESS"], "expected"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_1(here, ravdess, capsys, words, expected):
    code = doctor.main(words)
    told = capsys.readouterr()
    assert code == 1 and expected in told.err and told.err.count("\n") == 1 and told.out == ""


@pytest.mark.parametrize("words", [[], ["ravdess"], ["a", "b", "c", "d"], ["--help", "x"]])
def test_a_call_without_its_words_says_how_to_call(words, capsys):
    assert doctor.main(words) == 2
    assert capsys.readouterr().err == doctor.USAGE + "\n"


def test_a_release_that_nobody_named_is_the_first_that_reads(monkeypatch):
    class Reader:
        RELEASES = ("1", "2", "3")

    def read(name):
        if name != "2":
            raise doctor.InputError(f"no release {name}")
        return "tables"

    assert doctor._first_that_reads(Reader, None, read) == ("tables", "2")
    with pytest.raises(doctor.InputError, match=r"^no release 3$"):
        doctor._first_that_reads(Reader, "3", read)
    Reader.RELEASES = ("1", "3")
    with pytest.raises(doctor.InputError, match=r"^no release 1 \(tried as 1, 3\)$"):
        doctor._first_that_reads(Reader, None, read)


def test_names_from_a_corpus_do_not_move_the_cursor():
    assert doctor._printable("a\x1b[2Jb\r\n") == "a?[2Jb??"
