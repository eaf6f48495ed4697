"""A training loop as one would write it in JAX alone: the network "compact", in float32."""

import numpy as np

# Filters and stride of each convolution, and whether pooling comes before it.
_CONVOLUTIONS = (
    (32, 2, False),
    (32, 1, False),
    (64, 1, True),
    (64, 1, False),
    (128, 1, True),
    (128, 1, False),
)
_CHANNELS_LAST = ("NHWC", "HWIO", "NHWC")
_MOMENTUM = 0.9
_DECAY = 5e-4


def train(images, codes, epochs, batch_size, learning_rate, clock):
    """Return the seconds of each epoch."""
    import jax
    import jax.numpy as jnp

    weights, statistics = _make_weights(np.random.default_rng(0))
    velocity = jax.tree.map(jnp.zeros_like, weights)

    def step(weights, velocity, statistics, pixels, labels):
        gradients, statistics = jax.grad(_loss, has_aux=True)(weights, statistics, pixels, labels)
        gradients = jax.tree.map(lambda g, w: g + _DECAY * w, gradients, weights)
        velocity = jax.tree.map(lambda v, g: _MOMENTUM * v + g, velocity, gradients)
        weights = jax.tree.map(
            lambda w, v, g: w - learning_rate * (g + _MOMENTUM * v), weights, velocity, gradients
        )
        return weights, velocity, statistics

    step = jax.jit(step, donate_argnums=(0, 1, 2))
    generator, seconds = np.random.default_rng(0), []
    for _ in range(epochs):
        start = clock()
        order = generator.permutation(len(images))
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            state = step(weights, velocity, statistics, images[rows, ..., None], codes[rows])
            weights, velocity, statistics = state
        jax.block_until_ready(weights)
        seconds.append(clock() - start)
    return np.array(seconds)


def _make_weights(generator):
    import jax.numpy as jnp

    weights, statistics, before = [], [], 1
    for filters, *_ in _CONVOLUTIONS:
        kernel = generator.normal(0, (2 / (9 * before)) ** 0.5, (3, 3, before, filters))
        weights.append([jnp.float32(kernel), jnp.ones(filters), jnp.zeros(filters)])
        statistics.append([jnp.zeros(filters), jnp.ones(filters)])
        before = filters
    dense = jnp.float32(generator.normal(0, before**-0.5, (before, 7)))
    return [*weights, [dense, jnp.zeros(7)]], statistics


def _loss(weights, statistics, pixels, labels):
    import jax
    import jax.numpy as jnp
    from jax import lax

    *convolutions, (dense, bias) = weights
    x, updated = pixels.astype("float32") / 64 - 2, []
    for (_, stride, pooled), (kernel, scale, offset), (mean, variance) in zip(
        _CONVOLUTIONS, convolutions, statistics, strict=True
    ):
        if pooled:
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = lax.conv_general_dilated(
            x, kernel, (stride, stride), "SAME", dimension_numbers=_CHANNELS_LAST
        )
        of_batch = x.mean((0, 1, 2)), x.var((0, 1, 2))
        updated.append([0.9 * mean + 0.1 * of_batch[0], 0.9 * variance + 0.1 * of_batch[1]])
        x = jax.nn.relu((x - of_batch[0]) * lax.rsqrt(of_batch[1] + 1e-3) * scale + offset)
    logits = x.mean((1, 2)) @ dense + bias
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -chosen.mean(), updated
