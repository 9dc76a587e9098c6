/** What clients tell our provider manager of data providers that failed them. The original knows no such call. */
import { BlobSeerError } from '../../errors.ts';
import { answersNothing, type Call, exactly, refuse } from './calls.ts';
import { maxHostBytes, maxServiceBytes, type Provider } from './records.ts';

/** The provider is not handed out until it reports anew. One that is not known is no error. */
const reportFailed: Call<Provider, void> = {
  name: 'REPORT_FAILED',
  number: 1040,
  isRepeatable: true,
  check: ({ host, service }) => {
    const fits = (text: string, maxBytes: number) =>
      text.length > 0 && Buffer.byteLength(text) <= maxBytes;
    if (!fits(host, maxHostBytes)) refuse(`no host: ${host}`);
    if (!fits(service, maxServiceBytes)) refuse(`no port: ${service}`);
  },
  encodeRequest: ({ host, service }) => [Buffer.from(host), Buffer.from(service)],
  decodeRequest: (parameters) => {
    exactly(parameters, 2);
    const [host, service] = parameters.map((bytes) => bytes.toString());
    if (!host || !service) throw new BlobSeerError('corrupt', 'a provider without host or port');
    return { host, service };
  },
  ...answersNothing,
};

export const failureCalls = { reportFailed };
