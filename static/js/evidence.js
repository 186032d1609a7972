// Draws the charts of the page of evidence, in the colours of the theme. The tables beside them say the same.

const root = document.documentElement;

function token(name) {
  return getComputedStyle(root).getPropertyValue(`--pw-${name}`).trim();
}

function theme() {
  const [ink, soft, line, edge] = ["ink", "soft", "line", "edge"].map(token);
  const font = token("font");
  return {
    background: "transparent",
    font,
    view: { stroke: null },
    // The first machine has the accent; the others are told apart by shape as well. People, the last, are in ink.
    range: { category: [token("accent"), ink] },
    rule: { color: edge },
    axis: {
      labelColor: ink, titleColor: soft, domainColor: line, tickColor: line, gridColor: line,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, labelPadding: 8, titlePadding: 8,
    },
    axisY: { domain: false, ticks: false, labelLimit: 260 },
    legend: { labelColor: ink, labelFontSize: 12, symbolSize: 90, padding: 0, offset: 8 },
  };
}

// As many colours as a chart has groups: the accent, greys in between, and ink for the last one.
function colours(spec) {
  const domain = spec.layer?.map((layer) => layer.encoding?.color?.scale?.domain).find(Boolean) ?? [];
  const between = [token("edge"), token("soft"), token("accent-strong")];
  return [token("accent"), ...between.slice(0, Math.max(domain.length - 2, 0)), token("ink")];
}

async function draw(figure) {
  const spec = JSON.parse(document.getElementById(figure.dataset.spec).textContent);
  const config = theme();
  config.range.category = colours(spec);
  // While it is hidden it has no width.
  figure.hidden = false;
  const narrow = figure.clientWidth < 480;
  if (narrow) config.axisY.labelLimit = 120;
  if (narrow) config.legend.columns = 1;
  // Below what keeps the place, until it is drawn: so it has a width, and nothing jumps.
  const place = document.createElement("div");
  place.className = "js-chart-drawn";
  figure.append(place);
  await window.vegaEmbed(place, spec, {
    // The page's policy forbids code made from strings and styles in the page: expressions are interpreted.
    ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true }, actions: false, renderer: "svg",
    mode: "vega-lite", logLevel: window.vega.Error, config: { ...config, autosize: { type: "fit-x", contains: "padding" } },
  });
  for (const before of figure.querySelectorAll(":scope > :not(:last-child)")) before.remove();
}

function drawAll() {
  if (!window.vegaEmbed) return;
  for (const figure of document.querySelectorAll(".js-chart")) draw(figure);
}

drawAll();
document.body.addEventListener("htmx:afterSwap", drawAll);
new MutationObserver(drawAll).observe(root, { attributes: true, attributeFilter: ["data-bs-theme"] });
