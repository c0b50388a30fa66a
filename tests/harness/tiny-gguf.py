#!/usr/bin/env python3
"""tiny-gguf.py OUT.gguf: writes a tiny Llama model that a real llama.cpp server loads in milliseconds.

Only the standard library is needed, and the file is the same on every machine. The weights are random, so the
model talks nonsense, but it does everything a large one does over HTTP: a byte-level tokenizer, a chat template,
attention over a KV cache. Its output is made of whole English words, so that every token is a visible chunk, and
has no end-of-sequence token, so that an answer is as long as was asked for.

The format is GGUF version 3, little-endian, as docs/gguf.md of the ggml project specifies it.
"""

import array
import math
import os
import random
import struct
import sys

WIDTH, LAYERS, HEADS, KV_HEADS, FEED_FORWARD, CONTEXT = 64, 2, 4, 2, 128, 4096
HEAD_WIDTH = WIDTH // HEADS
ALIGNMENT = 32
SPECIAL = ["<s>", "</s>", "<|user|>", "<|assistant|>"]
BOS, EOS = 0, 1
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
long each just state those people too how little good world make very year still see own work men day get here old
life both between being under three never know same last another while us might great go come since against right
came take used himself few house use place during high without again home around small however found part school
went say general once upon every left war does got united number hand course water until always away public
""".split()

# Types of the format's values and of a token.
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TOKEN_NORMAL, TOKEN_CONTROL = 1, 3


def byte_alphabet():
    """The 256 printable characters that stand for bytes in a byte-level vocabulary, as GPT-2 chose them."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters, spare = {byte: chr(byte) for byte in printable}, 0x100
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(spare)
            spare += 1
    return letters


def vocabulary():
    """Tokens and merges. The merges spell each word from its left end, so a word is always one token."""
    letters = byte_alphabet()
    tokens = SPECIAL + [letters[byte] for byte in range(256)]
    merges, words = [], []
    for word in (letters[ord(" ")] + word for word in WORDS):
        for end in range(1, len(word)):
            if word[: end + 1] not in tokens:
                tokens.append(word[: end + 1])
                merges.append(word[:end] + " " + word[end])
        words.append(tokens.index(word))
    return tokens, merges, words


def tensors(vocabulary_size, words):
    """Name, shape (innermost first) and values of each tensor.

    Only whole words have a row in the output matrix, and a large one, so that nothing else is ever the likelier.
    """
    source = random.Random(1)

    def noise(*shape, spread=0.05):
        count = math.prod(shape)
        return shape, array.array("f", (source.gauss(0.0, spread) for _ in range(count)))

    ones = (WIDTH,), array.array("f", [1.0] * WIDTH)
    yield "token_embd.weight", *noise(WIDTH, vocabulary_size)
    yield "output_norm.weight", *ones
    output = array.array("f", bytes(4 * WIDTH * vocabulary_size))
    for word in words:
        output[word * WIDTH : (word + 1) * WIDTH] = noise(WIDTH, spread=0.5)[1]
    yield "output.weight", (WIDTH, vocabulary_size), output
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", *ones
        yield block + "attn_q.weight", *noise(WIDTH, HEADS * HEAD_WIDTH)
        yield block + "attn_k.weight", *noise(WIDTH, KV_HEADS * HEAD_WIDTH)
        yield block + "attn_v.weight", *noise(WIDTH, KV_HEADS * HEAD_WIDTH)
        yield block + "attn_output.weight", *noise(HEADS * HEAD_WIDTH, WIDTH)
        yield block + "ffn_norm.weight", *ones
        yield block + "ffn_gate.weight", *noise(WIDTH, FEED_FORWARD)
        yield block + "ffn_up.weight", *noise(WIDTH, FEED_FORWARD)
        yield block + "ffn_down.weight", *noise(FEED_FORWARD, WIDTH)


def metadata(tokens, merges):
    """Key, type and value of each entry; a list's type is that of its elements."""
    yield "general.architecture", STRING, "llama"
    yield "general.name", STRING, "tiny"
    yield "general.alignment", UINT32, ALIGNMENT
    yield "llama.context_length", UINT32, CONTEXT
    yield "llama.embedding_length", UINT32, WIDTH
    yield "llama.block_count", UINT32, LAYERS
    yield "llama.feed_forward_length", UINT32, FEED_FORWARD
    yield "llama.attention.head_count", UINT32, HEADS
    yield "llama.attention.head_count_kv", UINT32, KV_HEADS
    yield "llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5
    yield "llama.rope.dimension_count", UINT32, HEAD_WIDTH
    yield "llama.rope.freq_base", FLOAT32, 10000.0
    yield "llama.vocab_size", UINT32, len(tokens)
    yield "tokenizer.ggml.model", STRING, "gpt2"
    yield "tokenizer.ggml.pre", STRING, "default"
    yield "tokenizer.ggml.tokens", STRING, tokens
    types = [TOKEN_CONTROL if token in SPECIAL else TOKEN_NORMAL for token in tokens]
    yield "tokenizer.ggml.token_type", INT32, types
    yield "tokenizer.ggml.merges", STRING, merges
    yield "tokenizer.ggml.bos_token_id", UINT32, BOS
    yield "tokenizer.ggml.eos_token_id", UINT32, EOS
    yield "tokenizer.ggml.add_bos_token", BOOL, False
    yield "tokenizer.chat_template", STRING, CHAT_TEMPLATE


def encode(kind, value):
    if kind == STRING:
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], value)


def entry(key, kind, value):
    if isinstance(value, list):
        head = struct.pack("<IIQ", ARRAY, kind, len(value))
        return encode(STRING, key) + head + b"".join(encode(kind, item) for item in value)
    return encode(STRING, key) + struct.pack("<I", kind) + encode(kind, value)


def padding(length):
    return bytes(-length % ALIGNMENT)


def model():
    tokens, merges, words = vocabulary()
    entries = [entry(*item) for item in metadata(tokens, merges)]
    infos, data = [], b""
    for name, shape, values in tensors(len(tokens), words):
        if sys.byteorder == "big":
            values.byteswap()
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos.append(encode(STRING, name) + dimensions + struct.pack("<IQ", 0, len(data)))  # type 0: 32-bit floats
        data += values.tobytes()
        data += padding(len(data))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(entries)) + b"".join(entries) + b"".join(infos)
    return head + padding(len(head)) + data


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tiny-gguf.py OUT.gguf")
    out = sys.argv[1]
    with open(out + ".new", "wb") as file:
        file.write(model())
    os.replace(out + ".new", out)


if __name__ == "__main__":
    main()
