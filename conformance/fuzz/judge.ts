/** What every answer must be, whatever was asked. */
import { XMLValidator } from 'fast-xml-parser';
import { textOf } from '../harness/xml.ts';
import { type Answer, Finding, shown } from './wire.ts';

/** Answers by status and, for errors, code. */
export type Tally = Map<string, number>;

export function judge(answer: Answer, isHead: boolean, tally: Tally): void {
  const { status, body } = answer;
  const all = (wanted: string) =>
    answer.headers.filter(([name]) => name === wanted).map(([, value]) => value);
  const complain = (what: string) => {
    throw new Finding(`${what}: ${status} ${JSON.stringify(answer.headers)} ${shown(body)}`);
  };
  const [requestId, ...others] = all('x-amz-request-id');
  if (requestId === undefined || requestId === '' || others.length > 0) complain('request ids');
  if (all('x-amz-id-2').length !== 1) complain('x-amz-id-2');
  if (all('date').length !== 1) complain('dates');
  if (answer.closes && !all('connection').includes('close')) complain('a body without an end');

  const isXml = all('content-type').some((type) => /^application\/xml\b/.test(type));
  const isError = status >= 400;
  let code = '';
  if (isError && !isHead) {
    if (!isXml) complain('an error that is no XML');
    const text = wellFormed(body, complain);
    code = textOf(text, 'Code') ?? '';
    if (code === '') complain('no Code');
    if ((textOf(text, 'Message') ?? '') === '') complain('no Message');
    if (textOf(text, 'RequestId') !== requestId) complain('another RequestId');
  } else if (isXml && body.length > 0 && body.subarray(0, 5).toString() === '<?xml') {
    wellFormed(body, complain);
    // Copy and Complete may answer 200 and fail behind it; nothing of ours does.
    if (/^<\?xml[^>]*>\s*<Error>/.test(body.toString('latin1', 0, 200)))
      complain('an error as 200');
  }
  if (status >= 500 && !(status === 501 && (isHead || code === 'NotImplemented'))) {
    complain('a fault of the server');
  }
  const name = code === '' ? String(status) : `${status} ${code}`;
  tally.set(name, (tally.get(name) ?? 0) + 1);
}

function wellFormed(body: Buffer, complain: (what: string) => void): string {
  const text = body.toString('utf8');
  if (!Buffer.from(text).equals(body)) complain('no UTF-8');
  // Controls stand as references, as S3 writes them; raw ones end every parser.
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text)) complain('a raw control character');
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) complain(`not well-formed (${verdict.err.msg})`);
  return text;
}
