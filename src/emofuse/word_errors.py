"""Word error rate of a recogniser, where somebody wrote down what was said.

Both texts are normalised alike: Unicode NFKC, lower case, what stands in square brackets removed (a reference's ``[LAUGHTER]`` and a
recogniser's ``[Music]`` are no words), the typographic apostrophe made plain, every character but letters, marks, digits and an apostrophe
inside a word made a space, spaces collapsed. Numbers are not spelt out, so "5" for "five" counts as an error. Chinese characters and
Japanese kana, which are written without spaces, count as a word each: there it is a character error rate.
"""

import re
import unicodedata

import jiwer
import pandas as pd

from emofuse import tables
from emofuse.errors import InputError

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def word_errors(corpus: str, transcripts: pd.DataFrame, references: "pd.Series[str]") -> pd.DataFrame:
    """The WordErrors table, of one row, of a Transcripts table of one engine against ``references``: texts by example id.

    References without words are no utterances; examples without a reference do not count. Raises InputError for a reference whose
    example has no transcript, and where no reference has words.
    """
    said = references.dropna().map(normalise)
    said = said[said != ""]
    heard = transcripts.set_index("example_id")["text"]
    missing = said.index.difference(heard.index)
    if len(missing):
        raise InputError(
            f"{missing[0]}: expected a transcript for what was really said, found none (nor for {len(missing) - 1} others); run `dvc repro`"
        )
    if said.empty:
        raise InputError(f"{corpus}: expected reference texts with words for the word error rate, found none; give others, or none at all")
    found = jiwer.process_words(list(said), list(heard.loc[said.index].map(normalise)))
    words = found.hits + found.substitutions + found.deletions
    row = {
        "corpus": corpus,
        "engine": transcripts["engine"].iloc[0],
        "engine_model": transcripts["engine_model"].iloc[0],
        "utterances": len(said),
        "words": words,
        "substitutions": found.substitutions,
        "deletions": found.deletions,
        "insertions": found.insertions,
        "wer": (found.substitutions + found.deletions + found.insertions) / words,
    }
    return tables.check(pd.DataFrame([row]), tables.WORD_ERRORS, f"word errors of {corpus}")


def normalise(text: str) -> str:
    """The text as it is compared.

    >>> normalise("Don’t -- [LAUGHTER] say  'well-known', MISTER!")
    "don't say well known mister"
    >>> normalise("你好。")
    '你 好'
    """
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower()
    plain = _UNSPACED.sub(r" \g<0> ", plain)
    plain = "".join(c if c == "'" or unicodedata.category(c)[0] in "LMN" else " " for c in re.sub(r"\[[^][]*\]", " ", plain))
    return " ".join(re.sub(r"(?<![^ '])'|'(?![^ '])", " ", plain).split())  # an apostrophe at the edge of a word is a quotation mark
