/** Every call of BlobSeer's four roles: number, request and answer, by name. */
export { type Call, maxValueBytes, status } from './calls.ts';
export { entityCalls, extensionVersion, type Hello, type Statistics } from './entity-calls.ts';
export { failureCalls } from './failure-calls.ts';
export {
  getArchiveVersion,
  maxGroupSize,
  maxProvidersAtOnce,
  type NewBlob,
  type ProviderReport,
  type ProvidersRequest,
  providerManagerCalls,
  type TicketRequest,
  type VersionName,
  versionManagerCalls,
} from './manager-calls.ts';
export {
  dataProviderCalls,
  type KeyValue,
  metadataProviderCalls,
  type PartRequest,
  type ReadRequest,
  type Values,
} from './provider-calls.ts';
export { reportCalls } from './report-calls.ts';
