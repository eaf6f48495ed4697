"""Export classifiers to files that run without Keras, and run such files.

Importing this package, and running a file, imports neither Keras nor its backend; public names
resolve on first use, so that running a file imports nothing of what writes one.
"""

import lazy_loader

# The stub __init__.pyi lists the public names, for this and for type checkers.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
