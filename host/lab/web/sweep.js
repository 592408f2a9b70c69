// The landscape of a sweep. Text always goes in as text.

const data = JSON.parse(byId("data").textContent);
const { document: sweep, axes, metrics } = data;
const varied = axes.filter((axis) => axis.labels.length > 1);

const figure = (value) => {
  if (!isNumber(value)) return UNDEFINED;
  const size = Math.abs(value);
  return fixed(value, size >= 1000 ? 0 : size >= 10 ? 2 : 4);
};
const whole = (value) => fixed(value, 0);
const better = (a, b) => (sweep.less_is_better ? a < b : a > b);

/** A colour for a value: good and bad lie on either side of zero, or of the median where all have the same sign. */
const scale = (() => {
  const [low, high] = sweep.less_is_better ? [metrics.high, metrics.low] : [metrics.low, metrics.high];
  const middle = low < 0 === high < 0 ? metrics.median : 0;
  const share = (value) => {
    const end = (value - middle) * (high - middle) >= 0 ? high : low;
    return end === middle ? 0 : Math.min(1, Math.abs((value - middle) / (end - middle)));
  };
  const paint = (value) => {
    if (!isNumber(value)) return "var(--soft)";
    const side = (value - middle) * (high - low) >= 0 ? "--good" : "--bad";
    return `color-mix(in oklab, var(${side}) ${(8 + 84 * share(value)).toFixed(1)}%, var(--card))`;
  };
  return { paint, low, middle, high };
})();

const setUpTheme = () => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  byId("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; });
};

const header = () => {
  byId("title").textContent = sweep.sweep.plugin;
  byId("meta").textContent = [sweep.instruments.join(" · "), sweep.timeframe, `${sweep.period.from} – ${sweep.period.to}`].join("  ·  ");
  if (sweep.synthetic) byId("badges").append(el("span", { class: "badge" }, "Synthetic data"));
  const notices = byId("notices");
  for (const { index, symbol } of sweep.verification.differing) {
    notices.append(el("p", { class: "notice fault" }, el("strong", {}, "Refused. "),
      `Combination ${index} on ${symbol} left another journal when it was run again with one call per event: the results of this plugin cannot be trusted.`));
  }
  for (const warning of sweep.warnings) notices.append(el("p", { class: "notice" }, warning));
  notices.hidden = !notices.children.length;
};

const cards = () => {
  const best = sweep.top[0];
  const params = best ? Object.entries(best.params).map(([name, value]) => `${name} ${value}`).join(", ") : "no combination is ranked";
  const neighbours = data.neighbours[0];
  const speed = sweep.timing.runs ? `${whole(sweep.timing.runs_per_s)} runs/s on ${sweep.timing.jobs} threads` : "taken over";
  const { checked, differing } = sweep.verification;
  for (const [label, value, note] of [
    [`Best ${sweep.metric}`, best ? figure(best.figures[sweep.metric]) : UNDEFINED, params],
    ["Mean of its neighbours", figure(neighbours), isNumber(neighbours) ? "one step away on one parameter" : "only of whole grids"],
    ["Combinations", whole(sweep.trials), `${whole(sweep.ranked)} ranked, ${whole(sweep.failed)} runs with a fault`],
    ["Verified", `${checked - differing.length} of ${checked}`, speed],
  ]) {
    byId("cards").append(el("div", { class: "card" },
      el("div", { class: "label" }, label), el("div", { class: "value" }, value), el("div", { class: "note", title: note }, note)));
  }
};

const topTable = () => {
  const names = [...new Set([sweep.metric, "sharpe", "total_return", "max_drawdown", "trades"])];
  const head = ["#", ...axes.map((axis) => axis.name), ...names, "neighbours", "report"];
  const share = (name, value) => (["total_return", "max_drawdown"].includes(name) ? percent(value) : name === "trades" ? whole(value) : figure(value));
  const body = sweep.top.map((best, place) => el("tr", {},
    el("td", {}, String(best.rank)),
    ...axes.map((axis) => el("td", {}, best.params[axis.name])),
    ...names.map((name) => el("td", {}, share(name, best.figures[name]))),
    el("td", {}, figure(data.neighbours[place])),
    el("td", {}, ...best.runs.flatMap((run, at) => [at ? " " : "", el("a", { href: encodeURI(`${run.folder}/report.html`) }, best.runs.length > 1 ? run.symbol : "open")])),
  ));
  byId("top-table").append(el("table", { class: "grid" },
    el("thead", {}, el("tr", {}, ...head.map((title) => el("th", { scope: "col" }, title)))), el("tbody", {}, ...body)));
  if (!sweep.top.length) byId("top-table").replaceChildren(el("div", { class: "empty" }, "No combination has the metric and fulfils the constraints."));
  const order = sweep.less_is_better ? "lowest" : "highest";
  byId("top-aside").textContent = [`${order} ${sweep.metric}`, ...sweep.constraints].join(", ");
};

/** Labels of a few evenly spread bins. */
const ticks = (labels, most) => {
  const step = Math.max(1, Math.ceil(labels.length / most));
  return labels.map((label, at) => [at, label]).filter(([at]) => at % step === 0);
};

const heatmap = () => {
  if (varied.length < 2) {
    byId("map").append(el("div", { class: "empty" }, "A map takes two parameters that are varied."));
    return;
  }
  let [pair, kind] = [0, "best"];
  const draw = () => {
    const { a, b, best, mean } = data.pairs[pair];
    const [rows, columns] = [axes[a], axes[b]];
    const values = kind === "best" ? best : mean;
    const [width, left, bottom, top] = [860, 74, 44, 6];
    const cell = (width - left) / columns.labels.length;
    const high = Math.min(34, Math.max(10, cell));
    const height = top + bottom + high * rows.labels.length;
    const svg = svgEl("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${sweep.metric} by ${rows.name} and ${columns.name}` });
    let found = -1;
    values.forEach((value, at) => { if (isNumber(value) && (found < 0 || better(value, values[found]))) found = at; });
    values.forEach((value, at) => {
      const [row, column] = [Math.floor(at / columns.labels.length), at % columns.labels.length];
      const rect = svgEl("rect", {
        x: left + column * cell, y: top + (rows.labels.length - 1 - row) * high, width: cell, height: high,
        class: at === found ? "cell best" : "cell", style: `fill: ${scale.paint(value)}`,
      });
      rect.append(svgEl("title", {}, `${rows.name} ${rows.labels[row]}, ${columns.name} ${columns.labels[column]}: ${figure(value)}`));
      svg.append(rect);
    });
    for (const [at, label] of ticks(columns.labels, 12)) svg.append(svgEl("text", { x: left + (at + 0.5) * cell, y: height - bottom + 15, "text-anchor": "middle" }, label));
    for (const [at, label] of ticks(rows.labels, Math.max(2, Math.floor(rows.labels.length * high / 16)))) {
      svg.append(svgEl("text", { x: left - 7, y: top + (rows.labels.length - 0.5 - at) * high + 4, "text-anchor": "end" }, label));
    }
    svg.append(svgEl("text", { x: left + (width - left) / 2, y: height - 6, "text-anchor": "middle" }, columns.name));
    const middle = top + (rows.labels.length * high) / 2;
    svg.append(svgEl("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, rows.name));
    const ramp = [scale.low, scale.middle, scale.high].map(scale.paint).join(", ");
    byId("map").replaceChildren(el("figure", {}, svg), el("div", { class: "scale" },
      figure(scale.low), el("i", { style: `background: linear-gradient(to right, ${ramp})` }), figure(scale.high)));
  };
  const names = data.pairs.map(({ a, b }, at) => [String(at), `${axes[a].name} × ${axes[b].name}`]);
  if (names.length > 1) byId("map-tools").append(selection("Pair of parameters", names, (value) => { pair = Number(value); draw(); }));
  byId("map-tools").append(segments("Over the other parameters", [["best", "Best"], ["mean", "Mean"]], kind, (value) => { kind = value; draw(); }));
  byId("map-hint").textContent = varied.length > 2 || axes.some((axis) => axis.binned)
    ? "Each cell stands for all combinations that have its two values: the best of them, or their mean." : "";
  draw();
};

/** The metric along one parameter. */
const slice = ({ axis, values, at }) => {
  const { name, labels } = axes[axis];
  const known = values.filter(isNumber);
  const [w, h, left, bottom, top] = [360, 170, 48, 32, 10];
  let [low, high] = [Math.min(...known), Math.max(...known)];
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  const x = (place) => left + (labels.length === 1 ? 0.5 : place / (labels.length - 1)) * (w - left - 8);
  const y = (value) => top + (1 - (value - low) / (high - low)) * (h - top - bottom);
  const svg = svgEl("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `${sweep.metric} along ${name}` });
  let path = "";
  let open = false;
  values.forEach((value, place) => {
    if (isNumber(value)) path += `${open ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    open = isNumber(value);
  });
  svg.append(svgEl("line", { class: "axis", x1: left, x2: w, y1: h - bottom, y2: h - bottom }), svgEl("path", { d: path }));
  values.forEach((value, place) => {
    if (!isNumber(value)) return;
    const dot = svgEl("circle", { cx: x(place), cy: y(value), r: place === at ? 4.5 : values.length > 40 ? 1.2 : 2.4, class: place === at ? "best" : "" });
    dot.append(svgEl("title", {}, `${name} ${labels[place]}: ${figure(value)}`));
    svg.append(dot);
  });
  for (const value of [low, high]) svg.append(svgEl("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, figure(value)));
  for (const [place, label] of ticks(labels, 6)) svg.append(svgEl("text", { x: x(place), y: h - bottom + 15, "text-anchor": "middle" }, label));
  return el("figure", { class: "slice" }, el("h3", {}, name), svg);
};

const plateau = () => {
  const shown = data.slices.filter(({ axis, values }) => axes[axis].labels.length > 1 && values.some(isNumber));
  byId("slices").append(...shown.map(slice));
  if (!shown.length) byId("slices").append(el("div", { class: "empty" }, "Nothing is ranked."));
  byId("plateau-aside").textContent = data.exact ? "through the best combination" : "best of each part of a range";
  const [best, neighbours] = [sweep.top[0]?.figures[sweep.metric], data.neighbours[0]];
  byId("plateau-hint").textContent = isNumber(neighbours) && isNumber(best)
    ? `The best has ${figure(best)}, its neighbours ${figure(neighbours)} on average. A result that a single step destroys is a peak of the past; one that its neighbours share is worth a second look.`
    : "A result that a small step destroys is a peak of the past; one that its neighbours share is worth a second look.";
};

const parallel = () => {
  const { positions, values } = data.lines;
  const shown = axes.map((axis, at) => [axis, at]).filter(([axis]) => axis.labels.length > 1);
  if (!shown.length || !values.length) {
    byId("lines").append(el("div", { class: "empty" }, "Nothing to compare."));
    return;
  }
  const columns = [...shown.map(([axis]) => axis.name), sweep.metric];
  const [h, top, bottom, side] = [360, 26, 30, 60];
  const width = Math.max(1000, columns.length * 150);
  const x = (column) => side + (column / (columns.length - 1)) * (width - 2 * side);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (share) => top + (1 - share) * (h - top - bottom);
  const svg = svgEl("svg", { viewBox: `0 0 ${width} ${h}`, style: `min-width: ${Math.min(width, 900) * 0.7}px`, role: "img", "aria-label": "Parameters and metric of combinations" });
  const order = values.map((_, at) => at).sort((a, b) => (better(values[a], values[b]) ? 1 : -1));
  order.forEach((at, place) => {
    const shares = shown.map(([, axis]) => positions[at * axes.length + axis]);
    shares.push(high === low ? 0.5 : (values[at] - low) / (high - low));
    const points = shares.map((share, column) => `${x(column).toFixed(1)} ${y(share).toFixed(1)}`);
    svg.append(svgEl("path", { d: `M${points.join("L")}`, class: place >= order.length - 10 ? "line top" : "line", style: `stroke: ${scale.paint(values[at])}` }));
  });
  columns.forEach((name, column) => {
    const labels = column < shown.length ? shown[column][0].labels : [figure(low), figure(high)];
    svg.append(svgEl("line", { class: "axis", x1: x(column), x2: x(column), y1: top, y2: h - bottom }));
    svg.append(svgEl("text", { x: x(column), y: 12, "text-anchor": "middle" }, name));
    svg.append(svgEl("text", { x: x(column), y: h - bottom + 16, "text-anchor": "middle" }, labels[0]));
    svg.append(svgEl("text", { x: x(column) + 6, y: top + 4 }, labels[labels.length - 1]));
  });
  byId("lines").append(svg);
  byId("lines-aside").textContent = `${whole(values.length)} of ${whole(sweep.ranked)} combinations, the best among them`;
};

const spread = () => {
  const { first, width, counts } = data.histogram;
  const host = byId("spread");
  if (!counts.length) {
    host.append(el("div", { class: "empty" }, "Too few values."));
    return;
  }
  const [w, h, bottom, top] = [900, 200, 22, 8];
  const most = Math.max(...counts);
  const step = w / counts.length;
  const svg = svgEl("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `Distribution of ${sweep.metric}` });
  counts.forEach((count, at) => {
    if (!count) return;
    const height = Math.max(1, (count / most) * (h - bottom - top));
    const from = first + at * width;
    const bar = svgEl("rect", { x: at * step + 0.5, width: Math.max(0.5, step - 1), y: h - bottom - height, height, rx: 2, style: `fill: ${scale.paint(from + width / 2)}` });
    bar.append(svgEl("title", {}, `${figure(from)} to ${figure(from + width)}: ${whole(count)}`));
    svg.append(bar);
  });
  svg.append(svgEl("line", { class: "axis", x1: 0, x2: w, y1: h - bottom, y2: h - bottom }));
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(svgEl("text", { x: share * w, y: h - 5, "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle" }, figure(first + share * width * counts.length)));
  }
  host.append(svg);
  for (const [label, value] of [["5th percentile", metrics.low], ["Median", metrics.median], ["95th percentile", metrics.high]]) {
    byId("spread-facts").append(el("div", {}, el("dt", {}, label), el("dd", {}, figure(value))));
  }
};

const identity = () => {
  const { choice, shard } = sweep.sweep;
  const ranges = axes.map((axis) => `${axis.name}: ${axis.text}`).join("; ");
  const mebibytes = (bytes) => (isNumber(bytes) ? `${whole(bytes / 1048576)} MiB` : UNDEFINED);
  for (const [label, value] of [
    ["Sweep", sweep.sweep.id], ["Ranges", ranges], ["Search", `${choice.search}, seed ${choice.seed}`],
    ["Part", `${shard.part} of ${shard.of}`], ["Plugin", sweep.sweep.plugin_sha256], ["Data", sweep.sweep.data_sha256.join(" ")],
    ["Configuration", sweep.sweep.config_sha256.join(" ")], ["Host", sweep.sweep.host_version], ["Delivery", sweep.delivery],
    ["Bars", `${whole(sweep.bars.per_run)} per run, ${sweep.bars.from}`], ["Memory", mebibytes(sweep.peak_memory_bytes)],
    ["Time", duration(sweep.timing.total_s)],
  ]) byId("identity").append(el("div", {}, el("dt", {}, label), el("dd", {}, el("code", {}, value))));
};

setUpTheme();
header();
cards();
topTable();
heatmap();
plateau();
parallel();
spread();
identity();
document.documentElement.dataset.ready = "true";
