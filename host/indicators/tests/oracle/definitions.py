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
    groups = (dispersion, trend, volume, statistics, volatility, persistence, levels, calendar, composites)
    for group in groups:
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


def volatility(b):
    o, h, l, c = b.open, b.high, b.low, b.close
    returns = np.log(c / before(c))
    for n, year in ((20, 365.0), (96, 1.0)):
        yield "historical_volatility", [n, year], 1e-4, deviation(returns, n, 1) * np.sqrt(year)
        yield "realized_volatility", [n, year], 1e-4, np.sqrt(mean(returns**2, n) * year)
        parkinson = np.log(h / l) ** 2 / (4 * np.log(2))
        garman_klass = 0.5 * np.log(h / l) ** 2 - (2 * np.log(2) - 1) * np.log(c / o) ** 2
        satchell = np.log(h / c) * np.log(h / o) + np.log(l / c) * np.log(l / o)
        for kind, variance in (("parkinson", parkinson), ("garman_klass", garman_klass), ("rogers_satchell", satchell)):
            yield kind, [n, year], 1e-4, np.sqrt(mean(variance, n) * year)
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        gaps, bodies = np.log(o / before(c)), np.log(c / o)
        variance = deviation(gaps, n, 1) ** 2 + k * deviation(bodies, n, 1) ** 2 + (1 - k) * mean(satchell, n)
        yield "yang_zhang", [n, year], 1e-4, np.sqrt(variance * year)
    for n, lookback in ((20, 250), (10, 30)):
        past = deviation(returns, n, 1)
        earlier = before(past)
        rank = rolling(past, lookback + 1, lambda w: 100.0 * (w[:, :-1] < w[:, -1:]).mean(axis=1))
        yield "volatility_cone", [n, lookback], PERCENT, rank, lowest(earlier, lookback), highest(earlier, lookback)
    for omega, alpha, beta in ((1e-6, 0.1, 0.88), (1e-7, 0.05, 0.9)):
        variance, result = omega / (1 - alpha - beta), [np.nan]
        for change in returns[1:]:
            variance = omega + alpha * change**2 + beta * variance
            result.append(np.sqrt(variance))
        yield "garch", [omega, alpha, beta], OWN, np.array(result)
    for decay in (0.94, 0.5):
        variance, result = returns[1] ** 2, [np.nan]
        for change in returns[1:]:
            variance = decay * variance + (1 - decay) * change**2
            result.append(np.sqrt(variance))
        yield "ewma_volatility", [decay], OWN, np.array(result)
    for n in (14, 50):
        peak = highest(c, n)
        yield "ulcer_index", [n], PERCENT, np.sqrt(mean((100 * (c - peak) / peak) ** 2, n))


def persistence(b):
    c = b.close
    logs = np.log(c)
    for n, step in ((200, 8), (50, 2)):
        one, many = mean((logs - before(logs)) ** 2, n), mean((logs - before(logs, step)) ** 2, n)
        share = many / (step * one)
        share[np.isnan(many)] = np.nan
        yield "hurst", [n, step], 1.0, np.clip(0.5 + np.log(share) / (2 * np.log(step)), 0, 1), share
    for n in (20, 50):
        with np.errstate(divide="ignore", invalid="ignore"):
            price = np.abs(c / before(c) - 1) / (c * b.volume / 1e6)
        price[1:][b.volume[1:] == 0] = 0
        yield "amihud", [n], OWN, mean(price, n)
        change = c - before(c)

        def covariance(w):
            new, old = w[:, 1:], w[:, :-1]
            new, old = new - new.mean(axis=1, keepdims=True), old - old.mean(axis=1, keepdims=True)
            return (new * old).mean(axis=1)

        values = rolling(change, n + 1, covariance)
        # A root doubles the digits that are lost near 0.
        near = np.abs(values) < 1e-6 * mean(change**2, n)
        spread = 2 * np.sqrt(np.maximum(-values, 0)) / c
        yield "roll_spread", [n], 1.0, np.where(near, UNDETERMINED, spread)


def levels(b):
    h, l, c = b.high, b.low, b.close
    for n in (1, 30):
        high, low, close = before(highest(h, n)), before(lowest(l, n)), before(c)
        close = np.where(np.isnan(high), np.nan, close)
        p, r = (high + low + close) / 3, high - low
        supports = (2 * p - high, p - r, low - 2 * (high - p))
        yield "pivot_classic", [n], PRICE, p, 2 * p - low, p + r, high + 2 * (p - low), *supports
        parts = (0.382 * r, 0.618 * r, r)
        yield "pivot_fibonacci", [n], PRICE, p, *(p + x for x in parts), *(p - x for x in parts)
        parts = [1.1 * r / x for x in (12, 6, 4, 2)]
        yield "pivot_camarilla", [n], PRICE, p, *(close + x for x in parts), *(close - x for x in parts)
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.where(r == 0, 0, np.clip((c - (high + low) / 2) / (r / 2), -1, 1))
        yield "support_resistance", [n], 1.0, low, high, (c - low) / c, (high - c) / c, place
    for n in (20, 50):
        high, low = highest(h, n), lowest(l, n)
        retraced = [high - x * (high - low) for x in (0.236, 0.382, 0.5, 0.618, 0.786)]
        yield "fibonacci", [n], 1.0, *retraced, (c - low) / (high - low)
    for n in (5, 10):
        high, low = highest(h, n), lowest(l, n)
        was_high, was_low = before(high, n), before(low, n)
        flags = [high > was_high, low > was_low, high < was_high, low < was_low]
        trend = (flags[0] & flags[1]) * 1.0 - (flags[2] & flags[3]) * 1.0
        missing = np.isnan(was_high)
        yield "structure", [n], 1.0, *(np.where(missing, np.nan, x) for x in (*flags, trend))
    for n, bins, share in ((100, 24, 0.7), (30, 10, 0.5)):
        yield "volume_profile", [n, bins, share], 1.0, *profile(b, n, bins, share)


def profile(b, n, bins, share):
    typical = (b.high + b.low + b.close) / 3
    columns = np.full((4, len(typical)), np.nan)
    for i in range(n - 1, len(typical)):
        rows = slice(i - n + 1, i + 1)
        low, high = b.low[rows].min(), b.high[rows].max()
        place = (typical[rows] - low) / ((high - low) / bins)
        if np.any(np.abs(place - np.round(place)) < 1e-9):
            columns[:, i] = UNDETERMINED  # On an edge but for rounding.
            continue
        histogram = np.bincount(np.minimum(place.astype(int), bins - 1), b.volume[rows], bins)
        first = last = control = int(histogram.argmax())
        while histogram[first : last + 1].sum() < share * histogram.sum():
            below = histogram[first - 1] if first else -1
            above = histogram[last + 1] if last + 1 < bins else -1
            first, last = (first, last + 1) if above >= below else (first - 1, last)
        edges = np.linspace(low, high, bins + 1)
        begin, end = edges[first], edges[last + 1]
        columns[:, i] = (edges[control] + edges[control + 1]) / 2, end, begin, (b.close[i] - begin) / (end - begin)
    return columns


def calendar(b):
    moment = b.time.astype("datetime64[ns]")
    days, months = moment.astype("datetime64[D]"), moment.astype("datetime64[M]")
    minutes = (moment - days).astype("timedelta64[m]").astype(int)
    weekday = (days.astype(int) + 3) % 7
    day = (days - months).astype(int) + 1
    month = months.astype(int) % 12 + 1
    hour = minutes // 60
    yield "calendar", [], 1.0, minutes % 60, hour, weekday, day, month, (month - 1) // 3 + 1, weekday >= 5
    places = (minutes % 60 / 60, minutes / 1440, (weekday + minutes / 1440) / 7, (month - 1 + (day - 1) / 31) / 12)
    yield "calendar_cycle", [], 1.0, *(f(2 * np.pi * place) for place in places for f in (np.sin, np.cos))
    asia, europe, us = ((hour >= x) & (hour < x + 9) for x in (0, 7, 13))
    since = minutes - 60 * np.select([hour >= 13, hour >= 7], [13, 7], 0)
    yield "session", [], 1.0, asia, europe, us, asia & europe, europe & us, since
    inside = (b.time - 1) // 3_600_000_000_000
    session = inside // 24 * 24 + np.select([inside % 24 >= 13, inside % 24 >= 7], [13, 7], 0)
    squares = np.concatenate([[0], np.diff(np.log(b.close)) ** 2])
    volume, variance = np.empty(len(hour)), np.empty(len(hour))
    for number in np.unique(session):
        rows = session == number
        volume[rows], variance[rows] = np.cumsum(b.volume[rows]), np.cumsum(squares[rows])
    yield "session_activity", [], OWN, volume, np.sqrt(variance)


def rsi(values, n):
    """Wilder's recursion, seeded with plain means."""
    change = np.diff(values)
    gain, loss = np.maximum(change, 0), np.maximum(-change, 0)
    result = np.full(len(values), np.nan)
    up, down = gain[:n].mean(), loss[:n].mean()
    for i in range(n, len(values)):
        if i > n:
            up, down = (up * (n - 1) + gain[i - 1]) / n, (down * (n - 1) + loss[i - 1]) / n
        result[i] = 100 * up / (up + down) if up + down > 0 else 0
    return result


def ema(values, n):
    result = np.full(len(values), np.nan)
    result[n - 1] = values[:n].mean()
    for i in range(n, len(values)):
        result[i] = result[i - 1] + (values[i] - result[i - 1]) * 2 / (n + 1)
    return result


def composites(b):
    h, l, c, v = b.high, b.low, b.close, b.volume
    for fast, slow in ((5, 20), (20, 50)):
        cross = mean(c, fast) / mean(c, slow) - 1
        was = before(cross)
        cross[np.isnan(was)] = np.nan
        crossing = ((was <= 0) & (cross > 0)) * 1.0 - ((was >= 0) & (cross < 0)) * 1.0
        tie = (np.abs(cross) < 1e-12) | (np.abs(was) < 1e-12)
        crossing = np.where(tie, UNDETERMINED, crossing)
        yield "sma_cross", [fast, slow], 1.0, cross, np.where(np.isnan(cross), np.nan, crossing)
    for fast, slow, signal in ((12, 26, 9), (6, 13, 5)):
        line = np.full(len(c), np.nan)
        line[slow - 1 :] = ema(c[slow - fast :], fast)[fast - 1 :] - ema(c, slow)[slow - 1 :]
        average = np.full(len(c), np.nan)
        average[slow - 1 :] = ema(line[slow - 1 :], signal)
        line[np.isnan(average)] = np.nan
        yield "macd_percent", [fast, slow, signal], PERCENT, *(100 * x / c for x in (line, average, line - average))
    for conversion, base, span in ((9, 26, 52), (7, 22, 44)):
        def middle(n):
            return (highest(h, n) + lowest(l, n)) / 2

        a, second = before((middle(conversion) + middle(base)) / 2, base - 1), before(middle(span), base - 1)
        bottom, top = np.minimum(a, second), np.maximum(a, second)
        cloud = np.where(c > top, c - top, np.where(c < bottom, c - bottom, 0)) / c
        missing = np.isnan(second)
        columns = ((middle(conversion) - middle(base)) / c, cloud, c / before(c, base - 1) - 1)
        yield "ichimoku_signals", [conversion, base, span], 1.0, *(np.where(missing, np.nan, x) for x in columns)
    for n, lookback in ((14, 20), (5, 10)):
        strength = rsi(c, n)
        over = (c > before(highest(c, lookback))) & (strength < before(highest(strength, lookback)))
        under = (c < before(lowest(c, lookback))) & (strength > before(lowest(strength, lookback)))
        missing = np.isnan(before(highest(strength, lookback)))
        yield "rsi_divergence", [n, lookback], 1.0, np.where(missing, np.nan, under * 1.0 - over * 1.0)
    for n in (10, 40):
        yield "vpt_trend", [n], 0.001, total(v * (c / before(c) - 1), n) / np.where(np.isnan(before(c)), np.nan, total(v, n))
    for fast, slow, n in ((20, 50, 14), (5, 10, 20)):
        ranges = true_range(b)
        average = np.full(len(c), np.nan)
        average[n] = ranges[1 : n + 1].mean()
        for i in range(n + 1, len(c)):
            average[i] = (average[i - 1] * (n - 1) + ranges[i]) / n
        yield "trend_strength", [fast, slow, n], PERCENT, (ema(c, fast) - ema(c, slow)) / average
    for n, lookback in ((20, 250), (10, 30)):
        past = deviation(np.log(c / before(c)), n, 1)
        rank = rolling(past, lookback + 1, lambda w: 100.0 * (w[:, :-1] < w[:, -1:]).mean(axis=1))
        state = (rank > 75) * 1.0 - (rank < 25) * 1.0
        yield "volatility_regime", [n, lookback], 1.0, np.where(np.isnan(rank), np.nan, state)
    for n, change in ((14, 10), (7, 20)):
        strength, move = rsi(c, n), c - before(c, change)
        state = ((strength > 55) & (move > 0)) * 1.0 - ((strength < 45) & (move < 0)) * 1.0
        yield "momentum_regime", [n, change], 1.0, np.where(np.isnan(strength + move), np.nan, state)
    for n in (1, 96):
        high, low = before(highest(h, n)), before(lowest(l, n))
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.where(high == low, 0, (c - (high + low + before(c)) / 3) / (high - low))
        yield "pivot_position", [n], PERCENT, np.where(np.isnan(high), np.nan, place)
