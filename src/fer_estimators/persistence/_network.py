"""Rebuild a network from a configuration that anybody may have written.

Keras' own safe mode refuses lambdas, but looks up any class by module and name. Here only the
layers that the networks of this library consist of are built, and no memory is taken for their
weights before it is known that the file holds as many.
"""

import copy
import math
import re
from concurrent.futures import ThreadPoolExecutor

import keras

from fer_estimators._backends.device import device_scope
from fer_estimators._backends.process_state import isolated_random_state, tensorflow_left_out

_FUNCTIONAL = ("keras.src.models.functional", "Functional")
_LAYERS = {
    _FUNCTIONAL,
    # Turns RGB to BGR in front of VGG.
    ("keras.src.ops.numpy", "GetItem"),
    *(
        ("keras.layers", name)
        for name in (
            "Activation",
            "Add",
            "AveragePooling2D",
            "BatchNormalization",
            "Concatenate",
            "Conv2D",
            "Dense",
            "DepthwiseConv2D",
            "Dropout",
            "Flatten",
            "GlobalAveragePooling2D",
            "InputLayer",
            "MaxPooling2D",
            "Multiply",
            "Normalization",
            "ReLU",
            "Rescaling",
            "Resizing",
            "Softmax",
            "ZeroPadding2D",
        )
    ),
}
_INITIALIZERS = {
    ("keras.initializers", name) for name in ("GlorotUniform", "HeNormal", "Ones", "Zeros")
}
_DTYPE_POLICY = ("keras", "DTypePolicy")
_KNOWN = _LAYERS | _INITIALIZERS | {_DTYPE_POLICY}
# What Keras writes for values that JSON lacks, among them lambdas, which are not in this list.
_MARKERS = {"__keras_tensor__", "__slice__", "__ellipsis__"}
_FIELDS = {
    "module",
    "class_name",
    "config",
    "registered_name",
    "build_config",
    "name",
    "inbound_nodes",
}
_PRECISIONS = ("float16", "float32", "float64", "bfloat16", "mixed_float16", "mixed_bfloat16")
_NAME = re.compile(r"[\w.-]{1,200}")
_RULES = {
    "activation": lambda value: value in ("linear", "relu", "sigmoid", "softmax"),
    "axis": lambda value: value in (-1, 1, 2, 3, [-1]),
    "dtype": lambda value: isinstance(value, dict) or value in _PRECISIONS,
    "mask": lambda value: value is None,
    "name": lambda value: isinstance(value, str) and _NAME.fullmatch(value),
}

# InceptionV3 has 313 layers in two models, one in the other.
_MAX_LAYERS = 1_000
_MAX_DEPTH = 4
_MAX_NUMBER = 2**31
# Numbers in the output of one layer for one image: 512 MiB in float32. VGG16 on images of 1024
# pixels has half of it.
_MAX_OUTPUT = 2**27


def describe_network(model):
    """Describe a network without its weights and without how it was trained.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    dict
        Keras' own configuration, of plain values.
    """
    with tensorflow_left_out():
        return _without_compilation(keras.saving.serialize_keras_object(model))


def _without_compilation(config):
    if isinstance(config, dict):
        return {
            key: _without_compilation(value)
            for key, value in config.items()
            if key != "compile_config"
        }
    if isinstance(config, (list, tuple)):
        return [_without_compilation(value) for value in config]
    return config


def find_unknown(config):
    """List what is in a configuration, but in no network of this library.

    Parameters
    ----------
    config : dict
        As :func:`describe_network` makes it.

    Returns
    -------
    list of str
        Nothing, if the configuration is safe to build.
    """
    faults = []
    if _kind(config) != _FUNCTIONAL:
        faults.append("the network is no functional model")
    n_layers = _check(config, 0, faults)
    if n_layers > _MAX_LAYERS:
        faults.append(f"{n_layers:,} layers (the limit is {_MAX_LAYERS:,})")
    return list(dict.fromkeys(faults))


def _kind(node):
    if not isinstance(node, dict):
        return None
    return node.get("module"), node.get("class_name")


def _check(node, depth, faults):
    """Check one value and what it holds, add to `faults`, and return the number of layers."""
    if isinstance(node, list):
        return sum(_check(item, depth, faults) for item in node)
    if not isinstance(node, dict):
        if isinstance(node, (int, float)) and not -_MAX_NUMBER < node < _MAX_NUMBER:
            faults.append(f"a number above {_MAX_NUMBER:,}")
        return 0
    is_layer = False
    if "class_name" in node:
        is_layer = _check_object(node, faults)
        depth += _kind(node) == _FUNCTIONAL
        if depth > _MAX_DEPTH:
            faults.append(f"models nested more than {_MAX_DEPTH} times")
            return 0
    faults += [f"{key[:40]}={value!r:.60}" for key, value in node.items() if not _fits(key, value)]
    return is_layer + sum(_check(value, depth, faults) for value in node.values())


def _fits(key, value):
    """Tell whether a setting may have this value; most are for Keras to judge."""
    if key.endswith(("_initializer", "_regularizer", "_constraint")):
        # By name, Keras would find any.
        return value is None or isinstance(value, dict)
    rule = _RULES.get(key)
    return rule is None or bool(rule(value))


def _check_object(node, faults):
    """Check one object of Keras, and tell whether it is a layer."""
    kind = _kind(node)
    if kind[0] is None and kind[1] in _MARKERS:
        if set(node) - {"class_name", "config"}:
            faults.append(f"more than the value of {kind[1]}")
        return False
    if kind not in _KNOWN or node.get("registered_name") not in (None, kind[1]):
        faults.append(
            ".".join(str(part)[:60] for part in (*kind, node.get("registered_name") or ""))
        )
        return False
    faults += [f"{kind[1]} with {field[:40]!r}" for field in sorted(set(node) - _FIELDS)]
    config = node.get("config")
    if not isinstance(config, dict):
        faults.append(f"{kind[1]} without configuration")
    elif kind == _DTYPE_POLICY and config.get("name") not in _PRECISIONS:
        faults.append(f"the precision {str(config.get('name'))[:40]!r}")
    elif kind == ("keras.layers", "Normalization") and not _is_colour(config.get("mean")):
        # It would take memory of its own for the mean of any other shape.
        faults.append("Normalization of anything but three colours")
    elif kind == ("keras.layers", "Rescaling") and not _are_numbers(config, "scale", "offset"):
        faults.append("Rescaling by more than one number")
    elif kind == _FUNCTIONAL and any(_kind(layer) not in _LAYERS for layer in config["layers"]):
        faults.append("a layer that is none")
    if len(node.get("inbound_nodes", ())) > 1:
        faults.append(f"{kind[1]} called more than once")
    return kind in _LAYERS


def _is_colour(mean):
    return isinstance(mean, list) and len(mean) == 3


def _are_numbers(config, *names):
    return all(isinstance(config.get(name), (int, float)) for name in names)


def build_network(config, weights, device):
    """Build a network and give it its weights.

    Parameters
    ----------
    config : dict
        Of which :func:`find_unknown` knows all.
    weights : list of ndarray
        Those of float32 may have been saved as float16.
    device : {"cpu", "gpu"}

    Returns
    -------
    keras.Model
        Ready to predict, not compiled.

    Raises
    ------
    ValueError
        If the weights are not those of this network, or Keras refuses the configuration.
    """
    # A thread of its own: Keras lists the variables that are not initialised yet by thread, and
    # after an error they must not be found, and allocated, by somebody else.
    with isolated_random_state(0), ThreadPoolExecutor(1) as thread:
        return thread.submit(_build, config, weights, device).result()


def _build(config, weights, device):
    with device_scope(device):
        with keras.StatelessScope(initialize_variables=False):
            # Keras uses up what it is given.
            model = keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)
        _check_sizes(model, weights)
        _restore_trainable(model, config)
        with keras.StatelessScope():
            # On leaving it, Keras initialises the variables, now that their sizes are known.
            pass
        model.set_weights(weights)
    return model


def _restore_trainable(model, config):
    """Freeze single layers of a model again: Keras gives them all the flag of the model."""
    operations = {operation.name: operation for operation in model.operations}
    for described in config["config"]["layers"]:
        operation, flag = operations[described["name"]], described["config"].get("trainable")
        if isinstance(flag, bool):
            operation.trainable = flag
        if isinstance(operation, keras.Model):
            _restore_trainable(operation, described)


def _check_sizes(model, weights):
    expected = [(tuple(weight.shape), weight.dtype) for weight in model.weights]
    found = [(array.shape, array.dtype.name) for array in weights]
    if len(found) != len(expected):
        raise ValueError(f"{len(found)} weights, but the network has {len(expected)}")
    for index, (have, need) in enumerate(zip(found, expected, strict=True)):
        halved = have == (need[0], "float16") and need[1] == "float32"
        if have != need and not halved:
            raise ValueError(f"weights {index} have shape and dtype {have}, but need {need}")
    large = find_large_outputs(model)
    if large:
        raise ValueError(large[0])


def find_large_outputs(model):
    """List the layers of a model whose output would take too much memory.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    list of str
    """
    return [
        f"a layer that gives {output.shape[1:]} numbers for one image"
        for output in _outputs(model)
        if math.prod(output.shape[1:]) > _MAX_OUTPUT
    ]


def _outputs(model):
    for operation in model.operations:
        yield from keras.tree.flatten(operation.output)
        if isinstance(operation, keras.Model):
            yield from _outputs(operation)
