/**
 * The credential of Signature Version 4 (`AKID/yyyymmdd/region/s3/aws4_request`), which headers, URLs
 * and forms all carry, and the errors that every reader of a signature answers with.
 */
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';
import { isDay } from './amz-date.ts';
import { algorithm, type Scope, service, terminator } from './sigv4.ts';

/** A form's credential is faulted as a URL's is. */
export type Via = 'header' | 'query';

export interface Credential {
  readonly accessKey: string;
  readonly scope: Scope;
}

export function readCredential(text: string, via: Via, region: string | undefined): Credential {
  const [accessKey, date, givenRegion, givenService, givenTerminator, ...rest] = text.split('/');
  if (
    accessKey === undefined ||
    accessKey === '' ||
    date === undefined ||
    givenRegion === undefined ||
    givenService === undefined ||
    givenTerminator === undefined ||
    rest.length > 0 ||
    !visibleAscii.test(text)
  ) {
    throw malformed(
      via,
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
      region,
    );
  }
  if (!isDay(date)) {
    throw malformed(
      via,
      `incorrect date format "${date}". This date in the credential must be in the format "yyyyMMdd".`,
      region,
    );
  }
  if (givenRegion === '') {
    throw malformed(via, 'a non-empty region must be provided in the credential.', region);
  }
  if (region !== undefined && givenRegion !== region) {
    throw malformed(via, `the region '${givenRegion}' is wrong; expecting '${region}'`, region);
  }
  if (givenService !== service) {
    throw malformed(
      via,
      `incorrect service "${givenService}". This endpoint belongs to "${service}".`,
      region,
    );
  }
  if (givenTerminator !== terminator) {
    throw malformed(
      via,
      `incorrect terminal "${givenTerminator}". This endpoint uses "${terminator}".`,
      region,
    );
  }
  return { accessKey, scope: { date, region: givenRegion } };
}

/** A line break in any of these would let one canonical request pass for another. */
const visibleAscii = /^[\x21-\x7e]+$/;
// --- errors

export const asymmetricAlgorithm = 'AWS4-ECDSA-P256-SHA256';

export function unsupportedMechanism(): S3Error {
  return new S3Error('InvalidRequest', {
    message: `The authorization mechanism you have provided is not supported. Please use ${algorithm}.`,
  });
}

/** S3 adds the header's value (ArgumentValue); we do not: it is a signature or somebody's token. */
export function authorizationArgument(message: string): S3Error {
  return new S3Error('InvalidArgument', { message, fields: { ArgumentName: 'Authorization' } });
}

export function queryError(message: string): S3Error {
  return new S3Error('AuthorizationQueryParametersError', { message });
}

/** `region` is the one to sign for, where there is one: SDKs sign again with what they find there. */
export function malformed(via: Via, fault: string, region: string | undefined): S3Error {
  const code: S3ErrorCode =
    via === 'header' ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError';
  const subject =
    via === 'header'
      ? 'The authorization header is malformed'
      : 'Error parsing the X-Amz-Credential parameter';
  return new S3Error(code, {
    message: `${subject}; ${fault}`,
    ...(region === undefined ? {} : { fields: { Region: region } }),
  });
}
