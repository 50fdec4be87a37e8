import pytest
import torch

from emofuse.models.cnn14 import CNN14, MIN_FRAMES
from emofuse.models.mfcnn14 import MFCNN14
from emofuse.models.sfcnn14 import SFCNN14

FULL = [64, 128, 256, 512, 1024, 2048]
NARROW = [4, 4, 8, 8, 16, 16]


def cnn14(widths=NARROW, outputs=4, pool="max", head_init="torch", fc_dropout=0.0):
    return CNN14(widths=widths, outputs=outputs, pool=pool, block_dropout=0.2, fc_dropout=fc_dropout, head_init=head_init)


def fusion(network, widths=NARROW, outputs=4, embedding=6, init="torch", pool="max"):
    return network(embedding, init, widths=widths, outputs=outputs, pool=pool, block_dropout=0.2, fc_dropout=0.0, head_init="torch")


def count(model):
    return sum(p.numel() for p in model.parameters())


def network(name, pool="max"):
    torch.manual_seed(0)
    return cnn14(pool=pool) if name == "cnn14" else fusion({"sfcnn14": SFCNN14, "mfcnn14": MFCNN14}[name], pool=pool)


def inputs(name, batch=3, frames=70):
    generator = torch.Generator().manual_seed(1)
    audio = -40 + 15 * torch.randn(batch, frames, 64, generator=generator)
    return (audio,) if name == "cnn14" else (audio, torch.randn(batch, 6, generator=generator))


@pytest.mark.parametrize(
    ("outputs", "audio", "single", "multi"),
    [(1, 79_675_841, 81_250_753, 82_776_449), (3, 79_679_939, 81_254_851, 82_780_547), (4, 79_681_988, 81_256_900, 82_782_596)],
)
def test_parameter_counts_at_full_width(outputs, audio, single, multi):
    with torch.device("meta"):
        models = [cnn14(FULL, outputs), fusion(SFCNN14, FULL, outputs, 768), fusion(MFCNN14, FULL, outputs, 768)]
    assert [count(m) for m in models] == [audio, single, multi]


def test_527_outputs_give_the_count_printed_in_panns_table_12():
    with torch.device("meta"):
        assert count(cnn14(FULL, 527)) == 80_753_615


def test_each_blocks_count_and_the_buffers():
    with torch.device("meta"):
        model = cnn14(FULL)
    assert [count(b) for b in model.blocks] == [37_696, 221_696, 885_760, 3_540_992, 14_159_872, 56_631_296]
    assert (count(model.bn0), count(model.fc1)) == (128, 4_196_352)
    assert sum(b.numel() for b in model.buffers()) == 16_269


@pytest.mark.parametrize("name", ["cnn14", "sfcnn14", "mfcnn14"])
def test_shape_gradient_and_batch_order(name):
    model = network(name)
    x = inputs(name)
    model(*x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.ndim == 4 or p.ndim == 2)
    model.eval()
    out = model(*x)
    assert out.shape == (3, 4)
    flipped = model(*(t.flip(0) for t in x)).flip(0)
    torch.testing.assert_close(out, flipped, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn14", "sfcnn14", "mfcnn14"])
def test_eight_examples_are_learnt_by_heart(name):
    model = network(name)
    x = inputs(name, batch=8)
    y = torch.arange(8) % 4
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(model(*x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():  # statistics of exactly these examples, without dropout
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.eval()
        assert (model(*x).argmax(1) == y).all()


def test_the_shortest_input_passes_and_one_frame_less_does_not():
    model = cnn14().eval()
    assert model(torch.zeros(1, MIN_FRAMES, 64)).shape == (1, 4)
    with pytest.raises(RuntimeError):
        model(torch.zeros(1, MIN_FRAMES - 1, 64))


@pytest.mark.parametrize("init", ["zero"])
@pytest.mark.parametrize("net", [SFCNN14, MFCNN14])
def test_zero_projections_leave_plain_cnn14(net, init):
    model = fusion(net, init=init).eval()
    plain = cnn14().eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("project")})
    audio, text = inputs(net.__name__.lower())
    assert torch.equal(model(audio, text), plain(audio))


def test_a_projection_in_the_last_block_only_is_sfcnn14():
    single, multi = fusion(SFCNN14).eval(), fusion(MFCNN14, init="zero").eval()
    state = {k: v for k, v in single.state_dict().items() if not k.startswith("project")}
    state |= {f"project.5.{k}": v for k, v in single.project.state_dict().items()}
    multi.load_state_dict(state, strict=False)
    x = inputs("mfcnn14")
    assert torch.equal(single(*x), multi(*x))


@pytest.mark.parametrize("pool", ["max", "avg"])
def test_the_single_stage_shift_equals_twice_its_value_on_the_pooled_vector(pool):
    """Mean over frequency, then max plus mean over time: a constant passes each once."""
    model = network("sfcnn14", pool).eval()
    audio, text = inputs("sfcnn14")
    pooled = []
    model.fc1.register_forward_pre_hook(lambda _, args: pooled.append(args[0].detach().clone()))
    model(audio, text)
    weight = model.project.weight.data.clone(), model.project.bias.data.clone()
    shift = model.project(text).detach()
    model.project.weight.data.zero_(), model.project.bias.data.zero_()
    model(audio, text)
    assert weight[0].abs().sum() > 0
    torch.testing.assert_close(pooled[0], pooled[1] + 2 * shift, rtol=1e-5, atol=1e-5)


def test_the_shift_commutes_with_either_pooling():
    x, c = torch.randn(1, 2, 8, 8), torch.randn(1, 2, 1, 1)
    for pool in (torch.nn.functional.max_pool2d, torch.nn.functional.avg_pool2d):
        torch.testing.assert_close(pool(x + c, 2), pool(x, 2) + c)


def test_bn0_normalises_each_mel_band():
    model = cnn14().train()
    audio = inputs("cnn14")[0] + torch.linspace(-30, 30, 64)
    model(audio)
    expected = 0.1 * audio.mean(dim=(0, 1))  # momentum 0.1 from a running mean of 0
    torch.testing.assert_close(model.bn0.running_mean, expected, rtol=1e-4, atol=1e-4)


def test_panns_head_initialisation_has_zero_biases_and_xavier_bounds():
    model = cnn14(head_init="panns")
    assert model.fc1.bias.abs().sum() == 0 and model.out.bias.abs().sum() == 0
    assert model.out.weight.abs().max() <= (6 / (16 + 4)) ** 0.5
