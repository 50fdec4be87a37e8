"""Speech of invented speakers: eSpeak NG's voice, the speaker's timbre, the room's noise.

eSpeak NG keeps state between utterances and seeds its noise sources with the time of day. Therefore every utterance is spoken in a
process of its own, with its own seed: the same utterance has the same samples on every run, in any order and in any number of processes.
"""

import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Float64, Int16

from emofuse import isolation
from emofuse.errors import InputError

SAMPLE_RATE_HZ = 16000  # of both corpora's releases
_ESPEAK_RATE_HZ = 22050  # of eSpeak NG's formant synthesiser
# numbers of eSpeak NG's speak_lib.h
_AUDIO_OUTPUT_RETRIEVAL, _DONT_EXIT, _CHARS_UTF8 = 1, 0x8000, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_VOLUME_PERCENT = 80  # below eSpeak's own clipping; the level is set afterwards by level_dbfs
_PAUSE_S = 0.12  # room noise before and after the words: recognisers take the noise floor from it


@dataclass(frozen=True)
class Utterance:
    """What is said and how.

    ``variant`` is a voice variant of eSpeak NG for US English (empty: the plain voice), ``rate_wpm`` in words per minute, ``pitch`` and
    ``pitch_range`` in eSpeak's 0..99, ``size`` the factor by which all frequencies are raised (a smaller head), ``level_dbfs`` the RMS
    level of the words, ``tilt_db`` the gain per octave relative to 1 kHz, ``noise_dbfs`` the RMS level of the room.
    """

    text: str
    variant: str
    rate_wpm: int
    pitch: int
    pitch_range: int
    size: float
    level_dbfs: float
    tilt_db: float
    noise_dbfs: float
    seed: int


def speak(utterances: Sequence[Utterance], jobs: int | None = None, title: str = "speech") -> Iterator[Int16[np.ndarray, "sample"]]:
    """Samples of each utterance in order, mono at ``SAMPLE_RATE_HZ``; InputError where eSpeak NG lacks a variant or says nothing."""
    return isolation.each(_record, utterances, jobs or len(os.sched_getaffinity(0)), title)


def _record(utterance: Utterance) -> Int16[np.ndarray, "sample"]:
    """One utterance as recorded: trimmed, tilted, levelled, with the room's noise."""
    voice = _synthesise(utterance)
    loud = np.flatnonzero(np.abs(voice.astype(np.int32)) > 100)  # eSpeak's own silence is digital zero
    if not len(loud):
        raise InputError(
            f"eSpeak NG: expected speech for {utterance.text!r} in variant {utterance.variant!r}, found silence; choose another variant"
        )
    samples = voice[loud[0] : loud[-1] + 1].astype(np.float64) / 32768
    samples = _tilt(soxr.resample(samples, _ESPEAK_RATE_HZ * utterance.size, SAMPLE_RATE_HZ), utterance.tilt_db)
    samples *= 10 ** (utterance.level_dbfs / 20) / np.sqrt(np.mean(samples**2))
    samples *= min(1.0, 0.98 / np.abs(samples).max())
    samples = np.pad(samples, round(_PAUSE_S * SAMPLE_RATE_HZ))
    noise = np.random.default_rng(utterance.seed).standard_normal(len(samples))
    samples += 10 ** (utterance.noise_dbfs / 20) * noise
    return np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)


def _tilt(samples: Float64[np.ndarray, "sample"], db_per_octave: float) -> Float64[np.ndarray, "sample"]:
    spectrum = np.fft.rfft(samples)
    octaves = np.log2(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ).clip(125, 8000) / 1000)
    return np.fft.irfft(spectrum * 10 ** (db_per_octave * octaves / 20), len(samples))


def _synthesise(utterance: Utterance) -> Int16[np.ndarray, "sample"]:
    """What eSpeak NG returns at its own rate; changes the state of the process."""
    import espeakng_loader  # the library is loaded in the child only

    data = Path(espeakng_loader.get_data_path())
    if utterance.variant and not (data / "voices" / "!v" / utterance.variant).is_file():
        # eSpeak itself would fall back to the plain voice without a word
        raise InputError(
            f"eSpeak NG: expected voice variant {utterance.variant!r} in {data}, found none; install the locked espeakng-loader"
        )
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    os.chdir(data.parent)  # eSpeak cuts the path of its data off at 160 bytes
    if library.espeak_Initialize(_AUDIO_OUTPUT_RETRIEVAL, 0, b".", _DONT_EXIT) != _ESPEAK_RATE_HZ:
        raise InputError(f"eSpeak NG: expected it to start with the data in {data}, it did not; install the locked espeakng-loader")
    library.espeak_ng_SetRandSeed(ctypes.c_long(utterance.seed))  # Initialize has seeded with the time
    ctypes.CDLL(None).srand(ctypes.c_uint(utterance.seed))
    chunks: list[bytes] = []

    def keep(wave: int | None, count: int, _events: int | None) -> int:
        if wave and count > 0:
            chunks.append(ctypes.string_at(wave, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(keep)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(("en-us+" + utterance.variant).rstrip("+").encode())
    settings = {_RATE: utterance.rate_wpm, _VOLUME: _VOLUME_PERCENT, _PITCH: utterance.pitch, _RANGE: utterance.pitch_range}
    for parameter, value in settings.items():
        library.espeak_SetParameter(parameter, value, 0)
    text = utterance.text.encode()
    library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return np.frombuffer(b"".join(chunks), dtype=np.int16)
