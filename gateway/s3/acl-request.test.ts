import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AclSubject, anonymousId, type CannedAcl, type Grantee, grantsOf } from './acl.ts';
import { aclOfPolicy, aclPolicyElements, parseAclPolicy, requestedAcl } from './acl-request.ts';
import { S3Error } from './errors.ts';
import { headersOf } from './headers.ts';
import { document, element } from './xml.ts';

/** Carol has a second name. */
const namedBy = (id: string): Grantee | undefined => {
  if (id === 'caroline') return { kind: 'user', id: 'carol' };
  if (id === 'Everybody') return { kind: 'group', uri: everyone };
  return ['alice', 'bob', 'carol'].includes(id) ? { kind: 'user', id } : undefined;
};
const ofObject: AclSubject = { kind: 'object', ownerId: 'alice', bucketOwnerId: 'bob' };
const ofBucket: AclSubject = { kind: 'bucket', ownerId: 'alice', bucketOwnerId: 'alice' };
const everyone = 'http://acs.amazonaws.com/groups/global/AllUsers';
const users = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';

function refused(call: () => unknown, code: string, fields: Record<string, string> = {}): void {
  assert.throws(call, (error: unknown) => {
    assert.ok(error instanceof S3Error);
    assert.equal(error.code, code);
    for (const [name, value] of Object.entries(fields)) assert.equal(error.fields[name], value);
    return true;
  });
}

const asked = (headers: Record<string, string>, subject = ofObject) =>
  requestedAcl(headersOf(Object.entries(headers)), subject, namedBy);

test('x-amz-acl by kind; what is unknown is named', () => {
  assert.equal(asked({}), undefined);
  assert.equal(asked({ 'x-amz-acl': 'public-read' }), 'public-read');
  assert.equal(asked({ 'x-amz-acl': 'log-delivery-write' }, ofBucket), 'log-delivery-write');
  for (const [text, subject] of [
    ['', ofObject],
    ['Private', ofObject],
    ['toString', ofBucket],
    ['log-delivery-write', ofObject],
  ] as const) {
    refused(() => asked({ 'x-amz-acl': text }, subject), 'InvalidArgument', {
      ArgumentName: 'x-amz-acl',
      ArgumentValue: text,
    });
  }
});

test('grants in headers are understood where a canned ACL says the same', () => {
  const owner = { 'x-amz-grant-full-control': 'id="alice"' };
  assert.equal(asked(owner), 'private');
  assert.equal(asked({ ...owner, 'x-amz-grant-read': `uri="${everyone}"` }), 'public-read');
  assert.equal(asked({ ...owner, 'x-amz-grant-read': `uri=${users}` }), 'authenticated-read');
  assert.equal(
    asked({ 'x-amz-grant-full-control': 'id=alice, id="bob"' }),
    'bucket-owner-full-control',
  );
  assert.equal(
    asked({
      ...owner,
      'x-amz-grant-read': `uri="${everyone}"`,
      'x-amz-grant-write': `uri="${everyone}"`,
    }),
    'public-read-write',
  );
  refused(() => asked({ ...owner, 'x-amz-acl': 'private' }), 'InvalidRequest');
});

test('grants that no canned ACL makes are what they are', () => {
  const carol = { kind: 'user', id: 'carol' } as const;
  const read = { grantee: carol, permission: 'READ' };
  assert.deepEqual(asked({ 'x-amz-grant-read': 'id=carol' }), [read]);
  assert.deepEqual(asked({ 'x-amz-grant-read': 'id=carol, id="caroline"' }), [read]);
  assert.deepEqual(
    asked({
      'x-amz-grant-full-control': 'id="alice"',
      'x-amz-grant-write-acp': 'id=carol',
      'x-amz-grant-read-acp': 'id=Everybody',
    }),
    [
      { grantee: { kind: 'user', id: 'alice' }, permission: 'FULL_CONTROL' },
      { grantee: carol, permission: 'WRITE_ACP' },
      { grantee: { kind: 'group', uri: everyone }, permission: 'READ_ACP' },
    ],
  );
});

test('grants that are no grants are refused', () => {
  const read = (value: string) => () => asked({ 'x-amz-grant-read': value });
  for (const value of ['', 'alice', 'id=', 'id="alice" bob', 'name="alice"', 'id="alice",']) {
    refused(read(value), 'InvalidArgument');
  }
  refused(read('id="nobody"'), 'InvalidArgument', {
    ArgumentName: 'CanonicalUser/ID',
    ArgumentValue: 'nobody',
  });
  refused(read('uri="http://example.com/group"'), 'InvalidArgument', { ArgumentName: 'uri' });
  refused(read('emailAddress="a@example.com"'), 'UnresolvableGrantByEmailAddress');
  refused(read(Array.from({ length: 101 }, () => 'id=bob').join(',')), 'InvalidRequest');
  refused(() => asked({ 'x-amz-grant-everything': 'id=bob' }), 'InvalidArgument');
});

test('the document of an ACL is read back as that ACL', () => {
  const fields = (id: string) => [element('ID', id), element('DisplayName', `<${id}>`)];
  fc.assert(
    fc.property(
      fc.constantFrom<CannedAcl>(
        'private',
        'public-read',
        'public-read-write',
        'authenticated-read',
        'aws-exec-read',
        'bucket-owner-read',
        'bucket-owner-full-control',
        'log-delivery-write',
      ),
      fc.constantFrom('alice', 'bob', anonymousId),
      (acl, ownerId) => {
        const subject: AclSubject =
          acl === 'log-delivery-write' ? ofBucket : { ...ofObject, ownerId };
        const text = document('AccessControlPolicy', aclPolicyElements(acl, subject, fields));
        const read = aclOfPolicy(parseAclPolicy(Buffer.from(text)), subject, namedBy);
        assert.deepEqual(grantsOf(read, subject), grantsOf(acl, subject));
      },
    ),
  );
});

test('the document is written as AWS writes it', () => {
  const fields = (id: string) => [element('ID', id), element('DisplayName', 'Alice')];
  assert.equal(
    document('AccessControlPolicy', aclPolicyElements('public-read', ofBucket, fields)),
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      '<Owner><ID>alice</ID><DisplayName>Alice</DisplayName></Owner><AccessControlList>' +
      '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">' +
      '<ID>alice</ID><DisplayName>Alice</DisplayName></Grantee><Permission>FULL_CONTROL</Permission></Grant>' +
      '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">' +
      `<URI>${everyone}</URI></Grantee><Permission>READ</Permission></Grant>` +
      '</AccessControlList></AccessControlPolicy>',
  );
});

const policy = (inner: string) =>
  Buffer.from(`<AccessControlPolicy>${inner}</AccessControlPolicy>`);
const owner = '<Owner><ID>alice</ID></Owner>';
const grant = (grantee: string, permission = 'READ') =>
  `<Grant><Grantee>${grantee}</Grantee><Permission>${permission}</Permission></Grant>`;
const list = (...grants: string[]) => `<AccessControlList>${grants.join('')}</AccessControlList>`;

test('documents that are no ACL are MalformedACLError', () => {
  for (const bytes of [
    Buffer.from('<AccessControlPolicy>'),
    Buffer.from('<AccessControlList/>'),
    Buffer.from('<!DOCTYPE a><AccessControlPolicy/>'),
    policy(''),
    policy(owner),
    policy(list()),
    policy(`<Owner></Owner>${list()}`),
    policy(owner + list(grant('<ID>alice</ID>', 'EVERYTHING'))),
    policy(owner + list(grant('<ID>alice</ID>', ''))),
    policy(owner + list(grant(''))),
    policy(owner + list(grant(`<ID>alice</ID><URI>${everyone}</URI>`))),
    policy(owner + list('<Grant><Permission>READ</Permission></Grant>')),
    policy(owner + owner + list()),
  ]) {
    refused(() => parseAclPolicy(bytes), 'MalformedACLError');
  }
  refused(
    () => parseAclPolicy(policy(owner + list(grant('<EmailAddress>a@b</EmailAddress>')))),
    'UnresolvableGrantByEmailAddress',
  );
});

test('documents that say what cannot be said here are refused by what they say', () => {
  const held = (inner: string) => () =>
    aclOfPolicy(parseAclPolicy(policy(inner)), ofObject, namedBy);
  refused(
    held(`<Owner><ID>bob</ID></Owner>${list(grant('<ID>bob</ID>', 'FULL_CONTROL'))}`),
    'AccessDenied',
  );
  refused(held(owner + list(grant('<ID>nobody</ID>'))), 'InvalidArgument', {
    ArgumentValue: 'nobody',
  });
  refused(held(owner + list(grant('<URI>urn:nobody</URI>'))), 'InvalidArgument');
  const many = Array.from({ length: 101 }, () => grant('<ID>carol</ID>'));
  refused(held(owner + list(...many)), 'InvalidRequest');
});

test('a document may grant nothing, or anything to single users', () => {
  const held = (inner: string) => aclOfPolicy(parseAclPolicy(policy(inner)), ofObject, namedBy);
  assert.deepEqual(held(owner + list()), []);
  assert.deepEqual(held(owner + list(grant('<ID>carol</ID>'), grant('<ID>bob</ID>', 'WRITE'))), [
    { grantee: { kind: 'user', id: 'carol' }, permission: 'READ' },
    { grantee: { kind: 'user', id: 'bob' }, permission: 'WRITE' },
  ]);
  // Of the owner too the other name is theirs.
  const ofCarol = { ...ofObject, ownerId: 'carol' };
  const named = policy(`<Owner><ID>caroline</ID></Owner>${list(grant('<ID>bob</ID>'))}`);
  assert.deepEqual(aclOfPolicy(parseAclPolicy(named), ofCarol, namedBy), [
    { grantee: { kind: 'user', id: 'bob' }, permission: 'READ' },
  ]);
});
