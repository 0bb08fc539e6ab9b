"""What is checked on everything there is: all prefixes, all strings, all gates, and every move of some searches."""

import torch

from howfar import constructions, dyck, search

PREFIXES = ((1, 6, 14), (2, 2, 14), (2, 3, 14), (2, 5, 13), (3, 3, 10), (5, 4, 7), (9, 3, 6))  # k, D, N
STRINGS = ((1, 14), (2, 8), (3, 6), (4, 5))  # k, N
BLOCKS = ((3, 14), (4, 14), (5, 14), (6, 14), (7, 14), (8, 14))  # blocks, N
CIRCUITS = ((1, 4), (1, 10), (2, 2), (2, 4), (2, 6), (2, 8), (3, 4), (3, 6), (4, 4), (5, 4))  # k, n
PROBLEMS = ("countdown", "subset sum", "queens", "sudoku")
SEARCHES = 12  # for each problem and seed
SEEDS = tuple(range(4))


def full(make):
    """The configs of the full grid; ``make`` is the experiment's Config."""
    single, double = ("float32", "float64"), ("float32", "float64", "bfloat16")
    return [
        *(make("prefixes", "", p, k, depth, length) for k, depth, length in PREFIXES for p in double),
        *(make("strings", "", p, k, 0, length) for k, length in STRINGS for p in single),
        *(make("blocks", "", p, 2, blocks, length) for blocks, length in BLOCKS for p in double),
        *(make("circuit", "", "", k, 0, length) for k, length in CIRCUITS),
        make("one gate", "", "", 1, 0, 4),
        *(make("trace", problem, "", seeds=SEEDS) for problem in PROBLEMS),
    ]


def small(make):
    """The configs of the quick grid."""
    return [
        make("prefixes", "", "float32", 2, 3, 9),
        make("strings", "", "float32", 2, 0, 5),
        make("blocks", "", "float32", 2, 5, 9),
        make("circuit", "", "", 2, 0, 4),
        make("circuit", "", "", 2, 0, 6),
        make("one gate", "", "", 1, 0, 4),
        make("trace", "queens", "", seeds=(0,)),
    ]


def run(config, seed, device="cpu"):
    """One record: how many answers were asked for, and which share of them is wrong."""
    if config.what == "trace":
        return _trace(config.case, seed)
    if config.what == "one gate":
        return record(seed, _one_gate(), layers=1)
    if config.what == "circuit":
        circuit, words = constructions.threshold_circuit(config.k, config.length), _strings(2 * config.k, config.length)
        wrong = torch.cat([circuit(part) != dyck.is_word(part, config.k) for part in words.split(2**13)])
        return record(seed, wrong[:, None], layers=circuit.depth) | {"gates": circuit.size}
    model, words, right = {"prefixes": _prefixes, "strings": _recogniser, "blocks": _blocks}[config.what](config)
    model = model.to(getattr(torch, config.precision)).to(device)
    wrong = []
    for part in words.split(2**13):
        inputs = torch.cat([part.new_full((len(part), 1), 2 if config.what == "blocks" else 2 * config.k), part], 1)
        says = model(inputs.to(device)).cpu() > 0
        wrong.append((says != right(part)).any(-1))
    return record(seed, torch.cat(wrong), layers=model.config.depth)


def record(seed, wrong, layers):
    """The record of some answers; ``wrong`` is bool (words, answers to each)."""
    return {
        "seed": seed,
        "asked": wrong.numel(),
        "wrong": wrong.double().mean().item(),
        "spoilt": wrong.any(1).double().mean().item(),
        "layers": layers,
    }


def _strings(letters, length):
    return torch.cartesian_prod(*[torch.arange(letters)] * length).reshape(-1, length)


def _prefixes(config):
    words = dyck.all_prefixes(config.length, config.k, config.depth)
    model = constructions.dyck_continuation(config.k, config.depth, config.length)
    return model, words, lambda part: dyck.legal_tokens(part, config.k, config.depth)


def _recogniser(config):
    def right(words):
        return torch.stack([dyck.is_word(words[:, :t], config.k) for t in range(config.length + 1)], 1)[..., None]

    return constructions.dyck_recogniser(config.k, config.length), _strings(2 * config.k, config.length), right


def _blocks(config):
    def number(words):  # of the block that each letter is in, from 1
        return 1 + torch.cat([torch.zeros_like(words[:, :1]), (words[:, 1:] != words[:, :-1]).long()], 1).cumsum(1)

    def right(words):
        return torch.cat([torch.zeros(len(words), 1).bool(), number(words) == config.depth], 1)[..., None]

    words = _strings(2, config.length)
    words = words[(words[:, 0] == 0) & (number(words)[:, -1] <= config.depth)]
    return constructions.alternating_blocks(config.depth, config.length), words, right


def _one_gate():
    """Which of four strings no threshold gate can get right together: one of them, if two words have the same sum of
    inputs as two strings that are none. For a gate adds up its inputs."""
    words, others = [[0, 0, 1, 1], [0, 1, 0, 1]], [[0, 0, 0, 1], [0, 1, 1, 1]]
    sums = [torch.nn.functional.one_hot(torch.tensor(rows), 2).sum(0) for rows in (words, others)]
    told_apart = dyck.is_word(words, 1).all() and not dyck.is_word(others, 1).any()
    impossible = bool(told_apart and sums[0].equal(sums[1]))
    return torch.tensor([[impossible], [False], [False], [False]])


def _trace(problem, seed):
    """Searches written as brackets and read back: at how many moves does the word, its stack or the way back fail?"""
    wrong = []
    for number in range(SEARCHES):
        found = search.depth_first(_problem(problem, seed, number), first_only=bool(number % 2), max_nodes=400)
        word, stack, k = search.to_dyck(search.trace(found), found.branching).tolist(), [], found.branching
        moves = []
        for token, path in zip(word, found.addresses, strict=True):
            fits = token < k or (bool(stack) and stack[-1] == token - k)
            stack = [*stack, token] if token < k else stack[:-1]
            moves.append(not (fits and tuple(stack) == path))
        for format in search.FORMATS:
            tokens = search.trace(found, format=format)
            back = search.to_dyck(tokens, k, format=format)
            moves.append(back.tolist() != word or not search.from_dyck(back, k, format=format).equal(tokens))
        moves.append(found.exhausted and not dyck.is_word(word, k))
        wrong.append(torch.tensor(moves))
    every = torch.cat(wrong)[:, None]
    return record(seed, every, layers=0)


def _problem(name, seed, number):
    drawn = 1000 * seed + number
    if name == "queens":
        return search.NQueens(4 + number % 4)
    if name == "sudoku":
        return search.Sudoku4.random(4 + number % 5, seed=drawn)
    if name == "subset sum":
        return search.SubsetSum.random(4 + number % 5, seed=drawn)
    return search.Countdown.random(3 + number % 2, seed=drawn)
