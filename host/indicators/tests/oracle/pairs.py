"""Indicators of two series: `x` is the close of the bars, `y` what stands in the place of their open."""
import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view

from definitions import UNDETERMINED, before, deviation, mean


def second(b):
    """A series that goes with the closes: the opens, shaken with volume."""
    return b.open * (1 + 1e-4 * np.sqrt(b.volume / b.volume.max()))


def results(b):
    """Yields (kind, parameters, oracle, scale of errors, outputs)."""
    x, y = b.close, b.open
    change_x, change_y = x / before(x) - 1, y / before(y) - 1
    for n in (5, 30, 200):
        yield "beta", [n], "TA-Lib BETA", 1.0, (talib.BETA(x, y, n),)
        yield "return_correlation", [n], "TA-Lib CORREL", 1.0, (talib.CORREL(change_x, change_y, n),)
        # Of prices TA-Lib's sums of squares lose their digits.
        yield "correlation", [n], "definition", 1.0, (pearson(x, y, n),)
        ratio = np.log(x / y)
        sigma = deviation(ratio, n)
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.where(sigma < 1e-6, UNDETERMINED, (ratio - mean(ratio, n)) / sigma)
        yield "spread_z_score", [n], "definition", 1.0, (score, ratio + 0 * sigma)


def pearson(x, y, n):
    windows = (sliding_window_view(values, n) for values in (x, y))
    left, right = (w - w.mean(axis=1, keepdims=True) for w in windows)
    sizes = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        together = np.where(sizes < 1e-6, UNDETERMINED, (left * right).sum(axis=1) / sizes)
    return np.concatenate([np.full(n - 1, np.nan), together])
