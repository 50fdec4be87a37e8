"""Tables of what was trained and what came out."""

from emofuse.tables.form import Column, Table

_RUN = {
    "task": Column("str", "name of the task"),
    "corpus": Column("str", "corpus that the model was trained on"),
    "protocol": Column("str", "how the corpus was split into folds"),
    "model": Column("str", "name of the model"),
    "fold": Column("str", "name of the fold"),
    "seed": Column("int", "seed of the run; -1: the seed that was best on dev in this fold (late fusion)"),
}

PREDICTIONS = Table(
    "Predictions",
    "one output of one run for one example",
    ("task", "corpus", "protocol", "model", "fold", "seed", "partition", "test_corpus", "example_id", "target"),
    {
        **_RUN,
        "partition": Column("str", "dev (used for selection) or test"),
        "test_corpus": Column("str", "corpus that the example belongs to"),
        "example_id": Column("str", "key into Examples"),
        "target": Column("str", "a dimension; or a class as <target>/<class>, such as emotion/happy or arousal3/low"),
        "truth": Column("float", "1 for the labelled class, else 0; or the label on the test corpus' own scale"),
        "prediction": Column("float", "posterior of the class; or the value on the training corpus' own scale", nullable=True),
    },
)

HISTORY = Table(
    "History",
    "one epoch of one run",
    ("task", "corpus", "protocol", "model", "fold", "seed", "epoch"),
    {
        **_RUN,
        "epoch": Column("int", "from 1"),
        "loss": Column("float", "mean training loss of the epoch"),
        "dev_score": Column("float", "the task's selection score on dev", nullable=True),
        "selected": Column("int", "1 for the epoch whose weights were kept, else 0"),
    },
)

PRETRAINING = Table(
    "Pretraining",
    "one epoch of the pretraining of one network",
    ("network", "epoch"),
    {
        "network": Column("str", "speech, a signal, or a fusion mechanism"),
        "epoch": Column("int", "from 1; 0 is the network before training"),
        "loss": Column("float", "mean training loss of the epoch; null for epoch 0", nullable=True),
        "dev_score": Column("float", "minus the loss on held-out subjects"),
        "selected": Column("int", "1 for the epoch whose weights were kept, else 0"),
    },
)

FUSION_WEIGHTS = Table(
    "FusionWeights",
    "the learned scalar of one signal in the weighted fusion",
    ("model", "protocol", "fold", "seed", "signal"),
    {
        "model": Column("str", "weighted_with_fusion_training or weighted_without_fusion_training"),
        "protocol": Column("str", "how the folds were made; 'pretraining' where no labels were used"),
        "fold": Column("str", "name of the fold; 'all' for pretraining"),
        "seed": Column("int", "seed of the run"),
        "signal": Column("str", "speech, acc, bvp, eda or temp"),
        "weight": Column("float", "factor of the signal's embedding"),
    },
)

ATTENTION = Table(
    "Attention",
    "the mean attention of one element of a signal's embedding to another, over heads and windows",
    ("model", "signal", "query", "key"),
    {
        "model": Column("str", "attention_with_fusion_training"),
        "signal": Column("str", "speech, acc, bvp, eda or temp"),
        "query": Column("int", "element of the embedding that attends, from 0"),
        "key": Column("int", "element that is attended to, from 0"),
        "weight": Column("float", "0 to 1; the keys of a query add up to 1"),
    },
)

SCORES = Table(
    "Scores",
    "one metric of one seed on one corpus, or on one subject of it",
    ("task", "corpus", "protocol", "model", "seed", "partition", "test_corpus", "target", "metric", "pooling", "subject"),
    {
        **{n: c for n, c in _RUN.items() if n != "fold"},
        "partition": Column("str", "dev or test"),
        "test_corpus": Column("str", "corpus that the scored examples belong to"),
        "target": Column("str", "a dimension; or the target of classes, such as emotion or arousal3"),
        "metric": Column("str", "a metric of the task: uar, ccc, pcc, mse, accuracy, macro_f1 or macro_f1_all"),
        "pooling": Column("str", "pooled: one metric over all folds' examples; folds: mean of the folds' metrics; subject: of one subject"),
        "subject": Column("str", "the subject for pooling 'subject', else 'all'"),
        "value": Column("float", "null where the metric is not defined", nullable=True),
        "n_examples": Column("int", "scored examples, each once per fold that predicted it"),
        "n_folds": Column("int", "folds that went in"),
    },
)

COMPARISONS = Table(
    "Comparisons",
    "two-sided t-tests of one model against a reference, over seeds or over subjects",
    ("task", "corpus", "protocol", "test_corpus", "target", "metric", "model", "reference"),
    {
        "task": Column("str", "name of the task"),
        "corpus": Column("str", "corpus that both models were trained on"),
        "protocol": Column("str", "how the corpus was split into folds"),
        "test_corpus": Column("str", "corpus that both were tested on"),
        "target": Column("str", "a dimension; or the target of classes"),
        "metric": Column("str", "a metric of the task"),
        "model": Column("str", "model under test"),
        "reference": Column("str", "model it is compared with"),
        "unit": Column("str", "what is counted: seed, or subject (each subject's mean over seeds)"),
        "mean": Column("float", "of the model over the units", nullable=True),
        "sd": Column("float", "of the model over the units, ddof 1", nullable=True),
        "n": Column("int", "units of the model"),
        "reference_mean": Column("float", "of the reference", nullable=True),
        "reference_sd": Column("float", "of the reference, ddof 1", nullable=True),
        "reference_n": Column("int", "units of the reference"),
        "t": Column("float", "pooled-variance t statistic", nullable=True),
        "df": Column("float", "degrees of freedom", nullable=True),
        "p": Column("float", "two-sided p, independent samples, pooled variance", nullable=True),
        "p_welch": Column("float", "two-sided p, unequal variances", nullable=True),
        "t_paired": Column("float", "t statistic of the subjects' differences; null for seeds, which are no pairs", nullable=True),
        "p_paired": Column("float", "two-sided p of the subjects' differences", nullable=True),
        "hedges_g": Column("float", "standardised difference, small-sample corrected", nullable=True),
    },
)

WORD_ERRORS = Table(
    "WordErrors",
    "how well one corpus was transcribed, where somebody wrote down what was said",
    ("corpus", "engine", "engine_model"),
    {
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "engine": Column("str", "module of emofuse.transcription"),
        "engine_model": Column("str", "name of the model that the engine used"),
        "utterances": Column("int", "those with a reference text that has words"),
        "words": Column("int", "words of the references"),
        "substitutions": Column("int", "words taken for others"),
        "deletions": Column("int", "words not heard"),
        "insertions": Column("int", "words heard that nobody said"),
        "wer": Column("float", "(substitutions + deletions + insertions) / words"),
    },
)
