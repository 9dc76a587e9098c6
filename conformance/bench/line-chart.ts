/** Lines over an axis, in panels, as one SVG: nothing of it knows what is measured. */

export interface Line {
  readonly name: string;
  /** x and y, in order of x. Points that an axis cannot show (zero on a logarithmic one) are left out. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Axis {
  readonly label: string;
  /** Of a logarithmic axis: ticks stand at its powers. A linear one begins at zero. */
  readonly base?: number;
}

export interface Panel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

/** An axis with its ends and ticks; `share` is where a value lies between the ends, 0 to 1. */
export interface Scale {
  readonly ticks: readonly number[];
  share(value: number): number;
}

const panelWidth = 560;
const panelHeight = 270;
const plot = { left: 62, top: 30, width: 350, height: 190 };
const legendLeft = plot.left + plot.width + 12;
const legendLine = 13;
const ticksWanted = 5;
const colours = ['#1b6ca8', '#d1793b', '#6a994e', '#8d6a9f', '#b23a48', '#7f7f7f', '#c9a227'];
/** Lines beyond the number of colours take them again, dashed. */
const dashes = ['', ' stroke-dasharray="5 3"', ' stroke-dasharray="1.5 2.5"'];

export function lineChart(panels: readonly Panel[], columns: number): string {
  const shapes = panels.map((panel, index) => {
    const x = (index % columns) * panelWidth;
    const y = Math.floor(index / columns) * panelHeight;
    return `<g transform="translate(${x} ${y})">\n${drawn(panel).join('\n')}\n</g>`;
  });
  const width = Math.min(columns, panels.length) * panelWidth;
  const height = Math.ceil(panels.length / columns) * panelHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">
<title>${escaped(panels.map(({ title }) => title).join(', '))}</title>
<rect width="100%" height="100%" fill="#fff"/>
${shapes.join('\n')}
</svg>
`;
}

function drawn({ title, x, y, lines }: Panel): string[] {
  const xs = scaleOf(
    lines.flatMap(({ points }) => points.map((point) => point[0])),
    x.base,
  );
  const ys = scaleOf(
    lines.flatMap(({ points }) => points.map((point) => point[1])),
    y.base,
  );
  const { left, top, width, height } = plot;
  const xAt = (value: number) => (left + xs.share(value) * width).toFixed(1);
  const yAt = (value: number) => (top + (1 - ys.share(value)) * height).toFixed(1);
  const isShown = ([px, py]: readonly [number, number]) =>
    (x.base === undefined || px > 0) && (y.base === undefined || py > 0);
  return [
    text(left, 18, title, ' font-size="13" font-weight="bold"'),
    ...ys.ticks.map(
      (tick) =>
        `<path d="M${left} ${yAt(tick)}h${width}" stroke="#ddd"/>${text(left - 6, Number(yAt(tick)) + 4, shortNumber(tick), ' text-anchor="end"')}`,
    ),
    ...xs.ticks.map((tick) =>
      text(Number(xAt(tick)), top + height + 15, shortNumber(tick), ' text-anchor="middle"'),
    ),
    text(left + width / 2, top + height + 32, x.label, ' text-anchor="middle" fill="#555"'),
    text(
      ...[-(top + height / 2), 14, y.label],
      ' transform="rotate(-90)" text-anchor="middle" fill="#555"',
    ),
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#999"/>`,
    ...lines.flatMap(({ name, points }, index) => {
      const shown = points.filter(isShown);
      const path = shown.map((point) => `${xAt(point[0])},${yAt(point[1])}`).join(' ');
      const style = `fill="none" stroke="${colours[index % colours.length]}" stroke-width="1.5"${dashes[Math.floor(index / colours.length) % dashes.length]}`;
      const at = top + 8 + index * legendLine;
      return [
        `<polyline points="${path}" ${style}/>`,
        `<path d="M${legendLeft} ${at - 4}h18" ${style}/>${text(legendLeft + 23, at, name)}`,
      ];
    }),
  ];
}

/** Covers all values; a linear one from zero on, a logarithmic one from power to power. */
export function scaleOf(values: readonly number[], base: number | undefined): Scale {
  // Not Math.max(...values): an hour of samples is many arguments.
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  if (base === undefined) {
    const end = most > 0 ? most : 1;
    const step = niceStep(end / ticksWanted);
    const count = Math.ceil(end / step - 1e-9);
    const ticks = Array.from({ length: count + 1 }, (_, index) => index * step);
    return { ticks, share: (value) => value / (count * step) };
  }
  const least = values.reduce((a, b) => (b > 0 ? Math.min(a, b) : a), Number.POSITIVE_INFINITY);
  const log = (value: number) => Math.log(value) / Math.log(base);
  const first = Number.isFinite(least) ? Math.floor(log(least) + 1e-9) : 0;
  const last = Math.max(first + 1, most > 0 ? Math.ceil(log(most) - 1e-9) : 0);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => base ** (first + index));
  return { ticks, share: (value) => (log(value) - first) / (last - first) };
}

/** The next of 1, 2, 5, 10, ... times a power of ten. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attributes}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
