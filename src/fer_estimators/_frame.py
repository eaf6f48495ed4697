"""Tables of numbers as pandas DataFrames, for whoever has pandas."""


def make_frame(data, *, index=None, columns=None):
    """Build a DataFrame; pandas is imported here and nowhere else in the package.

    Parameters
    ----------
    data : dict of sequences, dict of dicts, or sequence of rows or dicts
        What ``pandas.DataFrame`` takes.
    index, columns : sequence, default=None
        Row and column labels.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "pandas is not installed, and a table is a pandas.DataFrame. Install it with "
            "`pip install pandas`, or read what it would hold from the attributes or output='dict'."
        ) from error
    return pandas.DataFrame(data, index=index, columns=columns)
