"""Score every cell's Predictions: one metric of one seed on one corpus, and on each subject where subjects are what is compared."""

from pathlib import Path

import pandas as pd

from emofuse import references, speech_wearables, transcription
from emofuse.cells import concatenate
from emofuse.params import Params, load
from emofuse.scores import score
from emofuse.stage import run
from emofuse.study import (
    SCORES_FILE,
    WORD_ERRORS_FILE,
    cells,
    examples_file,
    late_fusion_cells,
    omitted,
    references_file,
    self_reports_file,
    transcripts_file,
)
from emofuse.tables import EXAMPLES, PREDICTIONS, REFERENCES, SCORES, TRANSCRIPTS, WORD_ERRORS, read, write
from emofuse.word_errors import word_errors


def main() -> None:
    """Write results/scores.parquet, and results/word_errors.parquet for the corpora that a recogniser transcribed."""
    params = load()
    present = [c for c in [*cells(params), *late_fusion_cells(params)] if not omitted(params, c)]
    scored = [score(read(cell.folder / "predictions.parquet", PREDICTIONS)) for cell in present]
    windows = read(self_reports_file(params.wearable.roles.emotion), EXAMPLES)
    subjects = dict(zip(windows["example_id"], windows["speaker"], strict=True))
    for model in speech_wearables.configurations(params.wearable.fusion):
        scored.append(score(read(speech_wearables.cell(params, model).folder / "predictions.parquet", PREDICTIONS), subjects))
    write(concatenate([SCORES.empty(), *scored]), SCORES_FILE, SCORES)
    misheard = [of_corpus(params, corpus) for corpus in params.corpora]
    write(concatenate([WORD_ERRORS.empty(), *misheard]), WORD_ERRORS_FILE, WORD_ERRORS)


def of_corpus(params: Params, corpus: str) -> pd.DataFrame:
    """The WordErrors of one corpus: of no row where nothing was recognised, or nobody wrote down what was said."""
    transcripts = read(transcripts_file(corpus), TRANSCRIPTS)
    if (transcripts["engine"] == transcription.CORPUS).all():
        return WORD_ERRORS.empty()
    own = params.corpus(corpus).reference
    said = references.own(Path(own), read(examples_file(corpus), EXAMPLES)) if own else read(references_file(corpus), REFERENCES)
    return word_errors(corpus, transcripts, said.set_index("example_id")["text"]) if len(said) else WORD_ERRORS.empty()


if __name__ == "__main__":
    run(main)
