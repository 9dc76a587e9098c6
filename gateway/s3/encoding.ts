/** encoding-type=url of the listings: XML 1.0 cannot carry every key. */
import { invalidArgument } from './errors.ts';
import { encodeUri } from './query.ts';

/**
 * How keys, prefixes, delimiters and markers are written into a listing. Undefined leaves them as they
 * are; 'url' percent-encodes all but '/' (space is %20, plus is %2B). Throws InvalidArgument.
 */
export function listingEncoder(encodingType: string | undefined): (text: string) => string {
  if (encodingType === undefined) return (text) => text;
  if (encodingType.toLowerCase() === 'url') return (text) => encodeUri(text, { keepSlash: true });
  throw invalidArgument(
    'encoding-type',
    encodingType,
    'Invalid Encoding Method specified in Request',
  );
}
