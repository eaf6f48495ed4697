"""Load FER2013 in every common distribution format.

Source: I. J. Goodfellow et al., "Challenges in representation learning: A report on three
machine learning contests", Neural Networks 64 (2015) 59-63, first shown at ICONIP 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from fer_estimators._arguments import check_choice
from fer_estimators.datasets._emotions import EMOTIONS
from fer_estimators.datasets._fer_plus import TIES, use_votes
from fer_estimators.datasets._label_sets import EIGHT_EMOTIONS, refuse_other_emotions
from fer_estimators.datasets._layout import Layout
from fer_estimators.datasets._loading import load, read_description, read_set, to_bunch
from fer_estimators.datasets._options import (
    check_options,
    check_path,
    refuse_with_lazy,
)
from fer_estimators.datasets._votes_table import read_votes
from fer_estimators.exceptions import BadImageWarning

if TYPE_CHECKING:
    from sklearn.utils import Bunch

#: Height and width of every FER2013 image, in pixels.
IMAGE_SIZE = (48, 48)

_EXPECTED = "train/<emotion>/*.jpg in a folder or a .zip, or fer2013.csv"


def load_fer2013(
    path: str | PathLike[str],
    *,
    split: str | Sequence[str] = "train",
    classes: Sequence[str] | None = None,
    fer_plus: str | PathLike[str] | None = None,
    ties: Literal["drop", "first", "keep"] = "drop",
    image_size: int | tuple[int, int] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    follow_links: bool = False,
    verify: Literal["sha256"] | None = None,
    cache: str | PathLike[str] | None = None,
    n_jobs: int | None = None,
    lazy: bool = False,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[Any], NDArray[Any]]:
    r"""Load FER2013: grey face images of 48x48 pixels with one of seven emotions.

    Parameters
    ----------
    path : str or path-like
        One of

        - a folder of class folders, named by emotion in any case (``angry``, ``Anger``,
          ``Happiness``, ``0_angry``) or numbered ``0`` to ``6`` in FER2013 code order, under
          ``train``, ``val`` and ``test`` or their aliases (``Training``, ``validation``,
          ``valid``, ``dev``, ``PublicTest``, ``PrivateTest``); wrapping folders are passed over;
        - a folder of ``train`` and ``test`` alone, whose file names begin with ``PublicTest_``
          (then ``val``) and ``PrivateTest_`` (then ``test``);
        - a ``.zip`` archive of any of these, read in memory and never extracted;
        - ``fer2013.csv`` or ``icml_face_data.csv``, plain, ``.gz``, or in a zip archive.
    split : str, tuple of str or "all", default="train"
        The splits to load: ``"train"``, ``"val"``, ``"test"`` or their aliases. A set
        without splits is loaded with ``"all"``, and the split of every image is then ``"train"``.
        Class folders without split folders above them take their split from the name of `path`
        itself: those in ``~/dev`` are ``"val"``, which is noted in `report`.
    classes : list of str, default=None
        The emotions to load; other folders that are listed become classes, too.
        None loads the seven emotions and refuses any other folder. With `fer_plus`, a choice of
        its eight emotions; images of other emotions are left out.
    fer_plus : str or path-like, default=None
        Ten people's votes on each image, FER+ [2]_, as a csv table: Microsoft's
        ``fer2013new.csv``, which is joined to ``fer2013.csv`` and ``icml_face_data.csv`` row by
        row (never by its ``Image name``, which runs behind), or, for image files, a table with
        the columns ``file``, ``neutral``, ``happiness``, ``surprise``, ``sadness``, ``anger``,
        ``disgust``, ``fear``, ``contempt``, ``unknown`` and ``NF``. The target becomes the
        emotion with the most votes. Images on which "unknown" or "not a face" has the most votes,
        and those without a row in a table of files, are left out; each is a line of `report`.
    ties : {"drop", "first", "keep"}, default="drop"
        With `fer_plus`, what becomes of images on which no single answer has the most votes:
        "drop" leaves them out; "first" takes the emotion that comes first in the table; "keep"
        takes FER2013's own label if it is one of those with the most votes, else the first.
    image_size : int or tuple of (int, int), default=None
        Height and width in pixels to resize to (Pillow's bilinear filter). None keeps images
        as they are, and then all must have one size.
    on_error : {"raise", "skip"}, default="raise"
        "raise" raises one error that names all images or rows that cannot be used; "skip" leaves
        them out, lists them in `report` and warns once.
    follow_links : bool, default=False
        Whether to follow symbolic links to folders and out of `path`.
    verify : {"sha256"}, default=None
        Compare each image file with the manifest ``SHA256SUMS`` at the root of the set, made
        by ``sha256sum */*/*.jpg > SHA256SUMS``. A flipped bit in a JPEG file usually gives
        another image and no error, and only a manifest reveals it.
    cache : str or path-like, default=None
        Folder in which to keep the loaded array, for a second load that takes a tenth of the
        time. An entry is used only while names, sizes and times of all files, the
        arguments and the versions of this library and of Pillow are the same; entries are
        never removed. None writes nothing.
    n_jobs : int, default=None
        Number of processes that decode; None means this one, -1 one for each core. The first
        call with several takes half a second to start them.
    lazy : bool, default=False
        Give :class:`~fer_estimators.ImageFiles`, which reads a file when its batch is needed,
        rather than an array. For image files in a folder, without `verify` and `cache`; nothing is
        opened here, so damaged files, equal images and other sizes are not found: every image is
        resized to `image_size`, None being 48 x 48.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Ordered by split (train, val, test), then by emotion code, then by file name within
        the class folder or by row of the table.

        images : ndarray of shape (n_images, 48, 48), dtype uint8
            Grey levels, 0-255; `image_size` if given.
        data : ndarray of shape (n_images, 2304), dtype uint8
            A view of `images`, one row for each image; `images` itself if `lazy`.
        target : ndarray of shape (n_images,), dtype str
            Emotion names.
        target_names : ndarray of shape (7,), dtype str
            Emotions in FER2013 code order, or `classes`.
        filenames : ndarray of shape (n_images,), dtype object
            Paths relative to `path`, or ``"fer2013.csv:<row>"``.
        split : ndarray of shape (n_images,), dtype str
            ``"train"``, ``"val"`` or ``"test"`` for each image.
        report : LoadReport
            Lists what was skipped, ignored or converted: ``print(report)``, ``report.counts()``,
            ``report.frame()`` (columns path, reason, action).
        DESCR : str
            Where the data comes from, its licence and its flaws.
        votes : ndarray of shape (n_images, 10), dtype int64
            With `fer_plus` only: how many people gave each answer.
        vote_names : ndarray of shape (10,), dtype str
            With `fer_plus` only: the answers, eight emotions, "unknown" and "no face".
        soft_labels : DataFrame of shape (n_images, n_classes), dtype float64
            With `fer_plus` only: the shares of the votes, a column for each emotion that occurs in
            `target`, sorted, so that ``fit(images, target, y_proba=soft_labels)`` takes it. Votes
            for anything else are left out, and rows sum to 1.
        original_target : ndarray of shape (n_images,), dtype str
            With `fer_plus` only: FER2013's own labels.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    DatasetError
        If `path` is not FER2013 in one of these formats, has no images of a split, or has images of
        several sizes while `image_size` is None.
    DatasetError
        If the table of votes is damaged, has another number of rows than the images, or belongs
        to other images.
    ImportError
        If `fer_plus` is given and pandas is not installed.
    LabelError
        If a class folder or an emotion in the table is unknown.
    ImageReadError
        If image files are damaged, too large, or of a format other than JPEG, PNG and BMP.
    UnsafeArchiveError
        If an archive has members that leave it, links, or exceeds the limits.
    ValueError, TypeError
        If an argument has a value or a kind that is not allowed.

    See Also
    --------
    load_image_folder : The same for a set with classes of any name.
    find_duplicates : Images that occur twice, of which FER2013 has many.

    Notes
    -----
    Modes other than grey are converted: colour by ITU-R 601-2 luma, 16-bit levels by scaling,
    transparency by laying the image over black. EXIF orientation is applied. Each conversion
    is a line of `report`.

    Warnings of category `BadImageWarning` report skipped images and images that are not
    48x48 face crops. Other warnings report missing classes, empty or merged class folders and, if
    several splits are loaded together, equal images in two of them or under two labels.

    References
    ----------
    .. [1] I. J. Goodfellow et al., "Challenges in representation learning: A report on three
       machine learning contests", Neural Networks 64 (2015) 59-63,
       https://arxiv.org/abs/1307.0414.
    .. [2] E. Barsoum, C. Zhang, C. Canton Ferrer and Z. Zhang, "Training deep networks for facial
       expression recognition with crowd-sourced label distribution", ICMI 2016,
       https://arxiv.org/abs/1608.01041.

    Examples
    --------
    A table of seven images, one for each emotion:

    >>> import tempfile, pathlib
    >>> from fer_estimators.datasets import load_fer2013
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pathlib.Path(folder, "fer2013.csv")
    ...     rows = [f"{code},{' '.join(['128'] * 2304)},Training" for code in range(7)]
    ...     _ = table.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    ...     faces = load_fer2013(table, split="train")
    >>> faces.images.shape, faces.images.dtype
    ((7, 48, 48), dtype('uint8'))
    >>> print(*faces.target)
    angry disgust fear happy sad surprise neutral
    """
    if lazy:
        refuse_with_lazy(verify=verify, cache=cache)
        image_size = IMAGE_SIZE if image_size is None else image_size
    options = check_options(
        split=split,
        classes=classes,
        image_size=image_size,
        color=False,
        on_error=on_error,
        follow_links=follow_links,
        verify=verify,
        n_jobs=n_jobs,
        lazy=lazy,
        emotions=True,
    )
    check_choice("ties", ties, TIES)
    table = None
    if fer_plus is not None:
        table, emotions = _check_votes(fer_plus, options.classes)
        options = replace(options, classes=None)
    layout = Layout(emotions=True, classes=options.classes)
    loaded = load(path, options, layout, expected=_EXPECTED, cache=cache, read=_read)
    bunch = to_bunch(loaded, options.classes or EMOTIONS, "fer2013.rst")
    if table is not None:
        use_votes(bunch, table, n_rows=loaded.n_rows, ties=ties, emotions=emotions)
        bunch.DESCR += read_description("fer_plus.rst")
    return (bunch.data, bunch.target) if return_X_y else bunch


def _check_votes(fer_plus, classes):
    """Return the table of votes, and the emotions that were asked for."""
    emotions = classes or EIGHT_EMOTIONS
    refuse_other_emotions(emotions, EIGHT_EMOTIONS, "FER+")
    path = check_path(fer_plus, "FER+'s fer2013new.csv, or a table of votes by file")
    return read_votes(path), emotions


def _read(path, options, layout):
    loaded = read_set(path, options, layout)
    _warn_about_size(loaded, options)
    return loaded


def _warn_about_size(loaded, options):
    """Warn once if the files are not 48x48 images, resized or not."""
    strange = [entry for entry in loaded.report if entry.reason.startswith("resized from ")]
    strange = [entry for entry in strange if entry.reason != "resized from 48x48"]
    if strange:
        loaded.report.warn(
            f"{len(strange):,} images were not 48x48 ({strange[0].path}: {strange[0].reason}); "
            "FER2013 models expect face crops",
            category=BadImageWarning,
        )
    elif options.image_size is None and loaded.images.shape[1:3] != IMAGE_SIZE:
        height, width = loaded.images.shape[1:3]
        loaded.report.warn(
            f"images are {height}x{width}, not 48x48; FER2013 models expect face crops. Pass "
            "image_size=48 to resize them",
            category=BadImageWarning,
        )
