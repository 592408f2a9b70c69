"""Indicators that TA-Lib knows."""
import numpy as np
import talib

# Errors are relative to the value itself, to the close (what is a difference of prices has the digits of the prices),
# or to a number (what lies in a fixed range).
OWN, PRICE, PERCENT = "own", "price", 100.0
# Stands for a value that depends on rounding alone and is not compared.
UNDETERMINED = np.inf


def results(b):
    """Yields (kind, parameters, oracle, scale of errors, outputs)."""

    def of(kind, params, function, values, scale=OWN):
        outputs = values if isinstance(values, tuple) else (values,)
        return kind, params, f"TA-Lib {function}", scale, outputs

    o, h, l, c, v = b.open, b.high, b.low, b.close, b.volume
    for n in (2, 10, 30, 200):
        for kind in ("sma", "ema", "wma", "dema", "tema", "trima", "rma", "zlema", "hma"):
            yield of(kind, [n], kind.upper(), getattr(talib, kind.upper())(c, n))
        yield of("kama", [n, 2, 30], "KAMA", talib.KAMA(c, n))
        if n > 2:  # Of two bars without volume TA-Lib divides what its sums have left over.
            yield of("vwma", [n], "VWMA", talib.VWMA(c, v, n))
        yield of("midpoint", [n], "MIDPOINT", talib.MIDPOINT(c, n))
        yield of("midprice", [n], "MIDPRICE", talib.MIDPRICE(h, l, n))
        yield of("t3", [n, 0.7], "T3", talib.T3(c, n, 0.7))
        yield of("t3", [n, 0.3], "T3", talib.T3(c, n, 0.3))
        yield of("roc", [n], "ROC", talib.ROC(c, n), PERCENT)
        yield of("rocp", [n], "ROCP", talib.ROCP(c, n), 1.0)
        yield of("rocr", [n], "ROCR", talib.ROCR(c, n))
        yield of("momentum", [n], "MOM", talib.MOM(c, n), PRICE)
        yield of("rsi", [n], "RSI", talib.RSI(c, n), PERCENT)
        yield of("cmo", [n], "CMO", talib.CMO(c, n), PERCENT)
        yield of("cmo_plain", [n], "CMOU", talib.CMOU(c, n), PERCENT)
        yield of("imi", [n], "IMI", talib.IMI(o, c, n), PERCENT)
        yield of("qstick", [n], "QSTICK", talib.QSTICK(o, c, n), PRICE)
        yield of("trix", [n], "TRIX", talib.TRIX(c, n), PERCENT)
        yield of("elder_ray", [n], "ERI", talib.ERI(h, l, c, n), PRICE)
        yield of("atr", [n], "ATR", talib.ATR(h, l, c, n))
        yield of("natr", [n], "NATR", talib.NATR(h, l, c, n))
        yield of("highest", [n], "MAX", talib.MAX(h, n))
        yield of("lowest", [n], "MIN", talib.MIN(l, n))
        yield of("donchian", [n], "DONCHIAN", talib.DONCHIAN(h, l, n))
        yield of("keltner", [n, 10, 2.0], "KC", talib.KC(h, l, c, n, 10, 2.0))
        yield of("acceleration_bands", [n], "ACCBANDS", talib.ACCBANDS(h, l, c, n))
        yield of("average_range", [n], "ADR", talib.ADR(h, l, n), PRICE)
        yield of("chaikin_volatility", [n, 10], "CVI", talib.CVI(h, l, n, 10), PERCENT)
        yield of("mass_index", [n, 25], "MASSI", talib.MASSI(h, l, n, 25))
        yield of("williams_r", [n], "WILLR", talib.WILLR(h, l, c, n), PERCENT)
        if n > 2:  # Two values are both 66.7 away from their mean, or as far as rounding leaves them.
            yield of("cci", [n], "CCI", talib.CCI(h, l, c, n), 1000.0)
        for kind in ("plus_dm", "minus_dm"):
            yield of(kind, [n], kind.upper(), getattr(talib, kind.upper())(h, l, n), PRICE)
        for kind in ("plus_di", "minus_di", "dx", "adx", "adxr"):
            yield of(kind, [n], kind.upper(), getattr(talib, kind.upper())(h, l, c, n), PERCENT)
        down, up = talib.AROON(h, l, n)
        yield of("aroon", [n], "AROON, AROONOSC", (up, down, talib.AROONOSC(h, l, n)), PERCENT)
        yield of("vortex", [n], "VORTEX", talib.VORTEX(h, l, c, n))
        line, direction = talib.SUPERTREND(h, l, c, n, 3.0)
        yield of("supertrend", [n, 3.0], "SUPERTREND", (line, np.where(np.isnan(line), np.nan, direction)))
    for fast, slow, signal in ((12, 26, 9), (5, 35, 5), (2, 3, 1)):
        periods = [fast, slow, signal]
        yield of("macd", periods, "MACD", talib.MACD(c, *periods), PRICE)
        for kind, average in (("macd_sma", 0), ("macd_wma", 2)):
            values = talib.MACDEXT(c, fast, average, slow, average, signal, average)
            yield of(kind, periods, "MACDEXT", values, PRICE)
        yield of("apo", [fast, slow], "APO", talib.APO(c, fast, slow, 1), PRICE)
        yield of("ppo", [fast, slow], "PPO", talib.PPO(c, fast, slow, 1), PERCENT)
        yield of("ao", [fast, slow], "AO", talib.AO(h, l, fast, slow), PRICE)
        yield of("ac", [fast, slow, max(signal, 2)], "AC", talib.AC(h, l, fast, slow, max(signal, 2)), PRICE)
        yield of("tsi", [slow, fast], "TSI", talib.TSI(c, slow, fast), PERCENT)
        yield of("coppock", [signal + 1, fast, slow], "COPPOCK", talib.COPPOCK(c, signal + 1, fast, slow), PERCENT)
        yield of("stoch", [fast, signal, 3], "STOCH", talib.STOCH(h, l, c, fast, signal, 0, 3, 0), PERCENT)
        yield of("stochf", [fast, signal], "STOCHF", talib.STOCHF(h, l, c, fast, signal, 0), PERCENT)
        # Where the RSI stands still but for rounding, so does its place in that.
        rsi = talib.RSI(c, slow)
        still = talib.MIN(talib.MAX(rsi, fast) - talib.MIN(rsi, fast), 3) < 1e-4
        values = (np.where(still, UNDETERMINED, value) for value in talib.STOCHRSI(c, slow, fast, 3, 0))
        yield of("stoch_rsi", [slow, fast, 3], "STOCHRSI", tuple(values), PERCENT)
        yield of("kdj", [fast, signal + 1, 3], "KDJ", talib.KDJ(h, l, c, fast, signal + 1, 13, 3, 13), PERCENT)
        periods = sorted(periods)
        yield of("ultosc", periods, "ULTOSC", talib.ULTOSC(h, l, c, *periods), PERCENT)
    for step, limit in ((0.02, 0.2), (0.05, 0.11)):
        yield of("sar", [step, limit], "SAR", talib.SAR(h, l, step, limit))
    yield of("bop", [], "BOP", talib.BOP(o, h, l, c), 1.0)
    yield of("true_range", [], "TRANGE", talib.TRANGE(h, l, c))
    yield from of_cycles(b, of)
    yield from of_volume(b, of)
    yield from of_statistics(b, of)
    for n, width in ((20, 2.0), (50, 2.5)):
        upper, middle, lower = talib.BBANDS(c, n, width, width)
        share = (c - lower) / (upper - lower)
        yield of("bollinger", [n, width], "BBANDS", (upper, middle, lower, share, (upper - lower) / middle), 1.0)


def of_cycles(b, of):
    c = b.close
    yield of("ht_dcperiod", [], "HT_DCPERIOD", talib.HT_DCPERIOD(c))
    yield of("ht_phasor", [], "HT_PHASOR", talib.HT_PHASOR(c), PRICE)
    yield of("ht_dcphase", [], "HT_DCPHASE", talib.HT_DCPHASE(c), 360.0)
    yield of("ht_sine", [], "HT_SINE", talib.HT_SINE(c), 1.0)
    yield of("ht_trendline", [], "HT_TRENDLINE", talib.HT_TRENDLINE(c))
    mode = talib.HT_TRENDMODE(c).astype(float)
    mode[:63] = np.nan
    yield of("ht_trendmode", [], "HT_TRENDMODE", mode, 1.0)
    for fast, slow in ((0.5, 0.05), (0.8, 0.2)):
        yield of("mama", [fast, slow], "MAMA", talib.MAMA(c, fast, slow))


def of_volume(b, of):
    o, h, l, c, v = b.open, b.high, b.low, b.close, b.volume
    yield of("obv", [], "OBV", talib.OBV(c, v), np.sum(v) / 100)
    yield of("ad", [], "AD", talib.AD(h, l, c, v), np.sum(v) / 100)
    yield of("vpt", [], "PVT", talib.PVT(c, v), np.sum(v) / 1e4)
    yield of("nvi", [], "NVI", talib.NVI(c, v))
    yield of("pvi", [], "PVI", talib.PVI(c, v))
    yield of("market_facilitation", [], "MARKETFI", talib.MARKETFI(h, l, v))
    yield of("williams_ad", [], "WAD", talib.WAD(h, l, c), PRICE)
    for n in (10, 30, 200):
        yield of("cmf", [n], "CMF", talib.CMF(h, l, c, v, n), 1.0)
        # Whether typical prices rise where they are the same but for rounding is left open.
        typical = (h + l + c) / 3
        tie = np.abs(np.diff(typical, prepend=0)) < 1e-9 * c
        mfi = np.where(talib.MAX(tie.astype(float), n) > 0, UNDETERMINED, talib.MFI(h, l, c, v, n))
        yield of("mfi", [n], "MFI", mfi, PERCENT)
        yield of("force_index", [n], "EFI", talib.EFI(c, v, n), np.mean(c * v) / 100)
        yield of("relative_volume", [n], "RVOL", talib.RVOL(v, n))
        with np.errstate(divide="ignore", invalid="ignore"):
            yield of("volume_roc", [n], "ROC", talib.ROC(v, n), PERCENT)
    for fast, slow in ((3, 10), (12, 26)):
        yield of("adosc", [fast, slow], "ADOSC", talib.ADOSC(h, l, c, v, fast, slow), np.sum(v) / 100)
        yield of("volume_oscillator", [fast, slow], "PVO", talib.PVO(v, fast, slow, 1), PERCENT)


def of_statistics(b, of):
    o, h, l, c, v = b.open, b.high, b.low, b.close, b.volume
    yield of("mean_price", [], "AVGPRICE", talib.AVGPRICE(o, h, l, c))
    yield of("median_price", [], "MEDPRICE", talib.MEDPRICE(h, l))
    yield of("typical_price", [], "TYPPRICE", talib.TYPPRICE(h, l, c))
    yield of("weighted_close", [], "WCLPRICE", talib.WCLPRICE(h, l, c))
    yield of("heikin_ashi", [], "HA", talib.HA(o, h, l, c))
    for n in (2, 10, 28):
        yield of("efficiency_ratio", [n], "ER", talib.ER(c, n), 1.0)
        yield of("vhf", [n], "VHF", talib.VHF(c, n))
        yield of("rvi", [n, 10], "RVI", talib.RVI(c, n, 10), PERCENT)
    for n in (2, 14, 50):
        functions = ("LINEARREG", "LINEARREG_SLOPE", "LINEARREG_INTERCEPT", "LINEARREG_ANGLE")
        line = [getattr(talib, function)(c, n) for function in functions]
        none = np.where(np.isnan(line[0]), np.nan, UNDETERMINED)
        oracle = ", ".join(functions) + ", TSF"
        yield of("linreg", [n], oracle, (*line, none, talib.TSF(c, n)), PRICE)
        yield of("forecast_oscillator", [n], "FOSC", talib.FOSC(c, n), PERCENT)
        yield of("average_deviation", [n], "AVGDEV", talib.AVGDEV(c, n), PRICE)
        yield of("percent_rank", [n], "PERCENTRANK", talib.PERCENTRANK(c, n), PERCENT)
