/** `blobseer-s3 check`: records, references and every page's bytes, with a report. */
import type { CheckReport } from '../../blobseer-client/index.ts';
import { exitStatus } from '../terminal.ts';
import {
  type Command,
  columns,
  configFrom,
  dataOptions,
  parseArguments,
  refusePositionals,
} from './command.ts';
import { withStorage } from './tool.ts';

const barWidth = 40;

export const check: Command = {
  name: 'check',
  summary: 'verifies records, references and pages',
  help: `Usage: blobseer-s3 check [--data DIR] [--blobseer FILE] [--config FILE]

Compares the records of buckets, objects, versions, uploads and users with each other, follows every
reference, and reads every page, comparing it with its CRC32C. A server may run on the directory
meanwhile. Shows a progress bar on a terminal, prints a report, changes nothing.
Exit status: 0 all is well, 1 damage was found (each is named), 2 wrong usage or no store there.

Options:
  --data DIR       the data directory (default ./data)
  --blobseer FILE  the configuration file of the BlobSeer that has the pages
  --config FILE    a configuration file

Examples:
  blobseer-s3 check
  blobseer-s3 check --data /srv/blobseer-s3 > report.txt`,

  async run(args, terminal) {
    const parsed = parseArguments(args, dataOptions);
    refusePositionals(parsed);
    const { config } = configFrom(parsed, terminal);
    const report = await withStorage(config, ({ blobseer, services }) =>
      blobseer.check({
        references: services.namespace.inspect(),
        onProgress: (done, total) => terminal.redraw(progressBar(done, total)),
      }),
    );
    terminal.redraw('');
    terminal.print(reportText(config.dataDirectory, report));
    return report.problemCount === 0 ? exitStatus.ok : exitStatus.failed;
  },
};

function progressBar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * barWidth);
  const bar = '#'.repeat(filled).padEnd(barWidth, '.');
  return `[${bar}] ${Math.floor(share * 100)} %  ${done} of ${total} pages`;
}

function reportText(directory: string, report: CheckReport): string {
  const { problems, problemCount, snapshots, blocks, pages, pageBytes } = report;
  const counts = columns([
    ['directory', directory],
    ['snapshots', String(snapshots)],
    ['tree blocks', String(blocks)],
    ['pages', String(pages)],
    ['page bytes', String(pageBytes)],
    ['problems', String(problemCount)],
  ]);
  const left = problemCount - problems.length;
  const more = left > 0 ? [`... and ${left} more`] : [];
  const verdict = problemCount === 0 ? 'all is well' : 'damage was found';
  return [counts, ...problems, ...more, verdict].join('\n');
}
