"""Measure every row, and write a table, JSON and a picture.

``python -m benchmarks`` measures on drawn faces; set ``FER2013`` to a folder, zip or csv to measure
on the real ones. Each row runs in a process of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path


def run_row(name, folder, rounds):
    """Measure one row in this process, and print its comparisons as JSON."""
    from benchmarks._rows import ROWS

    for comparison in ROWS[name](folder, rounds):
        print(json.dumps(comparison.to_dict()), flush=True)


def measure(names, folder, rounds):
    """Run the rows one after the other; return their comparisons, and the rows that failed."""
    results, failed = [], []
    for number, name in enumerate(names, start=1):
        done = "#" * (number - 1) + "." * (len(names) - number + 1)
        print(f"\r[{done}] {name:16s}", end="", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks", "--row", name, "--folder", str(folder)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        finished = subprocess.run(
            [*command, "--rounds", str(rounds)], stdout=subprocess.PIPE, text=True, env=environment
        )
        if finished.returncode:
            print(f"\n{name} failed; the others continue", file=sys.stderr)
            failed.append(name)
        lines = [line for line in finished.stdout.splitlines() if line[:1] == "{"]
        results += [{"row": name, **json.loads(line)} for line in lines]
    print(file=sys.stderr)
    return results, failed


def read_results(path, machine):
    """Return what an earlier run measured on the same faces and machine, if there was one."""
    if not path.exists():
        return []
    earlier = json.loads(path.read_text())
    if earlier["machine"] != machine:
        raise SystemExit(
            f"{path} was measured with {earlier['machine']}, but this is {machine}: one table "
            "cannot hold both. Pass another --output, or remove it."
        )
    return earlier["results"]


def replace_rows(before, results, names):
    """Replace an earlier run's results for the rows that were measured again."""
    from benchmarks._rows import ROWS

    kept = [result for result in before if result["row"] not in names]
    return sorted(kept + results, key=lambda result: list(ROWS).index(result["row"]))


def spread(values):
    """Format the median and the range of some values."""
    values = [f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in sorted(values)]
    return f"{values[len(values) // 2]} ({values[0]}-{values[-1]})"


def write_table(machine, results):
    """Make the table, for the screen and for the documentation."""
    lines = ["| | ours | peer | ratio | to reach |", "|---|---|---|---|---|"]
    for row in results:
        ratio = f"{row['ratio']:.2f}" if row["reached"] else f"**{row['ratio']:.2f}**"
        note = f" ({row['note']})" if row["note"] else ""
        sign = "≤" if row["at_most"] else "≥"
        lines.append(
            f"| {row['name']}{note} | {spread(row['ours'])} {row['unit']} | {spread(row['peer'])} "
            f"{row['unit']} | {ratio} | {sign} {row['reach']:g} |"
        )
    return "\n".join([f"{machine}. Bold: not reached.", "", *lines, ""])


def draw(results, path):
    """Draw each ratio against what it should reach."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(9, 0.35 * len(results) + 1), layout="constrained")
    # Bars that reach further to the right are better in all rows.
    margins = [
        row["reach"] / max(row["ratio"], 1e-3) if row["at_most"] else row["ratio"] / row["reach"]
        for row in results
    ]
    bars = ax.barh([row["name"] for row in results], margins, color="0.6")
    ax.bar_label(bars, [f"{row['ratio']:.2f}" for row in results], padding=3)
    ax.axvline(1, color="black", linestyle="--")
    ax.set(xscale="log", xlabel="multiple of the ratio to reach")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.invert_yaxis()
    ax.margins(x=0.2, y=0.01)
    figure.savefig(path, dpi=120)


def main():
    """Measure the rows that were asked for, or one of them in this process."""
    from benchmarks._rows import ROWS

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--images", type=int, help="number of faces")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("benchmark"))
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        run_row(arguments.row, arguments.folder, arguments.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        from benchmarks._data import prepare

        faces = prepare(Path(folder), arguments.images)
        machine = (
            f"{faces}; {os.cpu_count()} cores, {platform.system()}, Python {sys.version.split()[0]}"
        )
        path = arguments.output / "results.json"
        before = read_results(path, machine)
        results, failed = measure(arguments.rows, Path(folder), arguments.rounds)
    results = replace_rows(before, results, arguments.rows)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "results": results}, indent=1))
    (arguments.output / "results.md").write_text(write_table(machine, results), encoding="utf-8")
    draw(results, arguments.output / "results.png")
    print(write_table(machine, results))
    if failed:
        raise SystemExit(f"These rows failed and were not measured: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
