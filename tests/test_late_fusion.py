import numpy as np
import pandas as pd
import pytest

from emofuse.errors import InputError
from emofuse.late_fusion import late_fusion
from emofuse.scores import score
from emofuse.tables import PREDICTIONS, check

CLASSES = ["emotion/angry", "emotion/happy", "emotion/neutral", "emotion/sad"]


def cell(model, dev_error, test_prediction, fold="official", truth=(1.0, 2.0, 3.0)):
    """Valence of three examples: a seed's dev predictions are off by ``dev_error[seed]``, its test predictions are given."""
    frames = []
    for seed, error in dev_error.items():
        for partition, prediction in (("dev", np.array(truth) + error), ("test", test_prediction[seed])):
            run = {
                "task": "avd",
                "corpus": "msp_podcast",
                "protocol": "official",
                "model": model,
                "fold": fold,
                "seed": seed,
                "partition": partition,
                "test_corpus": "msp_podcast",
            }
            ids = [f"msp_podcast:{fold}{partition}{i}" for i in range(3)]
            frames.append(pd.DataFrame({**run, "example_id": ids, "target": "valence", "truth": truth, "prediction": prediction}))
    return pd.concat(frames, ignore_index=True)


def audio():
    return cell("cnn14", {0: 1.0, 1: 0.0}, {0: [9, 9, 9], 1: [1, 1, 4]})


def text():
    return cell("bert", {0: 0.5, 1: 2.0, 2: 0.5}, {0: [3, 2, 0], 1: [9, 9, 9], 2: [9, 9, 9]})


def test_outputs_of_the_seeds_best_on_dev_are_averaged_with_ties_to_the_lowest():
    fused = late_fusion(audio(), text())
    assert fused[fused["partition"] == "test"]["prediction"].tolist() == [2.0, 1.5, 2.0]
    assert set(fused["model"]) == {"late_fusion"} and set(fused["seed"]) == {-1}
    check(fused, PREDICTIONS, "late fusion")


def test_each_fold_chooses_its_own_seeds():
    both = pd.concat([audio(), cell("cnn14", {0: 0.0, 1: 1.0}, {0: [7, 7, 7], 1: [9, 9, 9]}, fold="other")])
    others = pd.concat([text(), cell("bert", {0: 1.0, 1: 0.0}, {0: [9, 9, 9], 1: [5, 5, 5]}, fold="other")])
    fused = late_fusion(both, others)
    assert fused[(fused["fold"] == "other") & (fused["partition"] == "test")]["prediction"].tolist() == [6.0, 6.0, 6.0]


def test_row_order_does_not_matter():
    mixed = late_fusion(audio().sample(frac=1, random_state=0), text().sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(mixed, late_fusion(audio(), text()))


def test_independent_errors_of_equal_size_halve_in_mse():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=40_000)
    run = {"task": "avd", "corpus": "a", "protocol": "official", "fold": "f", "seed": 0, "test_corpus": "a", "target": "valence"}
    sides = []
    for model in ("cnn14", "bert"):
        parts = [
            pd.DataFrame({**run, "model": model, "partition": p, "example_id": [f"{p}{i}" for i in range(40_000)], "truth": truth})
            for p in ("dev", "test")
        ]
        sides.append(pd.concat(parts).assign(prediction=lambda frame: frame["truth"] + rng.normal(size=len(frame))))
    scores = score(late_fusion(*sides))
    assert scores.query("metric == 'mse' and partition == 'test' and pooling == 'pooled'")["value"].iloc[0] == pytest.approx(0.5, abs=0.02)


def test_posteriors_are_averaged_class_by_class():
    def side(model, posterior):
        run = {"task": "emotion4", "corpus": "a", "protocol": "official", "model": model, "fold": "f", "seed": 3, "test_corpus": "a"}
        rows = {"example_id": "a:1", "target": CLASSES, "truth": [0.0, 1.0, 0.0, 0.0], "prediction": posterior}
        return pd.concat([pd.DataFrame({**run, **rows, "partition": p}) for p in ("dev", "test")])

    fused = late_fusion(side("cnn14", [0.6, 0.3, 0.1, 0.0]), side("bert", [0.0, 0.5, 0.1, 0.4]))
    assert fused[fused["partition"] == "test"]["prediction"].tolist() == pytest.approx([0.3, 0.4, 0.1, 0.2])


def test_a_null_output_stays_null():
    broken = audio()
    broken.loc[(broken["seed"] == 1) & (broken["example_id"] == "msp_podcast:officialtest1"), "prediction"] = np.nan
    fused = late_fusion(broken, text())
    assert fused["prediction"].isna().sum() == 1


def test_an_omitted_cell_gives_an_empty_table():
    for sides in ((audio(), PREDICTIONS.empty()), (PREDICTIONS.empty(), text())):
        assert len(check(late_fusion(*sides), PREDICTIONS, "late fusion")) == 0


def test_an_example_that_one_side_lacks_is_named():
    gap = text()[lambda frame: frame["example_id"] != "msp_podcast:officialtest2"]
    with pytest.raises(InputError, match=r"avd/msp_podcast/official/official/test/msp_podcast/msp_podcast:officialtest2/valence"):
        late_fusion(audio(), gap)


def test_an_example_with_two_labels_is_named():
    other = text()
    other.loc[other["example_id"] == "msp_podcast:officialtest0", "truth"] = 5.0
    with pytest.raises(InputError, match=r"officialtest0.*equal truth"):
        late_fusion(audio(), other)


def test_a_fold_without_dev_predictions_is_named():
    with pytest.raises(InputError, match=r"avd/msp_podcast/official/bert/official: late fusion expects predictions on dev"):
        late_fusion(audio(), text()[lambda frame: frame["partition"] == "test"])


def test_each_protocol_is_fused_for_itself():
    other = [side.assign(protocol="speaker_folds") for side in (audio(), text())]
    fused = late_fusion(pd.concat([audio(), other[0]]), pd.concat([text(), other[1]]))
    alone = late_fusion(audio(), text())
    for protocol, rows in fused.groupby("protocol"):
        pd.testing.assert_frame_equal(rows.reset_index(drop=True), alone.assign(protocol=protocol))
    assert fused["protocol"].nunique() == 2


def test_two_cells_of_other_protocols_are_not_fused():
    with pytest.raises(InputError, match=r"avd/msp_podcast/official/.*expects every example predicted by both models"):
        late_fusion(audio(), text().assign(protocol="speaker_folds"))
