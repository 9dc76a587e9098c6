/**
 * How a data provider of ours reports under a name: where addresses change and names stay, what is stored
 * must have names. The original knows no such call, and takes the address that a report comes from.
 */
import { BlobSeerError } from '../../errors.ts';
import { answersNothing, type Call, refuse } from './calls.ts';
import { type ProviderReport, providerManagerCalls } from './manager-calls.ts';
import { maxHostBytes } from './records.ts';

export interface NamedReport {
  readonly report: ProviderReport;
  /** By which clients are to find it. */
  readonly host: string;
}

const { update } = providerManagerCalls;
const name = /^[A-Za-z0-9]([\w.:-]*[A-Za-z0-9])?$/;
const isHost = (text: string): boolean =>
  name.test(text) && Buffer.byteLength(text) <= maxHostBytes;

const reportAs: Call<NamedReport, void> = {
  name: 'REPORT_AS',
  number: 1041,
  isRepeatable: true,
  check: ({ report, host }) => {
    if (!isHost(host)) refuse(`no name of a host: ${host}`);
    update.check(report);
  },
  encodeRequest: ({ report, host }, version) => [
    ...update.encodeRequest(report, version),
    Buffer.from(host),
  ],
  decodeRequest: (parameters) => {
    const host = parameters.at(-1)?.toString() ?? '';
    if (!isHost(host)) throw new BlobSeerError('corrupt', 'a report without the name of a host');
    return { report: update.decodeRequest(parameters.slice(0, -1)), host };
  },
  ...answersNothing,
};

export const reportCalls = { reportAs };
