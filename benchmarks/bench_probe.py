"""What `howfar.probe` costs beside the forward passes that it cannot do without."""

import torch

from harness import Row, milliseconds, side_by_side
from howfar import Transformer, TransformerConfig, probe

PASSES = 8  # the reference, twice; doubled ids; three shifts; two with padding


def rows():
    torch.set_num_threads(1)
    shape = dict(vocabulary=64, outputs=64, depth=2, width=64, heads=4, max_length=512)
    for encoding in ("rotary", "learned"):
        torch.manual_seed(0)
        model = Transformer(TransformerConfig(**shape, encoding=encoding)).eval()
        tokens = torch.randint(64, (1, 200))

        def passes(model=model, tokens=tokens):
            with torch.no_grad():
                for _ in range(PASSES):
                    model(tokens)

        times = side_by_side({"passes": passes, "probe": lambda m=model, t=tokens: probe(m, t)})
        note = milliseconds(times)
        what = f"200 tokens, two layers, {encoding}"
        yield Row(f"probe / {PASSES} plain forward passes, {what}", times["probe"] / times["passes"], 3.0, note=note)
        yield Row(f"probe / one second, {what}", times["probe"], 1.0, note=note)
