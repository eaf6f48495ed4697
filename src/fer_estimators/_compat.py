"""Private names of scikit-learn and Keras that the library relies on, in one place.

A release that moves one of them breaks this module alone. Nothing here imports Keras.
"""

from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _estimator_has as estimator_has
from sklearn.utils.validation import _is_fitted as is_fitted
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "VisualBlock",
    "check_method_params",
    "check_sample_weight",
    "data_adapter_class",
    "decays",
    "estimator_has",
    "fix_seed",
    "flatten_layers",
    "is_fitted",
    "leave_gradients_unreduced",
    "num_samples",
    "replace_seed_source",
    "replace_update",
    "safe_indexing",
    "slots_of",
]


def data_adapter_class():
    """Return the base class of what ``keras.Model.fit`` takes without wrapping it."""
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter

    return DataAdapter


def flatten_layers(model):
    """Return all layers of a Keras model, also those inside of other models."""
    return list(model._flatten_layers())


def leave_gradients_unreduced(optimizer):
    """Keep an optimizer from summing gradients over replicas, of which there is one.

    For the gradient of that sum, TensorFlow would keep the whole training graph for the life of
    the process.
    """
    optimizer._all_reduce_sum_gradients = list


def replace_update(optimizer, update, decay):
    """Replace how an optimizer changes its variables, and how it shrinks them before.

    `update` takes gradients, variables and the learning rate, `decay` variables.
    """
    optimizer._backend_update_step = update
    optimizer._apply_weight_decay = decay


def slots_of(optimizer, variable):
    """Return what Adam or SGD remembers of a variable: first and second moment, or the first."""
    index = optimizer._get_variable_index(variable)
    if hasattr(optimizer, "momentums"):
        return [optimizer.momentums[index]]
    return [optimizer._momentums[index], optimizer._velocities[index]]


def decays(optimizer, variable):
    """Tell whether the decay of weights applies to a variable."""
    return optimizer._use_weight_decay(variable)


def fix_seed(generator):
    """Make a Keras seed generator use the seed that was drawn for it also on PyTorch.

    There, Keras draws from PyTorch's global state wherever no seed was given.
    """
    if generator._initial_seed is None:
        generator._initial_seed = int(generator.state.value[0])


def replace_seed_source(source):
    """Let Keras draw the seeds of layers from `source`, which has the ``randint`` of ``random``."""
    from keras.src.random import seed_generator

    seed_generator.python_random = source
