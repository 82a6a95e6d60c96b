import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latticework.inference.class_maps import symmetric_softmax
from latticework.inference.tiling import predict_tiled, tiles

MULTIPLE = 8


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    tile=st.integers(2, 8),
    overlap=st.integers(0, 8),
)
def test_every_pixel_is_kept_exactly_once_and_tiles_lie_on_the_grid(shape, tile, overlap):
    shape, tile = tuple(MULTIPLE * n for n in shape), MULTIPLE * tile
    overlap = min(overlap * MULTIPLE - overlap, tile - MULTIPLE)
    count = np.zeros(shape, int)
    for t in tiles(shape, tile, overlap, MULTIPLE):
        count[t.keep] += 1
        for axis in (0, 1):
            read, keep, inside = t.read[axis], t.keep[axis], t.inside[axis]
            assert read.start % MULTIPLE == 0
            assert 0 <= read.start < read.stop <= shape[axis]
            assert read.stop - read.start <= tile
            assert inside.start == keep.start - read.start
            # The trusted centre: half an overlap away from every border that is not the image's.
            assert read.start == 0 or inside.start >= overlap // 2
            assert read.stop == shape[axis] or read.stop - keep.stop >= overlap // 2
    assert (count == 1).all()


@pytest.mark.parametrize(
    ("length", "sides"),
    [(512, [512]), (600, [336, 336]), (1024, [384, 384, 384]), (1408, [512, 512, 512])],
)
def test_tiles_are_no_larger_than_they_need_to_be(length, sides):
    row = tiles((8, length), 512, 64, MULTIPLE)
    assert [t.read[1].stop - t.read[1].start for t in row] == sides


def pooling_network(frames: int, radius: int) -> torch.nn.Module:
    """Pools by 8 like a network of three levels; its receptive radius is radius + 8·2 + 8 px."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(frames, 4, 2 * radius + 1, padding=radius),
        torch.nn.MaxPool2d(8),
        torch.nn.Conv2d(4, 4, 5, padding=2),
        torch.nn.Upsample(scale_factor=8),
        torch.nn.Softmax(dim=1),
    ).eval()


@pytest.mark.parametrize("shape", [(3, 200, 328), (1, 96, 96), (2, 160, 72)])
def test_tiled_is_untiled(shape):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    network = pooling_network(shape[0], radius=3)

    @torch.no_grad()
    def function(stack):
        return network(torch.from_numpy(stack))

    whole = function(image[None])[0].numpy()
    tiled = predict_tiled(function, image, tile=96, overlap=56, multiple=8, batch=3)
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


def test_a_small_odd_image_is_padded_and_cut_back():
    image = np.arange(13 * 21, dtype=np.float32).reshape(13, 21)
    seen = []

    def function(stack):
        seen.append(stack.shape)
        return np.concatenate([stack, -stack], axis=1)

    result = predict_tiled(function, image, tile=64, overlap=16, multiple=8, batch=1)
    np.testing.assert_array_equal(result, np.stack([image, -image]))
    assert seen == [(1, 1, 16, 24)]


def test_never_more_than_a_batch_of_tiles_at_once():
    sizes = []

    def function(stack):
        sizes.append(stack.shape)
        return stack

    predict_tiled(
        function, np.ones((300, 300), np.float32), tile=64, overlap=16, multiple=8, batch=4
    )
    assert max(s[0] for s in sizes) == 4
    assert {s[2:] for s in sizes} == {(64, 64)}


@pytest.mark.parametrize(("tile", "overlap"), [(60, 8), (64, 64), (64, -1), (0, 0)])
def test_tiles_that_do_not_fit_are_refused(tile, overlap):
    with pytest.raises(ValueError, match=r"tile|overlap"):
        tiles((128, 128), tile, overlap, MULTIPLE)


def test_a_function_of_another_size_is_refused():
    with pytest.raises(ValueError, match="expected"):
        predict_tiled(
            lambda stack: stack[..., 1:],
            np.ones((64, 64)),
            tile=64,
            overlap=0,
            multiple=8,
            batch=1,
        )


@pytest.mark.parametrize("symmetries", [1, 4, 8])
def test_the_mean_over_symmetries_turns_with_the_image(symmetries):
    network = pooling_network(1, radius=3)
    images = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 1, 48, 96))).float()
    with torch.inference_mode():
        read = symmetric_softmax(network, images, symmetries)
        turned = symmetric_softmax(network, torch.rot90(images, 1, (-2, -1)), symmetries)
        mirrored = symmetric_softmax(network, images.flip(-1), symmetries)
    assert torch.allclose(read.sum(dim=1), torch.ones(()))
    same = torch.allclose(torch.rot90(read, 1, (-2, -1)), turned, atol=1e-6)
    assert same == (symmetries > 1)
    assert torch.allclose(read.flip(-1), mirrored, atol=1e-6) == (symmetries == 8)
    if symmetries == 1:
        torch.testing.assert_close(read, network(images).softmax(dim=1))
