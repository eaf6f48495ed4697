"""Measure with Pyright how much of the installed package's public names is typed."""

import json
import subprocess
import sys
import tempfile

# scikit-learn ships no types, so that whatever derives from its classes counts as unknown.
LEAST = 0.87

with tempfile.TemporaryDirectory() as elsewhere:
    # Pyright exits with 1 below 100 %.
    command = ["pyright", "--verifytypes", "fer_estimators", "--ignoreexternal", "--outputjson"]
    output = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True).stdout
score = json.loads(output)["typeCompleteness"]["completenessScore"]
print(f"types: {score:.1%} of the public names, at least {LEAST:.0%} expected")
sys.exit(score < LEAST)
