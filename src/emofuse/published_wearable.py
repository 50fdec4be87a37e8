"""Where params.yaml does otherwise than paper B: one sentence for every caption, and the choices that the paper leaves open.

Paper B states few sizes; what its references or the first author's published app tell is said to come from there. Every sentence has the
parameter's present value.
"""

from collections.abc import Iterable

from emofuse.params import Params
from emofuse.params.wearable import Wearable

SPEECH, FUSION, EMOTION = ["voxceleb1"], ["verbio"], "kemocon"  # B §3.1, §3.2, §4.1
SIGNALS = ["affective_road", "case", "clas", "ppg_dalia", "wesad"]  # B §3.1
RATES_HZ = {"acc": 32, "bvp": 64, "eda": 4, "temp": 4}  # of the Empatica E4
LENGTH_S, HOP_S = 4.0, 3.0  # B §4.1.1
COEFFICIENTS = 40  # B §4.1.1
LEARNING_RATE, EPOCHS = 1e-3, 32  # B §3.2 and §4.2
ENCODER = (2, 4, 40)  # filters, blocks, embedding of the first author's deployed graphs
APP_WIDTHS = ([32, 16], [16, 8])  # of projection and emotion head, in the same graphs
_NOT_STATED = "Not stated in the paper"


def caption(params: Params) -> str:
    """What is not the paper's size or data, as one sentence; empty where everything is as published."""
    parts = [*_data(params), *_sizes(params)]
    return f"Not the paper's sizes: {'; '.join(parts)}." if parts else ""


def _data(params: Params) -> list[str]:
    w = params.wearable
    used = dict.fromkeys([*w.roles.speech, *w.roles.signals, *w.roles.fusion, w.roles.emotion])
    invented = [name for name in used if params.recording_corpus(name).root.startswith("data/toy/")]
    parts = [f"invented corpora ({', '.join(invented)})"] if invented else []
    if EMOTION in invented and w.roles.emotion == EMOTION:
        parts.append(f"{w.toy.kemocon.pairs} debates of {w.toy.kemocon.debate_s} s instead of 28 participants and about 170 minutes")
    roles = {"speech": (w.roles.speech, SPEECH), "signals": (w.roles.signals, SIGNALS), "fusion": (w.roles.fusion, FUSION)}
    for role, (found, published) in {**roles, "emotion": ([w.roles.emotion], [EMOTION])}.items():
        parts += [f"{role} also from {_words(extra)}"] if (extra := sorted(set(found) - set(published))) else []
        parts += [f"{role} without {_words(lost)}"] if (lost := sorted(set(published) - set(found))) else []
    return parts


def _sizes(params: Params) -> list[str]:
    w = params.wearable
    chosen, full = params.at_scale(w.schedules), w.schedules.paper
    parts = [] if "leave_one_subject_out" in w.protocols else ["leave-one-subject-out is not run"]
    if (w.windows.length_s, w.windows.hop_s) != (LENGTH_S, HOP_S):
        parts.append(f"windows of {w.windows.length_s:g} s every {w.windows.hop_s:g} s instead of {LENGTH_S:g} s every {HOP_S:g} s")
    parts += [f"{w.mfcc.n_coefficients} MFCC instead of {COEFFICIENTS}"] if w.mfcc.n_coefficients != COEFFICIENTS else []
    parts += [f"learning rate {w.learning_rate:g} instead of {LEARNING_RATE:g}"] if w.learning_rate != LEARNING_RATE else []
    parts += [f"{chosen.emotion.epochs} epochs of the emotion heads instead of {EPOCHS}"] if chosen.emotion.epochs != EPOCHS else []
    kinds = [k for k in ("speech", "signals", "fusion") if getattr(chosen, k).epochs < getattr(full, k).epochs]
    if kinds:
        listed = _words(f"{getattr(chosen, k).epochs} ({k}; paper scale {getattr(full, k).epochs})" for k in kinds)
        parts.append(f"epochs of pretraining at most {listed}, of which the paper states none")
    return parts


def deviations(params: Params) -> list[str]:
    """Each choice that departs from the paper or that the paper leaves open, with its parameter, its present value and the source."""
    w = params.wearable
    return [*_evaluation(params), *_labels(w), *_windows(w), *_encoders(w), *_fusion(w, params.scale), *_training(params)]


def _evaluation(params: Params) -> list[str]:
    w, seeds = params.wearable, params.at_scale(params.wearable.seeds)
    found = [
        "The two partners of a debate share one recording with both voices: both have its sound, each with own signals and labels. The "
        "paper does not say how it went about this."
    ]
    if "leave_one_subject_out" in w.protocols:
        found.append(
            f"`wearable.validation.subjects: {w.validation.subjects}`: so many subjects of a fold, never the test subject nor the partner, "
            f"select the epoch. {_NOT_STATED}; random windows would leak, as neighbours overlap. Their own partners may be among those "
            "trained on."
        )
    if "leave_one_session_out" in w.protocols:
        found.append(
            f"`wearable.protocols` has leave_one_session_out beside the paper's leave_one_subject_out: it keeps both partners out "
            f"(`wearable.validation.sessions: {w.validation.sessions}` debate(s) select the epoch)."
        )
    return [
        *found,
        f"`wearable.seeds`: {len(seeds)} run(s) of each fold. {_NOT_STATED}; its standard errors are over subjects.",
        "Macro-F1 of a subject is over the classes in its labels or predictions (scikit-learn's default); `macro_f1_all` in the scores "
        f"counts every class. {_NOT_STATED}.",
        "The paired t-test over subjects comes first and the independent one stands beside it: the paper says Student's t-test only.",
        "Wearables only is trained here; the paper quotes that row from SigRep. Random encoders, shuffled labels and majority class are "
        "this project's controls.",
    ]


def _labels(w: Wearable) -> list[str]:
    rules = w.labels
    low, neutral, high = (
        _span(1, rules.low_at_most),
        _span(rules.low_at_most + 1, rules.neutral_at_most),
        _span(rules.neutral_at_most + 1, 5),
    )
    symmetric = (rules.low_at_most, rules.neutral_at_most) == (2, 3)
    source = "the symmetric cut, as in the first author's app" if symmetric else "the first author's app cuts at 1–2, 3 and 4–5"
    ties = {"neutral": "is neutral", "first": "gets the first of them in the questionnaire's order", "drop": "has no label and is left out"}
    interval = {
        "centre": "a window has the label of the 5 s that hold its centre",
        "agreeing": "a window has a label only where all 5-s intervals that it touches agree",
    }
    surplus = {
        "beginning": "annotations that outlast a debate lose their first rows, as in the corpus authors' code",
        "end": "annotations that outlast a debate lose their last rows; the corpus authors' code drops the first",
    }
    return [
        f"`wearable.labels.low_at_most: {rules.low_at_most}`, `neutral_at_most: {rules.neutral_at_most}`: ratings {low} are low, "
        f"{neutral} neutral, {high} high; {source}. The paper refers to SigRep, whose rule is not public.",
        f"`wearable.labels.absent_at_most: {rules.absent_at_most}`: where no emotion scores above {rules.absent_at_most}, the category is "
        f"neutral. {_NOT_STATED}.",
        f"`wearable.labels.ties: {rules.ties}`: where two emotions share the highest score, a window {ties[rules.ties]}. {_NOT_STATED}.",
        f"`wearable.labels.interval: {rules.interval}`: {interval[rules.interval]}. {_NOT_STATED}.",
        f"`wearable.labels.surplus: {rules.surplus}`: {surplus[rules.surplus]}.",
        "A window that lacks one of the three labels is left out for all three, which are learnt together.",
    ]


def _span(first: int, last: int) -> str:
    return "none" if last < first else str(first) if first == last else f"{first}–{last}"


def _windows(w: Wearable) -> list[str]:
    rates, mfcc = w.windows.rates_hz.model_dump(), w.mfcc
    listed = ", ".join(f"{name.upper()} {rate} Hz" for name, rate in rates.items())
    source = "those of the Empatica E4, as in the first author's app" if rates == RATES_HZ else "the Empatica E4 has 32, 64, 4 and 4 Hz"
    loudest = "no limit below the loudest frame" if mfcc.top_db is None else f"{mfcc.top_db:g} dB below the loudest frame at most"
    frame, step = 1000 * mfcc.n_fft / mfcc.sample_rate_hz, 1000 * mfcc.hop / mfcc.sample_rate_hz
    return [
        f"`wearable.windows.rates_hz`: {listed}; {source}. Each window is standardised by itself; constant ones "
        f"(`constant_below: {w.windows.constant_below:g}`) become zeros. {_NOT_STATED}.",
        f"`wearable.windows.largest_lost_share: {w.windows.largest_lost_share:g}`: a window that has lost more lacks the signal. "
        f"{_NOT_STATED}.",
        f"`wearable.mfcc`: {mfcc.n_coefficients} coefficients of {mfcc.n_mels} bands, {mfcc.f_min_hz:g}–{mfcc.f_max_hz:g} Hz, window "
        f"{frame:g} ms, step {step:g} ms, {loudest}. The paper states the coefficients only (40); the first author's app has 40 "
        "bands and 25 ms, and its step must be 10 ms to fill 400 frames.",
    ]


def _encoders(w: Wearable) -> list[str]:
    speech, signal, views = w.speech_autoencoder, w.signal_encoder, w.contrast.views
    sparse = (
        f"an L1 penalty of {speech.sparsity:g} on the code"
        if speech.sparsity
        else "no penalty on the code, though its reference says sparse"
    )
    as_app = (signal.filters, signal.blocks, signal.embedding) == ENCODER
    source = (
        "as in the first author's deployed graphs (2,920 parameters)" if as_app else "the first author's deployed graphs have 2, 4 and 40"
    )
    return [
        f"`wearable.speech_autoencoder`: convolutions of {_words(map(str, speech.channels))} channels, kernel {speech.kernel}, stride "
        f"{speech.stride}, with {sparse}. The paper says autoencoder; its layers are not public. The embedding is the mean "
        "over time of the code; the LSTM that its reference puts there is not built.",
        f"`wearable.signal_encoder`: {signal.filters} filters of each kernel, {signal.blocks} blocks, embedding {signal.embedding}; "
        f"{source}. The paper shows it in a figure without sizes.",
        f"`wearable.contrast`: temperature {w.contrast.temperature:g}, projection {_widths(w.contrast.projection)} (dropped afterwards), "
        f"views of {views.at_once} at once of {_words(views.transforms)}. {_NOT_STATED}, nor public for SigRep; params.yaml says "
        "where each number comes from.",
        f"`wearable.pretraining.validation_share: {w.pretraining.validation_share:g}`: of each corpus' subjects or speakers stop the "
        f"pretraining. {_NOT_STATED}.",
    ]


def _fusion(w: Wearable, scale: str) -> list[str]:
    network, masking, attention = w.network, w.masking, w.mechanisms.attention
    size = attention.size.at(scale)
    tokens = {
        "elements": f"attention runs over the values of an embedding, lifted to width {size.width}, {size.heads} heads",
        "single": "an embedding is one token, over which attention is always 1: the layer is an affine map",
    }
    targets = {"standardised": "standardised, or kurtosis and peak counts would decide the error", "raw": "as computed"}
    topology = {
        "concatenated": "on all embeddings together",
        "per_signal": "the same two layers on each embedding, as in the first author's app",
    }
    encoders = {"trainable": "are trained on", "frozen": "stay frozen"}
    freeze = {
        "projection": "everything up to and with the projection is frozen",
        "fusion": "the fusion is frozen, its projection is trained",
    }
    as_app = (network.projection, network.emotion_head) == APP_WIDTHS
    widths = "projection and emotion head " + (
        "are from the first author's app" if as_app else "have 32-16 and 16-8 in the first author's app"
    )
    return [
        "The paper names seven statistics but counts 40 values of five signals: the eighth is the median, as in the method that its "
        "encoder was compared with.",
        f"`wearable.masking.share: {masking.share[0]:g}–{masking.share[1]:g}`: of a window is masked, one stretch of each signal, "
        f"{masking.fewest_samples} samples at least. {_NOT_STATED}.",
        f"`wearable.masking.targets: {masking.targets}`: the statistics to predict are {targets[masking.targets]}. {_NOT_STATED}.",
        f"`wearable.mechanisms.attention.tokens: {attention.tokens}`: {tokens[attention.tokens]}. The paper does not say over "
        "what it attends.",
        f"`wearable.mechanisms.weighted.initial: {w.mechanisms.weighted.initial:g}`: where the five weights start. {_NOT_STATED}.",
        f"`wearable.network.projection: {_widths(network.projection)}`, `topology: {network.topology}`: {topology[network.topology]}; "
        f"`fusion_head: {network.fusion_head}`, `emotion_head: {_widths(network.emotion_head)}`. {_NOT_STATED}; {widths}.",
        f"`wearable.network.encoders: {network.encoders}`: the encoders {encoders[network.encoders]} while the fusion is pretrained. "
        "The paper speaks of freezing only later.",
        f"`wearable.network.freeze: {network.freeze}`: with fusion training, {freeze[network.freeze]}; the paper froze the weights "
        '"upto the projection head".',
    ]


def _training(params: Params) -> list[str]:
    w = params.wearable
    sizes = params.at_scale(w.schedules)
    listed = "; ".join(
        f"{name} {s.epochs} epochs at most, batches of {s.batch_size}, patience {s.patience}"
        for name, s in ((n, getattr(sizes, n)) for n in ("speech", "signals", "fusion", "emotion"))
    )
    return [
        f"`wearable.schedules.{params.scale}`: {listed}. The paper states {EPOCHS} epochs with early stopping for emotion, nothing else.",
        f"`wearable.learning_rate: {w.learning_rate:g}` of Adam is used for the encoders too, where the paper is silent.",
    ]


def _widths(widths: Iterable[int]) -> str:
    return "-".join(map(str, widths))


def _words(names: Iterable[str]) -> str:
    return ", ".join(names)
