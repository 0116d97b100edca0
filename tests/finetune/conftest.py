"""A tiny model with random weights, a tokenizer of letters, and items of real programs."""

import pytest
import torch

from curriculum.data.corpus import CorpusSpec, build, split
from curriculum.finetune import data

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


@pytest.fixture(scope="session")
def tokenizer():
    """One token a character; pad and end are one token, as in SmolLM2."""
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    tokenizers = pytest.importorskip("tokenizers", reason="needs tokenizers")
    signs = ["<|endoftext|>", "<|im_end|>", *map(chr, range(32, 127)), "\n", "\t"]
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(
            {sign: i for i, sign in enumerate(signs)}, unk_token="<|endoftext|>"
        )
    )
    letter = tokenizers.Regex(r"[\s\S]")
    words.pre_tokenizer = tokenizers.pre_tokenizers.Split(letter, "isolated")
    words.decoder = tokenizers.decoders.Fuse()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|im_end|>"
    )


@pytest.fixture
def model(tokenizer):
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        pad_token_id=1,
        eos_token_id=1,
        bos_token_id=0,
        **SHAPE,
    )
    return transformers.LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def corpus():
    return build(CorpusSpec(size=400, variant="august", seed=18))


@pytest.fixture(scope="session")
def items(corpus):
    return data.make_items(corpus, split(corpus, shares=(0.6, 0.0, 0.4)).train)[:60]
