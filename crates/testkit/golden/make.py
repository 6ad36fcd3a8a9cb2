#!/usr/bin/env python3
"""Makes the golden vectors from the numpy float64 reference programs.

    python3 make.py --reference DIR --out DIR

DIR of --reference holds ref_p12.py (projections by networks, neural score), ref_p3.py (Attention-BN and -SH, convolution, linear attention, positions), ref_p4.py (gated projections, tensor chains, H-SoftPOS) and
ref_p5.py (expressive attention). Each golden file names the program that made its numbers and the
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


def named(parameters, gradients):
    """Parameters under our names, and their gradients under the same names after a `d`."""
    return {**parameters, **{f"d{name}": g for name, g in gradients.items()}}


def mlp_projection(ref):
    """The two forms of the paper's code, all gradients. Matrices are [out, in]; loss = sum(y * dy)."""
    batch, length, keys, width, heads = 2, 5, 4, 8, 2
    causal = np.triu(np.full((length, length), -1e30), 1)[None, None]
    padding = np.zeros((batch, 1, 1, keys))
    padding[1, 0, 0, 3] = -1e30
    cases = []
    for name, kind in (("marian-causal", "marian"), ("marian-across", "marian"), ("roberta-full", "roberta")):
        x, memory = ref.T(ref.fill(1, (batch, length, width), 1.0)), ref.T(ref.fill(2, (batch, keys, width), 1.0))
        dy, p = ref.fill(3, (batch, length, width), 1.0), ref.p1_params(width, kind)
        if name == "roberta-full":
            y = ref.p1_roberta(x, np.zeros((1, 1, 1, length)), p, heads)[0]
        elif name == "marian-across":
            y = ref.p1_marian(x, memory, padding, p, heads)[0]
        else:
            y = ref.p1_marian(x, x, causal, p, heads)[0]
        ref.wsum(y, dy).backward()
        parts = {"w": "weight", "b": "bias", "w1": "0.weight", "b1": "0.bias", "g": "1.weight", "be": "1.bias"}
        last = "3" if kind == "marian" else "2"
        parts.update({"w2": f"{last}.weight", "b2": f"{last}.bias"})
        ours = {key: f"{key[0]}_proj.{parts[key[2:]]}" for key in p}
        arrays = named({ours[key]: p[key].v for key in p}, {ours[key]: p[key].g for key in p})
        if name == "marian-across":
            arrays.update(memory=memory.v, dmemory=memory.g)
        cases.append(case(name, {"heads": heads}, x=x.v, dx=x.g, dy=dy, y=y.v, **arrays))
    return cases


def neural_score(ref):
    """Neural attention as released (two hidden layers) and as printed (one), weights and all gradients. Row (3 i + c) heads + h of the reference's fused
    projection is feature i of head h of q, k or v; ours are three. Matrices are [out, in]; loss = sum(y * dy)."""
    batch, length, width, heads = 2, 5, 8, 2
    d = width // heads
    ours = {"wqp": "q_down.weight", "bqp": "q_down.bias", "wkp": "k_down.weight", "bkp": "k_down.bias", "w1": "hidden.weight",
            "b1": "hidden.bias", "w2": "second.weight", "b2": "second.bias", "w3": "out.weight", "b3": "out.bias"}
    def split(fused):
        parts = fused.reshape(d, 3, heads, width).transpose(1, 2, 0, 3).reshape(3, width, width)
        return {f"{c}_proj.weight": part for c, part in zip("qkv", parts)}
    cases = []
    for form, mask, down in (("code", "causal", 2), ("code", "full", 3), ("code", "causal", 4), ("formula", "causal", 4)):
        x, dy = ref.T(ref.fill(11, (batch, length, width), 1.0)), ref.fill(12, (batch, length, width), 1.0)
        p = ref.p2_params(width, heads, down, form == "code")
        if form == "code":
            # As the reference does, so that no pair is dead.
            p["w2"].v[:], p["b2"].v[:] = np.abs(p["w2"].v), np.abs(p["b2"].v) + 0.2
        y, weights = ref.p2_attention(x, p, heads, mask == "causal", "concat", form == "code")
        ref.wsum(y, dy).backward()
        values, grads = ({"o_proj.weight": of(p["wo"]), **split(of(p["wqkv"])), **{f"score.{ours[k]}": of(p[k]) for k in p if k in ours}}
                         for of in (lambda t: t.v, lambda t: t.g))
        scalars = {"heads": heads, "width": down}
        cases.append(case(f"{form}-{mask}-{down}", scalars, x=x.v, dx=x.g, dy=dy, y=y.v, weights=weights.v, **named(values, grads)))
    return cases


def gated_projection(ref):
    """KgV with all gradients, in one sequence and across two, and the output of all six orders. Matrices become [out, in]."""
    rng = np.random.default_rng(230510991)
    width, heads, length, keys = 6, 3, 5, 7
    cases = []
    for order in ("kqv", "vqk", "kvq", "qvk", "qkv", "vkq"):
        name = ref.pair_name(order).lower()
        raw, gated = name[0], name[2]
        other = next(c for c in "qkv" if c not in (raw, gated))
        letters = {"Wg": "g", "Wq": other, "Wv": gated, "Wo": "o"}
        for where in ("causal", "across") if name in ("kgv", "vgk") else ("causal",):
            p = {w: rng.standard_normal((width, width)) * 0.5 for w in letters}
            p.update({w.replace("W", "b"): rng.standard_normal(width) * 0.1 for w in letters})
            x = rng.standard_normal((length, width))
            memory = x if where == "causal" else rng.standard_normal((keys, width))
            dy = rng.standard_normal((length, width))
            if where == "causal":
                mask = np.triu(np.ones((length, length)), 1)
            else:
                mask = np.zeros((length, keys))
                mask[:, -2:] = 1
            y = ref.gated_attention(p, x, memory, memory, mask, heads, order)
            arrays = {}
            for w, letter in letters.items():
                arrays[f"{letter}_proj.weight"], arrays[f"{letter}_proj.bias"] = p[w].T, p[w.replace("W", "b")]
            if name == "kgv":
                again, cache = ref.kgv_forward(p, x, memory, memory, mask, heads)
                assert np.allclose(again, y, rtol=0, atol=1e-13)
                g = ref.kgv_backward(p, cache, dy)
                for w, letter in letters.items():
                    arrays[f"d{letter}_proj.weight"], arrays[f"d{letter}_proj.bias"] = g[w].T, g[w.replace("W", "b")]
                if where == "causal":
                    arrays["dx"] = (g["xq"] + g["xk"] + g["xv"])[None]
                else:
                    arrays.update(dx=g["xq"][None], dmemory=(g["xk"] + g["xv"])[None])
            if where == "across":
                arrays["memory"] = memory[None]
            cases.append(case(f"{name}-{where}", {"heads": heads}, x=x[None], y=y[None], dy=dy[None], **arrays))
    return cases


def tensor_chain(ref):
    """A linear weight as a chain: x W with all gradients; a table as a chain: rows with all gradients; TT-SVD at a cap and at a tolerance.
    The cores of the table are [r, width leg, row leg, r'], those of the weight [r, in, out, r']."""
    rng = np.random.default_rng(23051099)
    cases = []
    for inputs, outputs, ranks in (((5,), (3,), ()), ((3, 4), (2, 5), (3,)), ((3, 2, 2), (2, 3, 2), (4, 3)), ((2, 1, 3, 2), (1, 2, 2, 2), (2, 3, 2))):
        bonds = (1, *ranks, 1)
        cores = [rng.standard_normal(shape) for shape in zip(bonds, inputs, outputs, bonds[1:])]
        size_in, size_out = int(np.prod(inputs)), int(np.prod(outputs))
        x, dy = rng.standard_normal((4, size_in)), rng.standard_normal((4, size_out))
        y, _ = ref.mpo_apply(x, cores)
        assert np.allclose(y, ref.mpo_apply_rev(x, cores)[0], rtol=0, atol=1e-12)
        arrays = {f"core{k}": c for k, c in enumerate(cores)}
        arrays.update({f"dcore{k}": g for k, g in enumerate(ref.mpo_core_grads(cores, x.T @ dy))})
        weight = ref.mpo_full(cores)
        arrays.update(x=x, y=y, dy=dy, dx=dy @ weight.T, weight=weight.T)
        table = [c.transpose(0, 2, 1, 3) for c in cores]
        ids = rng.integers(0, size_out, 6)
        drows = rng.standard_normal((6, size_in))
        dtable = np.zeros((size_out, size_in))
        np.add.at(dtable, ids, drows)
        arrays.update(ids=ids, rows=ref.mpo_rows(table, ids), drows=drows)
        arrays.update({f"dtable{k}": g.transpose(0, 2, 1, 3) for k, g in enumerate(ref.mpo_core_grads(table, dtable))})
        dense = rng.standard_normal((size_in, size_out)) @ np.diag(0.7 ** np.arange(size_out))
        arrays["dense"] = dense.T
        for name, options in (("cap", {"max_rank": 2}), ("tolerance", {"eps": 0.2})):
            made, lost = ref.tt_svd(dense, inputs, outputs, **options)
            arrays[name], arrays[f"{name}_tails"] = ref.mpo_full(made).T, lost
        cases.append(case(f"{len(inputs)} cores", {}, inputs=inputs, outputs=outputs, ranks=ranks, **arrays))
    return cases


def h_soft_pos(ref):
    """H-SoftPOS, all gradients. The weight of a convolution is [out, taps * in], the oldest tap first."""
    rng = np.random.default_rng(40)
    cases = []
    for width, levels in ((12, 1), (16, 2), (13, 2), (24, 3), (32, 4)):
        level, table = ref.hsp_dims(width, levels)
        vocabulary, length = 11, 9
        p = {"E": rng.standard_normal((vocabulary, table)) * 0.3}
        for i in range(levels):
            p[f"S{i}"] = rng.standard_normal((level, level))
            if i < levels - 1:
                p[f"C{i}"] = rng.standard_normal((3, table if i == 0 else level, level)) * 0.3
                p[f"b{i}"] = rng.standard_normal(level) * 0.1
        ids = rng.integers(0, vocabulary, length)
        y, cache = ref.hsp_forward(p, ids, levels)
        dy = rng.standard_normal(y.shape)
        g = ref.hsp_backward(p, cache, levels, dy)
        flat = lambda c: c.reshape(-1, c.shape[-1]).T
        arrays = {}
        for prefix, of in (("", p), ("d", g)):
            arrays[f"{prefix}embed.weight"] = of["E"]
            for i in range(levels):
                arrays[f"{prefix}soft_pos.{i}.weight"] = of[f"S{i}"]
                if i < levels - 1:
                    arrays[f"{prefix}convs.{i}.weight"], arrays[f"{prefix}convs.{i}.bias"] = flat(of[f"C{i}"]), of[f"b{i}"]
        cases.append(case(f"{levels}-{width}", {"levels": levels, "width": width}, ids=ids[None], y=y[None], dy=dy[None], **arrays))
    return cases


def attention_bn(ref):
    """Attention-BN in a layer with linear projections: full and padded with all gradients, causal without. Matrices are [out, in]."""
    rng = np.random.default_rng(240613781)
    batch, heads, length, d = 2, 2, 5, 3
    width, eps = heads * d, 1e-5
    cases = []
    for mask in ("full", "padded", "causal"):
        for scale in (False, True):
            x, dy = rng.standard_normal((2, batch, length, width))
            p = {f"{c}_proj.weight": rng.standard_normal((width, width)) * 0.5 for c in "qkvo"}
            p.update({f"{c}_proj.bias": rng.standard_normal(width) * 0.1 for c in "qkvo"})
            p["bn_beta"] = rng.uniform(0.3, 1.2, heads)
            lengths = [length, 3] if mask == "padded" else [length, length]
            project = lambda c, x: x @ p[f"{c}_proj.weight"].T + p[f"{c}_proj.bias"]
            y, dx = np.zeros_like(x), np.zeros_like(x)
            grads = {name: np.zeros_like(value) for name, value in p.items()}
            for b in range(batch):
                q, k, v = (project(c, x[b]) for c in "qkv")
                valid = (np.arange(length) < lengths[b]).astype(float)
                merged, caches = np.zeros_like(q), []
                for h in range(heads):
                    at = slice(h * d, (h + 1) * d)
                    if mask == "causal":
                        merged[:, at] = ref.attn_bn_causal(q[:, at], k[:, at], v[:, at], p["bn_beta"][h], eps, scale)
                    else:
                        out, cache = ref.attn_bn_fwd(q[:, at], k[:, at], v[:, at], p["bn_beta"][h], eps, scale, valid)
                        merged[:, at] = out
                        caches.append(cache)
                y[b] = project("o", merged)
                if mask == "causal":
                    continue
                dmerged = dy[b] @ p["o_proj.weight"]
                inner = {c: np.zeros_like(q) for c in "qkv"}
                for h, cache in enumerate(caches):
                    at = slice(h * d, (h + 1) * d)
                    *dqkv, dbeta = ref.attn_bn_bwd(cache, dmerged[:, at])
                    for c, g in zip("qkv", dqkv):
                        inner[c][:, at] = g
                    grads["bn_beta"][h] += dbeta
                for c, source, g in [(c, x[b], inner[c]) for c in "qkv"] + [("o", merged, dy[b])]:
                    grads[f"{c}_proj.weight"] += g.T @ source
                    grads[f"{c}_proj.bias"] += g.sum(0)
                dx[b] = sum(inner[c] @ p[f"{c}_proj.weight"] for c in "qkv")
            arrays = p if mask == "causal" else named(p, {**grads, "x": dx})
            scalars = {"heads": heads, "eps": eps, "scale": float(scale)}
            cases.append(case(f"{mask}-{scale}", scalars, x=x, y=y, dy=dy, lengths=lengths, **arrays))
    return cases


def attention_conv(ref):
    """Causal convolution of queries and keys in a layer with linear projections, all gradients. Matrices are [out, in]."""
    rng = np.random.default_rng(3062406)
    heads, length, d = 2, 5, 3
    width = heads * d
    cases = []
    for taps in (1, 3, 7):
        x, dy = rng.standard_normal((2, length, width))
        p = {f"{c}_proj.weight": rng.standard_normal((width, width)) * 0.5 for c in "qkvo"}
        p.update({f"{c}_proj.bias": rng.standard_normal(width) * 0.1 for c in "qkvo"})
        kernel = rng.standard_normal((width, taps))
        q, k, v = (x @ p[f"{c}_proj.weight"].T + p[f"{c}_proj.bias"] for c in "qkv")
        qc, kc = ref.dwconv1d(q, kernel, True), ref.dwconv1d(k, kernel, True)
        mask = np.tril(np.ones((length, length), bool))
        merged, inner = np.zeros_like(q), {c: np.zeros_like(q) for c in "qkv"}
        dmerged = dy @ p["o_proj.weight"]
        for h in range(heads):
            at = slice(h * d, (h + 1) * d)
            merged[:, at], cache = ref.core_fwd(qc[:, at], kc[:, at], v[:, at], d ** -0.5, mask)
            for c, g in zip("qkv", ref.core_bwd(cache, dmerged[:, at])):
                inner[c][:, at] = g
        y = merged @ p["o_proj.weight"].T + p["o_proj.bias"]
        inner["q"], dq_kernel = ref.dwconv1d_bwd(q, kernel, inner["q"], True)
        inner["k"], dk_kernel = ref.dwconv1d_bwd(k, kernel, inner["k"], True)
        grads = {}
        for c, source, g in [(c, x, inner[c]) for c in "qkv"] + [("o", merged, dy)]:
            grads[f"{c}_proj.weight"], grads[f"{c}_proj.bias"] = g.T @ source, g.sum(0)
        grads["x"] = sum(inner[c] @ p[f"{c}_proj.weight"] for c in "qkv")[None]
        for where, taken in ((p, kernel), (grads, dq_kernel + dk_kernel)):
            where["qk_conv.own"] = taken[:, -1]
            if taps > 1:
                where["qk_conv.past"] = taken[:, :-1].T
        scalars = {"heads": heads, "taps": taps}
        cases.append(case(f"taps-{taps}", scalars, x=x[None], y=y[None], dy=dy[None], **named(p, grads)))
    return cases


def self_attention(rng, name, scalars, heads, length, d, lengths, forward, backward, beta):
    """A case of a layer with linear projections whose head h of a sequence with n real tokens is `forward(h, n, q, k, v, beta)`, which returns the
    output and what `backward(kept, dy)` makes (dq, dk, dv, dbeta) of; without `backward` only the output is in the case. Matrices are [out, in]."""
    batch, width = len(lengths), heads * d
    x, dy = rng.standard_normal((2, batch, length, width))
    p = {f"{c}_proj.weight": rng.standard_normal((width, width)) * 0.5 for c in "qkvo"}
    p.update({f"{c}_proj.bias": rng.standard_normal(width) * 0.1 for c in "qkvo"})
    if beta:
        p["bn_beta"] = rng.uniform(0.3, 1.2, heads)
    y, dx = np.zeros_like(x), np.zeros_like(x)
    grads = {key: np.zeros_like(value) for key, value in p.items()}
    for b in range(batch):
        q, k, v = (x[b] @ p[f"{c}_proj.weight"].T + p[f"{c}_proj.bias"] for c in "qkv")
        merged, inner = np.zeros_like(q), {c: np.zeros_like(q) for c in "qkv"}
        dmerged = dy[b] @ p["o_proj.weight"]
        for h in range(heads):
            at = slice(h * d, (h + 1) * d)
            merged[:, at], kept = forward(h, lengths[b], q[:, at], k[:, at], v[:, at], p["bn_beta"][h] if beta else None)
            if backward:
                *dqkv, dbeta = backward(kept, dmerged[:, at])
                for c, g in zip("qkv", dqkv):
                    inner[c][:len(g), at] = g
                if beta:
                    grads["bn_beta"][h] += dbeta
        y[b] = merged @ p["o_proj.weight"].T + p["o_proj.bias"]
        for c, source, g in [(c, x[b], inner[c]) for c in "qkv"] + [("o", merged, dy[b])]:
            grads[f"{c}_proj.weight"] += g.T @ source
            grads[f"{c}_proj.bias"] += g.sum(0)
        dx[b] = sum(inner[c] @ p[f"{c}_proj.weight"] for c in "qkv")
    arrays = named(p, {**grads, "x": dx}) if backward else p
    return case(name, {"heads": heads, **scalars}, x=x, y=y, dy=dy, lengths=lengths, **arrays)


def attention_linear(ref):
    """Linear attention and Linear-BN in a layer: full and padded (which is truncated) with all gradients, causal without."""
    rng = np.random.default_rng(200616236)
    plain = lambda h, n, q, k, v, beta: ref.lin_fwd(q, k[:n], v[:n])
    causal = lambda h, n, q, k, v, beta: (ref.lin_causal(q, k, v), None)
    no_beta = lambda kept, dy: (*ref.lin_bwd(kept, dy), None)
    sizes = (2, 5, 3)
    cases = [self_attention(rng, "linear-full", {}, *sizes, [5, 5], plain, no_beta, False),
             self_attention(rng, "linear-padded", {}, *sizes, [5, 3], plain, no_beta, False),
             self_attention(rng, "linear-causal", {}, *sizes, [5, 5], causal, None, False)]
    for scale in (False, True):
        bn = lambda h, n, q, k, v, beta: ref.lin_bn_fwd(q, k[:n], v[:n], beta, 1e-5, scale)
        for name, lengths in (("full", [5, 5]), ("padded", [5, 4])):
            scalars = {"eps": 1e-5, "scale": float(scale)}
            cases.append(self_attention(rng, f"bn-{name}-{scale}", scalars, *sizes, lengths, bn, ref.lin_bn_bwd, True))
    return cases


def attention_sh(ref):
    """Attention-SH in a layer with pooling factors 1, 2, 2, 3, alone and with Attention-BN: full and padded with all gradients, causal without."""
    rng = np.random.default_rng(613781)
    factors, sizes = [1, 2, 2, 3], (4, 7, 2)
    def pooled(bn):
        def forward(h, n, q, k, v, beta):
            valid = (np.arange(len(k)) < n).astype(float)
            return ref.attn_sh_fwd(q, k, v, factors[h], valid, bn and (beta, *bn))
        return forward
    causal = lambda h, n, q, k, v, beta: (ref.attn_sh_causal(q, k, v, factors[h])[0], None)
    def linear(h, n, q, k, v, beta):
        pool = ref.pool_matrix(n, factors[h])
        out, kept = ref.lin_fwd(q, pool @ k[:n], pool @ v[:n])
        return out, (pool, kept)
    def linear_backward(kept, dy):
        dq, dk, dv = ref.lin_bwd(kept[1], dy)
        return dq, kept[0].T @ dk, kept[0].T @ dv, None
    cases = [self_attention(rng, "sh-full", {}, *sizes, [7, 7], pooled(None), ref.attn_sh_bwd, False),
             self_attention(rng, "sh-padded", {}, *sizes, [7, 4], pooled(None), ref.attn_sh_bwd, False),
             self_attention(rng, "sh-causal", {}, *sizes, [7, 7], causal, None, False),
             self_attention(rng, "linear-full", {}, *sizes, [7, 7], linear, linear_backward, False),
             self_attention(rng, "linear-padded", {}, *sizes, [7, 4], linear, linear_backward, False)]
    for name, lengths, scale, eps in (("full", [7, 7], False, 1e-5), ("padded", [7, 4], False, 1e-5), ("full", [7, 7], True, 0.1)):
        forward = pooled((eps, scale))
        scalars = {"eps": eps, "scale": float(scale)}
        cases.append(self_attention(rng, f"bn-{name}-{scale}", scalars, *sizes, lengths, forward, ref.attn_sh_bwd, True))
    return cases


def attention_variants(ref):
    """Causal softmax attention in a layer, all gradients: rotated queries and keys (interleaved pairs), a window of three keys, and grouped heads, whose
    projections of keys and values are narrower. Matrices are [out, in]."""
    rng = np.random.default_rng(29212104)
    batch, heads, length, d = 2, 4, 6, 4
    width, cases = heads * d, []
    for name, kv_heads in (("rotary", heads), ("window", heads), ("grouped", 2)):
        x, dy = rng.standard_normal((2, batch, length, width))
        outputs = {"q": width, "k": kv_heads * d, "v": kv_heads * d, "o": width}
        p = {f"{c}_proj.weight": rng.standard_normal((n, width)) * 0.3 for c, n in outputs.items()}
        p.update({f"{c}_proj.bias": rng.standard_normal(n) * 0.1 for c, n in outputs.items()})
        turn = ref.rope if name == "rotary" else lambda x, positions: x
        at, far = np.arange(length), length if name != "window" else 3
        mask = (at[None] <= at[:, None]) & (at[:, None] - at[None] < far)
        y, dx, grads = np.zeros_like(x), np.zeros_like(x), {key: np.zeros_like(value) for key, value in p.items()}
        for b in range(batch):
            q, k, v = (x[b] @ p[f"{c}_proj.weight"].T + p[f"{c}_proj.bias"] for c in "qkv")
            merged, inner = np.zeros_like(q), {"q": np.zeros_like(q), "k": np.zeros_like(k), "v": np.zeros_like(v)}
            dmerged = dy[b] @ p["o_proj.weight"]
            for h in range(heads):
                own, shared = slice(h * d, (h + 1) * d), slice(h * kv_heads // heads * d, (h * kv_heads // heads + 1) * d)
                merged[:, own], kept = ref.core_fwd(turn(q[:, own], at), turn(k[:, shared], at), v[:, shared], d ** -0.5, mask)
                dq, dk, dv, _ = ref.core_bwd(kept, dmerged[:, own])
                inner["q"][:, own] += turn(dq, -at)
                inner["k"][:, shared] += turn(dk, -at)
                inner["v"][:, shared] += dv
            y[b] = merged @ p["o_proj.weight"].T + p["o_proj.bias"]
            for c, source, g in [(c, x[b], inner[c]) for c in "qkv"] + [("o", merged, dy[b])]:
                grads[f"{c}_proj.weight"] += g.T @ source
                grads[f"{c}_proj.bias"] += g.sum(0)
            dx[b] = sum(inner[c] @ p[f"{c}_proj.weight"] for c in "qkv")
        cases.append(case(name, {"heads": heads}, x=x, y=y, dy=dy, **named(p, {**grads, "x": dx})))
    return cases


def head_distance(ref):
    """Mean and deviation of the Frobenius distances between the maps of a layer, and the example that is known in closed form."""
    rng = np.random.default_rng(86)
    drawn = rng.uniform(size=(4, 5, 7))
    known = np.stack([np.eye(4), np.eye(4), np.full((4, 4), 0.25)])
    maps = {"drawn": drawn / drawn.sum(-1, keepdims=True), "known": known}
    distances = {name: ref.head_distance(value) for name, value in maps.items()}
    return [case(name, dict(zip(("mean", "deviation"), distances[name])), maps=value) for name, value in maps.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="folder of the reference programs")
    parser.add_argument("--out", required=True, help="folder for the golden files")
    args = parser.parse_args()
    files = {
        "ref_p12.py": {"mlp_projection": mlp_projection, "neural_score": neural_score},
        "ref_p3.py": {"attention_bn": attention_bn, "attention_conv": attention_conv,
                      "attention_linear": attention_linear, "attention_sh": attention_sh,
                      "attention_variants": attention_variants, "head_distance": head_distance},
        "ref_p4.py": {"gated_projection": gated_projection, "h_soft_pos": h_soft_pos, "tensor_chain": tensor_chain},
        "ref_p5.py": {"attention_core": attention, "multi_head_attention": multi_head},
    }
    for script, made in files.items():
        ref, sha256 = load(args.reference, script)
        generator = {"script": script, "sha256": sha256}
        for name, make in made.items():
            path = pathlib.Path(args.out) / f"{name}.json"
            text = json.dumps({"generator": generator, "cases": make(ref)}, separators=(",", ":"))
            path.write_text(text + "\n")


if __name__ == "__main__":
    main()
