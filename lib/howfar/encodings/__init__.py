"""Positional encodings behind one interface. `ENCODINGS` maps their names to their classes."""

from howfar.encodings.additive import Additive, Learned, Legendre, Sinusoidal, Wavelet, daubechies
from howfar.encodings.base import ENCODINGS, Encoding, NoEncoding, make_encoding, register
from howfar.encodings.bias import Alibi, Relative, alibi_slopes, t5_buckets
from howfar.encodings.contract import broken_promises
from howfar.encodings.positions import check_positions, offsets, randomized_positions
from howfar.encodings.relation import LearnedRelation
from howfar.encodings.rotary import Rotary, convert_pairing
from howfar.encodings.urpe import Urpe

__all__ = [
    "ENCODINGS",
    "Additive",
    "Alibi",
    "Encoding",
    "Learned",
    "LearnedRelation",
    "Legendre",
    "NoEncoding",
    "Relative",
    "Rotary",
    "Sinusoidal",
    "Urpe",
    "Wavelet",
    "alibi_slopes",
    "broken_promises",
    "check_positions",
    "convert_pairing",
    "daubechies",
    "make_encoding",
    "offsets",
    "randomized_positions",
    "register",
    "t5_buckets",
]
