import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  allowingHeaders,
  type CorsRule,
  corsRuleElements,
  decodeCorsRules,
  encodeCorsRules,
  parseCorsConfiguration,
} from './cors.ts';
import type { S3Error } from './errors.ts';
import { document } from './xml.ts';

const configuration = (...rules: readonly string[]) =>
  Buffer.from(
    `<CORSConfiguration>${rules.map((rule) => `<CORSRule>${rule}</CORSRule>`).join('')}</CORSConfiguration>`,
  );
const minimal = '<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>';
const rule = (changes: Partial<CorsRule>): CorsRule => ({
  allowedMethods: ['GET'],
  allowedOrigins: ['*'],
  allowedHeaders: [],
  exposeHeaders: [],
  ...changes,
});

describe('a configuration', () => {
  test('keeps every element, and comes back the same from its two forms', () => {
    const rules = parseCorsConfiguration(
      configuration(
        '<ID>a &amp; b</ID><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>' +
          '<AllowedOrigin>http://*.a.com</AllowedOrigin><AllowedOrigin>null</AllowedOrigin>' +
          '<AllowedHeader>x-amz-*</AllowedHeader><MaxAgeSeconds>0</MaxAgeSeconds>' +
          '<ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-request-id</ExposeHeader>',
        minimal,
      ),
    );
    assert.deepEqual(rules, [
      {
        id: 'a & b',
        allowedMethods: ['GET', 'PUT'],
        allowedOrigins: ['http://*.a.com', 'null'],
        allowedHeaders: ['x-amz-*'],
        exposeHeaders: ['ETag', 'x-amz-request-id'],
        maxAgeSeconds: 0,
      },
      rule({}),
    ]);
    assert.deepEqual(decodeCorsRules(encodeCorsRules(rules)), rules);
    const again = document('CORSConfiguration', corsRuleElements(rules));
    assert.deepEqual(parseCorsConfiguration(Buffer.from(again)), rules);
  });

  const with_ = (more: string) => configuration(minimal + more);
  const refusals: readonly (readonly [string, Buffer, string, RegExp])[] = [
    ['no rules', configuration(), 'MalformedXML', /./],
    ['101 rules', configuration(...Array(101).fill(minimal)), 'InvalidRequest', /limit of 100/],
    ['no method', configuration('<AllowedOrigin>*</AllowedOrigin>'), 'MalformedXML', /./],
    ['no origin', configuration('<AllowedMethod>GET</AllowedMethod>'), 'MalformedXML', /./],
    ['an empty method', with_('<AllowedMethod/>'), 'InvalidRequest', /./],
    ['an empty header exposed', with_('<ExposeHeader/>'), 'InvalidRequest', /./],
    ['PATCH', with_('<AllowedMethod>PATCH</AllowedMethod>'), 'InvalidRequest', /is PATCH$/],
    ['get', with_('<AllowedMethod>get</AllowedMethod>'), 'InvalidRequest', /is get$/],
    [
      'two stars',
      with_('<AllowedOrigin>*.a*</AllowedOrigin>'),
      'InvalidRequest',
      /Origin "\*\.a\*" can not/,
    ],
    [
      'two stars in a header',
      with_('<AllowedHeader>**</AllowedHeader>'),
      'InvalidRequest',
      /Header "\*\*" can not/,
    ],
    [
      'a star exposed',
      with_('<ExposeHeader>x-*</ExposeHeader>'),
      'InvalidRequest',
      /ExposeHeader "x-\*"/,
    ],
    [
      'what no header is called',
      with_('<ExposeHeader>a&#13;&#10;b</ExposeHeader>'),
      'InvalidRequest',
      /invalid character/,
    ],
    ['a long ID', with_(`<ID>${'x'.repeat(256)}</ID>`), 'InvalidRequest', /255/],
    ['two IDs', with_('<ID>a</ID><ID>b</ID>'), 'MalformedXML', /./],
    ['a negative age', with_('<MaxAgeSeconds>-1</MaxAgeSeconds>'), 'MalformedXML', /./],
    ['an age of text', with_('<MaxAgeSeconds>1e3</MaxAgeSeconds>'), 'MalformedXML', /./],
    [
      'an age past 32 bits',
      with_('<MaxAgeSeconds>2147483648</MaxAgeSeconds>'),
      'MalformedXML',
      /./,
    ],
    ['another root', Buffer.from('<Tagging/>'), 'MalformedXML', /./],
  ];
  for (const [what, bytes, code, message] of refusals) {
    test(`${what} is ${code}`, () => {
      assert.throws(
        () => parseCorsConfiguration(bytes),
        (error: S3Error) => error.code === code && message.test(error.message),
      );
    });
  }

  test('an empty origin is kept, and is nobody', () => {
    const rules = parseCorsConfiguration(
      configuration('<AllowedOrigin/><AllowedMethod>GET</AllowedMethod>'),
    );
    assert.deepEqual(rules[0]?.allowedOrigins, ['']);
    for (const origin of ['', 'null', 'http://a']) {
      const request = { origin, method: 'GET', headers: undefined };
      assert.equal(allowingHeaders(rules, request), undefined);
    }
  });

  test('100 rules and an ID of 255 characters pass', () => {
    const id = '\u{1f600}'.repeat(255);
    const rules = parseCorsConfiguration(
      configuration(...Array(100).fill(`${minimal}<ID>${id}</ID>`)),
    );
    assert.equal(rules.length, 100);
  });
});

describe('a rule', () => {
  const allowed = (rules: readonly CorsRule[], origin: string, method = 'GET', headers?: string) =>
    allowingHeaders(rules, { origin, method, headers });

  test('matches origins exactly or by one star', () => {
    for (const [pattern, origin, isAllowed] of [
      ['http://a', 'http://a', true],
      ['http://a', 'http://A', false],
      ['http://a', 'https://a', false],
      ['http://a', 'http://a:80', false],
      ['*suffix', 'suffix', true],
      ['*suffix', 'a.suffix', true],
      ['*suffix', 'suffix.a', false],
      ['start*end', 'startend', true],
      ['start*end', 'start12end', true],
      ['start*end', '0startend', false],
      ['aba*aba', 'ababa', false],
      ['prefix*', 'prefix', true],
      ['http://*.a.com', 'http://a.com', false],
      ['http://*.a.com', 'http://x.y.a.com', true],
      ['http://a.c', 'http://abc', false],
      ['*', 'null', true],
    ] as const) {
      const got = allowed([rule({ allowedOrigins: [pattern] })], origin);
      assert.equal(
        got?.['Access-Control-Allow-Origin'],
        isAllowed ? (pattern === '*' ? '*' : origin) : undefined,
        `${pattern} ${origin}`,
      );
    }
  });

  test('allows credentials to an origin by name only', () => {
    assert.equal(allowed([rule({})], 'http://a')?.['Access-Control-Allow-Credentials'], undefined);
    const both = rule({ allowedOrigins: ['http://a', '*'] });
    assert.equal(allowed([both], 'http://a')?.['Access-Control-Allow-Origin'], '*');
    assert.equal(allowed([both], 'http://a')?.['Access-Control-Allow-Credentials'], undefined);
    const named = rule({ allowedOrigins: ['http://*'] });
    assert.equal(allowed([named], 'http://a')?.['Access-Control-Allow-Credentials'], 'true');
  });

  test('echoes no origin that is not plain text', () => {
    assert.equal(allowed([rule({})], 'http://ä'), undefined);
    assert.equal(allowed([rule({ allowedOrigins: ['http://*'] })], 'http://\t'), undefined);
  });

  test('matches requested headers in any case, all of them, by one star', () => {
    const rules = [rule({ allowedHeaders: ['Content-Type', 'x-Amz-*'] })];
    const headers = allowed(rules, 'o', 'GET', 'content-type, X-AMZ-Date,,content-TYPE,x-amz-');
    assert.equal(headers?.['Access-Control-Allow-Headers'], 'content-type, x-amz-date, x-amz-');
    assert.equal(allowed(rules, 'o', 'GET', 'content-type,authorization'), undefined);
    assert.equal(allowed(rules, 'o', 'GET', '')?.['Access-Control-Allow-Headers'], undefined);
    assert.equal(allowed([rule({})], 'o', 'GET', 'x-a'), undefined);
  });

  test('of many names, and of what is no name, allows nothing', () => {
    const rules = [rule({ allowedHeaders: ['*'] })];
    const names = (count: number) => Array.from({ length: count }, (_, n) => `x-${n}`).join(',');
    assert.ok(allowed(rules, 'o', 'GET', names(100)));
    assert.equal(allowed(rules, 'o', 'GET', names(101)), undefined);
    assert.equal(allowed(rules, 'o', 'GET', 'a b'), undefined);
    assert.equal(allowed(rules, 'o', 'GET', 'ä'), undefined);
  });

  test('is passed over for the next where one demand is not met; the first that matches answers', () => {
    const rules = [
      rule({ allowedOrigins: ['http://a'], exposeHeaders: ['one'] }),
      rule({
        allowedOrigins: ['http://a'],
        allowedMethods: ['PUT', 'POST'],
        exposeHeaders: ['two'],
      }),
      rule({ allowedHeaders: ['x-*'], exposeHeaders: ['three', 'four'], maxAgeSeconds: 7 }),
    ];
    const exposed = (origin: string, method: string, headers?: string) =>
      allowed(rules, origin, method, headers)?.['Access-Control-Expose-Headers'];
    assert.equal(exposed('http://a', 'GET'), 'one');
    assert.equal(exposed('http://a', 'POST'), 'two');
    assert.equal(exposed('http://a', 'GET', 'x-a'), 'three, four');
    assert.equal(exposed('http://b', 'PUT'), undefined);
    assert.deepEqual(allowed(rules, 'http://b', 'GET', 'x-a'), {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Methods': 'GET',
      'Access-Control-Allow-Headers': 'x-a',
      'Access-Control-Expose-Headers': 'three, four',
      'Access-Control-Max-Age': '7',
      Vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
    });
  });
});
