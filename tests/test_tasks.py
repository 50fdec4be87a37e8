import pandas as pd

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
    assert list(truth.idxmax(axis=1)) == ["happy", "happy", "angry", "neutral"]


def test_an_example_without_a_label_is_left_out_of_the_dimensions():
    assert list(tasks.truth(tasks.TASKS["avd"], EXAMPLES).index) == ["a", "b", "c", "d", "f"]
