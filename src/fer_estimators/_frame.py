"""Tables and columns of pandas, which is optional."""

from typing import Any

from fer_estimators._messages import warn


def make_frame(data, *, index=None, columns=None):
    """Build a pandas DataFrame from what ``pandas.DataFrame`` takes.

    pandas is imported here and nowhere else in the package; raise an ImportError if it is missing.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "pandas is not installed, and a table is a pandas.DataFrame. Install it with "
            "`pip install pandas`, or read what it would hold from the attributes or output='dict'."
        ) from error
    return pandas.DataFrame(data, index=index, columns=columns)


def by_position(values: Any) -> Any:
    """Return an array for a pandas Series or DataFrame, which would be read by its index."""
    return values.to_numpy() if hasattr(values, "iloc") else values


def warn_of_reordered_rows(**columns: Any) -> None:
    """Warn where what is matched row by row has the same pandas index in another order."""
    indices = {
        name: values.index
        for name, values in columns.items()
        if hasattr(getattr(values, "index", None), "equals")
    }
    last_of: dict[frozenset[Any], str] = {}
    for name, other in indices.items():
        rows = frozenset(other.tolist())
        first = last_of.get(rows, name)
        last_of[rows] = name
        index = indices[first]
        if len(index) == len(other) and not index.equals(other):
            warn(
                f"{first} and {name} have the same index in another order, but are matched row by "
                f"row: {index.tolist()[0]!r} with {other.tolist()[0]!r} first. If the index tells "
                f"the face, bring them into one order: `{name}.loc[{first}.index]`."
            )
