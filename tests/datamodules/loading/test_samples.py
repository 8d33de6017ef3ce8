import hashlib

import numpy as np

from datamodules.loading.samples import SIZE, draw_pair


def test_a_pair_is_an_image_and_its_foreground() -> None:
    image, gt = draw_pair(0, 0)
    assert image.shape == (SIZE, SIZE, 3)
    assert gt.shape == (SIZE, SIZE)
    assert image.dtype == gt.dtype == np.uint8
    assert np.unique(gt).tolist() == [0, 1]


def test_a_drawing_depends_on_seed_and_index_only() -> None:
    np.testing.assert_array_equal(draw_pair(1, 2)[0], draw_pair(1, 2)[0])
    pictures = {hashlib.sha1(draw_pair(seed, index)[0].tobytes()).digest() for seed in (0, 1) for index in (0, 1)}
    assert len(pictures) == 4


def test_neither_a_brightness_threshold_nor_a_constant_answer_finds_the_foreground() -> None:
    images, gts = zip(*(draw_pair(0, index) for index in range(40)), strict=True)
    grey, gt = np.stack(images).mean(axis=-1), np.stack(gts) == 1
    best = max(np.sum((grey > at) & gt) / np.sum((grey > at) | gt) for at in range(0, 256, 8))
    assert 0.1 < gt.mean() < 0.3
    assert best < 0.5


def test_most_foregrounds_are_bluer_than_their_image() -> None:
    blue_minus_red = [
        (image[gt == 1].mean(axis=0) - image[gt == 0].mean(axis=0)) @ [-1, 0, 1]
        for image, gt in (draw_pair(0, index) for index in range(40))
    ]
    assert np.mean(np.array(blue_minus_red) > 0) > 0.8
