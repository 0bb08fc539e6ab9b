"""The command line: ``howfar list``, ``howfar run NAME``, ``howfar claims``, ``howfar probe FOLDER``."""

import argparse
import os
import sys
import textwrap
import warnings
from pathlib import Path

import torch

from howfar import __version__, checks, claims, experiments, probes, runs, tables
from howfar.environment import keep_freed_memory
from howfar.experiments import EXPERIMENTS, SCALES
from howfar.runs import ENGINES


def main(arguments=None):
    """Run a command. Returns the exit status: 0, 1 if some runs failed, 2 if the command cannot be carried out."""
    options = _parser().parse_args(arguments)
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # for experiments of your own, as `python -m howfar.cli` has it
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: print(f"howfar: warning: {message}", file=sys.stderr)
        try:
            return options.command(options)
        except KeyboardInterrupt:
            print("howfar: stopped; what had finished is recorded, the same command goes on", file=sys.stderr)
            return 130
        except BrokenPipeError:  # `howfar claims | head`: the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (ImportError, SyntaxError) as error:  # in an experiment of the user's own
            print(
                f"howfar: error: {getattr(options, 'name', 'an experiment')} cannot be imported: {error}",
                file=sys.stderr,
            )
            return 2
        except (ValueError, OSError, RuntimeError) as error:
            print(f"howfar: error: {error}", file=sys.stderr)
            return 1 if isinstance(error, runs.RunsFailed) else 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="howfar",
        description="Run the experiments of the course How Far? and see what became of its claims.",
    )
    parser.add_argument("--version", action="version", version=f"howfar {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="the experiments, with the size of their grids")
    command.set_defaults(command=_list)

    command = commands.add_parser(
        "run",
        help="run an experiment, or go on with one that was stopped",
        description="Run an experiment's grid and record the results. Runs that the results file holds already are "
        "not computed again, so a command that was stopped goes on when it is given again.",
    )
    command.set_defaults(command=_run)
    command.add_argument(
        "name",
        help=f"{', '.join(EXPERIMENTS)}, or a module of your own, named as you would import it "
        "(the page 'The library' shows one)",
    )
    command.add_argument("--scale", choices=SCALES, default="quick", help="size of the grid (default: %(default)s)")
    command.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: %(default)s)")
    command.add_argument(
        "--engine",
        choices=ENGINES,
        default="in-process",
        help="where the runs are computed: one after the other, in several local processes, or on a Ray cluster "
        "(default: %(default)s)",
    )
    command.add_argument("--workers", type=int, metavar="N", help="processes (local) or CPUs (ray); default: all")
    command.add_argument("--address", help='ray: the address of a running cluster, or "auto"; default: start one here')
    command.add_argument("--gpus-per-run", type=float, metavar="X", help="ray: share of a GPU for each run, e.g. 0.25")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="the results file (default: results/NAME-SCALE.jsonl, here)"
    )

    command = commands.add_parser(
        "claims",
        help="the published claims that the course tests, and their verdicts",
        description="The claims ledger. Verdicts are computed from the recorded results, when you ask.",
    )
    command.set_defaults(command=_claims)
    command.add_argument("id", nargs="?", help="one claim, with its rule, every setting and its provenance")

    command = commands.add_parser(
        "probe",
        help="what positions do to a causal language model of your own",
        description="Move the position ids of a model of transformers, and pad its input on the left: do its logits "
        "stay where they were? Nothing is downloaded; needs pip install 'howfar[hf]'.",
    )
    command.set_defaults(command=_probe)
    command.add_argument(
        "folder", type=Path, help="as save_pretrained wrote it: config.json, weights, maybe a tokenizer"
    )
    command.add_argument(
        "--text",
        type=Path,
        metavar="FILE",
        help="probe with this text, and count how often the next token is right (default: random tokens)",
    )
    command.add_argument("--length", type=int, default=50, metavar="N", help="tokens a row (default: %(default)s)")
    command.add_argument(
        "--shifts",
        type=int,
        nargs="*",
        default=[1, 20, 100],
        metavar="S",
        help="added to positions (default: 1 20 100)",
    )
    command.add_argument("--pad", type=int, default=5, metavar="N", help="padding on the left (default: %(default)s)")
    command.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: %(default)s)")
    command.add_argument(
        "--dtype",
        choices=probes.DTYPES,
        default="auto",
        help="load the weights in this precision (default: the one they were saved in)",
    )
    return parser


def _list(options):
    for name in experiments.EXPERIMENTS:
        sizes = ", ".join(f"{scale} {len(experiments.grid(name, scale))} runs" for scale in experiments.SCALES)
        print(f"{name:20s} {sizes}\n{'':20s} {_first_sentence(experiments.find(name))}")
    return 0


def _run(options):
    torch.set_num_threads(1)  # more than one pays only for models far larger than ours
    keep_freed_memory()
    out = options.out or Path("results") / f"{options.name}-{options.scale}.jsonl"
    _print_plan(options.name, options.scale)
    records = runs.sweep(
        options.name,
        options.scale,
        out=out,
        device=options.device,
        engine=options.engine,
        workers=options.workers,
        address=options.address,
        gpus_per_run=options.gpus_per_run,
    )
    seconds = records.drop_duplicates("key")["seconds"]
    print(f"{len(records)} records of {len(seconds)} runs in {out}; {seconds.sum():.0f} s of computing in all")
    return 0


def _print_plan(name, scale):
    """What the grid will cost, where the experiment says so: before anything runs."""
    module = experiments.find(name)
    if hasattr(module, "plan"):
        seconds = module.plan(experiments.grid(name, scale))
        print(
            f"plan: {len(seconds)} runs, about {sum(seconds) / 3600:.1f} core-hours; what is recorded is not run again"
        )


def _claims(options):
    ledger = {claim.id: claim for claim in claims.load()}
    if options.id is None:
        for claim in ledger.values():
            print(f"{claims.judge(claim).verdict:15s} {claim.id}\n{_indented(claim.statement)}")
        return 0
    if options.id not in ledger:
        raise ValueError(f"no claim {options.id!r}; there are: {', '.join(ledger)}")
    _print_claim(ledger[options.id])
    return 0


def _print_claim(claim):
    finding = claims.judge(claim)
    print(f"{claim.id}: {finding.verdict}\n{_indented(claim.statement)}")
    print(f"source      arXiv:{claim.arxiv}, {claim.where} ({claim.kind})\nchapter     {claim.chapter}")
    if finding.readings is not None:
        rule = claims.rule(claim)
        print(f"rule        {rule.text} (Written {rule.written} the records were read.)")
        print(f"plausible   {rule.plausible}\nevidence    {finding.evidence}\nrecords     {finding.provenance}\n")
        _print_readings(finding.readings)
    if claim.note:
        print(f"\nnote        {claim.note}")


def _print_readings(readings):
    width = max(len(setting) for setting in readings["setting"])
    for _, row in readings.iterrows():
        mark = "most plausible" if row["plausible"] else ""
        print(f"{row['status']:13s} {row['setting']:{width}s}  {claims.number(row):24s} {mark}".rstrip())


PROBE_ROWS = 4


def _probe(options):
    length, device = checks.count("length", options.length, least=2), checks.device(options.device)
    model, tokenizer = probes.load_folder(options.folder, dtype=options.dtype)
    tokens = _probe_tokens(options.text, length, model, tokenizer)
    targets = None
    if options.text is not None:  # the next token
        targets = torch.full_like(tokens, -100)
        targets[:, :-1] = tokens[:, 1:]
    found = probes.probe(model.to(device), tokens, targets, shifts=options.shifts, pad=options.pad)
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    rows = "row" if len(tokens) == 1 else "rows"
    print(f"{type(model).__name__}, {dtype}, {len(tokens)} {rows} of {length} tokens")
    print(tables.table(found))
    if targets is not None:
        print(f"accuracy at positions 0 to {length - 1}: {found.attrs['accuracy']:.3f}")
    for test, said in found.attrs["refused"].items():
        print(f"{test} refused: {said}")
    if "ignored" in set(found["verdict"]):
        print("ignored: this model's forward doesn't read position_ids, so that these rows test nothing")
    return 0


def _probe_tokens(text, length, model, tokenizer):
    if text is None:
        vocabulary = model.get_input_embeddings().weight.shape[0]
        return torch.randint(vocabulary, (PROBE_ROWS, length), generator=torch.Generator().manual_seed(0))
    if tokenizer is None:
        raise ValueError("--text needs a tokenizer, and the folder has none that transformers reads")
    ids = tokenizer(text.read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"]
    rows = min(PROBE_ROWS, len(ids) // length)
    if not rows:
        raise ValueError(f"--text must have at least {length} tokens, got {len(ids)} (--length makes the rows shorter)")
    return torch.tensor(ids[: rows * length]).view(rows, length)


def _indented(text):
    return textwrap.fill(text, width=100, initial_indent=" " * 16, subsequent_indent=" " * 16)


def _first_sentence(module):
    return (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
