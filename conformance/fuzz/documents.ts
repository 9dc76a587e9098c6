/** A valid document of every S3 call that takes one: what edits begin with. */

const namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const grantee =
  '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>x</ID></Grantee>';

const tagging = (...tags: readonly string[]) =>
  `<Tagging ${namespace}><TagSet>${tags
    .map((key) => `<Tag><Key>${key}</Key><Value>v of ${key}</Value></Tag>`)
    .join('')}</TagSet></Tagging>`;

const rule = (inner: string) => `<CORSRule>${inner}</CORSRule>`;

export const documents = {
  create: [
    `<CreateBucketConfiguration ${namespace}><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`,
    '<CreateBucketConfiguration/>',
    '<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>',
  ],
  versioning: [
    `<VersioningConfiguration ${namespace}><Status>Enabled</Status></VersioningConfiguration>`,
    '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>',
    '<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Disabled</MfaDelete></VersioningConfiguration>',
  ],
  delete: [
    '<Delete><Object><Key>k</Key></Object><Object><Key>a/b</Key><VersionId>{v0}</VersionId></Object></Delete>',
    `<Delete ${namespace}><Quiet>true</Quiet><Object><Key>a/c</Key></Object><Object><Key>absent</Key></Object></Delete>`,
    '<Delete><Object><Key>k</Key><VersionId>null</VersionId><ETag>{e0}</ETag><Size>5</Size><LastModifiedTime>{date}</LastModifiedTime></Object></Delete>',
  ],
  complete: [
    `<CompleteMultipartUpload ${namespace}>{parts0}</CompleteMultipartUpload>`,
    '<CompleteMultipartUpload>{parts0}</CompleteMultipartUpload>',
    '<CompleteMultipartUpload><Part><ETag>{e0}</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>',
    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{e1}</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>',
  ],
  tagging: [tagging('a'), tagging('a', 'b', 'c'), tagging()],
  cors: [
    `<CORSConfiguration ${namespace}>${rule('<ID>r</ID><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>https://*.example</AllowedOrigin><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds>')}</CORSConfiguration>`,
    `<CORSConfiguration>${rule('<AllowedOrigin>*</AllowedOrigin><AllowedMethod>POST</AllowedMethod>')}${rule('<AllowedOrigin>http://a*b</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod>')}</CORSConfiguration>`,
  ],
  acl: [
    `<AccessControlPolicy ${namespace}><Owner><ID>x</ID></Owner><AccessControlList><Grant>${grantee}<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`,
    '<AccessControlPolicy><AccessControlList/></AccessControlPolicy>',
  ],
  other: [
    '<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>',
    '<ServerSideEncryptionConfiguration><Rule/></ServerSideEncryptionConfiguration>',
    '<LegalHold><Status>ON</Status></LegalHold>',
    '<WebsiteConfiguration><IndexDocument><Suffix>x</Suffix></IndexDocument></WebsiteConfiguration>',
    '<SelectRequest><Expression>select * from s3object</Expression></SelectRequest>',
    '{"Version":"2012-10-17","Statement":[]}',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;
