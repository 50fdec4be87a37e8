"""Bad recordings, from the files to what the pipeline keeps: each is refused in one line, or survived as the design says."""

import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from importlib import util
from pathlib import Path
from types import ModuleType

import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml

from emofuse import study, tables, track_store
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.params.wearable import ToyDyads, ToySubjects, ToyTalks
from emofuse.toy import case, clas, empatica_export, kemocon, physiology, verbio, voices, wesad

REPOSITORY = Path(__file__).parents[1]
SUBJECTS = ToySubjects(subjects=2, duration_s=24)


def stage(name: str) -> ModuleType:
    spec = util.spec_from_file_location(f"stage_{name}", REPOSITORY / "stages" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hum(scenes: Sequence[voices.Scene], seed: int, title: str) -> Iterator[np.ndarray]:
    for scene in scenes:
        yield np.resize(np.array([100, 100, -100, -100], np.int16), round(scene.duration_s * 16000))


def write_exports(root: Path) -> None:
    rng = np.random.default_rng(0)
    for subject in ("S01", "S02"):
        signals = physiology.record(physiology.feelings(30, rng), physiology.person(rng), empatica_export.RATES_HZ, rng)
        empatica_export.write_folder(root / subject, empatica_export.files(signals, 1_560_000_000, 0.8))


WRITERS: dict[str, Callable[[Path], None]] = {
    "case": lambda root: case.write(root, 1, SUBJECTS),
    "clas": lambda root: clas.write(root, 1, SUBJECTS),
    "empatica_e4": write_exports,
    "kemocon": lambda root: kemocon.write(root, 1, ToyDyads(pairs=3, debate_s=24)),
    "verbio": lambda root: verbio.write(root, 1, ToyTalks(participants=2, talk_s=12)),
    "wesad": lambda root: wesad.write(root, 1, SUBJECTS),
}


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("invented")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voices, "speak", hum)  # nobody listens here
        for name, write in WRITERS.items():
            write(home / name)
    return home


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, in which the stages run; the corpora are expected below corpora/."""
    data = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    data["wearable"]["corpora"]["empatica_e4"] = {"release": "any"}
    for name, corpus in data["wearable"]["corpora"].items():
        corpus["root"] = f"corpora/{name}"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def root(request: pytest.FixtureRequest, project: Path, invented: Path) -> Callable[[str], Path]:
    """A copy of the invented corpus of that name where params.yaml expects it."""
    return lambda name: Path(shutil.copytree(invented / name, Path("corpora") / name))


def refusal(corpus: str) -> str:
    before = tree()
    with pytest.raises(InputError) as error:
        stage("ingest_recordings").main(corpus)
    assert "\n" not in str(error.value)
    assert "corpora" in str(error.value).partition(": expected")[0]
    assert tree() - before <= {Path("data"), Path("data/recordings")}
    assert before <= tree()
    return str(error.value)


def tree() -> set[Path]:
    return set(Path().rglob("*"))


def ingested(corpus: str) -> tuple[pd.DataFrame, pd.DataFrame, ArrayCache]:
    stage("ingest_recordings").main(corpus)
    assert [path.name for path in Path("data/recordings").iterdir()] == [corpus]
    return track_store.read(study.recordings_folder(corpus))


def cut(corpus: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The windows of what was ingested, and how each signal fared."""
    stage("cut_windows").main(corpus)
    counts = tables.read(study.features_folder("wearables", corpus) / "counts.parquet", tables.WINDOW_COUNTS)
    return tables.read(study.windows_file(corpus), tables.EXAMPLES), counts.set_index("signal")


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().split("\n"))), encoding="utf-8")


def swapped(first: int, second: int) -> Callable[[list[str]], list[str]]:
    def swap(lines: list[str]) -> list[str]:
        lines[first], lines[second] = lines[second], lines[first]
        return lines

    return swap


def refilled(path: Path, change: Callable[[list[list[object]]], list[list[object]]]) -> None:
    """Change the rows of a workbook."""
    rows = [list(row) for row in openpyxl.load_workbook(path).active.iter_rows(values_only=True)]
    book = openpyxl.Workbook()
    for row in change(rows):
        book.active.append(row)
    book.save(path)


class Command:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("where", ["alone", "beside the signals", "in the signals"])
def test_a_pickle_that_asks_for_a_command_is_refused_and_runs_nothing(root: Callable[[str], Path], where: str) -> None:
    path = root("wesad") / "S2" / "S2.pkl"
    with path.open("rb") as file:
        content = pickle.load(file, encoding="latin1")
    if where == "in the signals":
        content["signal"]["wrist"]["TEMP"] = np.array([Command()], dtype=object)
    path.write_bytes(pickle.dumps(Command() if where == "alone" else content | {"subject": Command()} if "beside" in where else content))
    message = refusal("wesad")
    assert message.startswith(f"{path}: ".removeprefix("./"))
    assert "system" in message
    assert not Path("executed").exists()


def test_that_pickle_would_run_its_command_if_it_were_loaded_plainly(project: Path) -> None:
    pickle.loads(pickle.dumps(Command()))
    assert Path("executed").exists()


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def cut_within_a_row(path: Path) -> None:
    data = path.read_bytes()
    at = data.index(b"\n", len(data) // 2)
    path.write_bytes(data[: at + 6])


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = members[sheet].replace(b"</sheetData>", b" " * 30_000_000 + b"</sheetData>")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)


def other_value_at_the_same_time(lines: list[str]) -> list[str]:
    time, pid, _, serial = lines[1500].split(",")
    return [*lines[:1501], f"{time},{pid},999.0,{serial}", *lines[1501:]]


def every_second(rows: list[list[object]]) -> list[list[object]]:
    return [rows[0], *rows[1::2]]


REFUSED: dict[str, tuple[str, str, Callable[[Path], object], str]] = {
    "truncated pickle": ("wesad", "S3/S3.pkl", half, "expected a whole pickle"),
    "truncated csv of a wristband": ("kemocon", "e4_data/6/E4_BVP.csv", cut_within_a_row, "line "),
    "truncated csv of a laboratory": (
        "case",
        "case_dataset-master/data/interpolated/physiological/sub_2.csv",
        cut_within_a_row,
        "expected",
    ),
    "a csv with half of its rows": ("clas", "CLAS_Database/CLAS/Participants/Part1/by_block/1_gsr_ppg_.csv", half, "rates do not match"),
    "truncated csv of ratings": (
        "kemocon",
        "emotion_annotations/self_annotations/P3.self.csv",
        cut_within_a_row,
        "expected 23 fields, found 3",
    ),
    "workbook bomb": ("verbio", "PRE/E4/P002/EDA_PPT.xlsx", bomb, "at most 200 times their size"),
    "truncated workbook": ("verbio", "PRE/E4/P002/EDA_PPT.xlsx", half, "expected"),
    "absent ratings": ("kemocon", "emotion_annotations/self_annotations/P3.self.csv", Path.unlink, "ratings, found no such file"),
    "shuffled times": ("kemocon", "e4_data/6/E4_EDA.csv", lambda p: edit(p, swapped(60, 70)), "expected a time after"),
    "one time with two values": ("kemocon", "e4_data/6/E4_BVP.csv", lambda p: edit(p, other_value_at_the_same_time), "another value"),
    "shuffled times in a workbook": (
        *("verbio", "PRE/E4/P001/BVP_PPT.xlsx"),
        lambda p: refilled(p, lambda rows: [*rows[:50], rows[51], rows[50], *rows[52:]]),
        "expected times that rise",
    ),
    "a rate that the header denies": (
        *("empatica_e4", "S02/BVP.csv"),
        lambda p: edit(p, lambda lines: [lines[0], "32.000000", *lines[2:]]),
        "line 2: expected the rate of this signal, 64 Hz",
    ),
    "a rate that the times deny": (
        *("kemocon", "e4_data/6/E4_BVP.csv"),
        lambda p: edit(p, lambda lines: [lines[0], *lines[1::2], ""]),
        "expected 64 Hz",
    ),
    "a rate that the times deny in a workbook": (
        *("verbio", "PRE/E4/P001/BVP_PPT.xlsx"),
        lambda p: refilled(p, every_second),
        "rates do not match",
    ),
    "a word among the samples": ("empatica_e4", "S02/EDA.csv", lambda p: edit(p, lambda lines: [*lines[:50], "?", *lines[51:]]), "line 51"),
    "a rating off its scale": (
        *("kemocon", "emotion_annotations/self_annotations/P3.self.csv"),
        lambda p: edit(p, lambda lines: [lines[0], "5,9" + lines[1][3:], *lines[2:]]),
        "line 2: arousal expects 1 to 5 or nothing, found '9'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_damage_is_named_and_nothing_half_written_is_left(root: Callable[[str], Path], what: str) -> None:
    corpus, file, damage, expected = REFUSED[what]
    path = root(corpus) / file
    damage(path)
    message = refusal(corpus)
    assert message.startswith(str(path.parent if what == "absent" else path))
    assert expected in message


def quiet(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:44] + bytes(len(data) - 44))  # 44: the header


LEFT_OUT: dict[str, tuple[str, str, Callable[[Path], object], str, list[str]]] = {
    "absent audio of a pair": ("kemocon", "debate_audios/debate_audios/p5.p6.wav", Path.unlink, "missing_audio", ["P5", "P6"]),
    "truncated audio of a pair": ("kemocon", "debate_audios/debate_audios/p3.p4.wav", half, "damaged_audio", ["P3", "P4"]),
    "silent audio of a pair": ("kemocon", "debate_audios/debate_audios/p1.p2.wav", quiet, "silent_audio", ["P1", "P2"]),
    "truncated audio of a talk": ("verbio", "TEST01/Audio/TEST01_P001_AUDIO_PPT.wav", half, "damaged_audio", ["P001/TEST01/PPT"]),
    "an absent talk": ("verbio", "PRE/Audio/PRE_P002_AUDIO_PPT.wav", Path.unlink, "missing_signal", ["P002/PRE/PPT/speech"]),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_audio_that_cannot_be_used_is_left_out_and_the_rest_goes_on(root: Callable[[str], Path], what: str) -> None:
    corpus, file, damage, reason, items = LEFT_OUT[what]
    home = root(corpus)
    before, _, _ = ingested(corpus)
    said, _ = track_store.remarks(study.recordings_folder(corpus))
    damage(home / file)
    after, _, _ = ingested(corpus)
    left_out, _ = track_store.remarks(study.recordings_folder(corpus))
    more = left_out.merge(said, how="left", indicator=True)
    more = more[(more["_merge"] == "left_only") & (more["reason"] == reason)]
    assert more["item"].tolist() == items
    mute = {f"{corpus}:{item.removesuffix('/speech')}" for item in items}
    gone = before["recording"].isin(mute) & (before["signal"] == "speech")
    assert gone.sum() == len(items)
    keys = ["recording", "signal", "samples", "lost", "path"]
    assert after[keys].astype(str).to_numpy().tolist() == before.loc[~gone, keys].astype(str).to_numpy().tolist()
    examples, _ = cut(corpus)
    assert not set(examples.loc[examples["path"].notna(), "recording"]) & mute


def test_what_was_ingested_before_survives_a_later_refusal(root: Callable[[str], Path]) -> None:
    home = root("wesad")
    before = ingested("wesad")[2]
    half(home / "S3" / "S3.pkl")
    refusal("wesad")
    after = track_store.read(study.recordings_folder("wesad"))[2]
    assert {key: before[key].tobytes() for key in before} == {key: after[key].tobytes() for key in after}


def test_line_ends_of_windows_and_whole_numbers_in_the_header_change_nothing(root: Callable[[str], Path]) -> None:
    home = root("empatica_e4")
    before, _, samples = ingested("empatica_e4")
    expected = {key: samples[key].tobytes() for key in samples}
    for path in home.rglob("*.csv"):
        if path.name in ("BVP.csv", "EDA.csv", "TEMP.csv"):
            start, rate, *rows = path.read_text().split("\n")
            path.write_text("\r\n".join([str(int(float(start))), str(int(float(rate))), *rows]), newline="")
    after, _, samples = ingested("empatica_e4")
    pd.testing.assert_frame_equal(before, after)
    assert {key: samples[key].tobytes() for key in samples} == expected


def test_a_flat_channel_becomes_zeros_and_is_counted(root: Callable[[str], Path]) -> None:
    edit(root("empatica_e4") / "S01" / "EDA.csv", lambda lines: [*lines[:2], *["0.155041"] * (len(lines) - 3), ""])
    ingested("empatica_e4")
    examples, counts = cut("empatica_e4")
    flat = examples[examples["speaker"] == "S01"]
    cache = ArrayCache(study.features_folder("wearables", "empatica_e4") / "eda")
    assert counts.loc["eda", "constant"] == len(flat) > 0
    assert counts.loc["eda", "windows"] == len(examples)
    assert all((cache[i] == 0).all() for i in flat["example_id"])
    assert all(cache[i].std(ddof=1) == pytest.approx(1, abs=1e-4) for i in set(examples["example_id"]) - set(flat["example_id"]))


def test_channels_of_unequal_length_are_used_where_all_are_there(root: Callable[[str], Path]) -> None:
    home = root("empatica_e4")
    edit(home / "S01" / "BVP.csv", lambda lines: [*lines[: 2 + 64 * 13], ""])
    edit(home / "S01" / "TEMP.csv", lambda lines: ["1560000002.000000", *lines[1:]])
    table, _, _ = ingested("empatica_e4")
    examples, counts = cut("empatica_e4")
    spans = table.groupby("subject")[["span_start_s", "span_end_s"]].agg(["min", "max"]).to_numpy()
    np.testing.assert_allclose(spans, [[2, 2, 13, 13], [0, 0, 30, 30]])
    assert examples.loc[examples["speaker"] == "S01", "start_s"].tolist() == [2, 5, 8]
    assert counts["absent"].tolist() == [0, 0, 0, 0]


def test_rows_that_are_there_twice_count_once(root: Callable[[str], Path]) -> None:
    path = root("kemocon") / "e4_data" / "4" / "E4_BVP.csv"
    _, _, samples = ingested("kemocon")
    expected = samples["kemocon:P4/bvp"].tobytes()
    edit(path, lambda lines: [*lines[:1500], lines[1499], lines[1499], *lines[1500:]])
    assert ingested("kemocon")[2]["kemocon:P4/bvp"].tobytes() == expected


def test_a_rating_that_was_left_empty_is_a_window_without_that_label(root: Callable[[str], Path]) -> None:
    def emptied(lines: list[str]) -> list[str]:
        seconds, _, valence, *others = lines[2].split(",")
        return [*lines[:2], ",".join([seconds, "", valence, *others]), *lines[3:]]

    home = root("kemocon")
    edit(home / "emotion_annotations" / "self_annotations" / "P3.self.csv", emptied)
    _, annotations, _ = ingested("kemocon")
    second = annotations[(annotations["recording"] == "kemocon:P3") & (annotations["start_s"] == 5)].set_index("name")["value"]
    assert np.isnan(second["arousal"])
    assert second.drop("arousal").notna().all()
    cut("kemocon")
    stage("label_windows").main()
    examples = tables.read(study.self_reports_file("kemocon"), tables.EXAMPLES)
    inside = (examples["recording"] == "kemocon:P3") & (examples["start_s"] + 2 >= 5) & (examples["start_s"] + 2 < 10)
    assert inside.sum() == 2
    assert examples.loc[inside, "arousal3"].isna().all()
    assert examples.loc[inside, ["valence3", "emotion"]].notna().all(axis=None)
    rated = (examples["recording"] == "kemocon:P3") & (examples["start_s"] + 2 < 20)  # the last whole interval of 24 s
    assert examples.loc[rated & ~inside, "arousal3"].notna().all()


def test_a_participant_without_a_modality_keeps_the_others(root: Callable[[str], Path]) -> None:
    home = root("kemocon")
    (home / "e4_data" / "4" / "E4_TEMP.csv").unlink()
    table, _, _ = ingested("kemocon")
    there = table.groupby("subject")["signal"].agg(set).to_dict()
    assert there["P2"] == {"speech"}  # nothing was worn
    assert there["P4"] == {"acc", "bvp", "eda", "speech"}
    examples, counts = cut("kemocon")
    assert set(examples["speaker"]) == {f"P{k}" for k in range(1, 7)}
    with_temperature = {i.split(":")[1] for i in ArrayCache(study.features_folder("wearables", "kemocon") / "temp")}
    with_pulse = {i.split(":")[1] for i in ArrayCache(study.features_folder("wearables", "kemocon") / "bvp")}
    assert (with_temperature, with_pulse) == ({"P1", "P3", "P5", "P6"}, {"P1", "P3", "P4", "P5", "P6"})
    assert (counts["windows"] + counts["absent"] == len(examples)).all()


def test_genuine_oddities_are_survived(project: Path, recordings: Path) -> None:
    """stress_predict: S01's pulse has line ends of Windows and whole numbers in its header, S08's skin hardly conducts."""
    for subject in ("S01", "S08"):
        shutil.copytree(recordings / "stress_predict" / "Raw_data" / subject, Path("corpora") / "empatica_e4" / subject)
    table, _, samples = ingested("empatica_e4")
    raw = (Path("corpora") / "empatica_e4" / "S01" / "BVP.csv").read_bytes().split(b"\r\n")
    assert np.array_equal(samples["empatica_e4:S01/bvp"], np.array(raw[2:-1], dtype=np.float32))
    assert np.percentile(samples["empatica_e4:S08/eda"], 99) < 0.2  # uS
    assert table["lost"].sum() == 0
    examples, counts = cut("empatica_e4")
    caches = {signal: ArrayCache(study.features_folder("wearables", "empatica_e4") / signal) for signal in ("acc", "bvp", "eda", "temp")}
    assert all(np.isfinite(cache.frames).all() for cache in caches.values())
    assert counts["windows"].tolist() == [len(examples)] * 4
    for signal, length in (("eda", 16), ("temp", 16)):
        expected = 0
        for recording, starts in examples.groupby("recording")["start_s"]:
            track = samples[f"{recording}/{signal}"]
            expected += sum(np.ptp(track[k : k + length]) == 0 for k in (4 * starts).astype(int))
        zeros = sum(not window.any() for window in caches[signal].frames.reshape(-1, length))
        assert zeros == counts.loc[signal, "constant"] == expected
    assert counts.loc["temp", "constant"] > 100  # a thermometer in steps of 0.02 degC
