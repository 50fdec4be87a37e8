"""Where params.yaml does otherwise than paper A: one sentence for every caption, and the list of deviations that the report repeats."""

from emofuse.params import CNN, Params
from emofuse.study import models

CORPORA = ("msp_podcast", "iemocap")
WIDTHS = [64, 128, 256, 512, 1024, 2048]
SEEDS = 5
ENGINES = {"msp_podcast": "deepspeech", "iemocap": "corpus"}
RELEASES = {"msp_podcast": "1.7", "iemocap": "full"}


def caption(params: Params) -> str:
    """What is not the paper's size or data, as one sentence; empty where everything is as published."""
    parts = [*_data(params), *_sizes(params)]
    return f"Not the paper's sizes: {'; '.join(parts)}." if parts else ""


def _data(params: Params) -> list[str]:
    invented = [name for name, c in params.corpora.items() if c.root.startswith("data/toy/")]
    others = [name for name in params.corpora if name not in CORPORA]
    parts = [f"invented corpora ({', '.join(invented)})"] if invented else []
    parts += [f"corpora that the paper did not use ({', '.join(others)})"] if others else []
    parts += [f"{n} release {c.release}" for n, c in params.corpora.items() if RELEASES.get(n, c.release) != c.release]
    for name in params.corpora:
        engine = params.at_scale(params.corpora[name].transcripts)
        if ENGINES.get(name, engine) != engine:
            parts.append(f"{name} transcribed by {engine}")
        if folds := params.at_scale(params.folds).get(name):
            parts.append(f"{name} folds {', '.join(folds)} only")
    return parts


def _sizes(params: Params) -> list[str]:
    sizes = params.at_scale(params.sizes)
    parts = []
    widths = {tuple(getattr(sizes, m).widths) for m in models(params) if m != "bert"}
    for w in sorted(widths - {tuple(WIDTHS)}):
        parts.append(f"network widths {w[0]}–{w[-1]} instead of 64–2048")
    dropouts = {getattr(sizes, m).block_dropout for m in models(params) if m != "bert"}
    parts += [f"dropout {d:g} after each block instead of 0.2" for d in sorted(dropouts - {0.2})]
    epochs = {getattr(sizes, m).epochs for m in models(params) if m != "bert"}
    parts += [f"{e} epochs instead of 60" for e in sorted(epochs - {60})]
    seeds = len(params.at_scale(params.seeds))
    parts += [f"{seeds} seeds instead of {SEEDS}"] if seeds != SEEDS else []
    encoder = params.at_scale(params.text_encoder).name
    parts += [f"text encoder {encoder}"] if encoder != "bert-base-uncased" else []
    return parts


def deviations(params: Params) -> list[str]:
    """Each choice that departs from the paper or that the paper leaves open, with its parameter and the reason."""
    cnns: dict[str, CNN] = {m: getattr(params.models, m) for m in models(params) if m != "bert"}
    found = []
    for name, cnn in cnns.items():
        where = f"`models.{name}"
        if cnn.grad_clip.mse is not None:
            found.append(
                f"{where}.grad_clip.mse: {cnn.grad_clip.mse}`: the gradient norm of the MSE runs is limited. As published (rate "
                f"{cnn.learning_rate}, no limit) training from scratch diverges within a few steps; with norms of 50 to 1000 the limit "
                "acts on nearly every step, so this is in effect normalised gradient descent. Cross-entropy and CCC train as published."
            )
        if cnn.head_init == "torch":
            found.append(
                f"{where}.head_init: torch`: the two linear layers start from PyTorch's initialisation; PANNs' Xavier makes MSE diverge."
            )
        if cnn.fc_dropout == 0:
            found.append(
                f"{where}.fc_dropout: 0`: no dropout around fc1, as in the authors' later code; PANNs has 0.5. Not stated in the paper."
            )
        found.append(f"{where}.pool: {cnn.pool}`: the paper's Eq. 3 says max pooling; PANNs and the authors' later code average.")
        trained = "centred" if cnn.label_scale == "centred" else "as rated"
        found.append(
            f"{where}.label_scale: {cnn.label_scale}`: dimensions are trained {trained} and reported on the corpus' scale. Not stated."
        )
    logmel, frame_ms = params.features.logmel, 1000 / params.features.logmel.sample_rate_hz
    crop = getattr(params.at_scale(params.sizes), next(iter(cnns), "cnn14")).crop_s
    clip = params.models.bert.grad_clip
    limits = {loss: limit for loss, limit in clip.model_dump().items() if limit is not None}
    return [
        *_merge(found, list(cnns)),
        f"Training crops of {crop} s, whole utterances in dev and test: not stated; from the authors' later code (2.5 to 3 s).",
        f"Log-Mel settings ({logmel.n_mels} bands, {logmel.f_min_hz:g}–{logmel.f_max_hz:g} Hz, {logmel.n_fft * frame_ms:g} ms window, "
        f"{logmel.hop * frame_ms:g} ms hop): not stated; the authors' later code has PANNs' 16 kHz set (64, 50–8000 Hz, 32, 10 ms).",
        "IEMOCAP in-domain scores pool the folds' test predictions, one score per seed; the scores table has the mean over folds too.",
        "t-tests: independent, two-sided, pooled variance, one value per seed; standard deviations with n − 1.",
        "Fine-tuned BERT: the published example that the paper's schedule comes from clips the gradient norm at 1; here "
        + (", ".join(f"{limit:g} ({loss})" for loss, limit in limits.items()) if limits else "nothing is clipped")
        + " (`models.bert.grad_clip`).",
    ]


def _merge(sentences: list[str], names: list[str]) -> list[str]:
    """One sentence for models that share a setting: the names joined in place of the one."""
    grouped: dict[str, list[str]] = {}
    for sentence in sentences:
        name = next(n for n in names if sentence.startswith(f"`models.{n}."))
        grouped.setdefault(sentence.replace(f"`models.{name}.", "`models.{}.", 1), []).append(name)
    return [template.replace("{}", "{" + ", ".join(who) + "}" if len(who) > 1 else who[0], 1) for template, who in grouped.items()]
