"""What is specific to transfer learning: heads, freezing, the second phase."""

import keras
import numpy as np
import pytest

from fer_estimators.backbones import BACKBONE_LAYER, Backbone


def backbone_weights(clf):
    return clf.model_.get_layer("backbone").get_weights()


@pytest.mark.parametrize("head", ["pooled", "study"])
def test_the_frozen_backbone_keeps_its_weights(transfer, faces, head):
    before = transfer(head=head, epochs=1).fit(faces.images, faces.target)
    after = transfer(head=head, epochs=3, learning_rate=0.01).fit(faces.images, faces.target)
    for a, b in zip(backbone_weights(before), backbone_weights(after), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_second_phase_trains_the_last_layers_only(transfer, faces):
    params = {"validation_fraction": None, "epochs": 2}
    frozen = transfer(**params).fit(faces.images, faces.target)
    tuned = transfer(fine_tuning=(1, 3, 0.01), **params).fit(faces.images, faces.target)
    assert tuned.n_epochs_ == len(tuned.history_["loss"]) == 5
    network = tuned.model_.get_layer("backbone")
    changed = {
        layer.name
        for layer, same in zip(
            network.layers, frozen.model_.get_layer("backbone").layers, strict=True
        )
        if any((a != b).any() for a, b in zip(layer.get_weights(), same.get_weights(), strict=True))
    }
    assert changed == {"conv2"}


def test_the_second_phase_keeps_the_best_of_both(transfer, faces):
    clf = transfer(
        epochs=4,
        learning_rate=0.01,
        fine_tuning=(2, 2, 10.0),
        augmentation="study",
    )
    images, labels = faces.images, faces.target
    clf.fit(images[:100], labels[:100], validation_data=(images[100:], labels[100:]))
    best = max(clf.history_["val_accuracy"])
    assert clf.history_["val_accuracy"][clf.best_epoch_ - 1] == best
    assert clf.score(images[100:], labels[100:]) == pytest.approx(best)


def test_too_many_layers_are_reported(transfer, faces):
    with pytest.raises(ValueError, match=r"fine_tuning=\(3,\).*has only 2 layers with weights"):
        transfer(fine_tuning=(3,)).fit(faces.images, faces.target)


@pytest.mark.parametrize("fine_tuning", [(1, 2.0), (1.5,), (1, 0), (1, 1, 0.0), ("all",), ()])
def test_fine_tuning_that_cannot_be_is_told_before_the_first_phase(transfer, faces, fine_tuning):
    def fail(epoch, logs=None):
        raise AssertionError("the first phase began")

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=fail)
    with pytest.raises(ValueError, match="all above zero, the first two whole"):
        transfer(fine_tuning=fine_tuning, callbacks=[callback]).fit(faces.images, faces.target)


@pytest.mark.parametrize("image_size", [20, (20, 24)])
def test_images_are_resized_inside_the_graph(transfer, faces, image_size):
    clf = transfer(image_size=image_size).fit(faces.images, faces.target)
    expected = (20, 20) if image_size == 20 else image_size
    assert clf.model_.get_layer("backbone").input_shape[1:3] == expected
    assert clf.image_shape_ == (16, 16, 1)


def test_a_function_may_be_the_head(transfer, faces):
    def head(features, n_classes):
        x = keras.layers.Flatten()(features)
        return keras.layers.Dense(n_classes, activation="softmax", name="own")(x)

    clf = transfer(head=head).fit(faces.images, faces.target)
    assert clf.model_.get_layer("own")


def test_the_head_of_the_study(transfer, faces):
    model = transfer(head="study").fit(faces.images, faces.target).model_
    names = ["head_conv1", "head_conv2", "head_conv3"]
    assert [model.get_layer(name).filters for name in names] == [32, 32, 64]
    assert [model.get_layer(name).strides[0] for name in names] == [2, 1, 1]
    assert model.get_layer("head_dense").units == 32
    assert model.get_layer("head_dropout").rate == 0.5


def blocks(include_top, weights, input_shape):
    """Stand in for a network that holds others, as Keras' ConvNeXt does."""
    stem = keras.Sequential(
        [keras.Input(input_shape), keras.layers.Conv2D(3, 3, strides=4, name="stem_conv")],
        name="stem",
    )
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, name="last")(stem(inputs))
    return keras.Model(inputs, x, name="blocks")


def test_backbones_that_hold_other_models_are_tuned_from_their_end(transfer, faces):
    backbone = Backbone("blocks", blocks, unchanged, 8, "none")
    params = {"backbone": backbone, "augmentation": "study", "validation_fraction": None}
    frozen = transfer(**params).fit(faces.images, faces.target)
    tuned = transfer(fine_tuning=(1, 1, 0.1), **params).fit(faces.images, faces.target)
    network, same = (clf.model_.get_layer(BACKBONE_LAYER) for clf in (tuned, frozen))
    for name, learns in (("stem", False), ("last", True)):
        pair = (n.get_layer(name).get_weights()[0] for n in (network, same))
        assert np.array_equal(*pair) != learns


def unchanged(images):
    """Preprocess nothing."""
    return images


def without_weights(include_top, weights, input_shape):
    """Stand in for a backbone of fixed operations."""
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.AveragePooling2D(4)(inputs))


def test_the_head_learns_on_a_backbone_without_weights(transfer, faces):
    backbone = Backbone("none", without_weights, unchanged, 8, "none")
    clf = transfer(backbone=backbone, epochs=2).fit(faces.images, faces.target)
    assert len(clf.model_.trainable_weights) == 2


def test_partial_fit_after_fine_tuning_leaves_the_backbone_alone(transfer, faces):
    clf = transfer(fine_tuning=(2, 1), learning_rate=0.01)
    clf.fit(faces.images, faces.target)
    before = backbone_weights(clf)
    head = clf.model_.get_layer("logits").get_weights()[0]
    clf.partial_fit(faces.images, faces.target)
    for a, b in zip(before, backbone_weights(clf), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (head != clf.model_.get_layer("logits").get_weights()[0]).any()


def test_an_optimizer_instance_cannot_have_two_learning_rates(transfer, faces):
    clf = transfer(optimizer=keras.optimizers.Adam(1e-3), fine_tuning=(1,))
    with pytest.raises(ValueError, match=r"fine_tuning=\(1,\) needs a second one"):
        clf.fit(faces.images, faces.target)


@pytest.mark.parametrize("image_size", [(48,), (150.0, 150.0), 0])
def test_bad_image_sizes_are_reported(transfer, faces, image_size):
    with pytest.raises(ValueError, match="image_size"):
        transfer(image_size=image_size).fit(faces.images, faces.target)
