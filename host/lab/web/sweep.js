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
const listed = (items) => items.map((axis) => axis.name).join(", ");

/** A part of an axis in words: a value, or its first and last. */
const part = ({ labels, ends }, at) => (ends && ends[at] !== labels[at] ? `${labels[at]} to ${ends[at]}` : labels[at]);

/** Why neighbours are not known; empty where they are. */
const notWhole = (() => {
  const { choice, shard } = sweep.sweep;
  if (data.whole) return "";
  return choice.search === "grid"
    ? `only part ${shard.part} of ${shard.of} of the grid was tried`
    : "the search tried only some of the grid";
})();

/** The mean of the neighbours of one of the best, and what it is or why there is none. */
const neighboursOf = (place) => {
  const found = data.neighbours[place];
  if (notWhole) return [undefined, notWhole];
  if (!sweep.top.length) return [undefined, "no combination is ranked"];
  if (!found) return [undefined, "no varied parameter is a number"];
  const { mean, ranked, count } = found;
  if (!ranked) return [mean, `none of its ${count} neighbours is ranked`];
  return [mean, ranked === count ? `${count} that are one step away` : `${ranked} of ${count} one step away; others not ranked`];
};

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
  const [neighbours, about] = neighboursOf(0);
  const speed = sweep.timing.runs ? `${whole(sweep.timing.runs_per_s)} runs/s on ${sweep.timing.jobs} threads` : "taken over";
  const { checked, differing } = sweep.verification;
  for (const [label, value, note] of [
    [`Best ${sweep.metric}`, best ? figure(best.figures[sweep.metric]) : UNDEFINED, params],
    ["Mean of its neighbours", figure(neighbours), about],
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
    el("td", { title: neighboursOf(place)[1] }, figure(neighboursOf(place)[0])),
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
    const [width, left, bottom, top] = [Math.min(860, Math.max(520, byId("map").clientWidth)), 74, 44, 6];
    const cell = (width - left) / columns.labels.length;
    const high = Math.min(34, Math.max(10, Math.min(cell, 600 / rows.labels.length)));
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
      rect.append(svgEl("title", {}, `${rows.name} ${part(rows, row)}, ${columns.name} ${part(columns, column)}: ${figure(value)}`));
      svg.append(rect);
    });
    // Last, so that no other cell covers its frame.
    if (found >= 0) svg.append(svg.children[found]);
    for (const [at, label] of ticks(columns.labels, 12)) svg.append(svgEl("text", { x: left + (at + 0.5) * cell, y: height - bottom + 15, "text-anchor": "middle" }, label));
    for (const [at, label] of ticks(rows.labels, Math.max(2, Math.floor(rows.labels.length * high / 16)))) {
      svg.append(svgEl("text", { x: left - 7, y: top + (rows.labels.length - 0.5 - at) * high + 4, "text-anchor": "end" }, label));
    }
    svg.append(svgEl("text", { x: left + (width - left) / 2, y: height - 6, "text-anchor": "middle" }, columns.name));
    const middle = top + (rows.labels.length * high) / 2;
    svg.append(svgEl("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, rows.name));
    const ramp = [scale.low, scale.middle, scale.high].map(scale.paint).join(", ");
    byId("map").replaceChildren(el("figure", {}, svg), el("div", { class: "scale" },
      `${figure(scale.low)} or worse`, el("i", { style: `background: linear-gradient(to right, ${ramp})` }), `${figure(scale.high)} or better`));
  };
  const names = data.pairs.map(({ a, b }, at) => [String(at), `${axes[a].name} × ${axes[b].name}`]);
  if (names.length > 1) byId("map-tools").append(selection("Pair of parameters", names, (value) => { pair = Number(value); draw(); }));
  byId("map-tools").append(segments("Over the other parameters", [["best", "Best"], ["mean", "Mean"]], kind, (value) => { kind = value; draw(); }));
  const hints = [];
  if (varied.length > 2) hints.push("Each cell stands for all combinations that have its two values: the best of them, or their mean.");
  const binned = varied.filter((axis) => axis.ends);
  if (binned.length) hints.push(`Neighbouring values of ${listed(binned)} share cells.`);
  const unmapped = data.unmapped.map((at) => axes[at]);
  if (unmapped.length) hints.push(`Only the first ${varied.length - unmapped.length} varied parameters have maps; there are none of ${listed(unmapped)}.`);
  byId("map-hint").textContent = hints.join(" ");
  draw();
};

/** What the points of a curve are, where they are not all values through the best combination. */
const aboutSlice = ({ axis, exact, at }) => {
  const { count, ends } = axes[axis];
  if (!exact) return ends ? `best of each of ${at.length} parts` : "best with each value";
  return at.length < count ? `${at.length} of ${whole(count)} values` : "";
};

/** The metric along one parameter, `w` wide. */
const slice = (curve, w) => {
  const { axis, exact, at, labels, values, best } = curve;
  const { name } = axes[axis];
  const known = values.filter(isNumber);
  const [h, left, bottom, top] = [w > 600 ? 240 : 170, 58, 32, 10];
  let [low, high] = [Math.min(...known), Math.max(...known)];
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  const last = at[at.length - 1];
  const x = (place) => left + (last ? at[place] / last : 0.5) * (w - left - 8);
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
    const dot = svgEl("circle", { cx: x(place), cy: y(value), r: place === best ? 4.5 : values.length * 9 > w ? 1.2 : 2.4, class: place === best ? "best" : "" });
    dot.append(svgEl("title", {}, `${name} ${exact ? labels[place] : part(axes[axis], place)}: ${figure(value)}`));
    svg.append(dot);
  });
  for (const value of [low, high]) svg.append(svgEl("text", { x: left - 10, y: y(value) + 4, "text-anchor": "end" }, figure(value)));
  const longest = Math.max(...labels.map((label) => label.length));
  const room = Math.max(2, Math.floor((w - left) / Math.max(48, 8 * longest)));
  for (const [place, label] of ticks(labels, room)) svg.append(svgEl("text", { x: x(place), y: h - bottom + 15, "text-anchor": "middle" }, label));
  const about = aboutSlice(curve);
  return el("figure", { class: "slice", style: `max-width: ${w}px` }, el("h3", {}, name, ...(about ? [el("span", { class: "about" }, about)] : [])), svg);
};

const plateauHint = (exact, gaps) => {
  if (!exact) {
    return `Each point is the best of all tried combinations with its values, whatever the other parameters are, because ${notWhole}. Such a curve looks flatter than it is around the best combination.`;
  }
  const [best, [neighbours, about]] = [sweep.top[0]?.figures[sweep.metric], neighboursOf(0)];
  return [
    "The other parameters are as in the best combination.",
    gaps ? "Gaps are combinations that are not ranked." : "",
    isNumber(best) && isNumber(neighbours) ? `The best has ${figure(best)}, its neighbours ${figure(neighbours)} on average (${about}).` : "",
    "A result that a small step destroys is a peak of the past; one that its neighbours share is worth a second look.",
  ].filter((sentence) => sentence).join(" ");
};

const plateau = () => {
  const host = byId("slices");
  const shown = data.slices.filter(({ axis, values }) => axes[axis].count > 1 && values.some(isNumber));
  if (!shown.length) {
    host.append(el("div", { class: "empty" }, "Nothing is ranked."));
    return;
  }
  // As wide as it is shown, so that one curve has the same letters as ten.
  const [room, gap] = [host.clientWidth, 28];
  const columns = Math.min(shown.length, Math.max(1, Math.floor((room + gap) / (280 + gap))));
  const width = Math.min(900, Math.floor((room - gap * (columns - 1)) / columns));
  host.append(...shown.map((curve) => slice(curve, width)));
  const exact = shown.every((curve) => curve.exact);
  byId("plateau-aside").textContent = exact ? "through the best combination" : "not through the best combination";
  byId("plateau-hint").textContent = plateauHint(exact, shown.some(({ values }) => !values.every(isNumber)));
};

const parallel = () => {
  const { positions, values } = data.lines;
  const shown = axes.map((axis, at) => [axis, at]).filter(([axis]) => axis.labels.length > 1);
  if (!shown.length || !values.length) {
    byId("lines").append(el("div", { class: "empty" }, "Nothing to compare."));
    return;
  }
  const columns = [...shown.map(([axis]) => axis.name), sweep.metric];
  const [h, top, bottom, side] = [380, 40, 30, 60];
  const width = Math.max(620, byId("lines").clientWidth, columns.length * 120);
  const x = (column) => side + (column / (columns.length - 1)) * (width - 2 * side);
  const [low, high] = [Math.min(metrics.least, ...values), Math.max(metrics.most, ...values)];
  const y = (share) => top + (1 - share) * (h - top - bottom);
  const svg = svgEl("svg", { viewBox: `0 0 ${width} ${h}`, style: `min-width: ${Math.floor(width * 0.8)}px`, role: "img", "aria-label": "Parameters and metric of combinations" });
  const order = values.map((_, at) => at).sort((a, b) => (better(values[a], values[b]) ? 1 : -1));
  order.forEach((at, place) => {
    const shares = shown.map(([, axis]) => positions[at * axes.length + axis]);
    shares.push(high === low ? 0.5 : (values[at] - low) / (high - low));
    const points = shares.map((share, column) => `${x(column).toFixed(1)} ${y(share).toFixed(1)}`);
    svg.append(svgEl("path", { d: `M${points.join("L")}`, class: place >= order.length - 10 ? "line top" : "line", style: `stroke: ${scale.paint(values[at])}` }));
  });
  columns.forEach((name, column) => {
    const { labels, ends } = column < shown.length ? shown[column][0] : { labels: [figure(low), figure(high)] };
    const last = (ends ?? labels)[labels.length - 1];
    svg.append(svgEl("line", { class: "axis", x1: x(column), x2: x(column), y1: top, y2: h - bottom }));
    svg.append(svgEl("text", { x: x(column), y: 12, "text-anchor": "middle", class: "name" }, name));
    svg.append(svgEl("text", { x: x(column), y: h - bottom + 16, "text-anchor": "middle" }, labels[0]));
    svg.append(svgEl("text", { x: x(column), y: top - 7, "text-anchor": "middle" }, last));
  });
  byId("lines").append(svg);
  const { best } = data.lines;
  byId("lines-aside").textContent = values.length === sweep.ranked
    ? `all ${whole(sweep.ranked)} ranked combinations`
    : `the best ${whole(best)} of ${whole(sweep.ranked)} combinations, and ${whole(values.length - best)} of the others by lot`;
};

/** Marks where the best is on the distribution; at its end where it lies beyond. */
const markBest = (svg, share, width, top, foot) => {
  const best = sweep.top[0]?.figures[sweep.metric];
  if (!isNumber(best)) return;
  const x = Math.min(1, Math.max(0, share(best))) * width;
  const beyond = share(best) > 1.0001 ? " →" : share(best) < -0.0001 ? " ←" : "";
  svg.append(svgEl("line", { class: "ref", x1: x, x2: x, y1: top, y2: foot }));
  svg.append(svgEl("text", { class: "ref-label", x, y: top - 4, "text-anchor": x > width * 0.9 ? "end" : x < width * 0.1 ? "start" : "middle" }, `best ${figure(best)}${beyond}`));
};

const spread = () => {
  const { first, width, counts, below, above } = data.histogram;
  const host = byId("spread");
  if (!counts.length) {
    const same = sweep.ranked > 1 && isNumber(metrics.median);
    host.append(el("div", { class: "empty" }, same ? `All ${whole(sweep.ranked)} have ${figure(metrics.median)}.` : "Too few values."));
    return;
  }
  const [w, h, bottom, top] = [Math.max(520, host.clientWidth), 216, 22, 24];
  const most = Math.max(...counts);
  const step = w / counts.length;
  const end = first + width * counts.length;
  const svg = svgEl("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `Distribution of ${sweep.metric}` });
  counts.forEach((count, at) => {
    if (!count) return;
    const height = Math.max(1, (count / most) * (h - bottom - top));
    const from = first + at * width;
    const folded = at === 0 ? below : at === counts.length - 1 ? above : null;
    const bar = svgEl("rect", { class: folded ? "folded" : "", x: at * step + 0.5, width: Math.max(0.5, step - 1), y: h - bottom - height, height, rx: 2, style: `fill: ${scale.paint(from + width / 2)}` });
    const beyond = folded ? `, ${whole(folded.count)} of them ${at ? "above" : "below"}, as far as ${figure(folded.furthest)}` : "";
    bar.append(svgEl("title", {}, `${figure(from)} to ${figure(from + width)}: ${whole(count)}${beyond}`));
    svg.append(bar);
  });
  svg.append(svgEl("line", { class: "axis", x1: 0, x2: w, y1: h - bottom, y2: h - bottom }));
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const sign = share === 0 && below ? "≤ " : share === 1 && above ? "≥ " : "";
    svg.append(svgEl("text", { x: share * w, y: h - 5, "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle" }, sign + figure(first + share * (end - first))));
  }
  markBest(svg, (value) => (value - first) / (end - first), w, top, h - bottom);
  host.append(svg);
  const hints = [];
  if (below) hints.push(`The first bar also holds the ${whole(below.count)} below ${figure(first)}, as far as ${figure(below.furthest)}.`);
  if (above) hints.push(`The last bar also holds the ${whole(above.count)} above ${figure(end)}, as far as ${figure(above.furthest)}.`);
  byId("spread-hint").textContent = hints.join(" ");
  for (const [label, value] of [["Lowest", metrics.least], ["5th percentile", metrics.low], ["Median", metrics.median], ["95th percentile", metrics.high], ["Highest", metrics.most]]) {
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
