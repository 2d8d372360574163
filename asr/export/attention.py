"""Self-attention as ONNX operators: the same formulas as asr.model.self_attention.

Without a reach all products of queries and keys are there at once; with one, those of blocks of queries and the keys
around them are. How many frames there are decides the sizes, so they are computed in the graph.
"""

import torch

from asr.export.nodes import Nodes, Value
from asr.export.recurrence import linear, normed
from asr.model.self_attention import FAR, LEAST_BLOCK, SelfAttention

LEAST = torch.finfo(torch.float32).min


def self_attention(add: Nodes, values: Value, frames: Value, layer: SelfAttention) -> Value:
    """(T, B, width) and (B,) frames to (T, B, width); what lies past each length has no meaning."""
    parts = linear(add, normed(add, values, layer.norm), layer.inputs)
    split = add("Reshape", parts, add.whole(0, 0, 3 * layer.heads, -1))
    by_head = add("Transpose", split, perm=[1, 2, 0, 3])  # (B, 3 * heads, T, size)
    each = add.whole(*3 * (layer.heads,))
    queries, keys, its = add.several("Split", by_head, each, outputs=3, axis=1)
    size = layer.inputs.in_features // layer.heads
    queries = add("Mul", queries, add.constant(size**-0.5))
    frames = add("Unsqueeze", frames, add.whole(1))
    way = _within_reach if layer.reach else _everywhere
    heard = way(add, queries, keys, its, frames, layer)  # (B, heads, T, size)
    flat = add("Reshape", add("Transpose", heard, perm=[2, 0, 1, 3]), add.whole(0, 0, -1))
    return add("Add", values, linear(add, flat, layer.outputs))


def _everywhere(
    add: Nodes, queries: Value, keys: Value, values: Value, frames: Value, layer: SelfAttention
) -> Value:
    places = add.places(add.size(keys, 2))
    distances = add("Sub", add("Unsqueeze", places, add.whole(0)), add("Unsqueeze", places, add.whole(1)))
    there = add("Unsqueeze", add("Less", add("Unsqueeze", places, add.whole(0)), frames), add.whole(1, 2))
    seen = add("And", there, _before(add, distances)) if layer.past else there
    products = add("MatMul", queries, add("Transpose", keys, perm=[0, 1, 3, 2]))
    return add("MatMul", _weights(add, products, _bias(add, distances, layer), seen), values)


def _within_reach(
    add: Nodes, queries: Value, keys: Value, values: Value, frames: Value, layer: SelfAttention
) -> Value:
    """Blocks of queries, each with the keys from `reach` before it to `reach` behind it."""
    size = add.size(keys, 2)
    reach = add("Min", add.number(layer.reach), size)  # a longer one hears no more
    block = add("Max", reach, add.number(LEAST_BLOCK))
    window = add("Add", block, add("Mul", reach, add.number(2)))
    rounds = add("Div", add("Add", size, add("Sub", block, add.number(1))), block)
    first = add("Unsqueeze", add("Mul", add.places(rounds), block), add.whole(1))  # (blocks, 1)
    mine = add("Add", first, add("Unsqueeze", add.places(block), add.whole(0)))  # (blocks, block)
    around = add("Sub", add("Unsqueeze", add.places(window), add.whole(0)), reach)  # (1, window)
    theirs = add("Add", first, around)  # (blocks, window), before the beginning and behind the end, too

    def gathered(what: Value, places: Value) -> Value:
        """(B, heads, blocks, places, size); places outside have the nearest, which nobody sees."""
        last = add("Sub", size, add.number(1))
        inside = add("Max", add("Min", places, last), add.number(0))
        return add("Gather", what, inside, axis=2)

    # (B, blocks, window): those that are there.
    there = add("Less", add("Unsqueeze", theirs, add.whole(0)), add("Unsqueeze", frames, add.whole(2)))
    there = add("And", there, add("Unsqueeze", add("Less", add.number(-1), theirs), add.whole(0)))
    distances = add("Sub", around, add("Unsqueeze", add.places(block), add.whole(1)))  # (block, window)
    near = add("Less", add("Abs", distances), add("Add", reach, add.number(1)))
    seen = add("And", near, _before(add, distances)) if layer.past else near
    seen = add("And", seen, add("Unsqueeze", there, add.whole(1, 3)))
    transposed = add("Transpose", gathered(keys, theirs), perm=[0, 1, 2, 4, 3])
    products = add("MatMul", gathered(queries, mine), transposed)
    bias = add("Unsqueeze", _bias(add, distances, layer), add.whole(1))
    heard = add("MatMul", _weights(add, products, bias, seen), gathered(values, theirs))
    flat = add("Reshape", heard, add.whole(0, 0, -1, layer.inputs.in_features // layer.heads))
    return add("Slice", flat, add.whole(0), add("Unsqueeze", size, add.whole(0)), add.whole(2))


def _before(add: Nodes, distances: Value) -> Value:
    """Whether a key is not behind its query."""
    return add("Less", distances, add.number(1))


def _bias(add: Nodes, distances: Value, layer: SelfAttention) -> Value:
    """(queries, keys) distances to (heads, queries, keys)."""
    near = add("Max", add("Min", distances, add.number(FAR)), add.number(-FAR))
    table = add.constant(layer.positions.by_distance())
    return add("Gather", table, add("Add", near, add.number(FAR)), axis=1)


def _weights(add: Nodes, products: Value, bias: Value, seen: Value) -> Value:
    scores = add("Where", seen, add("Add", products, bias), add.constant(LEAST))
    return add("Softmax", scores, axis=-1)
