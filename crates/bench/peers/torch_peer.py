"""PyTorch as a peer: the fastest way it offers for each case without compilation."""
import os
import subprocess
import sys

THREADS = int(sys.argv[1])
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(THREADS)

import torch
from torch import nn
from torch.nn import functional as F

import common

torch.set_num_threads(THREADS)
torch.manual_seed(0)
CASES = {}


def case(name):
    def add(build):
        CASES[name] = build
        return build

    return add


def products():
    def single(form, m, n, k):
        def build():
            a = torch.randn(k, m).t() if form == "TN" else torch.randn(m, k)
            b = torch.randn(n, k).t() if form == "NT" else torch.randn(k, n)
            c = torch.empty(m, n)
            return lambda: torch.mm(a, b, out=c)

        return build

    def batched(form, batch, m, n, k):
        def build():
            a = torch.randn(batch, k, m).mT if form == "TN" else torch.randn(batch, m, k)
            b = torch.randn(batch, n, k).mT if form == "NT" else torch.randn(batch, k, n)
            c = torch.empty(batch, m, n)
            return lambda: torch.bmm(a, b, out=c)

        return build

    for form in ("NN", "NT", "TN"):
        for m, n, k in common.GEMM:
            CASES[f"gemm_{form}_{m}x{n}x{k}"] = single(form, m, n, k)
        for batch, m, n, k in common.BATCHED:
            CASES[f"bgemm_{form}_{batch}x{m}x{n}x{k}"] = batched(form, batch, m, n, k)
    for batch, m, n, k in common.BATCHED:
        CASES[f"bgemm_PV_{batch}x{m}x{k}x{n}"] = batched("NN", batch, m, k, n)


def op(name, size, shapes, function):
    """Two cases: forward, and forward with backward into fresh gradients."""

    def build(backward):
        leaves = [torch.randn(*shape, requires_grad=True) for shape in shapes]
        if name.startswith("linear_"):
            leaves[1].data.mul_(shapes[1][-1] ** -0.5)
        extra = torch.randint(0, 32000, (4096,))
        with torch.no_grad():
            cotangent = torch.randn_like(function(*leaves, extra))
            cotangent = torch.ones_like(cotangent) if cotangent.dim() == 0 else cotangent

        def forward():
            with torch.no_grad():
                function(*leaves, extra)

        def both():
            for leaf in leaves:
                leaf.grad = None
            function(*leaves, extra).backward(cotangent)

        return both if backward else forward

    CASES[f"{name}_fwd_{size}"] = lambda: build(False)
    CASES[f"{name}_fwdbwd_{size}"] = lambda: build(True)


def ops():
    wide = (4096, 3072)
    op("softmax", "4096x1024", [(4096, 1024)], lambda x, _: torch.softmax(x, -1))
    op("layernorm", "4096x768", [(4096, 768), (768,), (768,)], lambda x, g, b, _: F.layer_norm(x, (768,), g, b))
    op("rmsnorm", "4096x768", [(4096, 768), (768,)], lambda x, g, _: F.rms_norm(x, (768,), g, 1e-6))
    op("gelu_erf", "4096x3072", [wide], lambda x, _: F.gelu(x))
    op("gelu_tanh", "4096x3072", [wide], lambda x, _: F.gelu(x, approximate="tanh"))
    op("add", "4096x3072", [wide, wide], lambda a, b, _: a + b)
    op(
        "linear_gelu_tanh", "4096x3072x768", [(4096, 768), (3072, 768), (3072,)],
        lambda x, w, b, _: F.gelu(F.linear(x, w, b), approximate="tanh"),
    )
    op("embedding", "32000x256_4096", [(32000, 256)], lambda table, ids: F.embedding(ids, table))
    op("cross_entropy", "4096x32000", [(4096, 32000)], lambda x, ids: F.cross_entropy(x, ids))
    op(
        "linear_cross_entropy", "4096x32000x256", [(4096, 256), (32000, 256)],
        lambda x, w, ids: F.cross_entropy(F.linear(x, w), ids),
    )
    for shape in common.ATTENTION:
        for causal in (False, True):
            size = "B{}H{}T{}D{}".format(*shape) + ("_causal" if causal else "_full")
            op("attn", size, [shape] * 3, lambda q, k, v, _, c=causal: F.scaled_dot_product_attention(q, k, v, is_causal=c))


def mechanisms():
    """The mechanisms as one writes them with ordinary operations, forward and backward into fresh gradients."""
    batch, heads, length, d = shape = common.MECHANISM
    size = "B{}H{}T{}D{}".format(*shape)

    def add(name, causal, parameters, score, values=lambda k, v, p: v, weigh=None):
        def build():
            mask = torch.ones(length, length, dtype=torch.bool).tril() if causal else None
            leaves = [torch.randn(shape, requires_grad=True) for _ in range(3)]
            leaves += [(torch.randn(s) * s[-1] ** -0.5).requires_grad_() for s in parameters]
            cotangent = torch.randn(shape)

            def softmax(s):
                return torch.softmax(s if mask is None else s.masked_fill(~mask, float("-inf")), -1)

            def run():
                for leaf in leaves:
                    leaf.grad = None
                q, k, v, *p = leaves
                weights = (weigh or (lambda s, _: softmax(s)))(score(q, k, p, mask), mask)
                (weights @ values(k, v, p)).backward(cotangent)

            return run

        CASES[f"attn_fwdbwd_{name}_{size}_{'causal' if causal else 'full'}"] = build

    def dot(q, k, p, mask):
        return q @ k.mT * d**-0.5

    def expressive(s, mask):
        weights = s * s / (1 + s * s)
        weights = weights if mask is None else weights * mask
        return weights / (weights.sum(-1, keepdim=True) + 1e-6)

    def neural(q, k, p, mask):
        wq, bq, wk, bk, w1, b1, w2, b2, w3, b3 = p
        width = len(bq)
        a = F.linear(F.linear(q, wq, bq), w1[:, :width], b1)
        b = F.linear(F.linear(k, wk, bk), w1[:, width:])
        hidden = torch.relu(F.linear(torch.relu(a.unsqueeze(3) + b.unsqueeze(2)), w2, b2))
        return F.linear(hidden, w3, b3).squeeze(-1)

    def shifted(q, k, p, mask):
        if mask is None:
            mean = k.mean(2, keepdim=True)
        else:
            mean = k.cumsum(2) / torch.arange(1, length + 1).view(length, 1)
        return dot(q - 0.5 * mean, k, p, mask)

    def linear():
        leaves = [torch.randn(shape, requires_grad=True) for _ in range(3)]
        cotangent = torch.randn(shape)

        def run():
            for leaf in leaves:
                leaf.grad = None
            q, k, v = leaves
            q, k = F.elu(q) + 1, F.elu(k) + 1
            (q @ (k.mT @ v) / (q @ k.sum(2, keepdim=True).mT + 1e-6)).backward(cotangent)

        return run

    def scaled_heads():
        leaves = [torch.randn(shape, requires_grad=True) for _ in range(3)]
        cotangent = torch.randn(shape)
        half = heads // 2

        def pooled(x):
            return F.avg_pool1d(x[:, half:].flatten(0, 1).mT, 2).mT.view(batch, heads - half, length // 2, d)

        def run():
            for leaf in leaves:
                leaf.grad = None
            q, k, v = leaves
            raw = torch.softmax(dot(q[:, :half], k[:, :half], None, None), -1) @ v[:, :half]
            means = torch.softmax(dot(q[:, half:], pooled(k), None, None), -1) @ pooled(v)
            torch.cat([raw, means], 1).backward(cotangent)

        return run

    CASES[f"attn_fwdbwd_sh_1_2_{size}_full"] = scaled_heads
    for causal in (False, True):
        add("dot", causal, [], dot)
        add("expressive", causal, [], dot, weigh=expressive)
        for width in (2, 8, 16):
            m = max(width // 2, 1)
            parameters = [(width, d), (width,), (width, d), (width,), (width, 2 * width), (width,), (m, width), (m,), (1, m), (1,)]
            add(f"neural_d{width}", causal, parameters, neural)
        add("bn", causal, [], shifted)
        if not causal:
            # Without a kernel of its own, the causal form needs a state for each token.
            CASES[f"attn_fwdbwd_linear_{size}_full"] = linear
        add("kgv", causal, [(d, d), (d,)], dot, values=lambda k, v, p: v * torch.sigmoid(F.linear(k, p[0], p[1])))


@case("adamw_10M")
def adamw():
    parameters = [torch.randn(500, 500, requires_grad=True) for _ in range(40)]
    for parameter in parameters:
        parameter.grad = torch.randn(500, 500)
    return torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01, fused=True).step


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def attend(self, x, cache, start, causal):
        batch, length, width = x.shape
        q, k, v = (
            layer(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        if cache is not None:
            for stored, new in zip(cache, (k, v)):
                stored[:, :, start : start + length] = new
            k, v = (stored[:, :, : start + length] for stored in cache)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal and length > 1)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x, cache=None, start=0, causal=True):
        x = x + self.attend(self.norm1(x), cache, start, causal)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, memory, causal=False):
        def split(t):
            return t.view(t.shape[0], t.shape[1], self.heads, t.shape[2] // self.heads).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(memory)), split(self.value(memory))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out(y.transpose(1, 2).reshape(x.shape))


class EncoderDecoder(nn.Module):
    """Pre-norm, learned positions, separate tables, a dense output."""

    class Layer(nn.Module):
        def __init__(self, width, heads, hidden, across):
            super().__init__()
            self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if across else 2))
            self.own = Attention(width, heads)
            self.across = Attention(width, heads) if across else None
            self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

        def forward(self, x, memory=None):
            y = self.norms[0](x)
            x = x + self.own(y, y, causal=self.across is not None)
            if self.across is not None:
                x = x + self.across(self.norms[1](x), memory)
            return x + self.down(F.gelu(self.up(self.norms[-1](x)), approximate="tanh"))

    def __init__(self, layers, width, heads, hidden, length, vocabulary, **_):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(vocabulary, width) for _ in range(2))
        self.positions = nn.ModuleList(nn.Embedding(length, width) for _ in range(2))
        make = lambda across: nn.ModuleList(self.Layer(width, heads, hidden, across) for _ in range(layers))
        self.encoder, self.decoder = make(False), make(True)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.output = nn.Linear(width, vocabulary)

    def forward(self, source, inputs):
        embed = lambda side, ids: self.tables[side](ids) + self.positions[side](torch.arange(ids.shape[1]))
        memory, x = embed(0, source), embed(1, inputs)
        for layer in self.encoder:
            memory = layer(memory)
        memory = self.norms[0](memory)
        for layer in self.decoder:
            x = layer(x, memory)
        return self.output(self.norms[1](x))


class Vit(nn.Module):
    def __init__(self, layers, width, heads, hidden, patch, side, classes, **_):
        super().__init__()
        self.patch = patch
        self.project = nn.Linear(3 * patch**2, width)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, images):
        batch, p = images.shape[0], self.patch
        patches = images.unfold(2, p, p).unfold(3, p, p).permute(0, 2, 3, 1, 4, 5).reshape(batch, -1, 3 * p * p)
        x = torch.cat([self.token.expand(batch, -1, -1), self.project(patches)], 1) + self.positions
        for block in self.blocks:
            x = block(x, causal=False)
        return self.head(self.norm(x)[:, 0])


class Gpt(nn.Module):
    def __init__(self, layers, width, heads, hidden, context, vocabulary, **_):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids, caches=None, start=0):
        x = self.tokens(ids) + self.positions(torch.arange(start, start + ids.shape[1]))
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i], start)
        return F.linear(self.norm(x), self.tokens.weight)


def training(model, inputs, targets):
    """A step on the same batch each time."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.01, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(*inputs).flatten(0, -2), targets.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


@case("train_gpt")
def train_gpt():
    size = common.GPT
    inputs, targets = (torch.randint(0, size["vocabulary"], (size["batch"], size["context"])) for _ in range(2))
    return training(Gpt(**size), [inputs], targets)


@case("train_encoder_decoder")
def train_encoder_decoder():
    size = common.ENCODER_DECODER
    *inputs, targets = (torch.randint(0, size["vocabulary"], (size["batch"], size["length"])) for _ in range(3))
    return training(EncoderDecoder(**size), inputs, targets)


@case("train_vit")
def train_vit():
    size = common.VIT
    images = torch.randn(size["batch"], 3, size["side"], size["side"])
    return training(Vit(**size), [images], torch.randint(0, size["classes"], (size["batch"],)))


@case("decode_gpt_greedy_b1")
def decode():
    size = common.GPT
    model = Gpt(**size).eval()
    shape = (1, size["heads"], size["context"], size["width"] // size["heads"])
    caches = [(torch.zeros(shape), torch.zeros(shape)) for _ in range(size["layers"])]
    prompt = torch.randint(0, size["vocabulary"], (1, common.PROMPT))

    @torch.inference_mode()
    def generate():
        token = model(prompt, caches, 0)[:, -1:].argmax(-1)
        for i in range(common.GENERATED):
            token = model(token, caches, common.PROMPT + i)[:, -1:].argmax(-1)
        return token.item()

    return generate


@case("startup_first_step")
def startup():
    program = (
        f"import torch; torch.set_num_threads({THREADS}); m = torch.nn.Linear(32, 32); "
        "o = torch.optim.AdamW(m.parameters()); l = m(torch.randn(50, 32)).square().mean(); l.backward(); o.step(); l.item()"
    )
    return lambda: subprocess.run([sys.executable, "-c", program], check=True)


products()
ops()
mechanisms()
common.serve("torch", torch.__version__, THREADS, CASES)
