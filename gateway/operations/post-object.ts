/** PostObject: a browser's form upload. A PutObject whose headers are the form's fields. */
import { notImplemented } from '../s3/errors.ts';
import { headersOfForm, type SuccessAction, successAction } from '../s3/form-fields.ts';
import { encodeUri } from '../s3/query.ts';
import { element, plainDocument } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import type { S3Request, S3Response } from './operation.ts';
import { putObject } from './put-object.ts';
import { refuseUnsupported } from './unsupported.ts';

export async function postObject(request: S3Request, services: Services): Promise<S3Response> {
  const { form } = request;
  if (form === undefined) throw new Error('PostObject without a form');
  refuseHeaders(request);
  const action = successAction(form);
  const headers = headersOfForm(form);
  const { headers: stored } = await putObject({ ...request, headers }, services);
  return answer(request, action, stored);
}

/**
 * The request's own headers say nothing about the object, or a policy would not bind it. Those by which
 * somebody means it to be stored otherwise are not passed over in silence.
 */
function refuseHeaders({ headers }: S3Request): void {
  for (const name of ['if-match', 'if-none-match']) {
    if (headers.get(name) !== undefined) throw notImplemented(name);
  }
  refuseUnsupported(headers);
}

function answer(
  request: S3Request,
  action: SuccessAction,
  stored: Readonly<Record<string, string>>,
): S3Response {
  const { bucket, key } = request;
  const etag = stored.ETag ?? '';
  if (action.kind === 'redirect') {
    return {
      status: 303,
      headers: { ...stored, Location: redirect(action.url, bucket, key, etag) },
    };
  }
  const location = `${request.origin}${request.resource.replace(/\/$/, '')}/${encoded(key)}`;
  const headers = { ...stored, Location: location };
  if (action.status !== 201) return { status: action.status, headers };
  return {
    status: 201,
    headers: { ...headers, 'Content-Type': 'application/xml' },
    body: plainDocument(
      'PostResponse',
      element('Location', location),
      element('Bucket', bucket),
      element('Key', key),
      element('ETag', etag),
    ),
  };
}

/** "Upon redirection, Amazon S3 appends the bucket, key, and ETag values as query parameters." */
function redirect(url: URL, bucket: string, key: string, etag: string): string {
  const parameters = Object.entries({ bucket, key, etag })
    .map(([name, value]) => `${name}=${encoded(value)}`)
    .join('&');
  const target = new URL(url);
  target.search = target.search === '' ? parameters : `${target.search}&${parameters}`;
  return target.href;
}

/** S3 encodes the slashes of the key too. */
function encoded(text: string): string {
  return encodeUri(text, { keepSlash: false });
}
