// Numbers, times and elements. Text always goes in as text: nothing here builds markup from data.

const UNDEFINED = "–";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text nodes. */
const el = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
};

const svgEl = (name, attributes = {}, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

const grouping = new Map();
/** `1234.5` as `1,234.50`. */
const fixed = (value, decimals = 2) => {
  if (!isNumber(value)) return UNDEFINED;
  if (!grouping.has(decimals)) {
    grouping.set(decimals, new Intl.NumberFormat("en-US", {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    }));
  }
  const text = grouping.get(decimals).format(value);
  return /^-[0.,]*$/.test(text) ? text.slice(1) : text;
};

const signedFixed = (value, decimals = 2) => (value > 0 ? "+" : "") + fixed(value, decimals);
const percent = (value, decimals = 2) => (isNumber(value) ? `${fixed(value * 100, decimals)} %` : UNDEFINED);
const signedPercent = (value, decimals = 2) => (value > 0 ? "+" : "") + percent(value, decimals);

/** Prices keep the digits they have: two at least, and no more than their size makes sense of. */
const price = (value) => {
  if (!isNumber(value)) return UNDEFINED;
  const size = Math.abs(value);
  const most = size >= 1000 ? 2 : size >= 1 ? 4 : 8;
  const digits = (value.toFixed(most).replace(/0+$/, "").split(".")[1] || "").length;
  return fixed(value, Math.max(2, digits));
};
const shortNumber = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });
const quantity = (value) => (isNumber(value) ? shortNumber.format(value) : UNDEFINED);

/** Large amounts for axes: `12,345` or `1.2M`. */
const compact = (value) => {
  const size = Math.abs(value);
  if (size >= 1e9) return `${fixed(value / 1e9, 2)}B`;
  if (size >= 1e6) return `${fixed(value / 1e6, size >= 1e8 ? 1 : 2)}M`;
  if (size >= 1000) return fixed(value, 0);
  return fixed(value, size >= 10 ? 1 : 2);
};

const two = (number) => String(number).padStart(2, "0");
const day = (seconds) => {
  const at = new Date(seconds * 1000);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
};
const minute = (seconds) => {
  const at = new Date(seconds * 1000);
  return `${day(seconds)} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
};

/** Seconds in their two largest units. */
const duration = (seconds) => {
  if (!isNumber(seconds)) return UNDEFINED;
  const total = Math.round(seconds);
  const units = [["d", Math.floor(total / 86400)], ["h", Math.floor(total / 3600) % 24], ["m", Math.floor(total / 60) % 60], ["s", total % 60]];
  const first = units.findIndex(([, count]) => count > 0);
  if (first < 0) return "0s";
  return units.slice(first, first + 2).filter(([, count]) => count > 0).map(([unit, count]) => count + unit).join(" ");
};

const tone = (value) => (value > 0 ? "good" : value < 0 ? "bad" : "");

/** A row of buttons of which one is pressed. */
const segments = (label, options, chosen, choose) => {
  const group = el("div", { class: "segments", role: "group", "aria-label": label });
  for (const [value, text] of options) {
    group.append(el("button", {
      type: "button", "data-value": value, "aria-pressed": String(value === chosen),
      onclick: (event) => {
        for (const button of group.children) button.setAttribute("aria-pressed", String(button === event.currentTarget));
        choose(value);
      },
    }, text));
  }
  return group;
};

/** A row of buttons of which each is on or off, on at first. */
const toggles = (label, options) => {
  const group = el("div", { class: "segments", role: "group", "aria-label": label });
  for (const [text, change] of options) {
    const button = el("button", {
      type: "button", "aria-pressed": "true",
      onclick: () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(on));
        change(on);
      },
    }, text);
    group.append(button);
  }
  return group;
};

const selection = (label, options, choose) => {
  const select = el("select", { "aria-label": label, onchange: () => choose(select.value) });
  for (const [value, text] of options) select.append(el("option", { value }, text));
  return select;
};
