// The sweep report in a real headless Chromium, as `run.mjs` does it for reports of runs. The sweep is made by `host` on
// the bundled sample; without CRYPTOBOT_SWEEP_REPORT, the file of a report, it is skipped.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const skip = (reason) => {
  console.log(`skipped: ${reason}`);
  process.exit(0);
};

const file = process.env.CRYPTOBOT_SWEEP_REPORT;
if (!file) skip("CRYPTOBOT_SWEEP_REPORT names no sweep.html of at least two parameters");
const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
if (!chromiumPath) skip("no Chromium; install the Debian package chromium");
const { chromium } = await import("playwright-core").catch(() => skip("no playwright-core; run npm ci in tests/report"));

const url = pathToFileURL(file).href;
const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"] });

for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [390, "light"], [390, "dark"]]) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, deviceScaleFactor: width < 500 ? 2 : 1 });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(error.stack));
  page.on("request", (request) => { if (request.url() !== url && !request.url().startsWith("data:")) complaints.push(`request ${request.url()}`); });
  await page.goto(url);
  await page.waitForSelector("html[data-ready]");

  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `wider than ${width} pixels`);
  assert.equal((await page.$$("#cards .card")).length, 4);
  const { axes, pairs, slices, neighbours, histogram, lines, document: sweep } = await page.evaluate(() => JSON.parse(document.getElementById("data").textContent));
  const rows = await page.$$eval("#top-table tbody tr", (found) => found.map((row) => [...row.querySelectorAll("a")].map((link) => link.getAttribute("href"))));
  assert.equal(rows.length, sweep.top.length);
  for (const [place, links] of rows.entries()) {
    assert.deepEqual(links, sweep.top[place].runs.map((run) => `${run.folder}/report.html`));
  }
  const cells = () => page.$$eval("#map rect.cell", (found) => found.map((cell) => getComputedStyle(cell).fill));
  const [first] = pairs;
  const best = await cells();
  assert.equal(best.length, axes[first.a].labels.length * axes[first.b].labels.length);
  assert.ok(new Set(best).size > 5, "the map has one colour");
  assert.equal((await page.$$("#map rect.cell.best")).length, 1);
  if (pairs.length > 1) {
    await page.click('#map-tools button[data-value="mean"]');
    assert.notDeepEqual(await cells(), best);
    await page.selectOption('select[aria-label="Pair of parameters"]', "1");
    assert.equal((await cells()).length, axes[pairs[1].a].labels.length * axes[pairs[1].b].labels.length);
    await page.selectOption('select[aria-label="Pair of parameters"]', "0");
  }
  assert.equal((await page.$$("#slices figure path")).length, axes.filter((axis) => axis.labels.length > 1).length);
  const drawn = slices.filter(({ axis, values }) => axes[axis].count > 1 && values.some((value) => value !== null));
  const abouts = await page.$$eval("#slices figure", (found) => found.map((one) => one.querySelector(".about")?.textContent ?? ""));
  assert.deepEqual(abouts.map((about) => /^best /.test(about)), drawn.map(({ exact }) => !exact), "which curves are not through the best");
  const aside = await page.textContent("#plateau-aside");
  assert.equal(aside, drawn.every(({ exact }) => exact) ? "through the best combination" : "not through the best combination");
  assert.equal((await page.$$("#slices circle.best")).length, drawn.length, "the best is on each curve");
  const letters = await page.$$eval("#slices text, #spread text, #lines text", (found) => found.map((text) => text.getBoundingClientRect().height));
  assert.ok(letters.every((high) => high > 7 && high < 18), `letters are ${Math.min(...letters)} to ${Math.max(...letters)} pixels high`);

  const beside = await page.$$eval("#top-table tbody tr", (found) => found.map((row) => row.cells[row.cells.length - 2]).map((cell) => [cell.textContent, cell.title]));
  for (const [place, [text, title]] of beside.entries()) {
    assert.equal(text === "–", typeof neighbours[place]?.mean !== "number");
    assert.ok(title, "what neighbours these are, or why there are none");
  }

  assert.equal((await page.$$("#lines path.line")).length, lines.values.length);
  assert.ok(lines.values.length > 10, "no lines");
  const overlap = await page.$$eval("#lines svg", ([svg]) => {
    const tops = [...svg.querySelectorAll("line.axis")].map((axis) => axis.getBoundingClientRect());
    const feet = tops.map(({ bottom }) => bottom);
    return [...svg.querySelectorAll("text")].map((text) => text.getBoundingClientRect())
      .some((text) => text.bottom > tops[0].top + 1 && text.top < feet[0] - 1);
  });
  assert.ok(!overlap, "a label of the axes lies between the lines");

  assert.ok((await page.$$("#spread rect")).length > 5, "no distribution");
  assert.equal(histogram.counts.reduce((sum, count) => sum + count), sweep.ranked);
  assert.equal((await page.$$("#spread rect.folded")).length, [histogram.below, histogram.above].filter(Boolean).length);
  assert.equal((await page.textContent("#spread-hint")) !== "", Boolean(histogram.below || histogram.above));
  assert.match(await page.textContent("#spread .ref-label"), /^best /);
  if (process.env.CRYPTOBOT_SCREENSHOTS) {
    mkdirSync(process.env.CRYPTOBOT_SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(process.env.CRYPTOBOT_SCREENSHOTS, `sweep-${width}-${scheme}.png`), fullPage: true });
  }
  assert.deepEqual(complaints, []);
  await context.close();
}
await browser.close();
console.log("ok  the sweep report at two widths, light and dark");
