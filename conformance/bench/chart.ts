/** A run as one SVG: a group of bars per work, a bar per server, scaled within its group. */
import { type Results, rowsOf, typical, works } from './results.ts';

const barHeight = 14;
const groupGap = 12;
const labelWidth = 220;
const barsWidth = 420;
const numberWidth = 160;
const colours = ['#1b6ca8', '#d1793b', '#6a994e', '#8d6a9f', '#b23a48', '#7f7f7f'];

export function chart(results: Results): string {
  const servers = [...new Set(results.rows.map(({ server }) => server))];
  const colourOf = (server: string) => colours[servers.indexOf(server) % colours.length] ?? '#000';
  const shapes: string[] = [];
  let y = 30;
  for (const [index, server] of servers.entries()) {
    const x = labelWidth + index * 140;
    shapes.push(`<rect x="${x}" y="8" width="12" height="12" fill="${colourOf(server)}"/>`);
    shapes.push(text(x + 18, 18, server));
  }
  for (const [workload, connections] of works(results)) {
    const rows = rowsOf(results, workload, connections);
    const rates = rows.map((row) => typical(row)?.opsPerSecond ?? 0);
    const most = Math.max(...rates, Number.MIN_VALUE);
    shapes.push(text(4, y + barHeight - 3, `${workload} × ${connections}`));
    for (const [index, row] of rows.entries()) {
      const rate = rates[index] ?? 0;
      const width = Math.max(1, (rate / most) * barsWidth);
      shapes.push(
        `<rect x="${labelWidth}" y="${y}" width="${width.toFixed(1)}" height="${barHeight - 2}" fill="${colourOf(row.server)}"/>`,
        text(labelWidth + width + 6, y + barHeight - 3, `${rate.toPrecision(4)}/s`),
      );
      y += barHeight;
    }
    y += groupGap;
  }
  const width = labelWidth + barsWidth + numberWidth;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" font-family="sans-serif" font-size="11">
<title>Operations a second, by work and server</title>
<rect width="100%" height="100%" fill="#fff"/>
${shapes.join('\n')}
</svg>
`;
}

function text(x: number, y: number, content: string): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}">${safe}</text>`;
}
