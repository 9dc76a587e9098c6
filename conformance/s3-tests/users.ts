/**
 * The users that the suite acts as, with ids, names and keys as its sample configuration has them, and the
 * configuration that tells it. Ids are compared with Owner.ID, display names with Owner.DisplayName.
 */

export interface SuiteUser {
  readonly section: 'main' | 'alt' | 'tenant';
  readonly id: string;
  readonly displayName: string;
  readonly email: string;
  readonly accessKey: string;
  readonly secret: string;
}

export const users: readonly SuiteUser[] = [
  {
    section: 'main',
    id: 'testid',
    displayName: 'M. Tester',
    email: 'tester@ceph.com',
    accessKey: '0555b35654ad1656d804',
    secret: 'h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q==',
  },
  {
    section: 'alt',
    id: '56789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234',
    displayName: 'john.doe',
    email: 'john.doe@example.com',
    accessKey: 'NOPQRSTUVWXYZABCDEFG',
    secret: 'nopqrstuvwxyzabcdefghijklmnabcdefghijklm',
  },
  {
    section: 'tenant',
    id: 'testx$9876543210abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    displayName: 'testx$tenanteduser',
    email: 'tenanteduser@example.com',
    accessKey: 'HIJKLMNOPQRSTUVWXYZA',
    secret: 'opqrstuvwxyzabcdefghijklmnopqrstuvwxyzab',
  },
];

/** Sections that the suite wants to see, of users that need not exist. */
const unusedSections = `[iam]
email = s3@example.com
user_id = 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
access_key = ABCDEFGHIJKLMNOPQRST
secret_key = abcdefghijklmnopqrstuvwxyzabcdefghijklmn
display_name = youruseridhere

[iam root]
access_key = AAAAAAAAAAAAAAAAAAaa
secret_key = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
user_id = RGW11111111111111111
email = account1@ceph.com

[iam alt root]
access_key = BBBBBBBBBBBBBBBBBBbb
secret_key = bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
user_id = RGW22222222222222222
email = account2@ceph.com
`;

/** The file that S3TEST_CONF names, for a server on 127.0.0.1. */
export function suiteConfiguration(port: number): string {
  return [
    `[DEFAULT]\nhost = 127.0.0.1\nport = ${port}\nis_secure = False\nssl_verify = False\n`,
    '[fixtures]\nbucket prefix = s3t-{random}-\niam name prefix = s3-tests-\niam path prefix = /s3-tests/\n',
    ...users.map(sectionOf),
    unusedSections,
  ].join('\n');
}

function sectionOf(user: SuiteUser): string {
  const { section, id, displayName, email, accessKey, secret } = user;
  const lines = [
    `[s3 ${section}]`,
    `display_name = ${displayName}`,
    `user_id = ${id}`,
    `email = ${email}`,
    `access_key = ${accessKey}`,
    `secret_key = ${secret}`,
  ];
  if (section === 'main') lines.push('api_name = default', 'lc_debug_interval = 10');
  if (section === 'tenant') lines.push('tenant = testx');
  return `${lines.join('\n')}\n`;
}
