"""Indicators from their published definitions, on whole columns, where TA-Lib has none or loses digits."""
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

OWN, PRICE, PERCENT = "own", "price", 100.0
# Stands for a value that depends on rounding alone and is not compared.
UNDETERMINED = np.inf


def rolling(values, n, of):
    """A function of each window of n values; NaN before the first."""
    result = np.full(len(values), np.nan)
    values = np.asarray(values, dtype=float)
    begin = int(np.argmax(~np.isnan(values)))
    if len(values) - begin >= n:
        result[begin + n - 1 :] = of(sliding_window_view(values[begin:], n))
    return result


def mean(values, n):
    return rolling(values, n, lambda w: w.mean(axis=1))


def total(values, n):
    return rolling(values, n, lambda w: w.sum(axis=1))


def deviation(values, n, ddof=0):
    return rolling(values, n, lambda w: w.std(axis=1, ddof=ddof))


def highest(values, n):
    return rolling(values, n, lambda w: w.max(axis=1))


def lowest(values, n):
    return rolling(values, n, lambda w: w.min(axis=1))


def before(values, n=1):
    """The values n bars ago."""
    result = np.full(len(values), np.nan)
    result[n:] = values[:-n] if n else values
    return result


def true_range(b):
    close = before(b.close)
    return np.maximum(b.high, close) - np.minimum(b.low, close)


def results(b):
    """Yields (kind, parameters, oracle, scale of errors, outputs)."""
    for group in (dispersion, trend, volume, statistics):
        for kind, params, scale, *outputs in group(b):
            yield kind, params, "definition", scale, outputs


def dispersion(b):
    c = b.close
    for n, width in ((20, 2.0), (50, 2.5)):
        sigma, middle = deviation(c, n), mean(c, n)
        upper, lower = middle + width * sigma, middle - width * sigma
        yield "stddev", [n], OWN, sigma
        yield "bollinger", [n, width], OWN, upper, middle, lower, (c - lower) / (upper - lower), (upper - lower) / middle


def trend(b):
    for conversion, base, span in ((9, 26, 52), (7, 22, 44)):
        def middle(n):
            return (highest(b.high, n) + lowest(b.low, n)) / 2

        tenkan, kijun = middle(conversion), middle(base)
        lead = base - 1
        outputs = [tenkan, kijun, before((tenkan + kijun) / 2, lead), before(middle(span), lead)]
        lagging = b.close - before(b.close, lead)
        outputs.append(lagging)
        missing = np.isnan(np.sum(outputs, axis=0))
        yield "ichimoku", [conversion, base, span], PRICE, *(np.where(missing, np.nan, x) for x in outputs)
    for n in (14, 30):
        sums = total(true_range(b), n)
        yield "choppiness", [n], PERCENT, 100 * np.log(sums / (highest(b.high, n) - lowest(b.low, n))) / np.log(n)


def volume(b):
    c, v = b.close, b.volume
    for n in (10, 50):
        obv = np.cumsum(np.concatenate([[v[0]], np.sign(np.diff(c)) * v[1:]]))
        yield "obv_trend", [n], 10.0, (obv - mean(obv, n)) / mean(v, n)
        yield "volume_sma_ratio", [n], OWN, v / mean(v, n)
    typical = (b.high + b.low + c) / 3
    for n in (10, 50):
        vwap = total(typical * v, n) / total(v, n)
        yield "rolling_vwap", [n], 1.0, vwap, c / vwap - 1
    day = (b.time - 1) // 86_400_000_000_000
    vwap, deviations = np.empty(len(c)), np.empty(len(c))
    for session in np.unique(day):
        rows = np.nonzero(day == session)[0]
        for i in rows:
            weights, prices = v[rows[0] : i + 1], typical[rows[0] : i + 1]
            vwap[i] = np.average(prices, weights=weights) if weights.sum() else typical[i]
            deviations[i] = np.sqrt(np.average((prices - vwap[i]) ** 2, weights=weights)) if weights.sum() else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviations > 1e-9, (c - vwap) / deviations, UNDETERMINED)
    yield "vwap", [], 1.0, vwap, c / vwap - 1, z


def statistics(b):
    c = b.close
    for n in (20, 60):
        sigma = deviation(c, n)
        still = sigma < 1e-6
        yield "variance", [n], PRICE, sigma**2
        with np.errstate(divide="ignore", invalid="ignore"):
            yield "z_score", [n], 1.0, np.where(still, UNDETERMINED, (c - mean(c, n)) / sigma)

        def moment(w, order):
            d = w - w.mean(axis=1, keepdims=True)
            with np.errstate(divide="ignore", invalid="ignore"):
                return (d**order).mean(axis=1) / (d**2).mean(axis=1) ** (order / 2)

        yield "skewness", [n], 1.0, np.where(still, UNDETERMINED, rolling(c, n, lambda w: moment(w, 3)))
        yield "kurtosis", [n], 1.0, np.where(still, UNDETERMINED, rolling(c, n, lambda w: moment(w, 4)) - 3)
        x = np.arange(n) - (n - 1) / 2

        def fit(w):
            slope = (w - w.mean(axis=1, keepdims=True)) @ x / (x @ x)
            return slope, w.mean(axis=1)

        windows = sliding_window_view(c, n)
        slope, middle = fit(windows)
        lines = middle[:, None] + slope[:, None] * x
        with np.errstate(divide="ignore", invalid="ignore"):
            centred = windows - middle[:, None]
            share = 1 - ((windows - lines) ** 2).sum(axis=1) / (centred**2).sum(axis=1)

        def pad(values):
            return np.concatenate([np.full(n - 1, np.nan), values])

        share = np.where(still, UNDETERMINED, pad(share))
        ends = (lines[:, -1], slope, lines[:, 0], np.degrees(np.arctan(slope)))
        yield "linreg", [n], PRICE, *map(pad, ends), share, pad(lines[:, -1] + slope)
