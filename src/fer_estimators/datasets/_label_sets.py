"""How other sets of emotions store their labels: in folder names, file names, or lists.

The same number means a different emotion in each set, so the library never guesses: the user
names the set.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fer_estimators._messages import suggest
from fer_estimators.datasets._emotions import EMOTIONS
from fer_estimators.exceptions import LabelError

#: FER2013's seven emotions in code order, then contempt.
EIGHT_EMOTIONS = (*EMOTIONS, "contempt")


@dataclass(frozen=True)
class LabelList:
    r"""A file that lists images with their labels.

    Parameters
    ----------
    name : str
        Regular expression that the whole file name matches, in any case.
    file : str or int
        Column of the image file: a name in the header of a csv file, or a position, from 0, in
        lines separated by spaces. Files are found by their names without folders and extension, in
        any case, so that each name may occur once.
    label : str or int
        Column of the code.
    face : int, default=None
        Column of the number of a face in a photo. The image of the face is then expected in a
        file of its own, ``<file>_<number>``.

    Examples
    --------
    >>> from fer_estimators.datasets import LabelList
    >>> LabelList(r"labels\.csv", file="image", label="emotion").label
    'emotion'
    """

    name: str
    file: str | int
    label: str | int
    face: int | None = None


@dataclass(frozen=True)
class LabelSet:
    r"""How a set of images stores the emotion of each image.

    Parameters
    ----------
    title : str
        Name of the set in messages.
    codes : mapping of str to str or None
        The emotion that each number or abbreviation stands for, in lower case; None for images
        that show no emotion of the eight, which are left out.
    source : str
        Where the set is described.
    licence : str
        Its terms of use, as far as they are known.
    file_name : str, default=None
        Regular expression that each image's name, without extension, matches in any case; its
        group ``emotion`` is one of `codes`. None if folders or lists give the emotion.
    lists : tuple of LabelList, default=()
        Files that list images with their codes.
    numbered_folders : bool, default=False
        Whether class folders are numbered by `codes`. Folders named by emotions are always read,
        where files are not named by them.
    table_codes : mapping of str to str, default={}
        Codes in the column ``emotion`` of a csv table with pixels, as FER2013's.

    Raises
    ------
    ValueError
        If a code is not text in lower case or stands for none of the eight emotions, or
        `file_name` has no group ``emotion``.

    See Also
    --------
    load_image_folder : Reads a set, ``labels=``.

    Examples
    --------
    A set of your own, whose file names are ``p01_joy.jpg``, ``p01_rage.jpg`` and so on:

    >>> from fer_estimators.datasets import LABEL_SETS, LabelSet
    >>> own = LabelSet(
    ...     title="our lab's photos",
    ...     codes={"joy": "happy", "rage": "angry"},
    ...     source="our lab",
    ...     licence="not published",
    ...     file_name=r"p\d\d_(?P<emotion>[a-z]+)",
    ... )
    >>> own.emotions
    ('angry', 'happy')
    >>> LABEL_SETS["raf-db"].codes["1"]
    'surprise'
    """

    title: str
    codes: Mapping[str, str | None]
    source: str
    licence: str
    file_name: str | None = None
    lists: tuple[LabelList, ...] = ()
    numbered_folders: bool = False
    table_codes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        codes = [*self.codes.items(), *self.table_codes.items()]
        for code, emotion in codes:
            if not isinstance(code, str) or code != code.casefold():
                raise ValueError(
                    f"{self.title!r} has the code {code!r}, but text in lower case is expected, "
                    f"such as {str(code).casefold()!r}: names are compared so."
                )
            if emotion is not None and emotion not in EIGHT_EMOTIONS:
                raise ValueError(
                    f"{self.title!r} reads {code!r} as {emotion!r}; expected one of "
                    f"{list(EIGHT_EMOTIONS)}, or None to leave such images out."
                    + suggest(emotion, EIGHT_EMOTIONS)
                )
        if self.file_name is not None and "emotion" not in re.compile(self.file_name).groupindex:
            raise ValueError(
                f"file_name={self.file_name!r} of {self.title!r} has no group that tells the "
                "emotion: write (?P<emotion>...) where it stands."
            )

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions of the set, FER2013's in code order and then contempt."""
        known = {*self.codes.values(), *self.table_codes.values()}
        return tuple(name for name in EIGHT_EMOTIONS if name in known)


def _in_order(*names):
    return {str(code): name for code, name in enumerate(names)}


#: Sets that ``load_image_folder(path, labels=<name>)`` reads as they are distributed.
LABEL_SETS: dict[str, LabelSet] = {
    "affectnet": LabelSet(
        title="AffectNet",
        codes={
            **_in_order(
                *("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry"),
                "contempt",
            ),
            # None, uncertain, no face.
            **dict.fromkeys(("8", "9", "10")),
        },
        lists=(
            LabelList(
                r"(automatically_annotated|manually_annotated|training|validation).*\.csv",
                file="subDirectory_filePath",
                label="expression",
            ),
        ),
        numbered_folders=True,
        source="Mollahosseini, A., Hasani, B. and Mahoor, M. H. (2019), arXiv:1708.03985",
        licence="on request from the authors, for non-commercial research; images from the web",
    ),
    "ck+": LabelSet(
        title="CK+, the extended Cohn-Kanade set",
        codes={
            "anger": "angry",
            "contempt": "contempt",
            "disgust": "disgust",
            "fear": "fear",
            "happy": "happy",
            "neutral": "neutral",
            "sadness": "sad",
            "surprise": "surprise",
        },
        table_codes=_in_order(*EIGHT_EMOTIONS),
        source="Lucey, P. et al. (2010), CVPR Workshops, doi:10.1109/CVPRW.2010.5543262",
        licence="on request from the authors, for non-commercial research",
    ),
    "expw": LabelSet(
        title="ExpW, expressions in the wild",
        codes=_in_order(*EMOTIONS),
        lists=(LabelList(r"label\.lst", file=0, label=7, face=1),),
        numbered_folders=True,
        source="Zhang, Z., Luo, P., Loy, C. C. and Tang, X. (2018), arXiv:1609.06426",
        licence="for non-commercial research; images from the web",
    ),
    "jaffe": LabelSet(
        title="JAFFE, Japanese female facial expressions",
        codes={
            "an": "angry",
            "di": "disgust",
            "fe": "fear",
            "ha": "happy",
            "ne": "neutral",
            "sa": "sad",
            "su": "surprise",
        },
        file_name=r"[a-z]{2}\.(?P<emotion>[a-z]{2})\d+\.\d+",
        source="Lyons, M. et al. (1998), doi:10.5281/zenodo.3451524",
        licence="on request from the authors, for non-commercial research",
    ),
    "kdef": LabelSet(
        title="KDEF, Karolinska directed emotional faces",
        codes={
            "af": "fear",
            "an": "angry",
            "di": "disgust",
            "ha": "happy",
            "ne": "neutral",
            "sa": "sad",
            "su": "surprise",
        },
        file_name=r"[ab][fm]\d\d(?P<emotion>[a-z]{2})(s|fl|fr|hl|hr)",
        source="Lundqvist, D., Flykt, A. and Oehman, A. (1998), Karolinska Institutet, kdef.se",
        licence="free for non-commercial research, with citation",
    ),
    "raf-db": LabelSet(
        title="RAF-DB, basic emotions",
        codes={
            "1": "surprise",
            "2": "fear",
            "3": "disgust",
            "4": "happy",
            "5": "sad",
            "6": "angry",
            "7": "neutral",
        },
        lists=(
            # The name is misspelt in the set itself.
            LabelList(r"list_par?tition_label\.txt", file=0, label=1),
            LabelList(r"(train|test)_labels\.csv", file="image", label="label"),
        ),
        numbered_folders=True,
        source="Li, S., Deng, W. and Du, J. (2017), CVPR, doi:10.1109/CVPR.2017.277",
        licence="on request from the authors, for non-commercial research; images from the web",
    ),
    "rafd": LabelSet(
        title="RaFD, Radboud faces",
        codes={
            "angry": "angry",
            "contemptuous": "contempt",
            "disgusted": "disgust",
            "fearful": "fear",
            "happy": "happy",
            "neutral": "neutral",
            "sad": "sad",
            "surprised": "surprise",
        },
        file_name=r"rafd\d+_\d+_[a-z]+_(fe)?male_(?P<emotion>[a-z]+)_(frontal|left|right)",
        source="Langner, O. et al. (2010), Cognition and Emotion, 24(8), rafd.nl",
        licence="on request from the authors, for non-commercial research",
    ),
}


def look_up_labels(labels: str | LabelSet | None) -> LabelSet | None:
    """Return the label set that an argument names, or the argument itself."""
    if labels is None or isinstance(labels, LabelSet):
        return labels
    if not isinstance(labels, str):
        raise TypeError(
            f"labels={labels!r} has type {type(labels).__name__}, but a name (one of "
            f"{sorted(LABEL_SETS)}) or a LabelSet is expected."
        )
    name = labels.strip().casefold()
    if name not in LABEL_SETS:
        raise ValueError(
            f"labels={labels!r} is unknown; expected one of {sorted(LABEL_SETS)} or a LabelSet."
            + suggest(name, LABEL_SETS)
        )
    return LABEL_SETS[name]


def refuse_other_emotions(
    classes: Iterable[str] | None, emotions: Sequence[str], title: str
) -> None:
    """Raise LabelError if a class that was asked for is not an emotion of a set."""
    unknown = [name for name in classes or () if name not in emotions]
    if unknown:
        raise LabelError(
            f"classes names {unknown[0]!r}, but {title} has {list(emotions)}."
            + suggest(unknown[0], emotions)
        )


def sets_with_folders(names: Iterable[str]) -> list[str]:
    """Return the names of the label sets whose numbered folders these may be."""
    names = [name.strip().casefold() for name in names]
    return [
        name
        for name, labels in LABEL_SETS.items()
        if labels.numbered_folders and all(code in labels.codes for code in names)
    ]


def check_numbered_folders(names: Iterable[str], source: str) -> None:
    """Refuse folders whose names are all numbers, unless they can be FER2013's codes.

    Code 0 must be among them; the error names the sets that would fit.
    """
    numbers = sorted({name.strip() for name in names})
    codes = {str(code) for code in range(len(EMOTIONS))}
    # Beside folders named by emotions, a number is read as FER2013's code.
    is_numbered = bool(numbers) and all(name.isdigit() for name in numbers)
    if not is_numbered or ("0" in numbers and codes.issuperset(numbers)):
        return
    fitting = sets_with_folders(numbers)
    advice = (
        f"They fit {', '.join(map(repr, fitting))}: load_image_folder(path, labels={fitting[0]!r}) "
        "reads them so, if that is the set."
        if fitting
        else f"No known set has such folders (known: {sorted(LABEL_SETS)})."
    )
    raise LabelError(
        f"{source!r} has class folders named {', '.join(numbers)}. A number means another emotion "
        f"in each set, and FER2013's codes are 0 to 6. {advice} Where they are FER2013's codes, "
        "rename the folders to the emotions."
    )
