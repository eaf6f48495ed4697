"""Load any set of images that has one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from fer_estimators._messages import find_alike
from fer_estimators.datasets._label_sets import LabelSet, look_up_labels, sets_with_folders
from fer_estimators.datasets._layout import Layout
from fer_estimators.datasets._loading import load, read_set, to_bunch
from fer_estimators.datasets._options import check_options, refuse_with_lazy

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_EXPECTED = "<class>/*.jpg or train/<class>/*.jpg in a folder or a .zip"


def load_image_folder(
    path: str | PathLike[str],
    *,
    split: str | Sequence[str] = "all",
    classes: Sequence[str] | None = None,
    labels: str | LabelSet | None = None,
    image_size: int | tuple[int, int] | None = None,
    color: bool = False,
    on_error: Literal["raise", "skip"] = "raise",
    follow_links: bool = False,
    verify: Literal["sha256"] | None = None,
    cache: str | PathLike[str] | None = None,
    n_jobs: int | None = None,
    lazy: bool = False,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[Any], NDArray[Any]]:
    """Load a set of images with one folder for each class.

    Parameters
    ----------
    path : str or path-like
        A folder, or a ``.zip`` archive that is read in memory and never extracted. It holds
        class folders, or split folders (``train``, ``val``, ``test`` or their aliases) of class
        folders; one wrapping folder after another is passed over. Images in folders under a
        class folder belong to it.
    split : str, tuple of str or "all", default="all"
        The splits to load; a set without split folders is loaded with ``"all"``.
    classes : list of str, default=None
        Names of the class folders to load, exactly as they are written; with `labels`, the
        emotions to load. None loads all.
    labels : str or LabelSet, default=None
        The set that this is, where numbers, abbreviations, file names or lists give the emotions:
        "affectnet", "ck+", "expw", "jaffe", "kdef", "raf-db" or "rafd", of
        :data:`~fer_estimators.datasets.LABEL_SETS`. Labels are then emotions, FER2013's seven and
        contempt. None takes the names of the class folders as they are, numbers too.
    image_size : int or tuple of (int, int), default=None
        Height and width in pixels to resize to (Pillow's bilinear filter). None keeps images
        as they are, and then all must have one size.
    color : bool, default=False
        Whether images are given as RGB or as grey levels.
    on_error : {"raise", "skip"}, default="raise"
        "raise" raises one error that names all images that cannot be used; "skip" leaves them out,
        lists them in `report` and warns once.
    follow_links : bool, default=False
        Whether to follow symbolic links to folders and out of `path`.
    verify : {"sha256"}, default=None
        Compare each image file with the manifest ``SHA256SUMS`` at the root of the set.
    cache : str or path-like, default=None
        Folder in which to keep the loaded array; see :func:`load_fer2013`.
    n_jobs : int, default=None
        Number of processes that decode; None means this one, -1 one for each core. The first
        call with several takes half a second to start them.
    lazy : bool, default=False
        Give :class:`~fer_estimators.ImageFiles`, which reads a file when its batch is needed,
        rather than an array. For image files in a folder, without `verify` and `cache`; nothing is
        opened here, so damaged files, equal images and other sizes are not found: `image_size` is
        needed, and every image is resized to it.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Ordered by split (train, val, test), then by class, then by file name.

        images : ndarray of shape (n_images, height, width) or \
(n_images, height, width, 3), dtype uint8
            Grey levels or RGB, 0-255.
        data : ndarray of shape (n_images, n_values), dtype uint8
            A view of `images`, one row for each image; `images` itself if `lazy`.
        target : ndarray of shape (n_images,), dtype str
            Names of the class folders, or emotions with `labels`.
        target_names : ndarray of shape (n_classes,), dtype str
            `classes` if given, else the class folders found, sorted; with `labels`, the emotions
            found, FER2013's in code order and then contempt.
        filenames : ndarray of shape (n_images,), dtype object
            Paths relative to `path`.
        split : ndarray of shape (n_images,), dtype str
            ``"train"``, ``"val"`` or ``"test"``; ``"all"`` in a set without splits.
        report : LoadReport
            What was skipped, ignored or converted; see :func:`load_fer2013`.
        DESCR : str
            How the set was read, and with `labels`, its source and licence.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    DatasetError
        If `path` has no class folders with images, no images of a split, or images of several
        sizes while `image_size` is None.
    LabelError
        If a name in `classes` has no folder, or, with `labels`, the emotion of an image is missing
        or ambiguous.
    ImageReadError
        If image files are damaged, too large, or of a format other than JPEG, PNG and BMP.
    UnsafeArchiveError
        If an archive has members that leave it, links, or exceeds the limits.
    ValueError, TypeError
        If an argument has a value or a kind that is not allowed.

    See Also
    --------
    load_fer2013 : The same for FER2013, whose classes are emotions.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from PIL import Image
    >>> from fer_estimators.datasets import load_image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("calm", "tense"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         Image.new("L", (32, 24)).save(pathlib.Path(folder, name, "1.png"))
    ...     faces = load_image_folder(folder)
    >>> faces.images.shape, list(faces.filenames)
    ((2, 24, 32), ['calm/1.png', 'tense/1.png'])
    """
    if lazy:
        refuse_with_lazy(verify=verify, cache=cache)
        if image_size is None:
            raise ValueError("lazy=True needs image_size, such as 48: no image is opened to see.")
    options = check_options(
        split=split,
        classes=classes,
        image_size=image_size,
        color=color,
        on_error=on_error,
        follow_links=follow_links,
        verify=verify,
        n_jobs=n_jobs,
        lazy=lazy,
        emotions=False,
    )
    label_set = look_up_labels(labels)
    layout = Layout(emotions=False, classes=options.classes, labels=label_set)
    loaded = load(path, options, layout, expected=_EXPECTED, cache=cache, read=_read)
    names = options.classes or layout.order(set(loaded.target))
    bunch = to_bunch(loaded, names, "image_folder.rst")
    if label_set is not None:
        bunch.DESCR += _describe(label_set)
    return (bunch.data, bunch.target) if return_X_y else bunch


def _describe(labels):
    return (
        f"\n**Labels.** Those of {labels.title}: {', '.join(labels.emotions)}.\n\n"
        f"**Source.** {labels.source}.\n\n**Licence.** {labels.licence}.\n"
    )


def _read(path, options, layout):
    loaded = read_set(path, options, layout)
    names = sorted(set(loaded.target))
    if layout.labels is None and all(name.strip().isdigit() for name in names):
        fitting = " or ".join(map(repr, sets_with_folders(names)))
        reason = "labels are numbers of folders, which mean another emotion in each set"
        reason += f"; labels={fitting} fits them" if fitting else ""
        loaded.report.add(path, reason, "noted")
    for alike in find_alike(names) if layout.labels is layout.classes is None else ():
        loaded.report.warn(
            f"the classes {alike!a} differ only in case, spaces or Unicode form. If they are one, "
            "rename the folders; if not, name the classes in classes=[...]"
        )
    return loaded
