"""`howfar.probe`: the right verdict on models of others and on ours, and a model left as it was found."""

import copy
import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import howfar
from howfar import Transformer, TransformerConfig, cli, probe, probes
from howfar.encodings.contract import scatter_parameters

transformers = pytest.importorskip("transformers")

TESTS = ["shift 1", "shift 20", "shift 100", "left padding", "left padding with positions"]
MOVES, STAYS = ["moves"] * 3, ["rounding"] * 3
LEARNED, OPT = [*MOVES, "moves", "rounding"], [*MOVES, "rounding", "rounding"]
ROPE, UNREAD = [*STAYS, "rounding", "rounding"], [*["ignored"] * 3, "rounding", "ignored"]
EXPECTED = dict.fromkeys(probes.ARCHITECTURES, ROPE) | {
    "gpt2": LEARNED, "gpt_neo": LEARNED, "opt": OPT, "falcon_alibi": UNREAD, "bloom": UNREAD, "mpt": UNREAD,
}  # fmt: skip
# Architectures that are no part of the table, and on which no threshold was set.
SHAPE = dict(hidden_size=32, num_attention_heads=2, num_hidden_layers=3, intermediate_size=64)
GPT = dict(n_embd=32, n_head=2, n_layer=3, n_positions=160)
MORE = {
    "qwen2": (SHAPE | {"num_key_value_heads": 2}, ROPE),
    "stablelm": (SHAPE | {"num_key_value_heads": 2}, ROPE),
    "phi": (SHAPE, ROPE),
    "gptj": (GPT | {"rotary_dim": 8}, ROPE),
    "codegen": (GPT | {"rotary_dim": 8, "n_head": 4}, ROPE),
    "gpt_bigcode": (GPT, LEARNED),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def some_tokens(batch=2, length=40, vocabulary=8):
    return torch.randint(vocabulary, (batch, length), generator=torch.Generator().manual_seed(7))


def verdicts(model, tokens=None, **options):
    found = probe(model, some_tokens() if tokens is None else tokens, **options)
    assert list(found["test"]) == TESTS and not found.attrs["refused"]
    return found["verdict"].tolist()


@pytest.mark.parametrize("name", probes.ARCHITECTURES)
def test_the_verdict_on_each_architecture(name):
    for seed in range(3):
        model = probes.small_model(name, seed=seed)
        assert verdicts(model) == EXPECTED[name]
        assert verdicts(model.to(torch.bfloat16)) == EXPECTED[name]


@pytest.mark.parametrize("name", MORE)
def test_the_verdict_on_models_that_no_threshold_was_set_on(name):
    shape, expected = MORE[name]
    nobody = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    config = transformers.AutoConfig.for_model(name, vocab_size=8, **shape, **nobody)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3 if weight.ndim == 2 else 1)  # attention as sharp as after training
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert verdicts(copy.deepcopy(model).to(dtype)) == expected, dtype


def ours(encoding, seed=0, **options):
    torch.manual_seed(seed)
    shape = dict(vocabulary=8, outputs=8, depth=2, width=32, heads=2, max_length=200)
    model = Transformer(TransformerConfig(**shape, encoding=encoding, encoding_options=options))
    scatter_parameters(model.encoding)
    return model


# Ours only: other files of tests register encodings of a reader's.
@pytest.mark.parametrize(
    "encoding", sorted(n for n, c in howfar.ENCODINGS.items() if c.__module__.startswith("howfar.encodings"))
)
def test_the_verdict_on_ours_is_what_the_encoding_declares(encoding):
    options = {"code_length": 200} if encoding == "legendre" else {}
    options = {k: v for k, v in options.items() if k in inspect.signature(howfar.ENCODINGS[encoding]).parameters}
    shift = "rounding" if howfar.ENCODINGS[encoding].shift_invariant else "moves"
    expected = [shift] * 4 + ["rounding"]
    if encoding == "none":
        expected = UNREAD
    for seed in range(3):
        model = ours(encoding, seed, **options)
        assert verdicts(model) == expected
        assert verdicts(model.to(torch.bfloat16)) == expected


# --- functions of one's own, whose answer is known --------------------------------------------------------------------


class Reads:
    """Logits that a formula of the positions makes; what it was called with is kept."""

    def __init__(self, formula):
        self.formula, self.calls = formula, []

    def __call__(self, input_ids, position_ids, attention_mask):
        self.calls.append((input_ids, position_ids, attention_mask))
        logits = torch.nn.functional.one_hot(input_ids, 8).double()
        return logits + self.formula(position_ids.double(), attention_mask)[..., None] * torch.arange(8)


def test_the_numbers_of_the_table():
    tokens = some_tokens(3, 10)
    found = probe(Reads(lambda p, mask: 0.01 * p), tokens, tokens, shifts=[0, 1, 20], pad=2).set_index("test")
    spread = np.mean([(np.eye(8)[t] + 0.01 * i * np.arange(8)).std() for row in tokens for i, t in enumerate(row)])
    assert np.allclose(found["change"], [0, 0.07, 1.4, 0.14, 0])
    assert np.allclose(found["spread"], np.array([0, 0.07, 1.4, 0.14, 0]) / spread)
    assert found["verdict"].tolist() == ["rounding", "moves", "moves", "moves", "rounding"]

    def right(shift):
        logits = np.eye(8)[tokens] + 0.01 * (np.arange(10) + shift)[None, :, None] * np.arange(8)
        return (logits.argmax(-1) == tokens.numpy()).mean()

    assert np.allclose(found["accuracy"], [right(0), right(1), right(20), right(2), right(0)])
    assert found.loc["shift 20", "argmax_changed"] == pytest.approx(right(0) - right(20)) != 0
    assert probe(Reads(lambda p, mask: 0.01 * p), tokens).attrs["accuracy"] != right(0)  # without targets: NaN


def test_targets_of_minus_100_do_not_count():
    tokens = some_tokens(2, 6)
    targets = tokens.clone()
    targets[:, 3:] = (targets[:, 3:] + 1) % 8  # wrong, and
    assert probe(Reads(lambda p, m: 0 * p), tokens, targets)["accuracy"].iloc[0] == 0.5
    targets[:, 3:] = -100  # not counted
    assert (probe(Reads(lambda p, m: 0 * p), tokens, targets)["accuracy"] == 1).all()


def test_a_model_is_given_masks_of_ones_and_ids_with_rows():
    model = Reads(lambda p, mask: p)
    probe(model, some_tokens(3, 10), shifts=[4], pad=2)
    (_, first, mask), *_ = model.calls
    assert first.tolist() == [list(range(10))] * 3 and (mask == 1).all() and mask.shape == (3, 10)
    assert first.dtype is mask.dtype is torch.int64
    seen = [p[0].tolist() for _, p, _ in model.calls[1:]]
    assert seen[0] == list(range(10)) and seen[1] == list(range(0, 20, 2)) and seen[2] == list(range(4, 14))
    assert seen[3] == list(range(12)) and seen[4] == [0, 0, *range(10)]
    assert [m.shape[1] for _, _, m in model.calls[-2:]] == [12, 12]
    assert all((m[:, :2] == 0).all() and (m[:, 2:] == 1).all() for _, _, m in model.calls[-2:])


def test_ignored_means_that_positions_change_exactly_nothing():
    def of(formula, **options):
        return probe(Reads(formula), some_tokens(2, 10), shifts=[3], pad=2)["verdict"].tolist()

    assert of(lambda p, m: 0 * p) == ["ignored", "rounding", "ignored"]
    assert of(lambda p, m: p[:, -1:] - p[:, -2:-1] + 0 * p) == ["rounding"] * 3  # differences: they double
    assert of(lambda p, m: p[:, :1] + 0 * p)[0] == "moves"  # the first id only: doubled it is still 0
    assert of(lambda p, m: 1e-14 * p)[0] == "rounding"
    # Reads no ids but counts the mask wrongly: only the row without ids can say so.
    assert of(lambda p, m: m.cumsum(-1).double() + 0 * p - m.shape[1]) == ["ignored", "moves", "ignored"]


def test_what_is_refused_is_named_and_the_rest_goes_on():
    table = nn.Embedding(30, 8).double()
    model = Reads(lambda p, mask: table(p.long())[..., 0])
    found = probe(model, some_tokens(2, 20), shifts=[10, 11], pad=5)
    assert found["verdict"].tolist() == ["moves", "refused", "moves", "rounding"]
    assert found["change"].isna().tolist() == [False, True, False, False]
    assert found.attrs["refused"] == {"shift 11": "IndexError: the model looks up row 30 of a table that has 30"}


@pytest.mark.parametrize("name", ["gpt2", "gpt_neo", "opt"])
def test_a_learned_table_ends(name):
    found = probe(probes.small_model(name, seed=0, max_length=60), some_tokens(2, 40), shifts=[20, 21])
    assert found["verdict"].tolist()[:2] == ["moves", "refused"]


@pytest.mark.parametrize("look_up", [
    lambda table, i: nn.functional.embedding(i, table),
    lambda table, i: table[i],
    lambda table, i: table.index_select(0, i.flatten()).unflatten(0, i.shape),
    lambda table, i: table.expand(2, -1, -1).gather(1, i[..., None].expand(-1, -1, 8)),
])  # fmt: skip
def test_the_end_of_a_table_is_found_before_the_device_finds_it(look_up):
    table = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    with probes.calling.within_tables(), pytest.raises(IndexError, match="row 39 of a table that has 20"):
        look_up(table, torch.arange(40).view(2, 20))
    with probes.calling.within_tables():
        assert look_up(table, torch.arange(20).view(2, 10)).shape == (2, 10, 8)


def test_a_logit_that_is_no_number_has_moved():
    found = probe(Reads(lambda p, m: torch.where(p > 12, torch.nan, 0)), some_tokens(2, 10), shifts=[1, 20])
    assert found["verdict"].tolist()[:2] == ["rounding", "moves"] and found["change"][1] == np.inf


@pytest.mark.parametrize("wrap", [
    lambda logits: logits,
    lambda logits: SimpleNamespace(logits=logits),
    lambda logits: {"logits": logits},
    lambda logits: (logits, "cache"),
])  # fmt: skip
def test_logits_are_found_in_what_a_model_returns(wrap):
    def model(input_ids, position_ids=None, attention_mask=None):
        return wrap(nn.functional.one_hot(input_ids, 8).float())

    assert set(probe(model, some_tokens(2, 10).numpy())["verdict"]) == {"ignored", "rounding"}


# --- wrong calls ------------------------------------------------------------------------------------------------------


class Lacks(nn.Module):
    def forward(self, input_ids, attention_mask=None):
        return nn.functional.one_hot(input_ids, 8).float()


def right(input_ids, position_ids, attention_mask):
    return nn.functional.one_hot(input_ids, 8).float()


@pytest.mark.parametrize(("model", "message"), [
    (Lacks(), r"^Lacks's forward lacks position_ids: it takes \(input_ids, attention_mask\)\. Give a function"),
    (lambda tokens: tokens, r"^model lacks input_ids and position_ids and attention_mask: it takes \(tokens\)"),
    (lambda input_ids, position_ids, attention_mask, /: 0, "lacks input_ids and position_ids and attention_mask"),
    ("gpt2", "must be a model or a function, got str"),
    (lambda input_ids, position_ids, attention_mask: None, "must return logits, or an object with .logits; got None"),
    (lambda input_ids, position_ids, attention_mask: torch.zeros(2, 8), r"logits of shape \(2, 10, 'classes'\), got"),
    (lambda input_ids, position_ids, attention_mask: right(input_ids, 0, 0).long(), "got torch.int64"),
    (lambda input_ids, position_ids, attention_mask: 0 * right(input_ids, 0, 0), "the same number for all"),
    (lambda input_ids, position_ids, attention_mask: right(input_ids, 0, 0) / 0, "must be finite"),
    (lambda input_ids, position_ids, attention_mask: {}["x"], "fails at positions 0 to 9: KeyError"),
    (lambda input_ids, position_ids, attention_mask: torch.rand(2, 10, 8), "must answer the same call alike"),
])  # fmt: skip
def test_a_model_that_cannot_be_probed_is_told_what_it_lacks(model, message):
    with pytest.raises(ValueError, match=message):
        probe(model, some_tokens(2, 10))


def test_models_of_transformers_that_cannot_be_probed():
    shape = dict(vocab_size=8, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0)
    t5 = transformers.T5ForConditionalGeneration(transformers.T5Config(**shape))
    with pytest.raises(
        ValueError, match=r"T5ForConditionalGeneration is an encoder with a decoder.* lacks position_ids"
    ):
        probe(t5, some_tokens())
    headless = probes.small_model("llama", seed=0).model
    with pytest.raises(ValueError, match=r"without them .*AutoModelForCausalLM"):
        probe(headless, some_tokens())
    with pytest.raises(ValueError, match="fails at positions 0 to 69: IndexError: the model looks up row 69 of"):
        probe(probes.small_model("gpt2", seed=0, max_length=60), some_tokens(2, 70))
    with pytest.raises(ValueError, match="takes numbers"):
        probe(Transformer(TransformerConfig(features=1)), some_tokens())
    with pytest.raises(ValueError, match=r"got a mapping.*give tokens\['input_ids'\]"):
        probe(headless, {"input_ids": some_tokens()})


@pytest.mark.parametrize(("options", "message"), [
    ({"tokens": torch.zeros(2, 10)}, "tokens must hold integers"),
    ({"tokens": torch.zeros(10, dtype=torch.long)}, "at least two tokens a row, got shape"),
    ({"tokens": torch.zeros(2, 1, dtype=torch.long)}, "at least two tokens a row, got shape"),
    ({"tokens": -torch.ones(2, 5, dtype=torch.long)}, "tokens must be 0 or more, got -1"),
    ({"targets": torch.zeros(2, 9, dtype=torch.long)}, r"shape of tokens, \(2, 10\), got \(2, 9\)"),
    ({"targets": torch.full((2, 10), -100)}, "-100 everywhere"),
    ({"shifts": 3}, "shifts must be a sequence of integers, got 3"),
    ({"shifts": (1, -2)}, r"shifts\[1\] must be an integer of at least 0, got -2"),
    ({"pad": 0}, "pad must be a positive integer, got 0"),
])  # fmt: skip
def test_bad_arguments_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        probe(right, **({"tokens": some_tokens(2, 10)} | options))


# --- left as found ----------------------------------------------------------------------------------------------------


def test_a_model_is_left_as_it_was_found():
    scaled = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    model = probes.small_model("llama", seed=0, max_length=30, rope_parameters=scaled, attention_dropout=0.5).train()
    model.model.layers[0].eval()  # some frozen, some not
    model.register_forward_hook(lambda *_: None)
    model.config.use_cache = True
    buffers = {name: (buffer, buffer.clone()) for name, buffer in model.named_buffers()}
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    before = [dict(vars(module)) for module in model.modules()]
    state = torch.random.get_rng_state()
    assert set(probe(model, some_tokens())["verdict"]) >= {"moves"}, "its frequencies grow with the length"
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training and not model.model.layers[0].training and model.model.layers[1].training
    assert len(model._forward_hooks) == 1 and model.config.use_cache
    assert [dict(vars(module)) == was for module, was in zip(model.modules(), before, strict=True)]
    for name, buffer in model.named_buffers():
        assert buffer is buffers[name][0] and torch.equal(buffer, buffers[name][1])
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    model(some_tokens()).logits.sum().backward()  # and can still be trained


def test_no_row_depends_on_the_rows_before_it():
    scaled = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    model = probes.small_model("llama", seed=0, max_length=30, rope_parameters=scaled)
    together = probe(model, some_tokens(), shifts=[100, 1]).set_index("test")
    alone = probe(model, some_tokens(), shifts=[1]).set_index("test")
    assert together.loc["shift 1", "change"] == alone.loc["shift 1", "change"]


def test_a_model_that_fails_is_left_as_it_was_found_too():
    model = probes.small_model("gpt2", seed=0, max_length=30).train()
    with pytest.raises(ValueError, match="fails at positions 0 to 39"):
        probe(model, some_tokens())
    assert model.training and all(module.training for module in model.modules())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", ["gpt2", "opt", "llama", "bloom"])
def test_on_a_gpu(name):
    model = probes.small_model(name, seed=0, max_length=60).cuda()
    found = probe(model, some_tokens())  # tokens on the CPU
    expected = [
        v if v != "moves" or t != "shift 100" else "refused" for t, v in zip(TESTS, EXPECTED[name], strict=True)
    ]
    assert found["verdict"].tolist() == expected
    assert probe(model, some_tokens())["verdict"].tolist() == expected, "the GPU goes on after a refusal"


# --- small models, and the command line -------------------------------------------------------------------------------


def test_small_models_start_from_their_seed_and_leave_torchs_generator_alone():
    state = torch.random.get_rng_state()
    a, b, c = (probes.small_model("gpt2", seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    key = "transformer.h.0.attn.c_attn.weight"
    assert torch.equal(a[key], b[key]) and not torch.equal(a[key], c[key])
    with pytest.raises(ValueError, match="name must be one of 'gpt2', "):
        probes.small_model("gpt5")


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(ValueError, match=r"pip install 'howfar\[hf\]'"):
        probes.small_model("gpt2")


def run(capsys, *arguments):
    status = cli.main(["probe", *map(str, arguments)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_the_command_reads_a_folder(capsys, tmp_path):
    probes.small_model("gpt2", seed=0, max_length=100).save_pretrained(tmp_path)
    status, out, err = run(capsys, tmp_path)
    assert status == 0 and "Loading" not in err
    assert out.startswith("GPT2LMHeadModel, float32, 4 rows of 50 tokens\n")
    assert "shift 100 refused: IndexError: the model looks up row" in out
    status, out, _ = run(capsys, tmp_path, "--dtype", "bfloat16", "--length", "20", "--shifts", "1", "--pad", "3")
    assert status == 0 and "bfloat16" in out and "refused" not in out and "shift 20" not in out
    assert [line.split()[-1] for line in out.splitlines()[2:5]] == ["moves", "moves", "rounding"]


def test_the_command_says_what_ignored_means(capsys, tmp_path):
    probes.small_model("bloom", seed=0).save_pretrained(tmp_path)
    status, out, _ = run(capsys, tmp_path)
    assert status == 0 and "doesn't read position_ids, so that these rows test nothing" in out


def test_the_command_counts_the_next_tokens_of_a_text(capsys, tmp_path):
    probes.small_model("llama", seed=0, vocabulary=5).save_pretrained(tmp_path)
    (tmp_path / "text.txt").write_text("a b c d " * 40, encoding="utf-8")
    status, _, err = run(capsys, tmp_path, "--text", tmp_path / "text.txt")
    assert status == 2 and "--text needs a tokenizer" in err
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1, "c": 2, "d": 3, "?": 4}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?").save_pretrained(tmp_path)
    status, out, err = run(capsys, tmp_path, "--text", tmp_path / "text.txt")
    assert status == 0, err
    assert "3 rows of 50 tokens" in out and "accuracy at positions 0 to 49: " in out
    status, _, err = run(capsys, tmp_path, "--text", tmp_path / "text.txt", "--length", 200)
    assert status == 2 and "must have at least 200 tokens, got 160" in err


@pytest.mark.parametrize(("name", "message"), [
    ("nowhere", "is no folder with a model (no config.json in it); nothing is downloaded"),
    ("broken", "transformers reads no causal language model from"),
])  # fmt: skip
def test_the_command_refuses_what_it_cannot_read(capsys, tmp_path, name, message):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"model_type": "gpt2"}')
    status, _, err = run(capsys, tmp_path / name)
    assert status == 2 and message in err and len(err.splitlines()) == 1
