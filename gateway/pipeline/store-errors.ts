/** What BlobSeer could not do, in S3's codes. The only place that knows both. */
import { BlobSeerError, type BlobSeerErrorKind } from '../../blobseer-client/index.ts';
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';

const codes: { readonly [Kind in BlobSeerErrorKind]: S3ErrorCode } = {
  'no-space': 'InsufficientStorage',
  unavailable: 'ServiceUnavailable',
  stopped: 'ServiceUnavailable',
  denied: 'InternalError',
  conflict: 'OperationAborted',
  corrupt: 'InternalError',
  // Handlers check arguments and existence first; what still arrives here is a fault of ours.
  'not-found': 'InternalError',
  'invalid-argument': 'InternalError',
};

/** Any throw as the S3Error to answer with; `cause` keeps what happened for the log. */
export function asS3Error(thrown: unknown): S3Error {
  if (thrown instanceof S3Error) return thrown;
  if (thrown instanceof BlobSeerError) return new S3Error(codes[thrown.kind], { cause: thrown });
  return new S3Error('InternalError', { cause: thrown });
}
