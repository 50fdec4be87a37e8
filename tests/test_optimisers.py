import numpy as np
import pytest
import torch
from torch import nn

from emofuse import optimisers


def test_the_schedule_warms_up_and_decays_to_zero_at_the_total():
    """The values of Hugging Face's get_linear_schedule_with_warmup(100, 1000)."""
    share = optimisers.linear_schedule(100, 1000)
    assert [share(s) for s in (0, 1, 100, 550, 1000, 1500)] == pytest.approx([0.0, 0.01, 1.0, 0.5, 0.0, 0.0])


def test_adam_without_bias_correction_is_its_textbook_update():
    """Plain Adam moments without correction (Kingma & Ba 2015, Alg. 1 without the two bias-correction lines), in NumPy float64."""
    model = nn.Linear(3, 1, bias=False).double()
    weight = model.weight.detach().numpy().copy()
    optimiser, scheduler = optimisers.uncorrected_adam(model, 1e-3, (0.9, 0.999), 1e-6, 0.0, warmup_steps=5, total_steps=50)
    share = optimisers.linear_schedule(5, 50)
    m, v = np.zeros_like(weight), np.zeros_like(weight)
    rng = np.random.default_rng(0)
    for step in range(40):
        gradient = rng.normal(size=weight.shape)
        model.weight.grad = torch.tensor(gradient)
        optimiser.step()
        scheduler.step()
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        corrected = (1 - 0.999 ** (step + 1)) ** 0.5
        weight -= 1e-3 * share(step) * m / (np.sqrt(v) + 1e-6 * corrected)
    np.testing.assert_allclose(model.weight.detach().numpy(), weight, rtol=1e-9)


def test_uncorrected_steps_are_larger_than_adams_at_the_start():
    """models at step 1: (1 - beta1) / sqrt(1 - beta2) = 3.16 times."""
    model = nn.Linear(1, 1, bias=False)
    optimiser, _ = optimisers.uncorrected_adam(model, 1.0, (0.9, 0.999), 1e-12, 0.0, 0, 10)
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.1 / 0.001**0.5)


def test_nesterov_momentum_is_its_formula():
    model = nn.Linear(1, 1, bias=False)
    optimiser, _ = optimisers.nesterov_sgd(model, 0.1, 0.9)
    start = model.weight.item()
    for gradient in (1.0, 2.0):
        model.weight.grad = torch.tensor([[gradient]])
        optimiser.step()
    # velocities 1 and 2.9; each step moves by gradient + 0.9 * velocity
    assert model.weight.item() == pytest.approx(start - 0.1 * (1.9 + 2.0 + 0.9 * 2.9), abs=1e-6)
