"""Tables of what the corpora hold."""

from emofuse.tables.form import Column, Table

EXAMPLES = Table(
    "Examples",
    "what gets a label: an utterance of a corpus, or a window of a recording",
    ("example_id",),
    {
        "example_id": Column("str", "<corpus>:<native id>, unique over all corpora"),
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "path": Column("str", "audio file, relative to the corpus root, with /; null where the corpus has no speech", nullable=True),
        "audio_sha256": Column("str", "SHA-256 of the audio file's bytes", nullable=True),
        "recording": Column("str", "key into Recordings; null for an utterance that is a file of its own", nullable=True),
        "start_s": Column("float", "start within the audio file or recording, s"),
        "end_s": Column("float", "end within the audio file or recording, s"),
        "speaker": Column("str", "null where unknown", nullable=True),
        "partner": Column("str", "the other speaker of a dyad", nullable=True),
        "gender": Column("str", "female, male or null", nullable=True),
        "session": Column("str", "dialogue, podcast or recording session", nullable=True),
        "split": Column("str", "official split: train, dev, test1, test2 or test3", nullable=True),
        "fold": Column("int", "published fold number, from 1", nullable=True),
        "transcript": Column("str", "text that came with the corpus; null absent, empty present but empty", nullable=True),
        "emotion": Column("str", "harmonised class name; null where raters did not agree", nullable=True),
        "emotion_raw": Column("str", "the corpus' own code", nullable=True),
        "arousal": Column("float", "on the corpus' own scale", nullable=True),
        "valence": Column("float", "on the corpus' own scale", nullable=True),
        "dominance": Column("float", "on the corpus' own scale", nullable=True),
        "arousal3": Column("str", "arousal as low, neutral or high; null where the corpus has no such classes", nullable=True),
        "valence3": Column("str", "valence as low, neutral or high; null where the corpus has no such classes", nullable=True),
        "scale_min": Column("float", "lowest value of the corpus' rating scale", nullable=True),
        "scale_max": Column("float", "highest value of the corpus' rating scale", nullable=True),
    },
)

RECORDINGS = Table(
    "Recordings",
    "one signal of one recording: what one device recorded of one subject at one time",
    ("recording", "signal"),
    {
        "recording": Column("str", "<corpus>:<native id>, unique over all corpora"),
        "signal": Column("str", "acc, bvp, eda, temp or speech"),
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "subject": Column("str", "who was recorded"),
        "partner": Column("str", "the other subject of a dyad", nullable=True),
        "session": Column("str", "what subjects share, such as a debate; or the visit", nullable=True),
        "device": Column("str", "serial number, or side of the body", nullable=True),
        "split": Column("str", "official split", nullable=True),
        "t0_unix_s": Column("float", "UTC time of the recording's zero, s; null where the clock only counts from the start", nullable=True),
        "span_start_s": Column("float", "start of the part that is used, s from the recording's zero"),
        "span_end_s": Column("float", "end of the part that is used, s from the recording's zero"),
        "rate_hz": Column("float", "samples per second"),
        "unit": Column("str", "g, a.u., uS or degC; full scale for speech"),
        "start_s": Column("float", "time of the first sample, s from the recording's zero"),
        "samples": Column("int", "number of samples"),
        "lost": Column("int", "samples that were not recorded"),
        "path": Column("str", "audio file of speech, relative to the corpus root; null for other signals", nullable=True),
        "audio_sha256": Column("str", "SHA-256 of the audio file's bytes", nullable=True),
    },
)

ANNOTATIONS = Table(
    "Annotations",
    "what a corpus says of one stretch of one recording under one name",
    ("recording", "name", "start_s"),
    {
        "recording": Column("str", "key into Recordings"),
        "start_s": Column("float", "s from the recording's zero"),
        "end_s": Column("float", "s from the recording's zero"),
        "name": Column("str", "what is rated or marked, such as arousal, stress, activity"),
        "value": Column("float", "on the corpus' own scale; null for a word, or where the rater left it empty", nullable=True),
        "text": Column("str", "the corpus' own word; null for a number", nullable=True),
    },
)

WINDOW_COUNTS = Table(
    "WindowCounts",
    "how one signal of one corpus fared when it was cut into windows",
    ("corpus", "signal"),
    {
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "signal": Column("str", "acc, bvp, eda or temp"),
        "windows": Column("int", "windows that have the signal"),
        "constant": Column("int", "of these: constant ones, which became zeros"),
        "incomplete": Column("int", "of these: with lost samples, which became zeros"),
        "absent": Column("int", "windows without the signal: not recorded, or too much of it lost"),
    },
)

TRANSCRIPTS = Table(
    "Transcripts",
    "the text of one example",
    ("example_id",),
    {
        "example_id": Column("str", "key into Examples"),
        "text": Column("str", "as returned by the engine; empty where it heard no words"),
        "confidence": Column("float", "the engine's own figure, natural log; null where it gives none", nullable=True),
        "engine": Column("str", "module of emofuse.transcription"),
        "engine_model": Column("str", "name of the model that the engine used"),
        "engine_version": Column("str", "version of the engine's package, and what pins the model"),
    },
)

REFERENCES = Table(
    "References",
    "what was really said in one example: what a recogniser is measured against",
    ("example_id",),
    {
        "example_id": Column("str", "key into Examples"),
        "text": Column("str", "as somebody wrote it down; empty where nothing is said"),
    },
)

LEFT_OUT = Table(
    "LeftOut",
    "a record or file of a corpus that is in no other table",
    ("corpus", "reason", "item"),
    {
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "reason": Column("str", "one of emofuse.remarks.REASONS"),
        "item": Column("str", "the corpus' own id, or the path below its root"),
        "detail": Column("str", "expected and found"),
    },
)

COUNTS = Table(
    "Counts",
    "how many there are of something in a corpus, beside what was published of the release",
    ("corpus", "what"),
    {
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "what": Column("str", "what was counted"),
        "found": Column("int", "how many there are, before anything was left out"),
        "least": Column("int", "fewest that a genuine release has; null where none is published, and in an invented corpus", nullable=True),
        "most": Column("int", "most that a genuine release has; null alike", nullable=True),
    },
)

AUDIT = Table(
    "Audit",
    "something that a check found in one corpus",
    ("corpus", "check", "item"),
    {
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "check": Column("str", "name of the check, as in audit.accept of params.yaml"),
        "item": Column("str", "what it concerns: a record, a file, a fold, a count"),
        "severity": Column("str", "error: the pipeline stops unless it is accepted; warning; note"),
        "records": Column("int", "how many records it concerns"),
        "detail": Column("str", "expected, found, what to do"),
        "accepted": Column("int", "1 where audit.accept names it, else 0"),
    },
)

RECOGNITION = Table(
    "Recognition",
    "how one corpus was transcribed",
    ("corpus",),
    {
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "engine": Column("str", "module of emofuse.transcription"),
        "engine_model": Column("str", "name of the model that the engine used"),
        "engine_version": Column("str", "version of the engine's package, and what pins the model"),
        "utterances": Column("int", "how many"),
        "empty": Column("int", "of these: without words"),
        "audio_s": Column("float", "length of their audio, s"),
        "recognition_s": Column("float", "wall time, s, of interrupted runs too; null for texts that no engine made", nullable=True),
        "real_time_factor": Column("float", "recognition_s / audio_s", nullable=True),
    },
)
