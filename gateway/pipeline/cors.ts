/**
 * Lets a page of another origin read the answer, errors included: what its bucket's rules say of the
 * request goes on whatever is answered. A request without Origin costs a look at the head; one with
 * it a read of the bucket and of its rules. The preflight is an operation (operations/cors.ts).
 */
import type { Namespace } from '../namespace/namespace.ts';
import { allowingHeaders, corsVary, decodeCorsRules } from '../s3/cors.ts';
import type { Exchange } from './exchange.ts';

/** Called before anything about who asks is known: authentication that fails is read by the page too. */
export function addCorsHeaders(exchange: Exchange, bucketName: string, namespace: Namespace): void {
  const { headers, method } = exchange;
  const origin = headers.get('origin');
  if (origin === undefined || bucketName === '' || method === 'OPTIONS') return;
  const bucket = namespace.bucket(bucketName);
  if (bucket === undefined) return;
  const rules = namespace.bucketSetting(bucket.id, 'cors');
  if (rules === undefined) return;
  exchange.extraHeaders =
    allowingHeaders(decodeCorsRules(rules), {
      origin,
      // A tool that tries out a preflight by another method means the method that it names.
      method: headers.get('access-control-request-method') ?? method,
      headers: headers.get('access-control-request-headers'),
    }) ?? corsVary;
}
