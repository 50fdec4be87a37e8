"""Trees and files that somebody made to harm: nothing waits for ever, takes all memory, is run, or is written where it does not belong."""

import ast
import os
import pickle
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emofuse import archive, arrays, audio, corpora, params, recordings, tables, track_store
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.params.wearable import ToyDyads, ToySubjects
from emofuse.toy import crema_d, emodb, empatica_export, kemocon, physiology, savee, wesad

REPOSITORY = Path(__file__).parents[1]
LIMIT_S = 60  # of a child, which needs some seconds to import what it uses
GIGABYTE = 1 << 30


def one_line(message: str, *names: object) -> str:
    assert message.isprintable()
    assert len(message) < 3000
    assert all(str(name) in message for name in names), message
    return message


def refusal(read: Callable[[], object], *names: object) -> str:
    with pytest.raises(InputError) as caught:
        read()
    return one_line(str(caught.value), *names)


def tree(root: Path) -> dict[str, object]:
    """What lies below a folder: content of files, targets of links, nothing of folders."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = None
    return found


def child(code: str, *arguments: object, megabytes: int | None = None) -> str:
    """What a process of its own prints; it is stopped after ``LIMIT_S``, and may take so many megabytes more than after its imports."""
    imports = "import resource, sys\nfrom pathlib import Path\nfrom emofuse import corpora, params, recordings, tables, track_store\n"
    imports += (
        "from emofuse.errors import InputError\nfrom emofuse.transcription import table\nimport pandas, pyarrow, pyarrow.csv, soundfile\n"
    )
    if megabytes is not None:
        imports += (
            "in_use = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
            f"resource.setrlimit(resource.RLIMIT_AS, (in_use + {megabytes * 1_000_000},) * 2)\n"
        )
    body = "try:\n    " + code.replace("\n", "\n    ") + "\nexcept InputError as error:\n    print('refused:', error)\n"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", imports + body, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    crema_d.write(tmp_path / "crema_d", 1)
    return tmp_path / "crema_d"


def listed(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("1*.wav") if path.parent.name == "AudioWAV" and " - " not in path.name)


SPECIAL: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a random device": lambda path: path.symlink_to("/dev/urandom"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nothing": lambda path: path.symlink_to(path.with_name("nowhere")),
    "a link to its folder": lambda path: path.symlink_to(path.parent, target_is_directory=True),
}
READ = """
for line in sys.argv[1:]:
    kind, corpus, release, root, out = line.split("|")
    try:
        if kind == "corpora":
            found = corpora.read(corpus, Path(root), release).left_out
        else:
            track_store.write(corpus, recordings.read(corpus, Path(root), release), Path(root), Path(out))
            found = track_store.remarks(Path(out))[0]
        print(corpus, "read", "", *(found["item"] + " " + found["reason"]), sep="|", flush=True)
    except InputError as error:
        print(corpus, "refused", error, sep="|", flush=True)
"""


@pytest.mark.parametrize("what", SPECIAL)
def test_what_is_no_file_but_named_as_audio_is_left_out_or_refused_and_nothing_waits_for_it(what: str, films: Path) -> None:
    before = corpora.read("crema_d", films, "intended")
    victim = films / str(before.examples["path"].iloc[0])
    victim.unlink()
    SPECIAL[what](victim)
    try:
        after = corpora.read("crema_d", films, "intended")
    except InputError as error:
        assert what.removeprefix("a ") in ("pipe", "link to a device", "link to a random device")
        one_line(str(error), victim)
        return
    assert after.left_out.set_index("item")["reason"][victim.stem] in ("damaged_audio", "missing_audio")
    assert len(after.examples) == len(before.examples) - 1


def exports(root: Path) -> None:
    rng = np.random.default_rng(1)
    for subject in ("S01", "S02"):
        signals = physiology.record(physiology.feelings(20, rng), physiology.person(rng), empatica_export.RATES_HZ, rng)
        empatica_export.write_folder(root / subject, empatica_export.files(signals, 1_560_000_000, 0.8))


LISTS: dict[str, tuple[str, str, Callable[[Path], object], str]] = {  # kind, release, what writes the corpus, a file that it reads
    "crema_d": ("corpora", "perceived", lambda root: crema_d.write(root, 1), "**/summaryTable.csv"),
    "wesad": ("recordings", "2018", lambda root: wesad.write(root, 1, ToySubjects(subjects=2, duration_s=8)), "S2/S2.pkl"),
    "empatica_e4": ("recordings", "any", exports, "S01/ACC.csv"),
    "kemocon": ("recordings", "1.0.0", lambda root: kemocon.write(root, 1, ToyDyads(pairs=3, debate_s=10)), "**/subjects.csv"),
}


def read_with(spoil: Callable[[Path], object], folder: Path) -> Iterator[tuple[str, Path, str, str]]:
    """Corpus, spoiled file, whether it was read or refused, and what was said, for each of LISTS; in a process of bounded memory."""
    lines, victims = [], {}
    for corpus, (kind, release, write, name) in LISTS.items():
        write(folder / corpus)
        victims[corpus] = next((folder / corpus).glob(name))
        spoil(victims[corpus])
        lines.append("|".join((kind, corpus, release, str(folder / corpus), str(folder / "out"))))
    answers = [line.split("|", 2) for line in child(READ, *lines, megabytes=2500).splitlines()]
    assert [corpus for corpus, _, _ in answers] == list(LISTS)
    for corpus, outcome, said in answers:
        yield corpus, victims[corpus], outcome, said


@pytest.mark.parametrize("what", ["a pipe", "a link to a device", "a link to itself"])
def test_what_is_no_file_but_named_as_a_list_or_a_signal_is_not_waited_for(what: str, tmp_path: Path) -> None:
    def spoil(path: Path) -> None:
        path.unlink()
        SPECIAL[what](path)

    for corpus, victim, outcome, said in read_with(spoil, tmp_path):
        if outcome == "refused":
            one_line(said, tmp_path / corpus)
        else:
            assert victim.name in said or victim.parent.name in said


@pytest.mark.parametrize("name", ["savee", "emodb"])
def test_folders_that_contain_themselves_end(name: str, tmp_path: Path) -> None:
    module, root = {"savee": savee, "emodb": emodb}[name], tmp_path / name
    module.write(root, 1)
    before = corpora.read(name, root, "1").examples
    (root / "again").symlink_to(root, target_is_directory=True)
    (next(path for path in root.rglob("*.wav")).parent / "loop").symlink_to(root, target_is_directory=True)
    start = time.monotonic()
    try:
        after = corpora.read(name, root, "1")
        assert set(after.examples["example_id"]) == set(before["example_id"])
    except InputError as error:
        one_line(str(error), root)
    assert time.monotonic() - start < LIMIT_S


NAMES = ["-rf.wav", "--help.wav", "$(touch mark).wav", "a\nb.wav", "a\x1b[2Jb.wav", b"\xff\xfe.wav", "%s%n.wav", ";touch mark;.wav"]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_file_of_a_strange_name_is_said_in_one_printable_line(name: str | bytes, films: Path, tmp_path: Path) -> None:
    stray = os.fsencode(films) + b"/AudioWAV/" + os.fsencode(name)
    shutil.copy(listed(films)[0], stray)
    try:
        said = corpora.read("crema_d", films, "intended").left_out
    except InputError as error:
        one_line(str(error), films)
        return
    told = said[(said["reason"] == "extra_file") & ~said["item"].str.endswith(" - Copy.wav")]
    assert len(told) == 1
    one_line(told["item"].iloc[0], "AudioWAV")
    one_line(told["detail"].iloc[0], "AudioWAV")
    tables.write(said, tmp_path / "left_out.parquet", tables.LEFT_OUT)


@pytest.mark.parametrize("folder", ["-rf", "a\nb", b"\xff\xfe"], ids=repr)
def test_a_release_below_a_folder_of_a_strange_name_is_read_or_refused(folder: str | bytes, films: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    films.rename(home / os.fsdecode(folder))
    try:
        found = corpora.read("crema_d", home, "intended")
    except InputError as error:
        one_line(str(error), home)
        return
    tables.write(found.examples, tmp_path / "examples.parquet", tables.EXAMPLES)
    tables.write(found.left_out, tmp_path / "left_out.parquet", tables.LEFT_OUT)


def test_a_gigabyte_of_nothing_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    for corpus, victim, outcome, said in read_with(lambda path: os.truncate(path, GIGABYTE), tmp_path):
        assert outcome == "refused" or corpus == "wesad"  # a pickle ends where it says that it ends
        if outcome == "refused":
            one_line(said, victim)


@pytest.mark.parametrize("name", ["msp_podcast", "meld"])
def test_a_table_of_a_hundred_thousand_columns_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    wide = ",".join(f"c{k}" for k in range(100_000)) + "\n" + ",".join("1" * 100_000) + "\n"
    if name == "meld":
        for place in ("train/train_splits", "dev/dev_splits_complete", "test/output_repeated_splits_test"):
            (tmp_path / place).mkdir(parents=True)
        for split in ("train", "dev", "test"):
            (tmp_path / f"{split}_sent_emo.csv").write_text(wide)
    else:
        (tmp_path / "Labels").mkdir()
        (tmp_path / "Audios").mkdir()
        (tmp_path / "Labels" / "labels_concensus.csv").write_text(wide)
    start = time.monotonic()
    refusal(lambda: corpora.read(name, tmp_path, {"meld": "raw", "msp_podcast": "1.7"}[name]), tmp_path)
    assert time.monotonic() - start < 30


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))
PARAMETERS = {
    "a call": ("seeds: !!python/object/apply:os.system ['touch mark']\n", "not valid YAML"),
    "a new object": ("seeds: !!python/object/new:subprocess.Popen [['touch', 'mark']]\n", "not valid YAML"),
    "a module": ("seeds: !!python/module:antigravity\n", "not valid YAML"),
    "aliases of aliases": (BOMB, "unknown key"),
    "aliases in a key of the right name": (f"seeds:\n{''.join(f'  {line}' + chr(10) for line in BOMB.splitlines())}", "seeds"),
    "a list in a list in a list": ("[" * 20_000 + "]" * 20_000, "not valid YAML"),
    "a number of ten thousand digits": ("scale: " + "9" * 10_000 + "\n", ""),
    "a day that is none": ("scale: 2026-99-99\n", "not valid YAML"),
    "bytes that are no text": ("scale: \udcff\udcfe\n", "not valid YAML"),
    "ten megabytes": ("# " + "x" * 10_000_000, "bytes"),
    "nothing": ("", ""),
    "keys that are lists": ("? [a, b]\n: 1\n", ""),
}


@pytest.mark.parametrize("what", PARAMETERS)
def test_parameters_that_ask_for_more_than_values_are_refused_in_one_line(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, expected = PARAMETERS[what]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    start = time.monotonic()
    assert expected in refusal(lambda: params.load(path), path)
    assert time.monotonic() - start < 10
    assert not (tmp_path / "mark").exists()


def test_a_pipe_is_not_waited_for_as_parameters(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "params.yaml")
    assert "device" in child("params.load(Path(sys.argv[1]))", tmp_path / "params.yaml")


MEMBERS = {
    "above": "../../escaped/", "absolute": "/tmp/emofuse_escaped/", "of Windows": "..\\..\\", "a drive": "C:/", "an option": "-rf/",
    "a new line": "a\nb/", "very long": "x" * 200 + "/",
}  # fmt: skip


@pytest.mark.parametrize("where", MEMBERS)
def test_members_of_a_zip_file_never_leave_it(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exports(tmp_path / "plain")
    root = tmp_path / "zips"
    root.mkdir()
    with zipfile.ZipFile(root / "S01.zip", "w") as file:
        for path in (tmp_path / "plain" / "S01").iterdir():
            file.write(path, MEMBERS[where] + path.name)
    monkeypatch.chdir(root)
    before = tree(tmp_path)
    try:
        found = list(recordings.read("empatica_e4", root, "any"))
        assert found
    except InputError as error:
        one_line(str(error), root)
    assert tree(tmp_path) == before
    assert not Path("/tmp/emofuse_escaped").exists()


def test_a_link_in_a_zip_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "S01.zip", "w") as file:
        link = zipfile.ZipInfo("ACC.csv")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    assert "a link" in refusal(lambda: archive.names(tmp_path / "S01.zip"), tmp_path / "S01.zip")


def test_reading_hostile_trees_changes_nothing_on_disk(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with commands, loops, pipes and pickles that want to write: the corpora, and what lies around them, stay as they are."""

    class Attack:
        def __reduce__(self) -> tuple:
            return os.system, ("touch mark",)

    wesad.write(tmp_path / "wesad", 1, ToySubjects(subjects=2, duration_s=8))
    (tmp_path / "wesad" / "S2" / "S2.pkl").write_bytes(pickle.dumps({"subject": Attack()}, 2))
    for name in NAMES:
        shutil.copy(listed(films)[0], os.fsencode(films) + b"/" + os.fsencode(name))
    (films / "loop").symlink_to(films, target_is_directory=True)
    (films / "outside").symlink_to(tmp_path / "wesad", target_is_directory=True)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    before = tree(tmp_path)
    for read in (
        lambda: corpora.read("crema_d", films, "intended"),
        lambda: corpora.read("crema_d", films, "perceived"),
        lambda: list(recordings.read("wesad", tmp_path / "wesad", "2018")),
    ):
        try:
            read()
        except InputError as error:
            one_line(str(error))
    assert tree(tmp_path) == before


def test_what_could_not_be_ingested_leaves_no_folder_behind(tmp_path: Path) -> None:
    wesad.write(tmp_path / "wesad", 1, ToySubjects(subjects=2, duration_s=8))
    (tmp_path / "wesad" / "S3" / "S3.pkl").write_bytes(b"\x80\x02.")
    found = recordings.read("wesad", tmp_path / "wesad", "2018")
    refusal(lambda: track_store.write("wesad", found, tmp_path / "wesad", tmp_path / "data" / "wesad"), "S3.pkl")
    assert list((tmp_path / "data").glob("*")) == []


def test_objects_in_an_array_file_are_not_made(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {tmp_path / 'mark'}",)

    arrays.write(tmp_path / "cache", [("a", np.zeros(3, np.float32))])
    np.save(tmp_path / "cache" / "frames.npy", np.array([Attack()] * 3, dtype=object), allow_pickle=True)
    refusal(lambda: ArrayCache(tmp_path / "cache"), tmp_path / "cache")
    assert not (tmp_path / "mark").exists()


def test_a_play_list_named_as_a_film_does_not_make_ffmpeg_read_another_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "secret.wav", np.ones(1600) / 2, 16000)
    for text in (f"ffconcat version 1.0\nfile {tmp_path / 'secret.wav'}\n", f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path / 'secret.wav'}\n"):
        (tmp_path / "clip.mp4").write_text(text)
        refusal(lambda: audio.inspect(tmp_path / "clip.mp4"), tmp_path / "clip.mp4")


# What can run what a file says, or write where a file says. isolation.py reads what its own child process wrote into a pipe.
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "marshal.load", "shelve.open", "dill.load", "dill.loads"),
    *("joblib.load", "pandas.read_pickle", "pd.read_pickle", "pd.read_hdf", "pd.eval", "cloudpickle.loads"),
    *("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all"),
    *("os.system", "os.popen", "os.execv", "os.execvp", "os.spawnv", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("shutil.unpack_archive", "tempfile.mktemp", "torch.hub.load", "runpy.run_path", "code.interact"),
}
ALLOWED = {
    ("src/emofuse/isolation.py", "pickle.loads"),  # of a child of this process
    ("src/emofuse/runners/ray.py", "pickle.loads"),  # in a worker, of what the stage sent it through Ray
    ("src/emofuse/transcription/deepspeech_worker.py", "__import__"),
}
SUBPROCESS = {"subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call", "subprocess.check_output"}


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted name of what is called, names imported under another name by their own."""
    parsed = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in ast.walk(parsed):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            yield f"{known.get(first, first)}{dot}{rest}", node


def faults(source: str) -> list[str]:
    """What is called and should not be."""
    found = []
    for name, call in calls(source):
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        last = name.rpartition(".")[2]
        wrong = name in FORBIDDEN or last == "extractall" or (last == "extract" and any(w in name for w in ("zip", "tar", "archive")))
        wrong |= name in ("torch.load",) and given.get("weights_only") != "True"
        wrong |= name == "yaml.load" and not (len(call.args) == 2 and ast.unparse(call.args[1]) == "yaml.SafeLoader")
        wrong |= given.get("shell", "False") != "False" or given.get("allow_pickle", "False") != "False"
        wrong |= given.get("trust_remote_code", "False") != "False"
        if name in SUBPROCESS:
            argument = call.args[0] if call.args else None
            wrong |= isinstance(argument, ast.Constant | ast.JoinedStr | ast.BinOp) or argument is None
        if wrong:
            found.append(name)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "eval(text)", "import pickle\npickle.load(file)", "from pickle import loads\nloads(data)", "import pickle as p\np.loads(data)",
        "import torch\ntorch.load(path)", "import torch\ntorch.load(path, weights_only=False)", "import yaml\nyaml.load(text, yaml.Loader)",
        "import os\nos.system('ls')", "import subprocess\nsubprocess.run('ls', shell=True)", "import subprocess\nsubprocess.run(f'ls {x}')",
        "tar.extractall(folder)", "np.load(path, allow_pickle=True)", "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "zip.extract(member)", "from os import system as s\ns('ls')",
    ],
)  # fmt: skip
def test_the_search_for_calls_finds(source: str) -> None:
    assert len(faults(source)) == 1


def test_nothing_that_a_file_says_is_run_or_unpacked() -> None:
    files = [*(REPOSITORY / "src").rglob("*.py"), *(REPOSITORY / "stages").rglob("*.py")]
    assert len(files) > 100
    found = {(str(path.relative_to(REPOSITORY)), name) for path in files for name in faults(path.read_text(encoding="utf-8"))}
    assert found == ALLOWED


def test_a_command_is_a_list_wherever_a_program_is_started() -> None:
    started = {
        (str(path.relative_to(REPOSITORY)), ast.unparse(call.args[0]))
        for path in (REPOSITORY / "src").rglob("*.py")
        for name, call in calls(path.read_text(encoding="utf-8"))
        if name in SUBPROCESS
    }
    assert started
    for file, argument in started:
        source = (REPOSITORY / file).read_text(encoding="utf-8")
        assert argument.startswith("[") or f"{argument}: list[str]" in source or f"{argument} = [" in source or "list[str]" in source, file
