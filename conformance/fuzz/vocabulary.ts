/** The words of the S3 API, and values that have broken servers: what requests are changed with. */

/** Sub-resources and flags that stand in a query without a value, of buckets and of objects. */
export const subResources = (
  'abac accelerate acl analytics annotation attributes cors delete encryption ' +
  'intelligent-tiering inventory legal-hold lifecycle location logging metadataConfiguration ' +
  'metadataTable metadataAnnotationTable metadataInventoryTable metadataJournalTable metrics ' +
  'notification object-lock ownershipControls policy policyStatus publicAccessBlock renameObject ' +
  'replication requestPayment restore retention select session tagging torrent uploads versioning ' +
  'versions website append publicaccessblock'
).split(' ');

/** Parameters with a value. */
export const parameters = (
  'annotationName allow-unordered bucket-region continuation-token continuation-token delimiter ' +
  'encoding-type fetch-owner id key-marker list-type marker max-buckets max-keys max-parts ' +
  'max-uploads part-number-marker partNumber prefix response-cache-control ' +
  'response-content-disposition response-content-encoding response-content-language ' +
  'response-content-type response-expires select-type start-after upload-id-marker uploadId ' +
  'versionId version-id-marker x-id unknown __proto__ constructor X-Amz-Security-Token ' +
  'x-amz-acl x-amz-checksum-crc32 X-Amz-Expires X-Amz-Date X-Amz-Credential Expires Signature'
).split(' ');

export const numbers = (
  '0 1 2 3 5 10 999 1000 1001 10000 10001 -1 -0 +1 01 1e3 0x10 1.5 NaN Infinity 2147483648 ' +
  '4294967296 9007199254740993 99999999999999999999999 %31 true null'
).split(' ');

const multibyte = '\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80';

/** Percent-encoded, for paths and queries. */
export const encodedTexts: readonly string[] = [
  '',
  '/',
  '//',
  '.',
  '..',
  '%2e%2e',
  '../../etc/passwd',
  '%2F',
  '%00',
  '%0d%0a',
  '%7F',
  '%FF',
  '%C3%28',
  '%C0%80',
  '%ED%A0%80',
  '%F0%9F%98%80',
  '%EF%BF%BF',
  '%C2%85',
  '%E2%80%A8',
  '%',
  '%2',
  '%zz',
  '%25',
  '%2525',
  '+',
  '%20',
  'a+b',
  'a%2Bb',
  '~',
  "!()*'",
  '=',
  '%3D',
  ';',
  ',',
  '@:',
  '"<>"',
  '\\',
  '|^`{}',
  'con',
  '__proto__',
  'constructor',
  '0123',
  '1e3',
  'true',
  'null',
  'undefined',
  '{{}}',
  'x'.repeat(1024),
  'x'.repeat(1025),
  '%41'.repeat(2000),
  '/'.repeat(900),
  'a/'.repeat(500),
  multibyte,
  '{v0}',
  '{v1}x',
  '{u0}',
  '{t0}',
  '{t1}A',
];

/** For header values, element texts and form fields: raw bytes. */
export const hostileTexts: readonly string[] = [
  '',
  ' ',
  '\t',
  'null',
  'true',
  'false',
  'TRUE',
  '0',
  '-1',
  '1',
  '99999999999999999999999',
  'x',
  '*',
  '"',
  '""',
  'W/"x"',
  '"*"',
  ',',
  ',,,',
  'a,b',
  'a;b',
  'a=b&c=d',
  '=',
  '%',
  '%00',
  '%zz',
  '%FF',
  '../..',
  '/',
  '//',
  '/{b0}/k',
  '{b0}/k',
  '{b0}/k?versionId={v0}',
  '{b0}/k?versionId=null',
  'arn:aws:s3:::{b0}/k',
  '\xff\xfe',
  '\x80',
  multibyte,
  '=?UTF-8?B?4pyT?=',
  '=?UTF-8?Q?=',
  '__proto__',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: S3's own variable
  '${filename}',
  '{date}',
  'Thu, 01 Jan 1970 00:00:00 GMT',
  'Fri, 31 Dec 9999 23:59:59 GMT',
  '1970-01-01T00:00:00Z',
  '2099-13-45T99:99:99Z',
  'bytes=0-0',
  'AAAAAA==',
  'x'.repeat(256),
  'x'.repeat(2049),
  'x'.repeat(7000),
];

/** Raw for XML texts: references, controls, markup. */
export const xmlTexts: readonly string[] = [
  ...hostileTexts,
  '&#0;',
  '&#1;',
  '&#xD800;',
  '&#x110000;',
  '&#xFFFFFFFFFFFFFFFF;',
  '&unknown;',
  '&amp;',
  '&lt;a&gt;',
  '&',
  '<![CDATA[k]]>',
  '<![CDATA[',
  ']]>',
  '<!-- -->',
  '<!--',
  '<?php ?>',
  '<a/>',
  '<a b="c">',
  '</a>',
  '\0',
  '\r\n',
  '\x01',
  '&#13;',
];

export const xmlHeads: readonly string[] = [
  '<?xml version="1.0" encoding="UTF-8"?>\n',
  '<?xml version="1.1"?>',
  '<?xml version="1.0" encoding="UTF-16"?>',
  '<?xml version="1.0" encoding="ISO-8859-1"?>',
  '\xef\xbb\xbf',
  '\xff\xfe',
  '<!DOCTYPE a [<!ENTITY x "y">]>',
  '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
  '<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>',
  '<a/>',
  'text',
];

/** What breaks into the framing of HTTP itself. */
export const wireTexts: readonly string[] = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\x01',
  '\x7f',
  '\xff',
  ' ',
  '\t',
  ':',
  '\r\n ',
  '\r\n\t',
  '\r\n\r\n',
  '\r\nContent-Length: 0',
  '\r\nContent-Length: 5',
  '\r\nContent-Length: -1',
  '\r\nContent-Length: 99999999999999999999',
  '\r\nTransfer-Encoding: chunked',
  '\r\nTransfer-Encoding: gzip, chunked',
  '\r\nTransfer-Encoding : chunked',
  '\r\nConnection: Upgrade\r\nUpgrade: websocket',
  '\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
  '\r\nExpect: 100-continue',
  '\r\nHost: other',
  '\r\n: x',
  '\r\n\x80: x',
  `\r\n${'x'.repeat(40_000)}: 1`,
  '\r\nx: 1'.repeat(600),
  ' HTTP/1.0\r\n',
  ' HTTP/0.9\r\n',
  ' HTTP/2.0\r\n',
  '0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '-1\r\n',
  '1;x=y\r\n',
  ';chunk-signature=',
  'GET /{b0} HTTP/1.1\r\nHost: x\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
];

export const methods = (
  'GET HEAD PUT POST DELETE OPTIONS PATCH TRACE CONNECT PROPFIND COPY MOVE LOCK SEARCH PURGE QUERY ' +
  'M-SEARCH BREW get'
).split(' ');
