/**
 * The parts of an Authorization header of version 4. All but its signature is the same in every
 * request of a kind that a client makes on one day: what was read once is kept.
 */
import { malformed, readCredential } from './credential.ts';
import { readSignedHeaders } from './signed-headers.ts';
import { algorithm, type Scope } from './sigv4.ts';

/** What stands in front of the signature. */
export interface Signer {
  readonly accessKey: string;
  readonly scope: Scope;
  /** Lower case, sorted. */
  readonly signedHeaders: readonly string[];
}

export interface SignerInput {
  /** The header, whose scheme is `algorithm`. */
  readonly authorization: string;
  /** Undefined accepts any region. */
  readonly region: string | undefined;
  /** The request's own, yyyymmdd. */
  readonly day: string;
}

const maxKept = 1000;
/** Anybody can send a text of his own in every request: only those of usual length are kept. */
const maxKeptLength = 512;
/** By the text in front of the signature, for one region; only those that were read without fault. */
const kept = new Map<string, Signer>();
let keptRegion: string | undefined;

const signatureName = 'Signature=';
const signatureLength = 64;

/** The last of `kept` that was asked for, to be compared where the others are looked up. */
let last: { readonly name: string; readonly signer: Signer } | undefined;

/** The signature is as the client gave it, which need not be one. Throws S3Error. */
export function readSigner(input: SignerInput): { signer: Signer; signature: string } {
  const { authorization, region, day } = input;
  const at = signatureAt(authorization);
  const signature = authorization.slice(at + signatureName.length).trimEnd();
  if (region !== keptRegion) {
    kept.clear();
    last = undefined;
    keptRegion = region;
  }
  const known = keptSigner(authorization, at);
  if (known?.scope.date === day && !signature.includes(',')) return { signer: known, signature };

  const components = parseComponents(authorization.slice(algorithm.length + 1));
  const { accessKey, scope } = readCredential(components.credential, 'header', region);
  if (scope.date !== day) {
    throw malformed(
      'header',
      'Invalid credential date. Date is not the same as X-Amz-Date.',
      region,
    );
  }
  const signedHeaders = readSignedHeaders(components.signedHeaders, 'header', region);
  const signer = { accessKey, scope, signedHeaders };
  const name = authorization.slice(0, at);
  // Only where the signature stands last is the text in front of it all that was read. That text is a part of the
  // header, which it holds in memory whole.
  const isUsual = signature.length === signatureLength && name.length <= maxKeptLength;
  if (components.signature === signature && isUsual) {
    if (kept.size >= maxKept) kept.clear();
    kept.set(name, signer);
  }
  return { signer, signature: components.signature };
}

function keptSigner(authorization: string, at: number): Signer | undefined {
  if (last?.name.length === at && authorization.startsWith(last.name)) return last.signer;
  const name = authorization.slice(0, at);
  const signer = kept.get(name);
  if (signer !== undefined && authorization.length <= maxKeptLength) last = { name, signer };
  return signer;
}

/** Where the last component of that name begins; below 0 where there is none. */
function signatureAt(authorization: string): number {
  // Where a signature of usual length stands last, it need not be searched for.
  const usual = authorization.length - signatureLength - signatureName.length;
  const isThere =
    authorization.startsWith(signatureName, usual) &&
    !authorization.includes('=', usual + signatureName.length);
  return isThere ? usual : authorization.lastIndexOf(signatureName);
}

interface Components {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
}

function parseComponents(text: string): Components {
  const values = new Map<string, string>();
  for (const part of text.split(',')) {
    const component = part.trim();
    const equals = component.indexOf('=');
    const name = equals < 0 ? '' : component.slice(0, equals);
    if (name === '' || values.has(name)) throw missingComponents();
    values.set(name, component.slice(equals + 1));
  }
  const credential = values.get('Credential');
  const signedHeaders = values.get('SignedHeaders');
  const signature = values.get('Signature');
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw missingComponents();
  }
  return { credential, signedHeaders, signature };
}

function missingComponents() {
  return malformed(
    'header',
    'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    undefined,
  );
}
