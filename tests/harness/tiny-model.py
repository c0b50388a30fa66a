#!/usr/bin/env python3
"""tiny-model.py DIRECTORY: writes a tiny Llama model as Hugging Face has them, which vLLM loads at once.

Needs numpy, tokenizers and safetensors, which vLLM has brought. The weights are random, so the model talks nonsense, but it does
everything a large one does. Its heads can be shared by two processes.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_WIDTH, FEED_FORWARD = 128, 2, 4, 2, 32, 256
VOCABULARY, CONTEXT = 2048, 4096
SPECIAL = ["<s>", "</s>", "<unk>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}<|assistant|>{% else %}<|user|>{% endif %}{{ m['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WORDS = """
the of and to in is that it for on with as was at by this be from or are an have not but had his they you which
one we all were her she there would their will when who him been has more if no out do so can what up said about
other into than its time only could new them man some these then two may first any my now such like our over me
even most made after also did many off before must well back through years much where your way down should because
""".split()


def tokenizer():
    """A byte-level tokenizer; each id, trained or not, decodes to something."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    made = Tokenizer(models.BPE(unk_token=None))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=letters)
    lines = (" ".join(random.choices(WORDS, k=random.randint(5, 40))) for _ in range(4000))
    made.train_from_iterator(lines, trainer)
    known = made.get_vocab_size()
    made.add_tokens([AddedToken(f"<spare{number}>") for number in range(known, VOCABULARY)])
    return made


def weights():
    """Tensors by the names that Llama's have."""
    draw = np.random.default_rng(1)

    def matrix(*shape):
        return (draw.standard_normal(shape) * 0.05).astype(np.float32)

    ones = np.ones(WIDTH, np.float32)
    tensors = {
        "model.embed_tokens.weight": matrix(VOCABULARY, WIDTH),
        "model.norm.weight": ones,
        "lm_head.weight": matrix(VOCABULARY, WIDTH),
    }
    for layer in range(LAYERS):
        tensors |= {
            f"model.layers.{layer}.{name}.weight": tensor
            for name, tensor in {
                "self_attn.q_proj": matrix(HEADS * HEAD_WIDTH, WIDTH),
                "self_attn.k_proj": matrix(KV_HEADS * HEAD_WIDTH, WIDTH),
                "self_attn.v_proj": matrix(KV_HEADS * HEAD_WIDTH, WIDTH),
                "self_attn.o_proj": matrix(WIDTH, HEADS * HEAD_WIDTH),
                "mlp.gate_proj": matrix(FEED_FORWARD, WIDTH),
                "mlp.up_proj": matrix(FEED_FORWARD, WIDTH),
                "mlp.down_proj": matrix(WIDTH, FEED_FORWARD),
                "input_layernorm": ones,
                "post_attention_layernorm": ones,
            }.items()
        }
    return tensors


def descriptions():
    """The JSON files beside the weights."""
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    ids = {"bos_token_id": 0, "eos_token_id": 1}
    return {
        "tokenizer_config.json": names
        | {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "chat_template": CHAT_TEMPLATE,
        },
        "special_tokens_map.json": names,
        "generation_config.json": ids,
        "config.json": ids
        | {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": WIDTH,
            "intermediate_size": FEED_FORWARD,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KV_HEADS,
            "head_dim": HEAD_WIDTH,
            "vocab_size": VOCABULARY,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
            "torch_dtype": "float32",
            "attention_bias": False,
            "mlp_bias": False,
        },
    }


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    random.seed(1)
    tokenizer().save(str(folder / "tokenizer.json"))
    save_file(weights(), folder / "model.safetensors", metadata={"format": "pt"})
    # config.json last: its presence says that all the rest is there.
    for name, content in descriptions().items():
        (folder / name).write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
