import pytest
import torch
from torch.nn import functional as F

from emofuse.models.signal_encoder import KERNELS, SignalEncoder


def encoder(**sizes):
    torch.manual_seed(0)
    return SignalEncoder(**sizes)


def layer_by_layer(model, signal):
    """The published table read literally: same padding, ReLU, pool branch (3, stride 1), concatenate, pool by two."""
    x = signal[:, None]
    for block in model.blocks:
        parts = [F.relu(F.conv1d(x, w, b, padding=k // 2)) for w, b, k in zip(block.weights, block.biases, KERNELS, strict=True)]
        if block.pooled_copy:
            parts.append(F.max_pool1d(x, 3, stride=1, padding=1))
        x = F.max_pool1d(torch.cat(parts, dim=1), 2)
    return model.bottleneck(x.amax(dim=2))


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_an_encoder_has_2920_parameters_block_by_block():
    model = encoder()
    assert [count(b) for b in model.blocks] + [count(model.bottleneck)] == [40, 264, 520, 776, 1320]
    assert count(model) == 2920


@pytest.mark.parametrize("samples", [16, 17, 31, 256, 384])
def test_the_fused_blocks_compute_what_the_published_layers_do(samples):
    model = encoder()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # biases too, which start at zero
    signal = torch.randn(3, samples)
    out = model(signal)
    assert out.shape == (3, 40)
    torch.testing.assert_close(out, layer_by_layer(model, signal), rtol=1e-5, atol=1e-5)


def test_the_fused_blocks_have_the_gradients_of_the_published_layers():
    model, signal = encoder(), torch.randn(5, 64)
    fused = torch.autograd.grad(model(signal).square().sum(), list(model.parameters()))
    published = torch.autograd.grad(layer_by_layer(model, signal).square().sum(), list(model.parameters()))
    for ours, theirs in zip(fused, published, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_four_halvings_need_16_samples():
    assert encoder()(torch.zeros(1, 16)).shape == (1, 40)
    with pytest.raises(ValueError, match=r"15 samples.*at least 16"):
        encoder()(torch.zeros(1, 15))
    assert encoder(blocks=2)(torch.zeros(1, 4)).shape == (1, 40)


def test_weights_start_within_glorots_bound_of_each_convolution_and_biases_at_zero():
    model = encoder()
    for channels, block in zip([1, 8, 16, 24], model.blocks, strict=True):
        for weight, bias, kernel in zip(block.weights, block.biases, KERNELS, strict=True):
            bound = (6 / (kernel * channels + kernel * 2)) ** 0.5
            assert 0.3 * bound < weight.abs().max() <= bound
            assert not bias.any()


def test_every_parameter_gets_a_gradient():
    model = encoder()
    model(torch.randn(64, 256)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_eight_windows_are_told_apart_by_heart():
    model, windows, wanted = encoder(), torch.randn(8, 16), torch.arange(8)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(300):
        logits = model(windows)
        if (logits.argmax(1) == wanted).all():
            break
        loss = F.cross_entropy(logits, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (logits.argmax(1) == wanted).all()
