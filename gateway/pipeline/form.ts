/**
 * A browser's form upload on its way in. Who sends it, which key it is for and what it may do stand in
 * the body's fields, so these are read first, with the file left on the socket; then the form takes the
 * same way as every other request: identify, admit, and its policy on top.
 *
 * An Authorization header or a signed query says nothing here: the form is signed by its policy, and a
 * browser's proxy may have added the header.
 */
import type { Authenticated } from '../auth/authenticate.ts';
import { authenticateForm } from '../auth/form.ts';
import type { SigningKeys } from '../auth/signing-keys.ts';
import type { Limits } from '../limits.ts';
import type { Headers } from '../operations/operation.ts';
import { S3Error } from '../s3/errors.ts';
import { baseName, type FormFields, keyField, withFileName } from '../s3/form-fields.ts';
import {
  checkNotTooLarge,
  checkNotTooSmall,
  checkPostPolicy,
  type PostPolicy,
  parsePostPolicy,
} from '../s3/post-policy.ts';
import type { Services } from '../services.ts';
import { type DecodedBody, noBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { formBoundary, openForm } from './form-reader.ts';
import { credentials } from './identify.ts';

export interface Form {
  /** `${filename}` replaced. */
  readonly fields: FormFields;
  readonly key: string;
  readonly file: AsyncIterable<Buffer>;
}

/**
 * Reads the fields, which nobody has signed yet: within the time that a head may take. Throws what is
 * wrong with the form, before its body is asked for where the head tells.
 */
export async function readForm(
  exchange: Exchange,
  headers: Headers,
  services: Services,
  limits: Pick<Limits, 'headersTimeoutMs'>,
): Promise<Form> {
  const boundary = formBoundary(headers.get('content-type'));
  if (headers.get('content-length') === undefined) throw new S3Error('MissingContentLength');
  const timer = setTimeout(
    () => exchange.body.fail(new S3Error('RequestTimeout')),
    limits.headersTimeoutMs,
  );
  const opened = await openForm(exchange.body, boundary).finally(() => clearTimeout(timer));
  const { fields: given, fileName, file } = opened;
  // That took its time: what is decided from here on is decided on what is committed by now.
  services.namespace.refresh();
  // "All variables within the form are expanded prior to validating the POST policy."
  const fields = withFileName(given, baseName(fileName));
  const key = keyField(fields);
  exchange.logFields.key = key;
  return { fields, key, file };
}

/** Who signed the form's policy. Throws S3Error for a signature that is there and not right. */
export function identifyForm(
  exchange: Exchange,
  form: Form,
  services: Services,
  signingKeys: SigningKeys,
): Authenticated {
  const { clock, config } = services;
  const who = authenticateForm({
    fields: form.fields,
    nowMs: clock.nowMs(),
    region: config.region,
    sigv2: config.sigv2,
    lookup: (accessKey) => credentials(services, accessKey),
    signingKeys,
  });
  const payload = { kind: 'unsigned' } as const;
  if (who.kind === 'anonymous') return { kind: 'anonymous', payload };
  exchange.logFields.accessKey = who.identity.accessKey;
  return { kind: 'signed', identity: who.identity, payload };
}

/**
 * The form's file, once the form meets its policy; a form without one asks for what everybody may do.
 * Throws InvalidPolicyDocument and AccessDenied, and while the file is read EntityTooLarge and
 * EntityTooSmall.
 */
export function admitForm(
  { fields, file }: Form,
  where: { readonly bucket: string; readonly nowMs: number },
): DecodedBody {
  const field = fields.get('policy');
  if (field === undefined) return { ...noBody, body: file };
  const policy = parsePostPolicy(field);
  checkPostPolicy(policy, { fields, ...where });
  return { ...noBody, body: measured(file, policy) };
}

async function* measured(
  file: AsyncIterable<Buffer>,
  policy: PostPolicy,
): AsyncGenerator<Buffer, void, undefined> {
  let bytes = 0;
  for await (const piece of file) {
    bytes += piece.length;
    checkNotTooLarge(policy, bytes);
    yield piece;
  }
  checkNotTooSmall(policy, bytes);
}
