/** What is done to a valid request before it is sent: each change is a piece of data of its own. */
import fc from 'fast-check';
import { calls } from './calls.ts';
import { edited } from './edits.ts';
import { headerWords } from './header-words.ts';
import type { Auth, Body, Edit, Framing, Pair, Payload, Plan, Wire } from './plan.ts';
import type { Header } from './signing.ts';
import {
  encodedTexts,
  hostileTexts,
  methods,
  numbers,
  parameters,
  subResources,
  wireTexts,
  xmlHeads,
  xmlTexts,
} from './vocabulary.ts';

type Change =
  | { readonly kind: 'method'; readonly method: string }
  | { readonly kind: 'path'; readonly edit: Edit }
  | { readonly kind: 'bucket'; readonly name: string }
  | { readonly kind: 'query'; readonly pair: Pair; readonly replaces: boolean }
  | { readonly kind: 'header'; readonly header: Header; readonly replaces: boolean }
  | { readonly kind: 'drop-header'; readonly index: number }
  | { readonly kind: 'document'; readonly edit: Edit }
  | { readonly kind: 'form'; readonly part: 'policyEdits' | 'edits'; readonly edit: Edit }
  | { readonly kind: 'form-field'; readonly pair: Pair }
  | {
      readonly kind: 'form-value';
      readonly name: 'key' | 'filename' | 'expiration' | 'boundary';
      readonly text: string;
    }
  | { readonly kind: 'form-condition'; readonly text: string }
  | { readonly kind: 'chunks'; readonly edit: Edit }
  | { readonly kind: 'decoded-length'; readonly text: string }
  | { readonly kind: 'trailer'; readonly header: Header };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const flip: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constant('flip' as const),
  at: share,
  mask: fc.integer({ min: 1, max: 255 }),
});
const cut: fc.Arbitrary<Edit> = fc.record({ kind: fc.constant('cut' as const), at: share });
const insertOf = (texts: readonly string[]): fc.Arbitrary<Edit> =>
  fc.record({
    kind: fc.constant('insert' as const),
    at: share,
    text: fc.constantFrom(...texts),
  });
const replaceOf = (texts: readonly string[]): fc.Arbitrary<Edit> =>
  fc.record({
    kind: fc.constant('replace' as const),
    at: share,
    to: share,
    text: fc.constantFrom(...texts),
  });
const repeat: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constant('repeat' as const),
  at: share,
  to: share,
  times: fc.constantFrom(2, 3, 100, 5000),
});

const documentEdit: fc.Arbitrary<Edit> = fc.oneof(
  cut,
  flip,
  repeat,
  replaceOf(xmlTexts),
  insertOf(xmlTexts),
  fc.constantFrom(...xmlHeads).map((text): Edit => ({ kind: 'insert', at: 0, text })),
  fc.constant<Edit>({ kind: 'utf16' }),
  fc.record({
    kind: fc.constant('nest' as const),
    depth: fc.constantFrom(1, 5, 100, 20_000),
    name: fc.constantFrom('a', 'Delete', '__proto__', 'a:b'),
  }),
  ...[1, 2, 3].map(() =>
    fc.record({
      kind: fc.constant('value' as const),
      index: fc.nat(10),
      text: fc.constantFrom(...xmlTexts, ...encodedTexts),
    }),
  ),
  fc.record({
    kind: fc.constant('element' as const),
    index: fc.nat(10),
    times: fc.constantFrom(0, 0, 2, 1001, 10_001),
  }),
);

const queryValue = fc.oneof(fc.constantFrom(...numbers), fc.constantFrom(...encodedTexts));
const pair: fc.Arbitrary<Pair> = fc.oneof(
  fc.tuple(fc.constantFrom(...parameters), fc.option(queryValue, { nil: undefined, freq: 8 })),
  fc.tuple(fc.constantFrom(...subResources), fc.option(queryValue, { nil: undefined, freq: 2 })),
  fc.tuple(fc.constantFrom(...encodedTexts), queryValue),
);

const header: fc.Arbitrary<Header> = fc
  .constantFrom(...Object.entries(headerWords))
  .chain(([name, values]) =>
    fc.tuple(
      fc.constant(name),
      fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...values) },
        { weight: 1, arbitrary: fc.constantFrom(...hostileTexts) },
      ),
    ),
  );

const bodyEdit = fc.oneof(cut, flip, repeat, insertOf(wireTexts), replaceOf(wireTexts));

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('method' as const),
      method: fc.constantFrom(...methods),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('path' as const),
      edit: fc.oneof(insertOf(encodedTexts), replaceOf(encodedTexts), cut, flip),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bucket' as const),
      name: fc.constantFrom('absent-bucket', 'A', 'x', '192.168.0.1', 'a..b', '_', 'xn--a', '{b2}'),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({ kind: fc.constant('query' as const), pair, replaces: fc.boolean() }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('header' as const), header, replaces: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('drop-header' as const), index: fc.nat(5) }),
  },
  // What follows does nothing to a request that has no such body.
  {
    weight: 12,
    arbitrary: documentEdit.map((edit): Change => ({ kind: 'document', edit })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('form' as const),
      part: fc.constantFrom('policyEdits' as const, 'edits' as const),
      edit: bodyEdit,
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          ...Object.keys(headerWords),
          ...'acl tagging bucket key file policy success_action_status success_action_redirect redirect submit x-ignore-a Policy AWSAccessKeyId signature'.split(
            ' ',
          ),
        ),
        fc.constantFrom(...hostileTexts, ...xmlTexts),
      )
      .map((given): Change => ({ kind: 'form-field', pair: given })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('form-value' as const),
      name: fc.constantFrom('key' as const, 'filename', 'expiration', 'boundary'),
      text: fc.constantFrom(...hostileTexts),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        '["content-length-range",5,1]',
        '["content-length-range",-1,"x"]',
        '["content-length-range"]',
        '["eq","$key","absent"]',
        '["starts-with","$",""]',
        '["unknown","$key","k"]',
        '["eq","key","k"]',
        '{}',
        '[]',
        'null',
        '1',
        '{"a":{"b":{}}}',
        '{"__proto__":"x"}',
        `${'['.repeat(5000)}${']'.repeat(5000)}`,
      )
      .map((text): Change => ({ kind: 'form-condition', text })),
  },
  {
    weight: 4,
    arbitrary: bodyEdit.map((edit): Change => ({ kind: 'chunks', edit })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...numbers)
      .map((text): Change => ({ kind: 'decoded-length', text })),
  },
  {
    weight: 1,
    arbitrary: header.map((given): Change => ({ kind: 'trailer', header: given })),
  },
);

function changed(plan: Plan, given: Change): Plan {
  const { body, framing } = plan;
  const withBody = (next: Body): Plan => ({ ...plan, body: next, changed: true });
  switch (given.kind) {
    case 'method':
      return { ...plan, method: given.method, changed: true };
    case 'path':
      return { ...plan, path: `/${pathEdited(plan.path.slice(1), given.edit)}`, changed: true };
    case 'bucket':
      return { ...plan, path: plan.path.replace(/^\/[^/]*/, `/${given.name}`), changed: true };
    case 'query': {
      const kept = plan.query.filter(([name]) => !given.replaces || name !== given.pair[0]);
      return { ...plan, query: [...kept, given.pair], changed: true };
    }
    case 'header': {
      const same = (name: string) => name.toLowerCase() === given.header[0];
      const kept = plan.headers.filter(([name]) => !given.replaces || !same(name));
      return { ...plan, headers: [...kept, given.header], changed: true };
    }
    case 'drop-header':
      return {
        ...plan,
        headers: plan.headers.filter((_, index) => index !== given.index),
        changed: true,
      };
    case 'document':
      return body.kind === 'document'
        ? withBody({ ...body, edits: [...body.edits, given.edit] })
        : plan;
    case 'form':
      return body.kind === 'form'
        ? withBody({
            ...body,
            form: { ...body.form, [given.part]: [...body.form[given.part], given.edit] },
          })
        : plan;
    case 'form-field':
      return body.kind === 'form'
        ? withBody({ ...body, form: { ...body.form, fields: [...body.form.fields, given.pair] } })
        : plan;
    case 'form-value':
      return body.kind === 'form'
        ? withBody({ ...body, form: { ...body.form, [given.name]: given.text } })
        : plan;
    case 'form-condition':
      return body.kind === 'form'
        ? withBody({
            ...body,
            form: { ...body.form, conditions: [...body.form.conditions, given.text] },
          })
        : plan;
    case 'chunks':
      return framing.kind === 'aws-chunked'
        ? reframed(plan, { ...framing, edits: [...framing.edits, given.edit] })
        : plan;
    case 'decoded-length':
      return framing.kind === 'aws-chunked'
        ? reframed(plan, { ...framing, decodedLength: given.text })
        : plan;
    case 'trailer':
      return framing.kind === 'aws-chunked'
        ? reframed(plan, { ...framing, trailers: [...framing.trailers, given.header] })
        : plan;
  }
}

const reframed = (plan: Plan, framing: Framing): Plan => ({ ...plan, framing, changed: true });

/** Behind the bucket, so that most changed paths still lead somewhere. */
function pathEdited(path: string, edit: Edit): string {
  const slash = path.indexOf('/') + 1;
  return path.slice(0, slash) + edited(path.slice(slash), [edit]);
}

const weighted = <T>(...choices: readonly (readonly [weight: number, value: T])[]) =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

const wire: fc.Arbitrary<Wire> = fc.oneof(
  { weight: 60, arbitrary: fc.constant<Wire>({ kind: 'whole' }) },
  { weight: 12, arbitrary: fc.constant<Wire>({ kind: 'pipelined' }) },
  { weight: 5, arbitrary: share.map((at): Wire => ({ kind: 'split', at })) },
  { weight: 4, arbitrary: fc.constant<Wire>({ kind: 'expect' }) },
  {
    weight: 8,
    arbitrary: fc
      .array(fc.oneof(cut, flip, insertOf(wireTexts), insertOf(wireTexts), replaceOf(wireTexts)), {
        minLength: 1,
        maxLength: 3,
      })
      .map((edits): Wire => ({ kind: 'mangled', edits })),
  },
  { weight: 1, arbitrary: share.map((at): Wire => ({ kind: 'aborted', at })) },
);

/** A call, what is changed about it, and how it is signed and sent. */
export const plan: fc.Arbitrary<Plan> = fc
  .record({
    call: fc.oneof(...calls),
    changes: fc.oneof(
      { weight: 5, arbitrary: fc.constant<Change[]>([]) },
      { weight: 6, arbitrary: fc.array(change, { minLength: 1, maxLength: 2 }) },
      { weight: 2, arbitrary: fc.array(change, { minLength: 1, maxLength: 6 }) },
    ),
    auth: weighted<Auth>(
      [75, 'v4'],
      [8, 'v4-query'],
      [4, 'v2'],
      [3, 'v2-query'],
      [4, 'anonymous'],
      [2, 'broken'],
      [3, 'other-user'],
      [1, 'late'],
    ),
    payload: weighted<Payload>([20, 'hashed'], [10, 'unsigned'], [1, 'wrong-hash']),
    wire,
    virtualHost: weighted([12, false], [1, true]),
    checked: weighted([9, false], [1, true]),
  })
  .map(({ call, changes, ...how }) => ({ ...changes.reduce(changed, call), ...how }));
