"""Invented sentences whose words carry a wanted valence: templates filled from graded word lists, all our own writing."""

import re

import numpy as np

# Words by valence, from -2 to 2. Long words are preferred: the recogniser tells them apart in a synthetic voice.
_ADJECTIVES: dict[int, tuple[str, ...]] = {
    -2: ("terrible", "horrible", "miserable", "disgusting", "dreadful", "painful", "violent", "tragic"),
    -1: ("difficult", "disappointing", "uncomfortable", "unpleasant", "annoying", "unfortunate", "lonely", "boring"),
    0: ("ordinary", "regular", "standard", "typical", "general", "normal", "average", "official"),
    1: ("pleasant", "friendly", "comfortable", "interesting", "peaceful", "promising", "generous", "funny"),
    2: ("wonderful", "beautiful", "fantastic", "delightful", "excellent", "brilliant", "magnificent", "perfect"),
}
_NOUNS: dict[int, tuple[str, ...]] = {
    -2: ("disaster", "funeral", "tragedy", "murder", "nightmare", "accident", "disease", "prison"),
    -1: ("problem", "argument", "mistake", "complaint", "punishment", "headache", "delay", "failure"),
    0: ("meeting", "document", "building", "station", "number", "telephone", "newspaper", "office"),
    1: ("garden", "dinner", "music", "weekend", "summer", "picnic", "kitten", "story"),
    2: ("celebration", "wedding", "victory", "birthday", "vacation", "miracle", "present", "festival"),
}
_VERBS: dict[int, tuple[str, ...]] = {
    -2: ("hated", "destroyed", "suffered from"),
    -1: ("complained about", "worried about", "regretted"),
    0: ("mentioned", "remembered", "talked about"),
    1: ("liked", "welcomed", "laughed about"),
    2: ("loved", "celebrated", "treasured"),
}
_PEOPLE = (
    "my sister",
    "our neighbor",
    "my father",
    "the teacher",
    "the doctor",
    "my brother",
    "the children",
    "our family",
    "the manager",
    "everybody",
)
_TIMES = ("yesterday", "this morning", "last december", "on saturday", "after breakfast", "again", "in november", "last week")
_TEMPLATES = (
    "this was a {adjective} {noun}",
    "we had a {adjective} {noun} {time}",
    "the {noun} was {adjective} and {adjective}",
    "{person} {verb} the {adjective} {noun}",
    "{person} said it was {adjective} and {adjective}",
    "what a {adjective} and {adjective} {noun}",
    "it was another {adjective} {noun} {time}",
    "{person} {verb} the {noun} {time}",
    "they told us about the {adjective} {noun}",
    "after the {noun} everything was {adjective}",
)
_LEVEL_SD = 0.5  # words of one sentence differ a little in valence


def sentence(valence: float, rng: np.random.Generator) -> str:
    """A sentence in lower case whose words are about as pleasant as ``valence`` (-2 to 2) says."""
    template = _TEMPLATES[rng.integers(len(_TEMPLATES))]
    words: list[str] = []
    for part in template.split():
        words.append(_fill(part, valence, words, rng))
    return re.sub(r"\ba (?=[aeiou])", "an ", " ".join(words))


def word_valence(text: str) -> float:
    """Mean valence (-2 to 2) of the graded words in a text; 0 where there are none."""
    levels = [level for words in (_ADJECTIVES, _NOUNS, _VERBS) for level, group in words.items() for word in group if word in text]
    return float(np.mean(levels)) if levels else 0.0


def _fill(part: str, valence: float, before: list[str], rng: np.random.Generator) -> str:
    free = {"{person}": _PEOPLE, "{time}": _TIMES}
    graded = {"{adjective}": _ADJECTIVES, "{noun}": _NOUNS, "{verb}": _VERBS}
    if part in free:
        return str(rng.choice(free[part]))
    if part in graded:
        level = int(np.clip(np.round(valence + _LEVEL_SD * rng.standard_normal()), -2, 2))
        return str(rng.choice([word for word in graded[part][level] if word not in before]))
    return part
