"""The words of FER2013: emotions, their codes, the splits, and the other names people use.

This is the only place where a number is taken for an emotion: code order (FER2013's own) and the
alphabetical order of class folders differ, and mixing them up shifts labels without any error.
"""

import re

#: The seven emotions; the position of each is its FER2013 code.
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

#: The three splits, in the order in which images are returned.
SPLITS = ("train", "val", "test")

EMOTION_ALIASES = {
    "angry": ("anger", "an"),
    "disgust": ("disgusted", "di"),
    "fear": ("fearful", "afraid", "scared", "fe"),
    "happy": ("happiness", "joy", "ha"),
    "sad": ("sadness", "sa"),
    "surprise": ("surprised", "su"),
    "neutral": ("neutrality", "ne"),
}

SPLIT_ALIASES = {
    "train": ("training",),
    "val": ("validation", "valid", "dev", "publictest"),
    "test": ("testing", "privatetest"),
}

_EMOTION_OF = {alias: name for name, more in EMOTION_ALIASES.items() for alias in (name, *more)}
_SPLIT_OF = {alias: name for name, more in SPLIT_ALIASES.items() for alias in (name, *more)}
# The prefixes of FER2013's own file names; other names that begin like a split tell nothing.
_SPLIT_OF_PREFIX = {"training": "train", "publictest": "val", "privatetest": "test"}
_NUMBERED = re.compile(r"(\d+)[\s_.\-]*(\D*)")


def parse_emotion(text):
    """Return the emotion that `text` names, or None.

    A name or alias in any case, a code ``"0"`` to ``"6"``, or both; None where its number and its
    name contradict each other.

    >>> parse_emotion("Happiness"), parse_emotion("3"), parse_emotion("4_neutral")
    ('happy', 'happy', None)
    """
    text = text.strip().casefold()
    numbered = _NUMBERED.fullmatch(text) if text.isascii() else None
    if numbered is None:
        return _EMOTION_OF.get(text)
    digits, name = numbered.groups()
    # Longer runs of digits are file or subject numbers, never codes.
    if len(digits) > 1 or int(digits) >= len(EMOTIONS):
        return None
    emotion = EMOTIONS[int(digits)]
    return emotion if not name or _EMOTION_OF.get(name) == emotion else None


def parse_split(text):
    """Return the split that `text` names (in any case, by any alias), or None."""
    return _SPLIT_OF.get(text.strip().casefold())


def split_of_file_name(name):
    """Return the split in FER2013's own file names (``PublicTest_123.jpg``), or None."""
    return _SPLIT_OF_PREFIX.get(name.partition("_")[0].casefold()) if "_" in name else None


def describe_emotions():
    """Return one line that lists the emotions with their codes and aliases, for messages."""
    # The two-letter abbreviations are understood but would only clutter the message.
    return ", ".join(
        f"{name} ({', '.join([str(code), *(a for a in EMOTION_ALIASES[name] if len(a) > 2)])})"
        for code, name in enumerate(EMOTIONS)
    )


def describe_codes(codes):
    """Return one line that lists codes with their emotions, for messages."""
    return ", ".join(f"{code} {emotion or 'none of the eight'}" for code, emotion in codes.items())
