import pytest
import torch

from emofuse.errors import InputError
from emofuse.models.speech_autoencoder import SpeechAutoencoder


def autoencoder(**sizes):
    torch.manual_seed(0)
    return SpeechAutoencoder(**sizes)


def test_400_frames_become_a_code_of_50_and_an_embedding_of_40():
    model, mfcc = autoencoder(), torch.randn(2, 400, 40)
    reconstruction, code = model(mfcc)
    assert code.shape == (2, 40, 50)
    assert reconstruction.shape == mfcc.shape
    assert model.embed(mfcc).shape == (2, 40)
    torch.testing.assert_close(model.embed(mfcc), code.mean(2))


def test_the_count_is_that_of_six_convolutions():
    encoder = (40 * 64 * 5 + 64) + (64 * 64 * 5 + 64) + (64 * 40 * 5 + 40)
    decoder = (40 * 64 * 5 + 64) + (64 * 64 * 5 + 64) + (64 * 40 * 5 + 40)
    model = autoencoder()
    assert sum(p.numel() for p in model.encoder.parameters()) == encoder
    assert sum(p.numel() for p in model.parameters()) == encoder + decoder


@pytest.mark.parametrize("frames", [1, 7, 50, 398, 401])
@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (3, 3), (7, 1)])
def test_the_reconstruction_is_as_long_as_its_input(frames, kernel, stride):
    model = autoencoder(kernel=kernel, stride=stride)
    assert model(torch.randn(1, frames, 40))[0].shape == (1, frames, 40)


def test_the_code_equals_one_dimensional_convolutions_with_relu_and_is_not_negative():
    model, mfcc = autoencoder(), torch.randn(2, 40, 40)
    x = mfcc.transpose(1, 2)
    for layer in model.encoder.layers:
        x = torch.relu(torch.nn.functional.conv1d(x, layer.weight[:, :, 0], layer.bias, stride=2, padding=2))
    torch.testing.assert_close(model.encode(mfcc), x, rtol=1e-5, atol=1e-6)
    assert (x >= 0).all()
    assert (x == 0).any()


def test_a_change_of_scale_and_offset_is_undone_by_standardising():
    plain, shifted = autoencoder(), autoencoder()
    mean, sd = torch.linspace(-50, 3, 40), torch.linspace(0.5, 20, 40)
    shifted.standardise_by(mean, sd)
    mfcc = torch.randn(2, 64, 40)
    torch.testing.assert_close(shifted.scaled(mfcc * sd + mean), mfcc, rtol=1e-4, atol=1e-4)
    for ours, wanted in zip(shifted(mfcc * sd + mean), plain(mfcc), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-4)


def test_the_scale_is_kept_with_the_weights():
    one, other = autoencoder(), autoencoder()
    one.standardise_by(torch.full((40,), 2.0), torch.full((40,), 3.0))
    other.load_state_dict(one.state_dict())
    assert (other.mean == 2).all()
    assert (other.sd == 3).all()


def test_a_coefficient_that_does_not_vary_is_an_error_of_one_line():
    model, sd = autoencoder(), torch.ones(40)
    sd[3] = 0
    with pytest.raises(InputError, match=r"MFCC.*coefficients \[3\]") as error:
        model.standardise_by(torch.zeros(40), sd)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"40 means.*39 and 39"):
        model.standardise_by(torch.zeros(39), torch.ones(39))
    assert (model.sd == 1).all()


def test_every_parameter_gets_a_gradient():
    model = autoencoder()
    reconstruction, code = model(torch.randn(4, 64, 40))
    (reconstruction.square().mean() + code.abs().mean()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_eight_windows_are_learnt_by_heart():
    model, mfcc = autoencoder(), torch.randn(8, 8, 40)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(400):
        loss = (model(mfcc)[0] - mfcc).square().mean()
        if loss < 0.1:  # the mean would give 1
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1
