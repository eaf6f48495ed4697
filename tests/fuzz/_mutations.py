"""Damage to the bytes of a file of any kind: what disks, networks and editors do."""


def flip(data, rng):
    """Change one to eight bytes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
    return bytes(changed)


def truncate(data, rng):
    """Cut off the end."""
    return data[: rng.randrange(len(data))]


def cut(data, rng):
    """Take a piece out."""
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 2000) :]


def insert(data, rng):
    """Put noise between."""
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randrange(1, 200)) + data[start:]


def blank(data, rng):
    """Write zeros over a piece, as a disk that lost a sector."""
    start, length = rng.randrange(len(data)), rng.randrange(1, 2000)
    return (data[:start] + bytes(length) + data[start + length :])[: len(data)]


def repeat(data, rng):
    """Write a piece twice, as an upload that was resumed at the wrong place."""
    start = rng.randrange(len(data))
    stop = start + rng.randrange(1, 2000)
    return data[:stop] + data[start:]


def noise(data, rng):
    """Keep the first bytes, which identify the kind, and nothing else."""
    return data[: rng.choice((2, 4, 8))] + rng.randbytes(rng.randrange(500))


def extremes(data, rng):
    """Set bytes that lie together to the values on which parsers break."""
    start, changed = rng.randrange(len(data)), bytearray(data)
    for position in range(start, min(start + rng.choice((1, 2, 4)), len(data))):
        changed[position] = rng.choice((0, 1, 127, 128, 255))
    return bytes(changed)


DAMAGE = (flip, flip, truncate, cut, insert, blank, repeat, noise, extremes)
