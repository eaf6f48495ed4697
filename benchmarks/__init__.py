"""Speed and memory against what people would write instead: ``python -m benchmarks``."""
