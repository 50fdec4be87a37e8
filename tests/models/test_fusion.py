import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emofuse.models.emotion_heads import EmotionHeads, FusedEmotion
from emofuse.models.fusion import SIGNALS, Attention, Fusion, FusionHeads, FusionPretraining, Unweighted, Weighted
from emofuse.models.signal_encoder import SignalEncoder
from emofuse.models.speech_autoencoder import SpeechAutoencoder

MECHANISMS = ["unweighted", "weighted", "attention"]
EXTRA = {"unweighted": 0, "weighted": 5, "attention": 5 * 1777}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def count(model):
    return sum(p.numel() for p in model.parameters())


def embeddings(batch=6):
    return torch.randn(batch, 5, 40)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(
    ("projection", "topology", "parameters", "width"),
    [((32, 16), "concatenated", 6_960, 16), ((128, 64), "concatenated", 33_984, 64), ((32, 16), "per_signal", 1_840, 80)],
)
def test_counts_and_widths(mechanism, projection, topology, parameters, width):
    fusion = Fusion(mechanism, projection, topology)
    assert count(fusion) == parameters + EXTRA[mechanism]
    assert fusion.width == width
    assert fusion(embeddings()).shape == (6, width)
    assert count(FusionHeads(width)) == {16: 11_560, 64: 42_280, 80: 52_520}[width]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_fusing_and_projecting_are_the_two_steps_of_a_fusion(mechanism):
    fusion, x = Fusion(mechanism), embeddings()
    assert fusion.fuse(x).shape == x.shape
    assert torch.equal(fusion(x), fusion.project(fusion.fuse(x)))


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("topology", ["concatenated", "per_signal"])
def test_every_parameter_of_fusion_and_heads_gets_a_gradient_in_any_batch_order(mechanism, topology):
    fusion = Fusion(mechanism, topology=topology)
    model, x = nn.Sequential(fusion, FusionHeads(fusion.width)), embeddings(64)
    model(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    torch.testing.assert_close(model(x.flip(0)).flip(0), model(x))


def test_weights_of_one_leave_the_embeddings_and_others_scale_them():
    weighted, x = Weighted(), embeddings()
    assert torch.equal(weighted(x), Unweighted()(x))
    weighted.weights.data = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5])
    assert torch.equal(weighted(x)[:, 0], torch.zeros(6, 40))
    assert torch.equal(weighted(x)[:, 2], 2 * x[:, 2])


def torchs_own(attention, signal):
    """PyTorch's attention with the weights of one signal."""
    width = attention.out_weight.shape[1]
    own = nn.MultiheadAttention(width, attention.heads, batch_first=True)
    own.in_proj_weight.data = attention.qkv_weight.data[signal].T
    own.in_proj_bias.data = attention.qkv_bias.data[signal, 0]
    own.out_proj.weight.data = attention.out_weight.data[signal].T
    own.out_proj.bias.data = attention.out_bias.data[signal, 0]
    return own


def test_attention_over_elements_equals_torchs_for_each_signal_and_so_do_its_maps():
    attention, x = Attention(), embeddings()
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.5)
    out, maps = attention(x), attention.maps(x)
    assert maps.shape == (6, 5, 4, 40, 40)
    for s in range(5):
        tokens = x[:, s, :, None] * attention.lift_weight[s] + attention.lift_bias[s] + attention.position[s]
        attended, weights = torchs_own(attention, s)(tokens, tokens, tokens, average_attn_weights=False)
        lowered = (attended @ attention.lower_weight[s])[:, :, 0] + attention.lower_bias[s]
        torch.testing.assert_close(out[:, s], lowered, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(maps[:, s], weights, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(maps.sum(-1), torch.ones(6, 5, 4, 40))


def superposition_error(mechanism):
    """How far f(a) + f(b) - f(0) is from f(a + b): zero for an affine map."""
    a, b = embeddings(), embeddings()
    return (mechanism(a) + mechanism(b) - mechanism(torch.zeros_like(a)) - mechanism(a + b)).abs().max()


def test_attention_over_a_single_token_is_an_affine_map_and_over_elements_it_is_not():
    single, elements = Attention(tokens="single"), Attention(tokens="elements")
    assert superposition_error(single) < 1e-5
    assert superposition_error(elements) > 0.05
    assert count(single) == 5 * 6_560
    assert count(elements) == 5 * 1_777
    x = embeddings()
    assert torch.equal(single.maps(x), torch.ones(6, 5, 4, 1, 1))
    torch.testing.assert_close(single(x)[:, 1], torchs_own(single, 1)(x[:, 1:2], x[:, 1:2], x[:, 1:2])[0][:, 0])


@pytest.mark.parametrize("tokens", ["elements", "single"])
def test_no_signal_sees_another(tokens):
    attention, x = Attention(tokens=tokens), embeddings()
    changed = x.clone()
    changed[:, 3] += 1
    same = (attention(changed) == attention(x)).flatten(2).all(2).all(0)
    assert same.tolist() == [True, True, True, False, True]


def test_unknown_mechanisms_and_indivisible_widths_are_refused():
    with pytest.raises(ValueError, match=r"'gated'.*attention"):
        Fusion("gated")
    with pytest.raises(ValueError, match="width 18: not divisible by 4"):
        Attention(width=18)


def test_the_heads_are_separate_networks():
    heads, x = FusionHeads(16), torch.randn(3, 16)
    out = heads(x)
    for index in (0, 17, 39):
        rows = slice(16 * index, 16 * index + 16)
        hidden = torch.relu(x @ heads.first.weight[rows].T + heads.first.bias[rows])
        torch.testing.assert_close(out[:, index], hidden @ heads.out_weight[index] + heads.out_bias[index])


def test_projection_of_each_signal_shares_its_weights():
    fusion, x = Fusion("unweighted", topology="per_signal"), embeddings()
    order = [4, 2, 0, 1, 3]
    torch.testing.assert_close(fusion(x[:, order]), fusion(x).view(6, 5, 16)[:, order].flatten(1))


def pretraining(mechanism="attention"):
    encoders = {name: SignalEncoder() for name in reversed(SIGNALS)} | {"speech": SpeechAutoencoder().encoder}
    return FusionPretraining(encoders, Fusion(mechanism), FusionHeads(16))


def signals(batch):
    return {
        "temp": torch.randn(batch, 16),
        "eda": torch.randn(batch, 16),
        "bvp": torch.randn(batch, 256),
        "acc": torch.randn(batch, 384),
        "speech": torch.randn(batch, 400, 40),
    }


def test_pretraining_goes_from_five_signals_to_forty_statistics_and_every_parameter_gets_a_gradient():
    model, batch = pretraining(), signals(8)
    embedded = model.embed(**batch)
    assert embedded.shape == (8, 5, 40)
    for index, name in enumerate(SIGNALS):
        assert torch.equal(embedded[:, index], model.encoders[name](batch[name]))
    assert torch.equal(model.represent(**batch), model.fusion(embedded))
    out = model(**batch)
    assert out.shape == (8, 40)
    out.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert count(model) == 4 * 2_920 + 46_248 + 5 * 1_777 + 6_960 + 11_560


def test_pretraining_wants_an_encoder_for_each_signal():
    with pytest.raises(ValueError, match="expected one for each"):
        FusionPretraining({"speech": nn.Identity()}, Fusion("unweighted"), nn.Identity())


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_eight_windows_are_learnt_by_heart(mechanism):
    model = FusedEmotion(Fusion(mechanism), EmotionHeads(16, [3, 3, 6]), 200)
    x = torch.randn(8, 200)
    truth = [torch.arange(8) % n for n in (3, 3, 6)]
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(400):
        loss = sum(F.cross_entropy(logits, y) for logits, y in zip(model.heads.split(model(x)), truth, strict=True))
        if loss < 0.05:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert all((logits.argmax(1) == y).all() for logits, y in zip(model.heads.split(model(x)), truth, strict=True))


@pytest.mark.parametrize(("classes", "parameters"), [([3], 435), ([6], 462), ([3, 3, 6], 435 + 435 + 462)])
def test_an_emotion_head_of_16_inputs_has_435_to_462_parameters(classes, parameters):
    heads = EmotionHeads(16, classes)
    assert count(heads) == parameters
    assert heads(torch.randn(4, 16)).shape == (4, sum(classes))


def test_emotion_heads_side_by_side_equal_three_layers_each():
    heads, x = EmotionHeads(40, [3, 6]), torch.randn(5, 40)
    for parameter in heads.parameters():
        nn.init.normal_(parameter, std=0.5)
    for target, logits in enumerate(heads.split(heads(x))):
        hidden = x
        for weight, bias in zip(heads.weights, heads.biases, strict=True):
            hidden = torch.relu(hidden @ weight[target] + bias[target])
        rows = slice(0, 3) if target == 0 else slice(3, 9)
        torch.testing.assert_close(logits, hidden @ heads.out_weight[rows].T + heads.out_bias[rows], rtol=1e-5, atol=1e-4)


def test_a_loss_on_one_target_leaves_the_others_heads_alone():
    heads = EmotionHeads(16, [3, 6])
    heads.split(heads(torch.randn(32, 16)))[1].square().sum().backward()
    assert not heads.weights[0].grad[0].any()
    assert heads.weights[0].grad[1].any()
    assert not heads.out_weight.grad[:3].any()


def test_heads_alone_take_what_is_already_joined_and_widths_must_fit():
    heads = EmotionHeads(16, [3])
    x = torch.randn(2, 16)
    assert torch.equal(FusedEmotion(None, heads, 16)(x), heads(x))
    fusion = Fusion("weighted")
    flat = torch.randn(2, 200)
    assert torch.equal(FusedEmotion(fusion, heads, 200)(flat), heads(fusion(flat.view(2, 5, 40))))
    for wrong in [(None, heads, 40), (fusion, heads, 160), (Fusion("weighted", topology="per_signal"), heads, 200)]:
        with pytest.raises(ValueError, match="heads take 16"):
            FusedEmotion(*wrong)
