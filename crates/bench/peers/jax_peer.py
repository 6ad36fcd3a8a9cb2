"""JAX as a peer: the cases where compilation fuses something."""
import os
import sys

THREADS = int(sys.argv[1])
# XLA sizes its pool by the processors that the process may use.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-THREADS:]))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp

import common

CASES = {}


def normal(shape, stream):
    return jax.random.normal(jax.random.PRNGKey(stream), shape, jnp.float32)


def op(name, size, shapes, function):
    def build(backward):
        leaves = [normal(shape, i) for i, shape in enumerate(shapes)]
        ids = jax.random.randint(jax.random.PRNGKey(9), (4096,), 0, 32000)
        forward = jax.jit(lambda leaves: function(*leaves, ids))
        out = forward(leaves)
        cotangent = jnp.ones_like(out) if out.ndim == 0 else normal(out.shape, 7)

        # The output is returned as well: XLA would leave its work out.
        def pull(leaves, cotangent):
            y, back = jax.vjp(lambda leaves: function(*leaves, ids), leaves)
            return y, back(cotangent)

        both = jax.jit(pull)
        if backward:
            return lambda: jax.block_until_ready(both(leaves, cotangent))
        return lambda: jax.block_until_ready(forward(leaves))

    CASES[f"{name}_fwd_{size}"] = lambda: build(False)
    CASES[f"{name}_fwdbwd_{size}"] = lambda: build(True)


def layer_norm(x, gain, shift, _):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gain + shift


def cross_entropy(logits, ids):
    picked = jnp.take_along_axis(logits, ids[:, None], -1)[:, 0]
    return (jax.nn.logsumexp(logits, -1) - picked).mean()


wide = (4096, 3072)
op("softmax", "4096x1024", [(4096, 1024)], lambda x, _: jax.nn.softmax(x, -1))
op("layernorm", "4096x768", [(4096, 768), (768,), (768,)], layer_norm)
op("gelu_erf", "4096x3072", [wide], lambda x, _: jax.nn.gelu(x, approximate=False))
op("gelu_tanh", "4096x3072", [wide], lambda x, _: jax.nn.gelu(x, approximate=True))
op("cross_entropy", "4096x32000", [(4096, 32000)], cross_entropy)
common.serve("jax", jax.__version__, THREADS, CASES)
