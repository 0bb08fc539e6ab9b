"""The claims on Dyck words that constructions decide: see `howfar.experiments.judging`."""

from howfar.experiments.judging import NOT_JUDGED, above, below, exactly, measured, predicate, reading

NONE = 1e-12  # a share of mistakes below one in as many as were asked for


@predicate(
    bar=("below", NONE),
    written="after",
    plausible="long random words, deeply nested, at the highest precision: the source's grows with the length",
)
def two_layers_continue(records):
    """The two layers whose weights are set by hand continue words of Dyck-(k, D) without a mistake: on all viable
    prefixes of a length, in float32 and in float64, and on random words of 8 D tokens with D = 64 and D = 192, in
    float64. Shown is the share of wrong positions. The source lets the precision grow with the length: float32 on the
    longer words, and bfloat16, are no readings of it. (The first networks had been looked at before the rule was
    written.)
    """
    listed = records[(records["what"] == "prefixes") & (records["precision"] != "bfloat16")]
    for (k, depth, length, precision), group in listed.groupby(["k", "depth", "length", "precision"], sort=False):
        wrong = exactly(measured(group, "wrong")["wrong"].max())
        setting = f"all viable prefixes, k = {k}, D = {depth}, {length} tokens, {precision}"
        yield reading(setting, wrong, below(wrong, NONE))
    drawn = records[records["what"].eq("reach") & records["case"].eq("random") & records["precision"].eq("float64")]
    for depth in (64, 192):
        wrong = exactly(measured(drawn[drawn["depth"] == depth], "wrong")["wrong"].max())
        setting = f"random words, k = 2, D = {depth}, {8 * depth} tokens, float64"
        yield reading(setting, wrong, below(wrong, NONE), plausible=depth == 192)


@predicate(
    bar=("below", NONE),
    written="after",
    plausible="Countdown, the game of the search traces that the source cites",
    identity=True,
)
def traces_are_words(records):
    """At each move of each depth-first search drawn the brackets written so far are a viable prefix of Dyck-k, and the
    open ones are the path to where the search stands; a search of the whole tree writes a word; and from the word the
    trace can be had back, in three formats. Shown is the share of moves where that fails.
    """
    searches = records[records["what"] == "trace"]
    for problem, group in searches.groupby("case", sort=False):
        wrong = exactly(measured(group, "wrong")["wrong"].max())
        yield reading(f"{problem}", wrong, below(wrong, NONE), plausible=problem == "countdown")


@predicate(
    bar=("above", 0.5),
    written="after",
    plausible="a bound that grows, as the sentence is about scaling; with the length, in which TC0 is defined",
)
def depth_must_grow(records):
    """Circuits of threshold gates that are right on every string recognise Dyck-k in layers whose number grows; or, as
    a bound may also be a constant, one layer is too few. Shown is by how many layers the largest circuit of a series
    exceeds the smallest (a series counts only if all are right everywhere); for the constant, 1 if one gate is shown to
    fail. Said of recognising the words only, not of solving what is searched. (The circuit was known before.)
    """
    circuits = records[records["what"] == "circuit"]
    for setting, by, chosen, marked in (
        ("grows with the length, and so with the depth of words (k = 2, 4 to 8 tokens)", "length", ("k", 2), True),
        ("grows with the types of brackets (k = 2 to 5, 4 tokens)", "k", ("length", 4), False),
    ):
        column, value = chosen
        series = circuits[(circuits[column] == value) & (circuits["k"] > 1) & (circuits["length"] >= 4)]
        measured(series, "wrong", "layers")
        growth = series.set_index(by)["layers"].sort_index()
        more = exactly(growth.iloc[-1] - growth.iloc[0])
        right = (series["wrong"] == 0).all()
        yield reading(setting, more, above(more, 0.5) if right else NOT_JUDGED, plausible=marked)
    gate = exactly(float(measured(records[records["what"] == "one gate"], "wrong")["wrong"].gt(0).all()))
    yield reading("a constant: more than one layer is needed", gate, above(gate, 0.5))
