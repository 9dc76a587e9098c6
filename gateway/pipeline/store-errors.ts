/** What BlobSeer and the namespace could not do, in S3's codes. The only place that knows all three. */
import { BlobSeerError, type BlobSeerErrorKind } from '../../blobseer-client/index.ts';
import { NamespaceError, type NamespaceErrorKind } from '../namespace/errors.ts';
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';

const blobseerCodes: { readonly [Kind in BlobSeerErrorKind]: S3ErrorCode } = {
  'no-space': 'InsufficientStorage',
  stopped: 'ServiceUnavailable',
  unavailable: 'ServiceUnavailable',
  denied: 'InternalError',
  conflict: 'OperationAborted',
  corrupt: 'InternalError',
  // Handlers check arguments and existence first; what still arrives here is a fault of ours.
  'not-found': 'InternalError',
  'invalid-argument': 'InternalError',
};

const namespaceCodes: { readonly [Kind in NamespaceErrorKind]: S3ErrorCode } = {
  'bad-key': 'InvalidURI',
  'invalid-argument': 'InvalidArgument',
  'no-such-bucket': 'NoSuchBucket',
  'no-such-upload': 'NoSuchUpload',
  'no-such-version': 'NoSuchKey',
  'over-quota': 'AccountProblem',
  'access-key-taken': 'InternalError',
  corrupt: 'InternalError',
};

/** Any throw as the S3Error to answer with; `cause` keeps what happened for the log. */
export function asS3Error(thrown: unknown): S3Error {
  if (thrown instanceof S3Error) return thrown;
  if (thrown instanceof BlobSeerError) {
    return new S3Error(blobseerCodes[thrown.kind], { cause: thrown });
  }
  if (thrown instanceof NamespaceError) {
    // "There is a problem with your account" would send people looking for it.
    const message = thrown.kind === 'over-quota' ? { message: thrown.message } : {};
    return new S3Error(namespaceCodes[thrown.kind], { ...message, cause: thrown });
  }
  return new S3Error('InternalError', { cause: thrown });
}
