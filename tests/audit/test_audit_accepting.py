import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import arrays, audit, tables
from emofuse.arrays import ArrayCache
from emofuse.audit import accepting
from emofuse.audit.finding import Finding
from emofuse.errors import InputError
from emofuse.remarks import REASONS, Count, LeftOut, counts_table, left_out_table

SILENT = Finding("silent_audio", "error", "3 left out", ("a", "b:2", "c"))
COUNT = Finding("count", "error", "clips: expected 2, found 1", ("clips",), records=1)


def weigh(entries, findings=(SILENT, COUNT)):
    found = accepting.weigh(list(findings), "c", entries, audit.UTTERANCE_CHECKS)
    return {(row["check"], row["item"]): (row["records"], row["accepted"]) for row in found.to_dict("records")}


def test_nothing_is_accepted_unless_it_is_named():
    assert weigh([]) == {("silent_audio", "a"): (3, 0), ("count", "clips"): (1, 0)}


def test_a_check_is_accepted_with_all_of_its_records():
    assert weigh(["silent_audio"]) == {("silent_audio", "a"): (3, 1), ("count", "clips"): (1, 0)}


def test_one_record_is_accepted_and_the_rest_stays_even_with_a_colon_in_its_name():
    assert weigh(["silent_audio:b:2", "count:clips"]) == {
        ("silent_audio", "a"): (2, 0),
        ("silent_audio", "b:2"): (1, 1),
        ("count", "clips"): (1, 1),
    }


def test_an_entry_that_finds_nothing_is_a_note_unless_another_stage_looks_for_it():
    found = weigh(["missing_audio", "count:others", "fitted_statistics"])
    assert {item for check, item in found if check == "accept"} == {"missing_audio", "count:others"}


@pytest.mark.parametrize(
    ("accept", "words"),
    [
        ({"msp_potcast": ["count"]}, ["msp_potcast", "msp_podcast"]),
        ({"msp_podcast": ["silent_adio:x"]}, ["silent_adio", "silent_audio"]),
        ({"crema_d": ["zzz"]}, ["audit.accept.crema_d", "zzz", "known:"]),
    ],
)
def test_an_unknown_corpus_or_check_is_one_line_that_names_near_ones(make_params, utterances, accept, words):
    params = make_params(accept=accept)
    with pytest.raises(InputError) as error:
        run(params, utterances)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def run(params, examples, left_out=(), counts=(), protocol="official"):
    out, counted = left_out_table("msp_podcast", left_out), counts_table("msp_podcast", counts, published=True)
    return audit.audit_utterances(params, "msp_podcast", protocol, examples, out, counted, {})


def test_a_corpus_without_a_fault_passes_with_nothing_found(make_params, utterances):
    found = run(make_params(), utterances)
    assert found.empty
    audit.refuse(found, "page.md")


def test_an_error_stops_with_one_line_naming_check_page_and_how_to_accept_it(make_params, utterances):
    left_out, counts = [LeftOut("MSP_1", "silent_audio", "1.wav: silence")], [Count("clips", 1, 2, 2)]
    found = run(make_params(), utterances, left_out, counts)
    with pytest.raises(InputError) as error:
        audit.refuse(audit.by_weight(found), "reports/audit/msp_podcast.md")
    line = str(error.value)
    assert "\n" not in line and "and 1 more" in line and "reports/audit/msp_podcast.md" in line
    assert "audit.accept.msp_podcast: [count, silent_audio]" in line
    audit.refuse(run(make_params(accept={"msp_podcast": ["count", "silent_audio"]}), utterances, left_out, counts), "")


def test_warnings_and_notes_do_not_stop(make_params, utterances):
    left_out = [LeftOut(reason, reason, "x") for reason, (severity, _) in REASONS.items() if severity != "error"]
    found = run(make_params(), utterances, left_out)
    assert len(found) == len(left_out)
    audit.refuse(found, "")


def test_errors_come_first_then_warnings_then_notes_and_what_is_accepted_after_its_like():
    rows = [("note", 0), ("error", 1), ("warning", 0), ("error", 0)]
    frame = pd.DataFrame(rows, columns=["severity", "accepted"]).assign(corpus="c", check="k", item=list("abcd"), records=1, detail="")
    assert list(audit.by_weight(frame)["item"]) == ["d", "b", "c", "a"]


def test_what_a_task_needs_is_asked_only_where_the_study_trains_it(make_params, utterances):
    utterances[["arousal", "valence", "dominance"]] = None
    params = make_params()
    assert list(run(params, utterances)["check"]) == ["no_labels"]
    outside = audit.audit_utterances(params, "ravdess", "speaker_folds", utterances, tables.LEFT_OUT.empty(), tables.COUNTS.empty(), {})
    assert "no_labels" not in set(outside["check"])
    omitted = params.model_copy(update={"omit": ["avd/msp_podcast/*"]})
    assert run(omitted, utterances).empty


def test_recordings_are_audited_as_one_table_and_labelled_windows_by_their_protocols(make_params, windows, recordings_table, tmp_path):
    params = make_params()
    arrays.write(tmp_path / "none", [])
    nothing = tables.LEFT_OUT.empty(), tables.COUNTS.empty(), {}
    found = audit.audit_recordings(params, "kemocon", recordings_table, ArrayCache(tmp_path / "none"), windows, *nothing)
    assert set(found.loc[found["check"] == "partner_sides", "item"]) == {"leave_one_subject_out"}
    assert not (found["severity"] == "error").any()
    unlabelled = windows.assign(corpus="wesad", emotion=None, arousal3=None, valence3=None, path=None, audio_sha256=None)
    table = recordings_table[recordings_table["signal"] != "speech"]
    assert audit.audit_recordings(params, "wesad", table, ArrayCache(tmp_path / "none"), unlabelled, *nothing).empty


def test_every_check_that_is_found_is_one_that_the_page_explains_and_params_may_accept():
    assert set(audit.CHECKS) == {*audit.UTTERANCE_CHECKS, *audit.RECORDING_CHECKS, *audit.FEATURE_CHECKS}
    assert set(REASONS) <= set(audit.UTTERANCE_CHECKS) & set(audit.RECORDING_CHECKS)
    assert not [check for check, sentence in audit.CHECKS.items() if ":" in check or not sentence]


CELL = st.sampled_from(["a", "b", None])
ROW = st.fixed_dictionaries(
    {
        "speaker": CELL,
        "session": CELL,
        "split": st.sampled_from(["train", "dev", "test1", None]),
        "fold": st.sampled_from([1, 2, 3, None]),
        "audio_sha256": CELL,
        "path": st.sampled_from(["a.wav", "b.wav"]),
        "transcript": st.sampled_from(["", "one two three four", None]),
        "emotion": st.sampled_from(["angry", "happy", "neutral", "sad", "Wut", None]),
        "arousal": st.sampled_from([1.0, 7.0, 9.0, None]),
        "scale_max": st.sampled_from([7.0, None]),
        "end_s": st.sampled_from([0.1, 2.0, 99.0]),
    }
)
PROTOCOLS = ["official", "official_shared_speakers", "speaker_folds", "leave_one_speaker_out", "two_speakers"]


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=12), protocol=st.sampled_from(PROTOCOLS))
def test_whatever_a_corpus_holds_the_audit_is_a_valid_table(make_params, rows, protocol):
    frame = pd.DataFrame(rows).assign(
        example_id=[f"msp_podcast:{i}" for i in range(len(rows))], corpus="msp_podcast", start_s=0.0, scale_min=1.0
    )
    examples = frame.reindex(columns=list(tables.EXAMPLES.columns))
    typed = {name: column.kind for name, column in tables.EXAMPLES.columns.items()}
    examples = examples.astype({name: {"str": object, "float": float, "int": "Int64"}[kind] for name, kind in typed.items()})
    found = run(make_params(protocol=protocol), examples, protocol=protocol)
    tables.check(found, tables.AUDIT, "test")
    assert set(found["check"]) <= set(audit.UTTERANCE_CHECKS)
    assert not [detail for detail in found["detail"] if "\n" in detail or "{n}" in detail]


@pytest.mark.parametrize("check", ["speaker_sides", "protocol"])
def test_a_fold_that_training_refuses_cannot_be_accepted(check):
    with pytest.raises(InputError, match=rf"audit\.accept\.iemocap: expected checks that can be accepted, found '{check}'"):
        accepting.require({"iemocap": [check]}, ["iemocap"], audit.CHECKS)
    row = {"corpus": "iemocap", "check": check, "item": "x", "severity": "error", "records": 1, "detail": "wrong", "accepted": 0}
    with pytest.raises(InputError, match=r"then correct it$"):
        audit.refuse(pd.DataFrame([row]), "page.md")
