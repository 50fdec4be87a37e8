"""The optimisers of both papers, each with its learning-rate schedule per step."""

from collections.abc import Callable

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def adam(model: nn.Module, learning_rate: float) -> tuple[Optimizer, LRScheduler]:
    """Adam with PyTorch's defaults and a constant rate, over the parameters that are trained (paper B §3.2)."""
    optimiser = Adam([p for p in model.parameters() if p.requires_grad], lr=learning_rate, fused=True)
    return optimiser, LambdaLR(optimiser, lambda step: 1.0)


def nesterov_sgd(model: nn.Module, learning_rate: float, momentum: float) -> tuple[Optimizer, LRScheduler]:
    """Stochastic gradient descent with Nesterov momentum and a constant rate."""
    optimiser = SGD(model.parameters(), lr=learning_rate, momentum=momentum, nesterov=True, fused=True)
    return optimiser, LambdaLR(optimiser, lambda step: 1.0)


def uncorrected_adam(
    model: nn.Module,
    learning_rate: float,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float,
    warmup_steps: int,
    total_steps: int,
) -> tuple[Optimizer, LRScheduler]:
    """Adam without bias correction ("no bias correction") under a linear warm-up and decay to zero at ``total_steps``.

    PyTorch's AdamW corrects the bias; multiplying its rate at step t by (1 - beta1^t) / sqrt(1 - beta2^t) takes the correction back.
    """
    optimiser = AdamW(model.parameters(), lr=learning_rate, betas=betas, eps=epsilon, weight_decay=weight_decay, fused=True)
    linear = linear_schedule(warmup_steps, total_steps)

    def factor(step: int) -> float:
        t = step + 1
        return linear(step) * (1 - betas[0] ** t) / (1 - betas[1] ** t) ** 0.5

    return optimiser, LambdaLR(optimiser, factor)


def linear_schedule(warmup_steps: int, total_steps: int) -> Callable[[int], float]:
    """Share of the learning rate at a step counted from 0: up over ``warmup_steps``, down to 0 at ``total_steps``, 0 afterwards."""

    def share(step: int) -> float:
        if step < warmup_steps:
            return step / max(1, warmup_steps)
        return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))

    return share
