/** Refuses heads that no operation could make sense of, before anything is read out of them. */
import type { Limits } from '../limits.ts';
import { notImplemented, S3Error } from '../s3/errors.ts';
import type { Exchange } from './exchange.ts';

/** Header names of which a second one would leave open which of the two counts. */
const unrepeatable: readonly string[] = ['host', 'authorization', 'x-amz-date'];

export function screen(exchange: Exchange, limits: Limits): void {
  const { pairs, repeated } = exchange.headers;
  // Node keeps one header more than the limit and drops the rest silently (server.ts).
  if (pairs.length > limits.maxHeaderCount) {
    throw new S3Error('RequestHeaderSectionTooLarge', {
      fields: { MaxHeaderCount: String(limits.maxHeaderCount) },
    });
  }
  for (const name of repeated) {
    if (!unrepeatable.includes(name)) continue;
    throw new S3Error('InvalidRequest', { message: `The header ${name} must not be repeated.` });
  }
  // Node takes any coding in front of chunked and hands out the bytes still encoded: an object would
  // be stored that is not what the client meant (RFC 9112 section 6.1).
  const coding = exchange.headers.get('transfer-encoding');
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    throw notImplemented('Transfer-Encoding');
  }
  // RFC 9112 section 3.2: a request of HTTP/1.1 without Host is answered 400.
  if (exchange.headers.get('host') === undefined && exchange.req.httpVersion !== '1.0') {
    throw new S3Error('MissingSecurityHeader', { fields: { MissingHeaderName: 'Host' } });
  }
}
