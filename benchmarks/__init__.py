"""Compare speed and memory with what users would write instead: ``python -m benchmarks``."""
