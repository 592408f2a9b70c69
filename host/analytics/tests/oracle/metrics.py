"""Published metrics of return series, for comparison.

`metrics.py series DATA_DIR` prints named series made from recorded prices, `metrics.py metrics` reads cases from
stdin and prints what empyrical-reloaded and quantstats say about them. Both speak JSON.
"""

import glob
import json
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")


def recorded(root, venue, symbol, kind):
    """Times (ms) and closes of one symbol."""
    files = sorted(glob.glob(os.path.join(root, venue, symbol, kind, "*.parquet")))
    if not files:
        return None
    return pd.concat([pd.read_parquet(file, columns=["ts", "close"]) for file in files]).reset_index(drop=True)


def series(root):
    """Equity of a 20-bar momentum rule, long and short, on recorded closes: name, step in ms, begin, prices, equity."""
    cases = []
    wanted = [("BTCUSDT", "1d", 86_400_000, None), ("ETHUSDT", "1d", 86_400_000, None), ("BTCUSDT", "1h", 3_600_000, 480)]
    for symbol, kind, step, last in wanted:
        found = recorded(root, "binance-usdm", symbol, kind)
        if found is None:
            continue
        found = found.iloc[-last:] if last else found
        gaps = np.flatnonzero(np.diff(found["ts"].to_numpy()) != step)
        found = found.iloc[gaps[-1] + 1:] if len(gaps) else found
        closes = found["close"].to_numpy()
        change = np.diff(closes) / closes[:-1]
        position = np.zeros(len(closes))
        position[20:] = np.sign(closes[20:] - closes[:-20])
        equity = 10_000 * np.cumprod(np.concatenate([[1.0], 1 + 0.9 * position[:-1] * change]))
        cases.append({"name": f"{symbol} {kind}", "step_ms": step, "from_ms": int(found["ts"].iloc[0]),
                      "prices": closes.tolist(), "equity": equity.tolist()})
    return cases


def number(value):
    value = float(value)
    return value if np.isfinite(value) else None


def metrics(case):
    import empyrical as ep
    import quantstats.stats as qs

    per_year = case["per_year"]
    begin = pd.Timestamp(case["from_ms"], unit="ms")
    step = pd.Timedelta(case["step_ms"], unit="ms")
    # A return belongs to the period that it ends: it is stamped with the period's begin.
    index = pd.DatetimeIndex([begin + step * number for number in range(len(case["equity"]))])
    equity = np.concatenate([[case["balance"]], case["equity"]])
    prices = np.concatenate([[case["prices"][0]], case["prices"]])
    returns = pd.Series(equity[1:] / equity[:-1] - 1, index=index)
    market = pd.Series(prices[1:] / prices[:-1] - 1, index=index)
    free = (1 + case["risk_free"]) ** (1 / per_year) - 1
    alpha, beta = ep.alpha_beta(returns, market, risk_free=free, annualization=per_year)
    months = ep.aggregate_returns(returns, "monthly")
    return {
        "empyrical": {
            "total_return": number(ep.cum_returns_final(returns)),
            "annual_return": number(ep.annual_return(returns, annualization=per_year)),
            "cagr": number(ep.cagr(returns, annualization=per_year)),
            "volatility": number(ep.annual_volatility(returns, annualization=per_year)),
            "sharpe": number(ep.sharpe_ratio(returns, risk_free=free, annualization=per_year)),
            "sortino": number(ep.sortino_ratio(returns, required_return=free, annualization=per_year)),
            "calmar": number(ep.calmar_ratio(returns, annualization=per_year)),
            "omega": number(ep.omega_ratio(returns, annualization=per_year)),
            "alpha": number(alpha),
            "beta": number(beta),
            "max_drawdown": number(ep.max_drawdown(returns)),
            "var_95": number(ep.value_at_risk(returns, cutoff=0.05)),
            "cvar_95": number(ep.conditional_value_at_risk(returns, cutoff=0.05)),
            "best_month": number(months.max()),
            "worst_month": number(months.min()),
            "winning_months": number((months > 0).mean()),
        },
        "quantstats": {
            "total_return": number(qs.comp(returns)),
            "volatility": number(qs.volatility(returns, periods=per_year)),
            "sharpe": number(qs.sharpe(returns, rf=case["risk_free"], periods=per_year)),
            "sortino": number(qs.sortino(returns, rf=case["risk_free"], periods=per_year)),
            "omega": number(qs.omega(returns, periods=per_year)),
            "max_drawdown": number(qs.max_drawdown(returns)),
        },
    }


if __name__ == "__main__":
    if sys.argv[1] == "series":
        json.dump(series(sys.argv[2]), sys.stdout)
    else:
        json.dump([metrics(case) for case in json.load(sys.stdin)], sys.stdout)
