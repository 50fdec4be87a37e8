import pandas as pd
import pytest

from emofuse import tasks

TASK = tasks.TASKS["emotion4"]
EXAMPLES = pd.DataFrame(
    {
        "example_id": list("abcdef"),
        "emotion": ["happy", "excited", "angry", None, "fear", "neutral"],
        "arousal": [1.0, 2.0, 3.0, 4.0, None, 5.0],
        "valence": [1.0, 2.0, 3.0, 4.0, 5.0, 5.0],
        "dominance": [1.0, 2.0, 3.0, 4.0, 5.0, 5.0],
    }
)


def test_excited_counts_as_happy_and_other_classes_are_left_out():
    truth = tasks.truth(TASK, EXAMPLES)
    assert list(truth.index) == ["a", "b", "c", "f"]
    assert list(truth.idxmax(axis=1)) == ["emotion/happy", "emotion/happy", "emotion/angry", "emotion/neutral"]


def test_an_example_without_a_label_is_left_out_of_the_dimensions():
    assert list(tasks.truth(tasks.TASKS["avd"], EXAMPLES).index) == ["a", "b", "c", "d", "f"]


SELF_REPORT = tasks.TASKS["self_report"]
WINDOWS = pd.DataFrame(
    {
        "example_id": list("abcdef"),
        "arousal3": ["low", "neutral", "high", None, "low", "low"],
        "valence3": ["high", "neutral", "low", "low", None, "low"],
        "emotion": ["cheerful", "neutral", "sad", "happy", "angry", "disgust"],
    }
)


def test_a_window_has_one_right_class_in_each_target():
    truth = tasks.truth(SELF_REPORT, WINDOWS)
    assert list(truth.columns) == list(SELF_REPORT.outputs) and len(SELF_REPORT.outputs) == 3 + 3 + 6
    named = {target: truth.iloc[:, columns].idxmax(axis=1).tolist() for target, columns in SELF_REPORT.slices.items()}
    assert named == {
        "arousal3": ["arousal3/low", "arousal3/neutral", "arousal3/high"],
        "valence3": ["valence3/high", "valence3/neutral", "valence3/low"],
        "emotion6": ["emotion6/cheerful", "emotion6/neutral", "emotion6/sad"],
    }
    assert (truth.sum(axis=1) == 3).all()


def test_a_window_without_one_of_its_labels_is_left_out():
    assert list(tasks.truth(SELF_REPORT, WINDOWS).index) == ["a", "b", "c"]


@pytest.mark.parametrize("task", tasks.TASKS.values(), ids=lambda t: t.name)
def test_the_slices_cover_the_outputs_in_their_order(task):
    names = [task.outputs[i] for s in task.slices.values() for i in range(s.start, s.stop)]
    assert tuple(names) == task.outputs
    assert all(task.outputs[s.start].split("/")[0] == target for target, s in task.slices.items())
