import math

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss, SelfSupervisedLoss
from torch import nn
from torch.nn import functional as F

from emofuse.models.signal_encoder import SignalEncoder
from emofuse.self_supervision.contrast import Projected, nt_xent


def textbook(a, b, temperature):
    """SimCLR's Eq. 1, pair by pair."""
    z = F.normalize(torch.cat([a, b]).double(), dim=1)
    total, n = 0.0, len(a)
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        contrasts = sum(math.exp(float(z[i] @ z[k]) / temperature) for k in range(2 * n) if k != i)
        total -= math.log(math.exp(float(z[i] @ z[j]) / temperature) / contrasts)
    return total / (2 * n)


def views(n=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 8, generator=generator), torch.randn(n, 8, generator=generator)


@pytest.mark.parametrize("temperature", [0.07, 0.1, 0.5])
def test_nt_xent_is_the_textbooks_and_the_librarys(temperature):
    a, b = views()
    ours = nt_xent(a, b, temperature).item()
    assert ours == pytest.approx(textbook(a, b, temperature), rel=1e-6)
    assert ours == pytest.approx(SelfSupervisedLoss(NTXentLoss(temperature=temperature), symmetric=True)(a, b).item(), rel=1e-6)


def test_nt_xent_has_the_librarys_gradient():
    a, b = (v.requires_grad_() for v in views())
    ours = torch.autograd.grad(nt_xent(a, b, 0.1), [a, b])
    theirs = torch.autograd.grad(SelfSupervisedLoss(NTXentLoss(temperature=0.1), symmetric=True)(a, b), [a, b])
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_both_directions_count_and_equal_embeddings_give_the_logarithm_of_their_number():
    a, b = views()
    assert nt_xent(a, b, 0.1).item() == pytest.approx(nt_xent(b, a, 0.1).item(), rel=1e-6)
    same = torch.ones(6, 8)
    assert nt_xent(same, same, 0.1).item() == pytest.approx(math.log(11), rel=1e-6)
    apart = torch.eye(6)
    assert nt_xent(apart, apart, 0.05).item() < 1e-6


def test_the_projection_sits_on_an_encoder_that_stays_usable_alone():
    torch.manual_seed(0)
    encoder = SignalEncoder()
    model = Projected(encoder, 40, [64, 32])
    x = torch.randn(16, 32)
    assert model(x).shape == (16, 32)
    assert sum(p.numel() for p in model.projection.parameters()) == 40 * 64 + 64 + 64 * 32 + 32
    assert [type(m) for m in model.projection] == [nn.Linear, nn.ReLU, nn.Linear]
    nt_xent(model(x), model(x + 0.1 * torch.randn(16, 32)), 0.1).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert model.encoder is encoder


def test_training_by_contrast_brings_views_of_held_out_windows_together():
    torch.manual_seed(0)
    model = Projected(SignalEncoder(), 40, [16])
    phase, rate = torch.rand(96, 1) * 6, torch.rand(96, 1) * 0.8
    windows = torch.sin(phase + rate * torch.arange(32))
    noisy = lambda x: x + 0.1 * torch.randn_like(x)  # noqa: E731
    train, held_out = windows[:64], windows[64:]
    before = nt_xent(model(noisy(held_out)), model(noisy(held_out)), 0.1).item()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        loss = nt_xent(model(noisy(train)), model(noisy(train)), 0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert nt_xent(model(noisy(held_out)), model(noisy(held_out)), 0.1).item() < 0.8 * before
