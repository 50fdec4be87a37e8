"""Late fusion: the mean of the audio model's and the text model's outputs (paper A, section 4 and appendix A, "LF" of Table 4).

A derived cell: nothing is trained. The paper averages the outputs of the run that was best on dev of each; posteriors of classes are
averaged in the same way (our choice: the paper reports late fusion for dimensions only).
"""

import pandas as pd

from emofuse.errors import InputError
from emofuse.scores import best_seeds
from emofuse.tables import PREDICTIONS, check

MODEL = "late_fusion"
SEED = -1  # stands for "the best on dev of each", see tables.PREDICTIONS

_EXAMPLE = ["task", "corpus", "protocol", "fold", "partition", "test_corpus", "example_id", "target"]


def late_fusion(audio: pd.DataFrame, text: pd.DataFrame) -> pd.DataFrame:
    """Predictions of model 'late_fusion', seed -1, from the Predictions of two cells of the same task, corpus and protocol.

    In every fold each side contributes the seed that is best on dev (UAR, or mean CCC; ties go to the lowest seed) and the outputs are
    averaged: posteriors, or values on the training corpus' own scale. A null output stays null. Where one side is empty, because its
    cell is omitted, so is the result. Raises InputError naming the first example that one side lacks or labels otherwise.
    """
    if audio.empty or text.empty:
        return PREDICTIONS.empty()
    sides = _best_runs(audio)[[*_EXAMPLE, "truth", "prediction"]].merge(
        _best_runs(text)[[*_EXAMPLE, "truth", "prediction"]],
        on=_EXAMPLE,
        how="outer",
        suffixes=("", "_text"),
        indicator=True,
        validate="one_to_one",
    )
    _require_all(sides, sides["_merge"] != "both", "predicted by both models", "a prediction of one")
    _require_all(sides, sides["truth"] != sides["truth_text"], "equal truth", "two labels")
    sides["prediction"] = (sides["prediction"] + sides["prediction_text"]) / 2
    return check(sides.assign(model=MODEL, seed=SEED)[list(PREDICTIONS.columns)], PREDICTIONS, MODEL)


def _best_runs(predictions: pd.DataFrame) -> pd.DataFrame:
    best = best_seeds(predictions)
    runs = ["task", "corpus", "protocol", "model", "fold"]
    folds = predictions[runs].drop_duplicates().merge(best, on=runs, how="left")
    absent = folds[folds["seed"].isna()]
    if len(absent):
        record = "/".join(absent[runs].iloc[0])
        raise InputError(f"{record}: late fusion expects predictions on dev to choose the seed, found none; train this cell again")
    return predictions.merge(best[[*runs, "seed"]], on=[*runs, "seed"])


def _require_all(sides: pd.DataFrame, wrong: "pd.Series[bool]", expected: str, found: str) -> None:
    if wrong.any():
        record = "/".join(str(v) for v in sides.loc[wrong, _EXAMPLE].iloc[0])
        raise InputError(f"{record}: late fusion expects every example {expected}, found {found}; train both cells on the same data")
