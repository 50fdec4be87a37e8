import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from emofuse import arrays, tables, windows
from emofuse.errors import InputError
from emofuse.params.wearable import Rates, Windows

RATES = {"acc": 32, "bvp": 64, "eda": 4, "temp": 4}
SETTINGS = Windows(length_s=4.0, hop_s=3.0, rates_hz=Rates(**RATES), constant_below=1e-6, largest_lost_share=0.5)


def noise(samples, axes=(), seed=0):
    return np.random.default_rng(seed).normal(3.0, 2.0, (samples, *axes)).astype(np.float32)


def cut_one(samples, signal="bvp", rate=None, track_start=0.0, starts=(0.0,), settings=SETTINGS):
    return windows.cut(samples, rate or RATES[signal], track_start, np.array(starts, dtype=np.float64), signal, settings)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(0, 5000), st.sampled_from([(4.0, 3.0), (4.0, 0.1), (2.5, 2.5), (1.0, 0.3)]))
def test_windows_fill_the_span_and_none_leaves_it(start, duration, lengths):
    length, hop = lengths
    found = windows.starts(start, start + duration, SETTINGS.model_copy(update={"length_s": length, "hop_s": hop}))
    if len(found):
        assert found[0] == start and found[-1] + length <= start + duration + 2e-6
        np.testing.assert_allclose(np.diff(found), hop, atol=1e-9)
    assert start + len(found) * hop + length > start + duration - 2e-6


@given(st.integers(0, 5000), st.floats(0, 1000))
def test_rounding_costs_no_window(number, start):
    end = start + 4.0 + sum([0.1] * number)  # 0.1 is not exact in binary, and neither is its sum
    assert len(windows.starts(start, end, SETTINGS.model_copy(update={"hop_s": 0.1}))) == number + 1


@pytest.mark.parametrize(("signal", "axes", "length"), [("acc", (3,), 128), ("bvp", (), 256), ("eda", (), 16), ("temp", (), 16)])
def test_a_window_is_the_z_score_of_its_samples(signal, axes, length):
    samples = noise(20 * RATES[signal], axes)
    found = cut_one(samples, signal, starts=(0.0, 3.0, 16.0))
    for window, first in zip(found.windows, (0, 3 * RATES[signal], 16 * RATES[signal]), strict=True):
        raw = samples[first : first + length]
        np.testing.assert_allclose(window, stats.zscore(raw.T.ravel().astype(np.float64), ddof=1), atol=1e-6)
    assert found.windows.dtype == np.float32 and found.windows.shape == (3, length * max(axes, default=1))
    assert not (found.constant.any() or found.incomplete.any() or found.absent.any())


def test_at_equal_rates_samples_stay_as_they_are():
    samples = noise(100)
    assert windows.resampled(samples, 64.0, 64) is samples


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_a_flat_window_becomes_zeros_in_whatever_unit(factor):
    samples = (noise(64 * 7) * factor).astype(np.float32)
    samples[:256] = np.float32(33.3 * factor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cut_one(samples, starts=(0.0, 3.0))
    assert (found.windows[0] == 0).all() and found.constant.tolist() == [True, False]
    assert found.windows[1].std(ddof=1) == pytest.approx(1, abs=1e-5)


def test_one_step_of_the_thermometer_is_not_constant():
    samples = np.full(16, 33.31, np.float32)
    samples[9] = 33.33
    assert not cut_one(samples, "temp").constant[0]


@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_unit_and_offset_change_no_window(scale, offset):
    samples = noise(640).astype(np.float64)
    found = cut_one((samples * scale + offset * scale).astype(np.float32), starts=(0.0, 3.0)).windows
    np.testing.assert_allclose(found, cut_one(samples.astype(np.float32), starts=(0.0, 3.0)).windows, atol=2e-4)


def test_lost_samples_become_the_windows_mean_and_count_for_nothing():
    samples = noise(256)
    lost = np.random.default_rng(1).random(256) < 0.3
    samples[lost] = np.nan
    found = cut_one(samples)
    assert (found.windows[0, lost] == 0).all() and found.incomplete[0] and not found.absent[0]
    np.testing.assert_allclose(found.windows[0, ~lost], stats.zscore(samples[~lost].astype(np.float64), ddof=1), atol=1e-6)


def test_a_sample_that_lacks_one_axis_is_lost():
    samples = noise(128, (3,))
    samples[10, 1] = np.nan
    found = cut_one(samples, "acc")
    assert np.flatnonzero(found.windows[0] == 0).tolist() == [10, 138, 266] and found.incomplete[0]


@pytest.mark.parametrize(("lost", "absent"), [(128, False), (129, True), (256, True)])
def test_a_window_that_lost_more_than_half_lacks_the_signal(lost, absent):
    samples = noise(256)
    samples[:lost] = np.nan
    found = cut_one(samples)
    assert found.absent[0] == absent and found.incomplete[0] == (not absent) and not found.constant[0]
    assert (found.windows[0] == 0).all() == absent


def test_a_window_outside_of_the_track_lacks_the_signal():
    found = cut_one(noise(640), track_start=100.0, starts=(0.0, 96.0, 97.9, 98.0, 100.0, 106.0, 108.0, 108.1, 110.0, 999.0))
    assert found.absent.tolist() == [True, True, True, False, False, False, False, True, True, True]
    assert found.incomplete.tolist() == [False, False, False, True, False, False, True, False, False, False]
    assert (found.windows[3, :128] == 0).all() and (found.windows[3, 128:] != 0).all()


@pytest.mark.parametrize("starts", [(), (0.0,)])
@pytest.mark.parametrize("samples", [0, 1, 5])
def test_a_track_shorter_than_a_window_gives_no_window(samples, starts):
    found = cut_one(noise(samples), "eda", starts=starts)
    assert found.windows.shape == (len(starts), 16) and found.absent.all()


@pytest.mark.parametrize(("track_start", "first"), [(0.0, 192), (0.4 / 64, 192), (-0.4 / 64, 192), (0.6 / 64, 191), (-2.0, 320)])
def test_a_window_begins_with_the_sample_nearest_to_its_start(track_start, first):
    samples = np.zeros(640, np.float32)
    samples[first] = 1.0
    assert cut_one(samples, track_start=track_start, starts=(3.0,)).windows[0].argmax() == 0


@pytest.mark.parametrize(("rate", "target"), [(1000, 64), (256, 64), (700, 64), (256, 32), (1000, 4), (256, 4), (700, 4)])
def test_what_is_above_half_the_new_rate_vanishes_and_what_is_below_stays(rate, target):
    t, new = np.arange(30 * rate) / rate, np.arange(30 * target) / target
    inner = slice(len(new) // 4, -len(new) // 4)
    above = windows.resampled(np.sin(2 * np.pi * 0.8 * target * t).astype(np.float32), rate, target)
    assert len(above) == len(new) and np.abs(above[inner]).max() < 0.01  # 40 dB
    below = windows.resampled(np.sin(2 * np.pi * 0.2 * target * t).astype(np.float32), rate, target)
    np.testing.assert_allclose(below[inner], np.sin(2 * np.pi * 0.2 * target * new)[inner], atol=0.01)


@pytest.mark.parametrize("rate", [1000, 256, 3.5])
def test_a_steady_temperature_stays_steady_up_to_both_ends(rate):
    np.testing.assert_allclose(windows.resampled(np.full(round(20 * rate), 33.3, np.float32), rate, 4), np.float32(33.3), atol=1e-9)


@pytest.mark.parametrize("rate", [1000, 256, 3.5])
def test_a_steady_warming_stays_one_up_to_both_ends(rate):
    track = (30 + 0.01 * np.arange(round(20 * rate)) / rate).astype(np.float32)
    found = windows.resampled(track, rate, 4)
    np.testing.assert_allclose(found, 30 + 0.01 * np.arange(len(found)) / 4, atol=1e-5)


def test_a_gap_is_still_a_gap_after_resampling_and_spoils_nothing_beside_it():
    t = np.arange(20000) / 1000
    whole = np.sin(2 * np.pi * 1.0 * t).astype(np.float32)
    gap = whole.copy()
    gap[8000:10000] = np.nan
    found, expected = windows.resampled(gap, 1000, 64), windows.resampled(whole, 1000, 64)
    lost = np.flatnonzero(np.isnan(found))
    assert lost[0] == 512 and lost[-1] == 639 and len(lost) == 128
    np.testing.assert_allclose(found[:490], expected[:490], atol=0.02)


def test_a_track_that_is_all_gap_lacks_the_signal_at_any_rate():
    assert cut_one(np.full(9000, np.nan, np.float32), rate=1000.0, starts=(0.0, 3.0)).absent.all()


def recordings(spans, signals=("acc", "bvp", "eda", "temp", "speech"), **columns):
    rows = [
        {
            **dict.fromkeys(tables.RECORDINGS.columns),
            **{"recording": name, "signal": signal, "corpus": "kemocon", "subject": name[-2:], "partner": "P9", "session": "p1.p9"},
            **{"span_start_s": start, "span_end_s": end, "rate_hz": float(RATES.get(signal, 16000)), "unit": "-", "start_s": 0.0},
            **{"samples": round(end * RATES.get(signal, 16000)), "lost": 0},
            **({"path": f"{name[-2:]}.wav", "audio_sha256": "0"} if signal == "speech" else {}),
            **columns,
        }
        for name, (start, end) in spans.items()
        for signal in signals
    ]
    return pd.DataFrame(rows, columns=list(tables.RECORDINGS.columns))


def test_each_window_of_a_span_is_an_example_and_the_table_accepts_it(tmp_path):
    found = windows.examples(recordings({"kemocon:P1": (0.0, 10.0), "kemocon:P2": (2.5, 6.0), "kemocon:P3": (2.5, 9.6)}), SETTINGS)
    expected = ["kemocon:P1:00000.00", "kemocon:P1:00003.00", "kemocon:P1:00006.00", "kemocon:P3:00002.50", "kemocon:P3:00005.50"]
    assert found["example_id"].tolist() == expected == sorted(expected)
    assert found["start_s"].tolist() == [0, 3, 6, 2.5, 5.5] and (found["end_s"] - found["start_s"] == 4).all()
    assert found["speaker"].tolist() == ["P1"] * 3 + ["P3"] * 2 and set(found["partner"]) == {"P9"}
    assert found["path"].tolist() == ["P1.wav"] * 3 + ["P3.wav"] * 2
    assert found[["emotion", "arousal", "valence", "arousal3", "valence3", "scale_min", "fold"]].isna().all(axis=None)
    tables.write(found, tmp_path / "examples.parquet", tables.EXAMPLES)
    assert len(tables.read(tmp_path / "examples.parquet", tables.EXAMPLES)) == 5


@pytest.mark.parametrize("spans", [{}, {"kemocon:P1": (0.0, 3.9)}])
def test_no_span_long_enough_gives_an_empty_table(tmp_path, spans):
    tables.write(windows.examples(recordings(spans), SETTINGS), tmp_path / "examples.parquet", tables.EXAMPLES)


def test_recordings_without_speech_have_no_audio():
    assert windows.examples(recordings({"wesad:S2": (0.0, 10.0)}, ("bvp",)), SETTINGS)["path"].isna().all()


def test_signals_of_one_recording_with_two_spans_are_refused():
    rows = recordings({"kemocon:P1": (0.0, 10.0)})
    rows.loc[1, "span_end_s"] = 11.0
    with pytest.raises(InputError, match=r"^kemocon:P1: expected one span") as error:
        windows.examples(rows, SETTINGS)
    assert "\n" not in str(error.value)


@pytest.fixture
def tracks(tmp_path):
    """Two recordings: P1 of all signals, with a flat temperature and a gap in EDA; P2 of pulse only."""
    one = {f"kemocon:P1/{signal}": noise(10 * rate, (3,) if signal == "acc" else ()) for signal, rate in RATES.items()}
    one["kemocon:P1/temp"][:] = 33.0
    one["kemocon:P1/eda"][:14] = np.nan
    one["kemocon:P2/bvp"] = noise(640, seed=2)
    arrays.write(tmp_path / "tracks", ((key, track.ravel()) for key, track in one.items()), gaps=True)
    return arrays.ArrayCache(tmp_path / "tracks")


def test_caches_hold_the_windows_that_have_the_signal_and_the_counts_say_so(tmp_path, tracks):
    rows = pd.concat([recordings({"kemocon:P1": (0.0, 10.0)}), recordings({"kemocon:P2": (0.0, 10.0)}, ("bvp", "speech"))])
    examples = windows.examples(rows, SETTINGS)
    counts = windows.write(tmp_path / "wearables", "kemocon", rows, tracks, examples, SETTINGS)
    tables.write(counts, tmp_path / "counts.parquet", tables.WINDOW_COUNTS)
    found = counts.set_index("signal")[["windows", "constant", "incomplete", "absent"]].T.to_dict("list")
    assert found == {"acc": [3, 0, 0, 3], "bvp": [6, 0, 0, 0], "eda": [2, 0, 1, 4], "temp": [3, 3, 0, 3]}
    acc = arrays.ArrayCache(tmp_path / "wearables" / "acc")
    raw = tracks["kemocon:P1/acc"].reshape(-1, 3)[96:224].astype(np.float64)
    np.testing.assert_allclose(
        acc["kemocon:P1:00003.00"], stats.zscore(np.concatenate([raw[:, 0], raw[:, 1], raw[:, 2]]), ddof=1), atol=1e-6
    )
    assert list(arrays.ArrayCache(tmp_path / "wearables" / "eda")) == ["kemocon:P1:00003.00", "kemocon:P1:00006.00"]


def test_a_corpus_without_a_signal_has_an_empty_cache(tmp_path, tracks):
    rows = recordings({"kemocon:P2": (0.0, 10.0)}, ("bvp",))
    counts = windows.write(tmp_path / "wearables", "kemocon", rows, tracks, windows.examples(rows, SETTINGS), SETTINGS)
    assert counts["absent"].tolist() == [3, 0, 3, 3] and len(arrays.ArrayCache(tmp_path / "wearables" / "acc")) == 0


def test_the_order_of_the_examples_changes_no_window(tracks):
    rows = recordings({"kemocon:P1": (0.0, 10.0)})
    examples = windows.examples(rows, SETTINGS)
    ids, forward, _ = windows.signal_windows("bvp", rows, tracks, examples, SETTINGS)
    reversed_ids, backward, _ = windows.signal_windows("bvp", rows, tracks, examples[::-1], SETTINGS)
    assert reversed_ids == ids[::-1]
    np.testing.assert_array_equal(backward[::-1], forward)


def test_a_track_that_is_not_as_long_as_its_row_says_is_named(tracks):
    rows = recordings({"kemocon:P1": (0.0, 10.0)}).assign(samples=7)
    with pytest.raises(InputError, match=r"^kemocon:P1/acc: expected 21 values of 7 samples, found 960") as error:
        windows.signal_windows("acc", rows, tracks, windows.examples(rows, SETTINGS), SETTINGS)
    assert "\n" not in str(error.value)
