"""Let skl2onnx convert pipelines that end in this library's classifiers."""

from fer_estimators.export._export_classifier import (
    require_tensorflow,
    take_apart,
    trace_classifier,
)
from fer_estimators.export._extras import require


def register_onnx_converters() -> None:
    """Tell skl2onnx how to convert CNNClassifier and TransferClassifier.

    Afterwards, ``skl2onnx.to_onnx`` accepts them, alone and at the end of a pipeline whose other
    steps it knows. The graph takes images, or flat rows of them, as float32 pixels in 0..255, and
    returns labels and probabilities, as the graphs of scikit-learn's classifiers do. Keras must
    run on TensorFlow.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    export_classifier : Write a complete file for ExportedClassifier.

    Examples
    --------
    >>> from fer_estimators import CNNClassifier, make_faces
    >>> from fer_estimators.export import register_onnx_converters
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> register_onnx_converters()  # doctest: +SKIP
    >>> faces = make_faces(70, image_size=16, random_state=0)
    >>> clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    >>> clf = clf.fit(faces.images, faces.target)
    >>> model = to_onnx(clf, faces.images[:1].astype("float32"))  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    except ImportError as error:
        raise ImportError(
            "skl2onnx is not installed. Run `pip install skl2onnx 'fer-estimators[export]'`."
        ) from error
    from fer_estimators.classifiers import CNNClassifier, TransferClassifier

    def set_shapes(operator):
        # The function that skl2onnx has for its own classifiers expects rows.
        shape = operator.inputs[0].type.shape
        operator.inputs[0].type.shape = [shape[0], None]
        calculate_linear_classifier_output_shapes(operator)
        operator.inputs[0].type.shape = shape

    for cls in (CNNClassifier, TransferClassifier):
        update_registered_converter(
            cls,
            f"FerEstimators{cls.__name__}",
            set_shapes,
            _convert,
            options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
            overwrite=True,
        )


def _convert(scope, operator, container):
    """Add the network's graph, and the labels behind it."""
    from onnx import TensorProto

    clf = operator.raw_operator
    model = _network_model(clf, container.target_opset)
    images, source, shape, labels, best, chosen = map(
        scope.get_unique_variable_name,
        ("pixels", "images", "image_shape", "labels", "best", "chosen"),
    )
    container.add_node(
        "Cast", [operator.inputs[0].full_name], [images], op_version=13, to=TensorProto.FLOAT
    )
    # 0 keeps the number of images: with -1, one of twice the size would become two.
    container.add_initializer(shape, TensorProto.INT64, [4], [0, *clf.image_shape_])
    container.add_node("Reshape", [images, shape], [source], op_version=14)
    probabilities = operator.outputs[1].full_name
    _add_graph(scope, container, model.graph, source, probabilities)
    classes = clf.classes_.tolist()
    is_text = isinstance(classes[0], str)
    kind = TensorProto.STRING if is_text else TensorProto.INT64
    values = [label.encode() for label in classes] if is_text else list(map(int, classes))
    container.add_initializer(labels, kind, [len(values)], values)
    container.add_node("ArgMax", [probabilities], [best], op_version=13, axis=1, keepdims=0)
    container.add_node("ArrayFeatureExtractor", [labels, best], [chosen], op_domain="ai.onnx.ml")
    column = scope.get_unique_variable_name("column")
    container.add_initializer(column, TensorProto.INT64, [1], [-1])
    container.add_node("Reshape", [chosen, column], [operator.outputs[0].full_name], op_version=14)


def _network_model(clf, target_opset):
    require("onnx", write=True)
    require_tensorflow()
    from fer_estimators._backends.tensorflow_export import OPSET, to_onnx

    opset = target_opset.get("", OPSET) if isinstance(target_opset, dict) else target_opset
    if opset < OPSET:
        raise ValueError(
            f"target_opset={target_opset!r} is older than ONNX's operator set {OPSET}, in which "
            f"this library's classifiers are written. Pass target_opset={OPSET} or more."
        )
    classifier, _ = take_apart(clf)
    return to_onnx(trace_classifier(classifier)[0])


def _add_graph(scope, container, graph, source, target):
    """Copy a graph's constants and nodes, under names that are free."""
    from onnx import helper, numpy_helper

    from fer_estimators._backends.tensorflow_export import OPSET

    names = {"": "", graph.input[0].name: source, graph.output[0].name: target}

    def rename(name):
        if name not in names:
            names[name] = scope.get_unique_variable_name(f"network_{len(names)}")
        return names[name]

    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        container.add_initializer(
            rename(tensor.name), tensor.data_type, values.shape, values.ravel().tolist()
        )
    for node in graph.node:
        container.add_node(
            node.op_type,
            [rename(name) for name in node.input],
            [rename(name) for name in node.output],
            op_version=OPSET,
            name=scope.get_unique_operator_name(node.op_type),
            **{item.name: helper.get_attribute_value(item) for item in node.attribute},
        )
