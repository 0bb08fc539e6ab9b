"""Small models of many architectures, built from their configs: nothing is downloaded."""

import contextlib
from pathlib import Path

import torch

from howfar import checks

WIDTH, HEADS, LAYERS = 64, 4, 2
DTYPES = ("auto", "float32", "float16", "bfloat16")


def _named(width="hidden_size", heads="num_attention_heads", layers="num_hidden_layers", **more):
    """The shape, under the names that a config has for it."""
    return {width: WIDTH, heads: HEADS, layers: LAYERS, **more}


_GLOBAL = [[["global"], LAYERS]]
_GPT2 = _named("n_embd", "n_head", "n_layer")
_LLAMA = _named(intermediate_size=4 * WIDTH)
_GROUPED = _LLAMA | {"num_key_value_heads": HEADS // 2}
_LENGTH = "max_position_embeddings"

# For each: the type by which transformers knows it, what its config calls the length that it is made for (None where
# it has no such limit), and what makes it small.
ARCHITECTURES = {
    "gpt2": ("gpt2", "n_positions", _GPT2),
    "gpt_neo": (
        "gpt_neo",
        _LENGTH,
        _named(heads="num_heads", layers="num_layers", attention_types=_GLOBAL),
    ),
    "opt": ("opt", _LENGTH, _named(ffn_dim=4 * WIDTH, word_embed_proj_dim=WIDTH)),
    "llama": ("llama", _LENGTH, _LLAMA),
    "mistral": ("mistral", _LENGTH, _GROUPED),
    "qwen3": ("qwen3", _LENGTH, _GROUPED | {"head_dim": WIDTH // HEADS}),
    "gemma2": ("gemma2", _LENGTH, _GROUPED | {"head_dim": WIDTH // HEADS}),
    "gpt_neox": ("gpt_neox", _LENGTH, _LLAMA),
    "falcon": ("falcon", _LENGTH, _named(alibi=False)),
    "falcon_alibi": ("falcon", None, _named(alibi=True)),
    "bloom": ("bloom", None, _named(heads="n_head", layers="n_layer")),
    "mpt": ("mpt", "max_seq_len", _named("d_model", "n_heads", "n_layers")),
}


def small_model(name, *, vocabulary=8, max_length=160, seed=None, **options):
    """A model of two layers, width 64 and four heads with random weights, as ``transformers`` builds it.

    Parameters
    ----------
    name : str
        A key of ``howfar.probes.ARCHITECTURES``: two families of learned tables (gpt2 and gpt_neo; opt derives the
        positions from the mask), RoPE (llama, mistral, qwen3, gemma2, falcon; gpt_neox turns a quarter of each head)
        and ALiBi (falcon_alibi, bloom, mpt).
    vocabulary, max_length : int
        ``max_length`` is where a learned table ends.
    seed : int, torch.Generator, numpy.random.Generator or None
        Of the weights.
    **options
        For the config, beside or in place of ours.

    Returns
    -------
    transformers.PreTrainedModel
        In evaluation mode, without dropout.

    Raises
    ------
    ValueError
        If the name is unknown, a number is out of range, or ``transformers`` is not installed.
    """
    kind, length, shape = ARCHITECTURES[checks.choice("name", name, tuple(ARCHITECTURES))]
    shape = shape | {"vocab_size": checks.count("vocabulary", vocabulary)}
    if length is not None:
        shape[length] = checks.count("max_length", max_length)
    shape |= dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))  # theirs are beyond a small vocabulary
    generator = checks.torch_generator(seed)
    transformers = transformers_module()
    with torch.random.fork_rng(devices=[]):
        if generator is not None:
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        config = transformers.AutoConfig.for_model(kind, **(shape | options))
        return transformers.AutoModelForCausalLM.from_config(config).eval()


def load_folder(folder, *, dtype="auto"):
    """The causal language model in a local folder, as ``save_pretrained`` wrote it, and its tokenizer.

    Nothing is downloaded, and no code in the folder is executed.

    Parameters
    ----------
    folder : path
    dtype : str
        "float32", "float16", "bfloat16", or "auto": the one in which it was saved.

    Returns
    -------
    model : transformers.PreTrainedModel
        In evaluation mode.
    tokenizer : transformers.PreTrainedTokenizer or None
        None where the folder has none.

    Raises
    ------
    ValueError
        If there is no such folder, it holds no causal language model, or ``transformers`` is not installed.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ValueError(f"{str(folder)!r} is no folder with a model (no config.json in it); nothing is downloaded")
    checks.choice("dtype", dtype, DTYPES)
    transformers, here = transformers_module(), {"local_files_only": True, "trust_remote_code": False}
    try:
        with _no_progress_bar(transformers.utils.logging):
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **here)
    except (ImportError, KeyError, OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise ValueError(f"transformers reads no causal language model from {str(folder)!r}: {said}") from None
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **here)
    except (ImportError, KeyError, OSError, TypeError, ValueError):  # older releases: TypeError where there is none
        tokenizer = None
    return model.eval(), tokenizer


@contextlib.contextmanager
def _no_progress_bar(logging):
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def transformers_module():
    """transformers, loaded when it is first needed."""
    try:
        import transformers
    except ImportError:
        raise ValueError("this needs the package transformers: pip install 'howfar[hf]'") from None
    return transformers
