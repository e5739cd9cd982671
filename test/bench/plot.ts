/** The plot of the section on growth, as SVG without any library. */
import { number } from "./figures.ts";
import type { GrowthPoint } from "./result.ts";

const WIDTH = 720;
const HEIGHT = 260;
const MARGIN = { left: 64, right: 24, top: 44, bottom: 44 };
const PANEL_GAP = 24;

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly number[];
}

/** Two panels: milliseconds per host, and memory of the controller, over the number of hosts. */
export function growthPlot(points: readonly GrowthPoint[]): string {
  const hosts = points.map((point) => point.hosts);
  const panels = [
    panel("Milliseconds per host", hosts, [
      { name: "ctrl-exec run", colour: "#0b6bcb", values: points.map((p) => p.msPerHost) },
      { name: "bare limit", colour: "#8a8f98", values: points.map((p) => p.bareMsPerHost) },
    ]),
    panel("Peak memory of the controller, MiB", hosts, [
      { name: "ctrl-exec run", colour: "#0b6bcb", values: points.map((p) => p.bytes / 2 ** 20) },
    ]),
  ];
  const height = HEIGHT * panels.length + PANEL_GAP * (panels.length - 1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="Time per host and memory as the fleet grows">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...panels.map(
      (content, index) =>
        `<g transform="translate(0 ${index * (HEIGHT + PANEL_GAP)})">\n${content}\n</g>`,
    ),
    "</svg>",
    "",
  ].join("\n");
}

function panel(title: string, hosts: readonly number[], lines: readonly Line[]): string {
  const right = Math.max(...hosts);
  const top = niceCeiling(Math.max(...lines.flatMap(({ values }) => values)));
  const x = (value: number) => MARGIN.left + (value / right) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) =>
    HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = y(part * top).toFixed(1);
    return [
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" stroke="#e3e6ea"/>`,
      `<text x="${MARGIN.left - 8}" y="${Number(at) + 4}" text-anchor="end" fill="#555">${number(part * top)}</text>`,
    ].join("");
  });
  const ticks = hosts.map(
    (value) =>
      `<text x="${x(value).toFixed(1)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle" fill="#555">${value}</text>`,
  );
  const drawn = lines.map(({ name, colour, values }, index) => {
    const places = values.map(
      (value, at) => `${x(hosts[at] ?? 0).toFixed(1)},${y(value).toFixed(1)}`,
    );
    const dots = places.map((place) => {
      const [cx, cy] = place.split(",");
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`;
    });
    const legend = WIDTH - MARGIN.right - 120 * (lines.length - index);
    return [
      `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...dots,
      `<rect x="${legend}" y="14" width="12" height="4" fill="${colour}"/>`,
      `<text x="${legend + 18}" y="20" fill="#333">${name}</text>`,
    ].join("");
  });
  return [
    `<text x="${MARGIN.left}" y="20" font-weight="bold" fill="#222">${title}</text>`,
    ...grid,
    ...ticks,
    `<text x="${(WIDTH + MARGIN.left) / 2}" y="${HEIGHT - 8}" text-anchor="middle" fill="#555">hosts</text>`,
    ...drawn,
  ].join("\n");
}

/** The next 1, 2 or 5 with zeros behind it: an axis a person can read. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
