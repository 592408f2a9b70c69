"""Candlestick patterns with TA-Lib, on prices that are whole eighths.

Sums of such prices have no rounding: what is longer than the average is so in every order of adding up, and results
must be the same, ties included.
"""
import numpy as np
import talib
from talib import abstract


# Rare patterns, oldest bar first: open, high, low, close in eighths.
TEMPLATES = [
    # Mat hold.
    [(0, 13, -1, 12), (15, 16, 13, 14), (13, 14, 10, 11), (12, 13, 9, 10), (11, 21, 10, 20)],
    # Three stars in the south.
    [(20, 21, -8, 8), (12, 13, -3, 4), (4, 4, 3, 3)],
    # Concealing baby swallow.
    [(40, 40, 28, 28), (28, 28, 16, 16), (14, 20, 12, 12), (22, 23, 8, 9)],
    # Breakaway up and down.
    [(40, 41, 27, 28), (24, 25, 19, 20), (22, 23, 17, 18), (19, 20, 14, 15), (15, 27, 14, 26)],
    [(0, 13, -1, 12), (16, 21, 15, 20), (18, 23, 17, 22), (21, 26, 20, 25), (25, 26, 13, 14)],
    # Two crows, as they are and over a gap.
    [(0, 13, -1, 12), (18, 19, 15, 16), (17, 18, 5, 6)],
    [(0, 13, -1, 12), (17, 18, 14, 15), (18, 19, 13, 14)],
    # Three black crows.
    [(0, 9, -1, 8), (7, 8, 1, 1), (4, 5, -4, -4), (-1, 0, -9, -9)],
    # Rising three methods.
    [(0, 13, -1, 12), (9, 10, 7, 8), (8, 9, 6, 7), (7, 8, 5, 6), (7, 16, 6, 15)],
]
LEAST = 5


def jumpy(n=100_000, seed=5):
    """Bars of one minute with gaps, dojis and missing shadows, and now and then one of the rare patterns, shaken."""
    rng = np.random.default_rng(seed)

    def step(scale, share):
        return np.round(rng.standard_t(3, n) * scale) * (rng.random(n) < share)

    body, gap = step(4, 0.85), step(2, 0.7)
    close = np.cumsum(body + gap)
    open_ = close - body
    high = np.maximum(open_, close) + np.maximum(0, step(2, 0.6))
    low = np.minimum(open_, close) - np.maximum(0, step(2, 0.6))
    for start in range(40, n - 10, 25):
        template = TEMPLATES[rng.integers(len(TEMPLATES))]
        for i, bar in enumerate(template, start):
            o, h, l, c = open_[start - 1] + np.array(bar) + rng.integers(-1, 2, 4) * (rng.random(4) < 0.25)
            open_[i], high[i], low[i], close[i] = o, max(o, h, l, c), min(o, h, l, c), c
    base = 40_000 - min(low.min(), 0)
    time = 1_600_000_000_000_000_000 + 60_000_000_000 * np.arange(n, dtype=np.int64)
    return time, *((column + base) / 8 for column in (open_, high, low, close)), np.ones(n)


def results(b):
    """Yields (kind, parameters, oracle, scale of errors, outputs)."""
    prices = (b.open, b.high, b.low, b.close)
    for kind, function in KINDS.items():
        call, lookback = getattr(talib, function), abstract.Function(function).lookback
        for penetration in PENETRATIONS.get(function, [None]):
            keywords = {} if penetration is None else {"penetration": penetration}
            values = call(*prices, **keywords).astype(float)
            values[:lookback] = np.nan
            hits = np.count_nonzero(np.nan_to_num(values))
            assert not b.generated or hits >= LEAST, f"{function} is there {hits} times only"
            yield kind, list(keywords.values()), f"TA-Lib {function}", 1.0, (values,)


STARS = ("CDLABANDONEDBABY", "CDLEVENINGDOJISTAR", "CDLEVENINGSTAR", "CDLMORNINGDOJISTAR", "CDLMORNINGSTAR")
PENETRATIONS = {name: [0.3, 0.6] for name in STARS} | {"CDLDARKCLOUDCOVER": [0.5, 0.1], "CDLMATHOLD": [0.5, 0.9]}
KINDS = {
    "cdl_two_crows": "CDL2CROWS",
    "cdl_three_black_crows": "CDL3BLACKCROWS",
    "cdl_three_inside": "CDL3INSIDE",
    "cdl_three_line_strike": "CDL3LINESTRIKE",
    "cdl_three_outside": "CDL3OUTSIDE",
    "cdl_three_stars_in_south": "CDL3STARSINSOUTH",
    "cdl_three_white_soldiers": "CDL3WHITESOLDIERS",
    "cdl_advance_block": "CDLADVANCEBLOCK",
    "cdl_belt_hold": "CDLBELTHOLD",
    "cdl_breakaway": "CDLBREAKAWAY",
    "cdl_closing_marubozu": "CDLCLOSINGMARUBOZU",
    "cdl_concealing_baby_swallow": "CDLCONCEALBABYSWALL",
    "cdl_counterattack": "CDLCOUNTERATTACK",
    "cdl_doji": "CDLDOJI",
    "cdl_doji_star": "CDLDOJISTAR",
    "cdl_dragonfly_doji": "CDLDRAGONFLYDOJI",
    "cdl_engulfing": "CDLENGULFING",
    "cdl_gap_side_by_side_white": "CDLGAPSIDESIDEWHITE",
    "cdl_gravestone_doji": "CDLGRAVESTONEDOJI",
    "cdl_hammer": "CDLHAMMER",
    "cdl_hanging_man": "CDLHANGINGMAN",
    "cdl_harami": "CDLHARAMI",
    "cdl_harami_cross": "CDLHARAMICROSS",
    "cdl_high_wave": "CDLHIGHWAVE",
    "cdl_homing_pigeon": "CDLHOMINGPIGEON",
    "cdl_identical_three_crows": "CDLIDENTICAL3CROWS",
    "cdl_in_neck": "CDLINNECK",
    "cdl_inverted_hammer": "CDLINVERTEDHAMMER",
    "cdl_kicking": "CDLKICKING",
    "cdl_kicking_by_length": "CDLKICKINGBYLENGTH",
    "cdl_ladder_bottom": "CDLLADDERBOTTOM",
    "cdl_long_legged_doji": "CDLLONGLEGGEDDOJI",
    "cdl_long_line": "CDLLONGLINE",
    "cdl_marubozu": "CDLMARUBOZU",
    "cdl_matching_low": "CDLMATCHINGLOW",
    "cdl_on_neck": "CDLONNECK",
    "cdl_piercing": "CDLPIERCING",
    "cdl_rickshaw_man": "CDLRICKSHAWMAN",
    "cdl_rise_fall_three_methods": "CDLRISEFALL3METHODS",
    "cdl_separating_lines": "CDLSEPARATINGLINES",
    "cdl_shooting_star": "CDLSHOOTINGSTAR",
    "cdl_short_line": "CDLSHORTLINE",
    "cdl_spinning_top": "CDLSPINNINGTOP",
    "cdl_stalled": "CDLSTALLEDPATTERN",
    "cdl_stick_sandwich": "CDLSTICKSANDWICH",
    "cdl_takuri": "CDLTAKURI",
    "cdl_tasuki_gap": "CDLTASUKIGAP",
    "cdl_thrusting": "CDLTHRUSTING",
    "cdl_tristar": "CDLTRISTAR",
    "cdl_unique_three_river": "CDLUNIQUE3RIVER",
    "cdl_upside_gap_two_crows": "CDLUPSIDEGAP2CROWS",
    "cdl_gap_three_methods": "CDLXSIDEGAP3METHODS",
    "cdl_abandoned_baby": "CDLABANDONEDBABY",
    "cdl_dark_cloud_cover": "CDLDARKCLOUDCOVER",
    "cdl_evening_doji_star": "CDLEVENINGDOJISTAR",
    "cdl_evening_star": "CDLEVENINGSTAR",
    "cdl_mat_hold": "CDLMATHOLD",
    "cdl_morning_doji_star": "CDLMORNINGDOJISTAR",
    "cdl_morning_star": "CDLMORNINGSTAR",
    "cdl_hikkake": "CDLHIKKAKE",
    "cdl_hikkake_modified": "CDLHIKKAKEMOD",
}
