/**
 * Every error code this gateway can answer, with its HTTP status and default message. Codes and
 * messages are S3's own; source: "Error responses" in the Amazon S3 API Reference,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. Two codes are not there:
 * InsufficientStorage (our disk is full; RFC 4918 section 11.5) and NotModified, which never has a
 * document and is listed so that a 304 travels the same way as every other refusal.
 */

export interface CatalogueEntry {
  readonly status: number;
  readonly message: string;
}

export const catalogue = {
  ...withStatus(304, {
    NotModified: 'Not Modified',
  }),

  ...withStatus(400, {
    AccessControlListNotSupported: 'The bucket does not allow ACLs',
    AuthorizationHeaderMalformed: 'The authorization header that you provided is not valid.',
    AuthorizationQueryParametersError:
      'The authorization query parameters that you provided are not valid.',
    BadDigest: 'The Content-MD5 you specified did not match what we received.',
    BadRequest: 'Bad Request',
    CredentialsNotSupported: 'This request does not support credentials.',
    EntityTooLarge: 'Your proposed upload exceeds the maximum allowed size',
    EntityTooSmall: 'Your proposed upload is smaller than the minimum allowed size',
    ExpiredToken: 'The provided token has expired.',
    IllegalLocationConstraintException:
      'The location constraint is incompatible for the region specific endpoint this request was sent to.',
    IllegalVersioningConfigurationException: 'The Versioning element must be specified',
    IncompleteBody: 'The request body terminated unexpectedly',
    IncorrectNumberOfFilesInPostRequest: 'POST requires exactly one file upload per request.',
    InlineDataTooLarge: 'Inline data exceeds the maximum allowed size.',
    InvalidArgument: 'Invalid Argument',
    InvalidBucketAclWithObjectOwnership:
      "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    InvalidBucketName: 'The specified bucket is not valid.',
    InvalidDigest: 'The Content-MD5 you specified was invalid.',
    InvalidEncryptionAlgorithmError:
      'The encryption request you specified is not valid. The valid value is AES256.',
    InvalidHostHeader:
      'The host headers provided in the request used the incorrect style addressing.',
    InvalidLocationConstraint: 'The specified location-constraint is not valid',
    InvalidPart:
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    InvalidPartOrder:
      'The list of parts was not in ascending order. Parts must be ordered by part number.',
    InvalidPolicyDocument:
      'The content of the form does not meet the conditions specified in the policy document.',
    InvalidRedirectLocation:
      "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    InvalidRequest: 'Invalid Request',
    InvalidStorageClass: 'The storage class you specified is not valid',
    InvalidTag:
      'The tag provided was not a valid tag. This error can occur if the tag did not pass input validation.',
    InvalidTargetBucketForLogging: 'The target bucket for logging does not exist',
    InvalidToken: 'The provided token is malformed or otherwise invalid.',
    InvalidURI: "Couldn't parse the specified URI.",
    InvalidWriteOffset:
      'The write offset value that you specified does not match the current object size.',
    KeyTooLongError: 'Your key is too long',
    MalformedACLError:
      'The XML you provided was not well-formed or did not validate against our published schema',
    MalformedPolicy: "Policies must be valid JSON and the first byte must be '{'",
    MalformedPOSTRequest: 'The body of your POST request is not well-formed multipart/form-data.',
    MalformedTrailerError:
      'The request contained trailing data that was not well-formed or did not conform to our published schema.',
    MalformedXML:
      'The XML you provided was not well-formed or did not validate against our published schema',
    MaxMessageLengthExceeded: 'Your request was too big.',
    MaxPostPreDataLengthExceeded:
      'Your POST request fields preceding the upload file were too large.',
    MetadataTooLarge: 'Your metadata headers exceed the maximum allowed metadata size',
    MissingRequestBodyError: 'Request Body is empty',
    MissingSecurityHeader: 'Your request was missing a required header',
    NoLoggingStatusForKey: 'There is no such thing as a logging status subresource for a key.',
    RequestHeaderSectionTooLarge:
      'Your request header section exceeds the maximum allowed request header section size.',
    RequestTimeout:
      'Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.',
    TooManyBuckets: 'You have attempted to create more buckets than allowed',
    TooManyParts:
      'You have attempted to add more parts than the maximum of 10000 that are allowed for this object.',
    UnexpectedContent: 'This request does not support content.',
    UnresolvableGrantByEmailAddress:
      'The e-mail address you provided does not match any account on record.',
    UserKeyMustBeSpecified:
      'The bucket POST must contain the specified field name. If it is specified, check the order of the fields.',
    XAmzContentSHA256Mismatch:
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
  }),

  ...withStatus(403, {
    AccessDenied: 'Access Denied',
    // The slip is S3's own; clients and their tests compare the text.
    AccessForbidden:
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    AccountProblem:
      'There is a problem with your account that prevents the operation from completing successfully.',
    AllAccessDisabled: 'All access to this object has been disabled',
    InvalidAccessKeyId: 'The AWS Access Key Id you provided does not exist in our records.',
    InvalidChunkSizeError: 'Only the last chunk is allowed to have a size less than 8192 bytes',
    InvalidObjectState: "The operation is not valid for the object's storage class",
    InvalidSecurity: 'The provided security credentials are not valid.',
    RequestTimeTooSkewed:
      'The difference between the request time and the current time is too large.',
    SignatureDoesNotMatch:
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  }),

  ...withStatus(404, {
    NoSuchBucket: 'The specified bucket does not exist',
    NoSuchBucketPolicy: 'The bucket policy does not exist',
    NoSuchConfiguration: 'The specified configuration does not exist.',
    NoSuchCORSConfiguration: 'The CORS configuration does not exist',
    NoSuchKey: 'The specified key does not exist.',
    NoSuchLifecycleConfiguration: 'The lifecycle configuration does not exist',
    NoSuchObjectLockConfiguration: 'The specified object does not have a ObjectLock configuration',
    NoSuchPublicAccessBlockConfiguration: 'The public access block configuration was not found',
    NoSuchTagSet: 'The TagSet does not exist',
    NoSuchUpload:
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    NoSuchVersion: 'The specified version does not exist.',
    NoSuchWebsiteConfiguration: 'The specified bucket does not have a website configuration',
    ObjectLockConfigurationNotFoundError:
      'Object Lock configuration does not exist for this bucket',
    OwnershipControlsNotFoundError: 'The bucket ownership controls were not found',
    ReplicationConfigurationNotFoundError: 'The replication configuration was not found',
    ServerSideEncryptionConfigurationNotFoundError:
      'The server side encryption configuration was not found',
  }),

  ...withStatus(405, {
    MethodNotAllowed: 'The specified method is not allowed against this resource.',
  }),

  ...withStatus(409, {
    BucketAlreadyExists:
      'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.',
    BucketAlreadyOwnedByYou:
      'Your previous request to create the named bucket succeeded and you already own it.',
    BucketNotEmpty: 'The bucket you tried to delete is not empty',
    ConditionalRequestConflict:
      'The conditional request cannot succeed due to a conflicting operation against this resource.',
    InvalidBucketState: 'The request is not valid with the current state of the bucket.',
    OperationAborted:
      'A conflicting conditional operation is currently in progress against this resource. Please try again.',
    RestoreAlreadyInProgress: 'Object restore is already in progress',
  }),

  ...withStatus(411, {
    MissingContentLength: 'You must provide the Content-Length HTTP header.',
  }),

  ...withStatus(412, {
    PreconditionFailed: 'At least one of the pre-conditions you specified did not hold',
    RequestIsNotMultiPartContent: 'Bucket POST must be of the enclosure-type multipart/form-data.',
  }),

  ...withStatus(416, {
    InvalidPartNumber: 'The requested partnumber is not satisfiable',
    InvalidRange: 'The requested range is not satisfiable',
  }),

  ...withStatus(500, {
    InternalError: 'We encountered an internal error. Please try again.',
  }),

  ...withStatus(501, {
    NotImplemented: 'A header you provided implies functionality that is not implemented',
  }),

  ...withStatus(503, {
    ServiceUnavailable: 'Service is unable to handle request.',
    SlowDown: 'Please reduce your request rate.',
  }),

  ...withStatus(507, {
    InsufficientStorage: 'There is not enough free space to store your data.',
  }),
} as const;

export type S3ErrorCode = keyof typeof catalogue;

function withStatus<Code extends string>(
  status: number,
  messages: Readonly<Record<Code, string>>,
): Readonly<Record<Code, CatalogueEntry>> {
  const entries = Object.entries<string>(messages).map(
    ([code, message]) => [code, { status, message }] as const,
  );
  return Object.fromEntries(entries) as Record<Code, CatalogueEntry>;
}
