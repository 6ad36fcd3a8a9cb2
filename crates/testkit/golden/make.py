#!/usr/bin/env python3
"""Makes the golden vectors from the numpy float64 reference programs.

    python3 make.py --reference DIR --out DIR

DIR of --reference holds ref_p5.py (expressive attention). Each golden file names the program that made its numbers and the
SHA-256 of it. The numbers are small on purpose: an op that is right on 3 x 5 x 4 is right, and a reader can look at them.
"""
import argparse
import hashlib
import importlib.util
import json
import pathlib

import numpy as np


def load(folder, script):
    path = pathlib.Path(folder) / script
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, hashlib.sha256(path.read_bytes()).hexdigest()


def array(x):
    x = np.asarray(x, dtype=np.float64)
    return {"shape": list(x.shape), "data": [float(v) for v in x.ravel()]}


def case(name, scalars, **arrays):
    return {"name": name, "scalars": scalars, "arrays": {k: array(v) for k, v in arrays.items()}}


def attention(ref):
    """Forward and gradients of both mechanisms, with and without mask, prior, scale and eps."""
    rng = np.random.default_rng(20240726)
    batch, heads, length, d, dv = 1, 2, 5, 3, 4
    cases = []
    for kind in ("expressive", "dot"):
        for mask_name in ("full", "causal"):
            for bias_name in ("none", "press", "steep"):
                for scale, eps in ((1.0, 0.0), (0.7, 0.3)):
                    q, k = rng.standard_normal((2, batch, heads, length, d))
                    v, dy = rng.standard_normal((2, batch, heads, length, dv))
                    mask = ref.causal_mask(length) if mask_name == "causal" else None
                    slopes = {"press": "press", "steep": "frankfurt"}.get(bias_name)
                    bias = ref.alibi_bias(heads, length, slopes) if slopes else None
                    if kind == "expressive":
                        y, cache = ref.ea_forward(q, k, v, mask, bias, scale, eps)
                        dq, dk, dv_ = ref.ea_backward(dy, cache)
                        weights = cache[6]
                    else:
                        y, cache = ref.dpa_forward(q, k, v, mask, bias, scale)
                        dq, dk, dv_ = ref.dpa_backward(dy, cache)
                        weights = cache[3]
                    cases.append(case(f"{kind}-{mask_name}-{bias_name}-{scale}-{eps}", {"scale": scale, "eps": eps},
                                      q=q, k=k, v=v, dy=dy, weights=weights, y=y, dq=dq, dk=dk, dv=dv_))
    return cases


def multi_head(ref):
    """The whole layer: projections with biases, ALiBi, causal, all parameter gradients. Weights are [in, out]."""
    rng = np.random.default_rng(18601)
    batch, heads, length, width = 2, 3, 4, 6
    cases = []
    for kind, name in (("ea", "expressive"), ("dpa", "dot")):
        x, dy = rng.standard_normal((2, batch, length, width))
        p = {f"W{c}": rng.standard_normal((width, width)) * 0.5 for c in "qkvo"}
        p.update({f"b{c}": rng.standard_normal(width) * 0.1 for c in "qkvo"})
        y, cache = ref.mha_forward(x, p, heads, kind, ref.causal_mask(length), ref.alibi_bias(heads, length), 1e-9)
        dx, grads = ref.mha_backward(dy, p, cache)
        grads = {f"d{n}": g for n, g in grads.items()}
        scale = 1.0 if kind == "ea" else (width // heads) ** -0.5
        cases.append(case(name, {"heads": heads, "scale": scale, "eps": 1e-9}, x=x, dy=dy, y=y, dx=dx, **p, **grads))
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="folder of the reference programs")
    parser.add_argument("--out", required=True, help="folder for the golden files")
    args = parser.parse_args()
    ref, sha256 = load(args.reference, "ref_p5.py")
    generator = {"script": "ref_p5.py", "sha256": sha256}
    for name, cases in (("attention_core", attention(ref)), ("multi_head_attention", multi_head(ref))):
        path = pathlib.Path(args.out) / f"{name}.json"
        path.write_text(json.dumps({"generator": generator, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
