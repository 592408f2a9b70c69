// Histograms and the monthly heatmap, as SVG and a table.

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.floor(share * (sorted.length - 1))))];

/** Bounds of bins over the bulk of the values; the outermost bins take what lies beyond. */
const bins = (values, count) => {
  const sorted = [...values].sort((a, b) => a - b);
  let low = quantile(sorted, 0.005);
  let high = quantile(sorted, 0.995);
  if (low === high) { low -= Math.abs(low) * 0.5 || 1; high += Math.abs(high) * 0.5 || 1; }
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const width = [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= rough);
  const first = Math.floor(low / width);
  const number = Math.max(1, Math.ceil(high / width) - first);
  const counts = new Array(number).fill(0);
  for (const value of values) counts[Math.min(number - 1, Math.max(0, Math.floor(value / width) - first))]++;
  return { counts, first, width };
};

/** `references` are `[value, label]` from left to right, so that no line crosses the label of another. */
const histogram = (id, title, values, { format, caption, references = [], signed = true, number = 28 }) => {
  const figure = byId(id);
  figure.append(el("h3", {}, title));
  if (values.length < 2) {
    figure.append(el("div", { class: "empty" }, "Too few values."));
    return;
  }
  const { counts, first, width } = bins(values, number);
  const [w, h, bottom, top] = [360, 190, 20, 24];
  const most = Math.max(...counts);
  const step = w / counts.length;
  const x = (value) => (value / width - first) * step;
  const svg = svgEl("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `${title}: ${caption}` });
  counts.forEach((count, index) => {
    if (!count) return;
    const height = Math.max(1, (count / most) * (h - bottom - top));
    const middle = (first + index + 0.5) * width;
    const bar = svgEl("rect", {
      x: index * step + 0.5, width: Math.max(0.5, step - 1), y: h - bottom - height, height, rx: Math.min(2, step / 4),
      class: signed ? (middle < 0 ? "down" : "up") : "flat",
    });
    bar.append(svgEl("title", {}, `${format((first + index) * width)} to ${format((first + index + 1) * width)}: ${count}`));
    svg.append(bar);
  });
  svg.append(svgEl("line", { class: "axis", x1: 0, x2: w, y1: h - bottom, y2: h - bottom }));
  const ticks = signed && first < 0 && first + counts.length > 0 ? [0] : [];
  for (const share of [0.02, 0.98]) ticks.push((first + Math.round(share * counts.length)) * width);
  for (const value of new Set(ticks)) {
    const at = x(value);
    const anchor = at < 20 ? "start" : at > w - 20 ? "end" : "middle";
    svg.append(svgEl("text", { x: Math.min(w, Math.max(0, at)), y: h - 5, "text-anchor": anchor }, format(value)));
  }
  references.filter(([value]) => isNumber(value)).forEach(([value, label], index) => {
    const at = Math.min(w, Math.max(0, x(value)));
    svg.append(svgEl("line", { class: "ref", x1: at, x2: at, y1: 14 + index * 13, y2: h - bottom }));
    svg.append(svgEl("text", { class: "ref-label", x: at + (at > w / 2 ? -4 : 4), y: 11 + index * 13, "text-anchor": at > w / 2 ? "end" : "start" }, label));
  });
  figure.append(svg, el("figcaption", {}, caption));
};

const distributions = (data) => {
  const { metrics } = data.summary;
  const hourly = metrics.sampling === "1h";
  histogram("return-histogram", hourly ? "Hourly returns" : "Daily returns", data.returns, {
    format: (value) => percent(value, Math.abs(value) < 0.01 && value !== 0 ? 2 : 1),
    references: [[metrics.cvar_95, `CVaR 95 ${percent(metrics.cvar_95)}`], [metrics.var_95, `VaR 95 ${percent(metrics.var_95)}`]],
    caption: `${fixed(data.returns.length, 0)} ${hourly ? "hours" : "days"}, volatility ${percent(metrics.volatility)} a year`,
  });
  const results = data.trades.return.filter(isNumber);
  histogram("trade-histogram", "Trade returns", results, {
    format: (value) => percent(value, Math.abs(value) < 0.01 && value !== 0 ? 2 : 1),
    references: [[metrics.average_trade_return, `mean ${percent(metrics.average_trade_return, 3)}`]],
    caption: `${fixed(results.length, 0)} trades after costs, ${percent(metrics.win_rate, 1)} won`,
  });
  const hours = data.trades.closed.map((closed, index) => (closed - data.trades.opened[index]) / 3600);
  const longest = hours.reduce((most, value) => Math.max(most, value), 0);
  const [unit, divisor] = longest > 96 ? ["d", 24] : longest > 3 ? ["h", 1] : ["min", 1 / 60];
  histogram("holding-histogram", "Holding time", hours.map((value) => value / divisor), {
    format: (value) => `${quantity(value)} ${unit}`,
    signed: false,
    references: isNumber(metrics.average_holding_s) ? [[metrics.average_holding_s / 3600 / divisor, `mean ${duration(metrics.average_holding_s)}`]] : [],
    caption: `longest ${duration(longest * 3600)}`,
  });
};

/** A cell whose colour grows with the size of the return; the number stays the message. */
const heatCell = (value, scale) => {
  const cell = el("span", {}, isNumber(value) ? fixed(value * 100, 1) : "");
  if (isNumber(value)) {
    const strength = Math.round(Math.min(1, Math.abs(value) / scale) * 42) + (value === 0 ? 0 : 6);
    cell.style.background = `color-mix(in srgb, var(--${value < 0 ? "bad" : "good"}) ${strength}%, var(--soft))`;
  }
  return cell;
};

const heatmap = ({ months, groups }) => {
  const container = byId("months");
  if (!months.length) { container.append(el("div", { class: "empty" }, "No month to show.")); return; }
  const years = new Map();
  for (const [year, month, value] of months) {
    if (!years.has(year)) years.set(year, new Array(12).fill(null));
    years.get(year)[month - 1] = value;
  }
  const sizes = months.map(([, , value]) => Math.abs(value)).sort((a, b) => a - b);
  const scale = quantile(sizes, 0.9) || 1;
  const head = el("tr", {}, el("th", { scope: "col" }, "%"), ...MONTHS.map((name) => el("th", { scope: "col" }, name)), el("th", { scope: "col" }, "Year"));
  const body = [...years].map(([year, values]) => {
    const total = values.reduce((growth, value) => growth * (1 + (value ?? 0)), 1) - 1;
    return el("tr", {}, el("th", { scope: "row" }, String(year)),
      ...values.map((value) => el("td", {}, heatCell(value, scale))),
      el("td", { class: `year ${tone(total)}` }, el("span", {}, fixed(total * 100, 1))));
  });
  container.append(el("table", { class: "months" }, el("thead", {}, head), el("tbody", {}, ...body)));
  const facts = ["best_month", "worst_month", "winning_months"].map((key) => figureOf(groups, key));
  byId("month-facts").append(...facts.map((figure) => el("div", {}, el("dt", {}, figure.label), el("dd", { class: toneClass(figure) }, figure.value))));
};
