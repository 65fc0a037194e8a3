"""log, exp and the normal quantile from IEEE basic operations only.

`math.log` and `math.exp` differ in the last bit between C libraries, and numpy's vector
forms differ from both. A draw must be the same everywhere, so these use nothing but
+ - * / sqrt and the exact frexp and ldexp, in a fixed order. `msforge.sim.blocks`
evaluates the same expressions over arrays: change both or neither.

Accuracy: `log` and `exp` stay within 2 units in the last place of the true value.
"""

from __future__ import annotations

from math import frexp, ldexp, sqrt
from typing import Final

SQRT_HALF: Final = 0.7071067811865476
LN2_HIGH: Final = float.fromhex("0x1.62e42feep-1")  # ln 2 to 32 bits: exact when multiplied by an exponent
LN2_LOW: Final = float.fromhex("0x1.a39ef35793c76p-33")
LOG2_E: Final = 1.4426950408889634
EXP_LEAST: Final = -708.0
EXP_MOST: Final = 709.0

# log((1 + s) / (1 - s)) = 2 s + s z (L0 + L1 z + ...) with z = s * s <= (3 - 2 sqrt 2)**2.
# The series 2/3 + 2z/5 + 2z**2/7 + ... interpolated at seven Chebyshev nodes: error below 1e-17.
L0: Final = 0.666666666666667
L1: Final = 0.3999999999989924
L2: Final = 0.2857142862609589
L3: Final = 0.2222221111514416
L4: Final = 0.18182890556695602
L5: Final = 0.1533167403016786
L6: Final = 0.1461703754879165

# r coth(r / 2) = 2 + z (E0 + E1 z + ...) with z = r * r <= (ln 2 / 2)**2: the series in
# Bernoulli numbers interpolated at five Chebyshev nodes, error below 1e-17.
E0: Final = 0.1666666666666666
E1: Final = -0.0027777777777563246
E2: Final = 6.613756471045889e-05
E3: Final = -1.653405913813905e-06
E4: Final = 4.143723710337406e-08

# M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution",
# Applied Statistics 37 (1988), 477-484, routine PPND16: numerators and denominators,
# constant term first, of the centre, the tail and the far tail.
CENTRE: Final = (
    (
        3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
        4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
    ),
    (
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
        2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
    ),
)
TAIL: Final = (
    (
        1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
        1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
        1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
    ),
)
FAR: Final = (
    (
        6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
        2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
    (
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
        7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
    ),
)
CENTRE_HALF_WIDTH: Final = 0.425
CENTRE_SQUARE: Final = 0.180625
TAIL_SHIFT: Final = 1.6
FAR_SHIFT: Final = 5.0


def log(x: float) -> float:
    """The natural logarithm of a normal, positive, finite x. No check: the caller knows its x."""
    m, exponent = frexp(x)
    if m < SQRT_HALF:
        m += m
        exponent -= 1
    k = float(exponent)
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    r = ((((((L6 * z + L5) * z + L4) * z + L3) * z + L2) * z + L1) * z + L0) * z
    return k * LN2_HIGH - (((f - r) * s - k * LN2_LOW) - f)


def exp(x: float) -> float:
    """e to the power x; x is first held within [-708, 709], where the result is a normal number."""
    if x < EXP_LEAST:
        x = EXP_LEAST
    elif x > EXP_MOST:
        x = EXP_MOST
    k = round(x * LOG2_E)
    high = x - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    z = r * r
    c = r - ((((E4 * z + E3) * z + E2) * z + E1) * z + E0) * z
    y = 1.0 + ((r * c / (2.0 - c) - low) + high)
    return ldexp(y, k)


def normal_quantile(p: float) -> float:
    """The standard normal's quantile at p in (0, 1), by Wichura's AS 241 (about 16 digits)."""
    q = p - 0.5
    if -CENTRE_HALF_WIDTH <= q <= CENTRE_HALF_WIDTH:
        return q * _ratio(CENTRE, CENTRE_SQUARE - q * q)
    r = sqrt(-log(p if q < 0.0 else 1.0 - p))
    x = _ratio(TAIL, r - TAIL_SHIFT) if r <= FAR_SHIFT else _ratio(FAR, r - FAR_SHIFT)
    return -x if q < 0.0 else x


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], r: float) -> float:
    """The quotient of two polynomials of degree seven, by Horner's rule."""
    (a0, a1, a2, a3, a4, a5, a6, a7), (b0, b1, b2, b3, b4, b5, b6, b7) = coefficients
    above = ((((((a7 * r + a6) * r + a5) * r + a4) * r + a3) * r + a2) * r + a1) * r + a0
    below = ((((((b7 * r + b6) * r + b5) * r + b4) * r + b3) * r + b2) * r + b1) * r + b0
    return above / below
