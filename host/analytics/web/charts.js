// Time series with lightweight-charts: equity with drawdown, price with trades, rolling figures.

// One marker for so many pixels at least, and one label.
const MARKER_PIXELS = 12;
const LABEL_PIXELS = 110;
const charts = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const chartOptions = () => ({
  layout: {
    background: { type: "solid", color: colour("card") },
    textColor: colour("muted"),
    fontSize: 11.5,
    fontFamily: getComputedStyle(document.body).fontFamily,
    panes: { separatorColor: colour("line"), separatorHoverColor: colour("accent-soft"), enableResize: false },
  },
  grid: { vertLines: { color: colour("grid") }, horzLines: { color: colour("grid") } },
  crosshair: {
    mode: LightweightCharts.CrosshairMode.Normal,
    vertLine: { color: colour("market"), labelBackgroundColor: colour("muted") },
    horzLine: { color: colour("market"), labelBackgroundColor: colour("muted") },
  },
});

/** A chart in a container; `paint` sets the colours of its series and runs again when the theme changes. */
const makeChart = (container, { attribution = false, paint, ...options }) => {
  const base = chartOptions();
  const chart = LightweightCharts.createChart(container, {
    ...base,
    layout: { ...base.layout, attributionLogo: attribution },
    autoSize: true,
    rightPriceScale: { borderVisible: false },
    timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, minBarSpacing: 0.01 },
    handleScroll: { vertTouchDrag: false },
    localization: { locale: "en-US", dateFormat: "yyyy-MM-dd" },
    ...options,
  });
  // The wheel scrolls the page; with Ctrl it zooms the chart.
  container.addEventListener("wheel", (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); }, { capture: true });
  charts.push(() => { chart.applyOptions(chartOptions()); if (paint) paint(); });
  return chart;
};

const repaintCharts = () => { for (const repaint of charts) repaint(); };

const points = (time, values) => {
  const data = [];
  for (let index = 0; index < time.length; index++) {
    const value = values[index];
    data.push(isNumber(value) ? { time: time[index], value } : { time: time[index] });
  }
  return data;
};

/** Position of the first entry at or after `value` in sorted `times`; the last one if there is none. */
const indexAt = (times, value) => {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** At most `most` of `items` (sorted by time): where there are more, the weightiest of each stretch. */
const thinned = (items, from, to, most) => {
  const inside = items.filter((item) => item.at >= from && item.at <= to);
  if (inside.length <= most) return { shown: inside, all: inside.length };
  const width = (to - from) / most || 1;
  const best = new Map();
  for (const item of inside) {
    const slot = Math.floor((item.at - from) / width);
    const held = best.get(slot);
    if (!held || item.weight > held.weight) best.set(slot, item);
  }
  return { shown: [...best.values()].sort((a, b) => a.at - b.at), all: inside.length };
};

/**
 * Keeps the markers of a series to those that fit into the visible range; `tell` is told how many of how many those are,
 * `toMarkers` of each whether there is room for a label.
 */
const markItems = (chart, series, step, items, toMarkers, tell) => {
  const plugin = LightweightCharts.createSeriesMarkers(series, [], { autoScale: false });
  let visible = null;
  let pending = 0;
  const draw = () => {
    pending = 0;
    if (!visible) return;
    const width = chart.timeScale().width();
    const most = Math.max(20, Math.floor(width / MARKER_PIXELS));
    const { shown, all } = thinned(items(), visible.from - step, visible.to, most);
    let labelled = -Infinity;
    plugin.setMarkers(shown.flatMap((item) => {
      const room = ((item.at - labelled) / (visible.to - visible.from)) * width >= LABEL_PIXELS;
      if (room) labelled = item.at;
      return toMarkers(item, room);
    }).sort((a, b) => a.time - b.time));
    tell(shown.length, all);
  };
  const redraw = () => { if (!pending) pending = requestAnimationFrame(draw); };
  chart.timeScale().subscribeVisibleTimeRangeChange((range) => { visible = range; redraw(); });
  return redraw;
};

const markTrades = (chart, series, step, items, toMarkers, hint) => markItems(chart, series, step, items, toMarkers, (shown, all) => {
  hint.textContent = shown < all
    ? `Markers show ${fixed(shown, 0)} of ${fixed(all, 0)} trades in view, the largest results first. Zoom in to see every trade: pinch, or Ctrl and wheel.`
    : all > 0 ? `${fixed(all, 0)} trades in view. Zoom: pinch, or Ctrl and wheel.` : "";
});

const rangeButtons = (chart, from, to) => {
  const days = (to - from) / 86400;
  const options = [[7, "1W"], [30, "1M"], [91, "3M"], [365, "1Y"]].filter(([length]) => length < days * 0.9);
  if (!options.length) return null;
  return segments("Visible range", [...options, [0, "All"]], 0, (length) => {
    if (length) chart.timeScale().setVisibleRange({ from: to - length * 86400, to });
    else chart.timeScale().fitContent();
  });
};

const amountFormat = { type: "custom", minMove: 0.00000001, formatter: compact };
const percentFormat = { type: "custom", minMove: 0.0001, formatter: (value) => percent(value, 1) };

const equityChart = (data) => {
  const { curve, strategies, trades, summary } = data;
  if (!curve.time.length) {
    byId("equity-chart").append(el("div", { class: "empty" }, "The run has no bars."));
    return;
  }
  let line;
  let market;
  let below;
  let longest;
  const others = [];
  const lineColours = ["second", "third", "good", "bad", "market"];
  const paint = () => {
    const accent = colour("accent");
    line.applyOptions({ lineColor: accent, topColor: colour("accent-soft"), bottomColor: "transparent" });
    market.applyOptions({ color: colour("market") });
    below.applyOptions({ lineColor: colour("bad"), topColor: "transparent", bottomColor: colour("bad-soft") });
    longest.applyOptions({ lineColor: colour("bad"), topColor: "transparent", bottomColor: `${colour("bad")}59` });
    others.forEach((series, index) => series.applyOptions({ color: colour(lineColours[index % lineColours.length]) }));
  };
  const chart = makeChart(byId("equity-chart"), { attribution: true, paint: () => { paint(); redraw(); redrawChanges(); } });
  const quiet = { priceLineVisible: false, lastValueVisible: false };
  market = chart.addSeries(LightweightCharts.LineSeries, { ...quiet, lineWidth: 1.5, lineStyle: 2, priceFormat: amountFormat, crosshairMarkerVisible: false });
  market.setData(points(curve.time, curve.market));
  if (strategies.length > 1) {
    for (const strategy of strategies) {
      const series = chart.addSeries(LightweightCharts.LineSeries, { ...quiet, lineWidth: 1, priceFormat: amountFormat, crosshairMarkerVisible: false, visible: false });
      series.setData(points(curve.time, strategy.equity));
      others.push(series);
    }
  }
  line = chart.addSeries(LightweightCharts.AreaSeries, { lineWidth: 2, priceLineVisible: false, priceFormat: amountFormat });
  line.setData(points(curve.time, curve.equity));
  below = chart.addSeries(LightweightCharts.AreaSeries, { ...quiet, lineWidth: 1, invertFilledArea: true, priceFormat: percentFormat, crosshairMarkerVisible: false }, 1);
  below.setData(points(curve.time, curve.drawdown));
  longest = chart.addSeries(LightweightCharts.AreaSeries, { ...quiet, lineWidth: 1, invertFilledArea: true, priceFormat: percentFormat, crosshairMarkerVisible: false }, 1);
  if (data.longest) {
    const begin = indexAt(curve.time, data.longest.peak);
    const end = indexAt(curve.time, data.longest.recovered ?? data.to) + 1;
    longest.setData(points(curve.time.slice(begin, end), curve.drawdown.slice(begin, end)));
  }
  const panes = chart.panes();
  panes[0].setStretchFactor(3);
  panes[1].setStretchFactor(1);

  const items = trades.closed.map((at, index) => ({ at, index, weight: Math.abs(trades.net[index]) }));
  let marked = true;
  const redraw = markTrades(chart, line, data.step, () => (marked ? items : []), (item) => [{
    time: curve.time[indexAt(curve.time, item.at)],
    position: "inBar",
    shape: "circle",
    size: 0.35,
    color: colour(trades.net[item.index] > 0 ? "good" : "bad"),
  }], byId("equity-hint"));

  const changes = happenings(data).map((change) => ({ ...change, weight: 1 }));
  const several = strategies.length > 1;
  let changed = true;
  const redrawChanges = markItems(chart, line, data.step, () => (changed ? changes : []), (change, room) => [{
    time: curve.time[indexAt(curve.time, change.at)], position: "aboveBar", shape: "square", size: 0.5,
    color: colour(change.tone), text: room ? (several ? `${change.strategy}: ${change.text}` : change.text) : "",
  }], () => {});

  const legend = byId("equity-legend");
  const currency = summary.currency ? ` ${summary.currency}` : "";
  const describe = (index) => {
    legend.replaceChildren(
      el("span", {}, minute(curve.time[index])),
      el("span", {}, swatch("accent"), "Equity ", el("b", {}, fixed(curve.equity[index]) + currency)),
      el("span", {}, swatch("market"), "Buy and hold ", el("b", {}, fixed(curve.market[index]) + currency)),
      el("span", {}, swatch("bad"), "Drawdown ", el("b", {}, percent(curve.drawdown[index]))),
    );
    if (others.length && others[0].options().visible) {
      strategies.forEach((strategy, number) => legend.append(
        el("span", {}, swatch(lineColours[number % lineColours.length]), `${strategy.name} `, el("b", {}, fixed(strategy.equity[index])))));
    }
  };
  const last = curve.time.length - 1;
  describe(last);
  chart.subscribeCrosshairMove((event) => describe(event.time === undefined ? last : indexAt(curve.time, event.time)));
  paint();

  const tools = byId("equity-tools");
  tools.append(toggles("Layers", [
    ["Trades", (on) => { marked = on; redraw(); }],
    ["Buy and hold", (on) => market.applyOptions({ visible: on })],
    changes.length && ["Changes", (on) => { changed = on; redrawChanges(); }],
  ].filter(Boolean)));
  if (others.length) {
    tools.append(segments("Strategies", [["portfolio", "Portfolio"], ["each", "Each strategy"]], "portfolio", (value) => {
      for (const series of others) series.applyOptions({ visible: value === "each" });
      describe(last);
    }));
  }
  const ranges = rangeButtons(chart, data.from, data.to);
  if (ranges) tools.append(ranges);
  chart.timeScale().fitContent();
};

const swatch = (name) => {
  const mark = el("i", { class: "swatch" });
  mark.style.background = `var(--${name})`;
  return mark;
};

const priceChart = (data) => {
  const { prices, trades } = data;
  const usable = prices.map((entry, index) => ({ ...entry, index })).filter((entry) => entry.time.length);
  if (!usable.length) { byId("price-panel").hidden = true; return; }
  let current = usable[0];
  let series;
  const paint = () => series.applyOptions({
    upColor: colour("market"), downColor: colour("card"), borderUpColor: colour("market"), borderDownColor: colour("market"),
    wickUpColor: colour("market"), wickDownColor: colour("market"),
  });
  const chart = makeChart(byId("price-chart"), { paint: () => { paint(); redraw(); } });
  series = chart.addSeries(LightweightCharts.CandlestickSeries, {
    priceLineVisible: false, priceFormat: { type: "custom", minMove: 0.00000001, formatter: (value) => (Math.abs(value) >= 100 ? compact(value) : fixed(value, Math.abs(value) >= 1 ? 3 : 6)) },
  });
  const itemsOf = new Map();
  for (let index = 0; index < trades.net.length; index++) {
    const list = itemsOf.get(trades.instrument[index]) ?? [];
    list.push({ at: trades.closed[index], index, weight: Math.abs(trades.net[index]) });
    itemsOf.set(trades.instrument[index], list);
  }
  // Positions that were open at the end: an entry without an exit, never thinned out.
  for (const [instrument, at, long] of data.open) {
    const list = itemsOf.get(instrument) ?? [];
    list.push({ at, long, weight: Infinity });
    itemsOf.set(instrument, list);
  }
  const entry = (at, long) => ({
    time: current.time[indexAt(current.time, at)], position: long ? "belowBar" : "aboveBar",
    shape: long ? "arrowUp" : "arrowDown", size: 0.7, color: colour("accent"),
  });
  const redraw = markTrades(chart, series, data.step, () => itemsOf.get(current.index) ?? [], ({ index, at, long: open }) => {
    if (index === undefined) return [entry(at, open)];
    const long = trades.side[index] === "long";
    return [
      entry(trades.opened[index], long),
      { time: current.time[indexAt(current.time, trades.closed[index])], position: long ? "aboveBar" : "belowBar", shape: "circle", size: 0.45, color: colour(trades.net[index] > 0 ? "good" : "bad") },
    ];
  }, byId("price-hint"));

  const describe = (index) => byId("price-legend").replaceChildren(
    el("span", {}, minute(current.time[index])),
    el("span", {}, "Low ", el("b", {}, price(current.low[index]))),
    el("span", {}, "High ", el("b", {}, price(current.high[index]))),
    el("span", {}, "Close ", el("b", {}, price(current.last[index]))),
    el("span", {}, arrow("accent", "▲"), "long entry"),
    el("span", {}, arrow("accent", "▼"), "short entry"),
    el("span", {}, arrow("good", "●"), "exit, profit"),
    el("span", {}, arrow("bad", "●"), "exit, loss"),
  );
  const show = (entry) => {
    current = entry;
    series.setData(entry.time.map((time, index) => ({
      time,
      open: index > 0 ? entry.last[index - 1] : entry.last[0],
      high: Math.max(entry.high[index], index > 0 ? entry.last[index - 1] : entry.last[0]),
      low: Math.min(entry.low[index], index > 0 ? entry.last[index - 1] : entry.last[0]),
      close: entry.last[index],
    })));
    chart.timeScale().fitContent();
    describe(entry.time.length - 1);
    redraw();
  };
  chart.subscribeCrosshairMove((event) => describe(event.time === undefined ? current.time.length - 1 : indexAt(current.time, event.time)));
  const tools = byId("price-tools");
  if (usable.length > 1) {
    const select = selection("Symbol", usable.map((entry) => [String(entry.index), entry.symbol]), (value) => show(usable.find((entry) => String(entry.index) === value)));
    select.id = "price-symbol";
    tools.append(select);
  }
  const ranges = rangeButtons(chart, data.from, data.to);
  if (ranges) tools.append(ranges);
  paint();
  show(current);
};

const arrow = (name, text) => {
  const mark = el("span", { "aria-hidden": "true" }, `${text} `);
  mark.style.color = `var(--${name})`;
  return mark;
};

/** Lets a line end where values are missing; otherwise it would go on to the next one as if there were some. */
const broken = (data) => data.map((point, index) => (
  isNumber(point.value) && index + 1 < data.length && !isNumber(data[index + 1].value) ? { ...point, color: "transparent" } : point));

/** One line per window of days. `more` tells what else is known of a value: of which window, at which time. */
const rollingChart = (id, legendId, rolling, columns, format, formatter, more = () => "") => {
  const container = byId(id);
  const known = columns.map((values) => values.some(isNumber));
  if (!known.some(Boolean)) {
    container.append(el("div", { class: "empty" }, "The run is shorter than 30 days, or has no trades to roll over."));
    return;
  }
  const colours = ["accent", "second", "third"];
  const lines = [];
  const paint = () => lines.forEach(([series, index]) => series.applyOptions({ color: colour(colours[index]) }));
  const chart = makeChart(container, { paint, timeScale: { borderVisible: false, minBarSpacing: 0.01 } });
  columns.forEach((values, index) => {
    if (!known[index]) return;
    const series = chart.addSeries(LightweightCharts.LineSeries, { lineWidth: index === 0 ? 1 : 2, priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", minMove: 0.0001, formatter } });
    series.setData(broken(points(rolling.time, values)));
    lines.push([series, index]);
  });
  const last = rolling.time.length - 1;
  const describe = (at) => byId(legendId).replaceChildren(...lines.map(([, index]) => {
    const value = columns[index][at];
    const shown = isNumber(value) ? format(value) : UNDEFINED;
    return el("span", {}, swatch(colours[index]), `${rolling.windows[index]} days `, el("b", {}, shown), isNumber(value) ? more(index, at) : "");
  }));
  describe(last);
  chart.subscribeCrosshairMove((event) => describe(event.time === undefined ? last : indexAt(rolling.time, event.time)));
  paint();
  chart.timeScale().fitContent();
};
