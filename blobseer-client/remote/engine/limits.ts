/** Limits of the remote engine, in one place. */

/** Pages of a write that follow each other go to the same providers, in one call, up to so many bytes. */
export const stretchBytes = 2 ** 20;
/** Stretches of one write under way at once. */
export const maxStretchesUnderWay = 8;
/** Bytes of pages on their way to providers, of all writes of this process. */
export const maxBytesUnderWay = 64 * 2 ** 20;
/** One read fetches pages that follow each other on the same providers, up to so many bytes. */
export const remoteRunBytes = stretchBytes;
/** Bytes that a reader fetches ahead of its consumer. */
export const remoteReadAheadBytes = 4 * 2 ** 20;
/** A snapshot of so few pages carries their addresses in its record: reading it asks no metadata provider. */
export const maxRecordedLeaves = 16;
/** Leaves of the trees read last, in blocks of `treeFanOut`. */
export const maxCachedLeafBlocks = 256;

/** A provider that has not answered by then gets company: another one is asked too. */
export const slowProviderMs = 1500;
/** Of one call that carries pages; the original ends an exchange after 30 s. */
export const pageCallDeadlineMs = 20_000;
/** A provider that failed is avoided for so long, as far as there are others. */
export const suspectMs = 10_000;
/** Groups of providers asked for at once, and how long they are good: free space changes, providers die. */
export const groupsAtOnce = 128;
export const groupsGoodMs = 5000;
/** When fewer are left, the next are asked for in the background. */
export const fewGroups = groupsAtOnce / 4;
/** The provider manager is not waited for longer: those it named last serve on. */
export const providersDeadlineMs = 2000;
/** Blobs created ahead, for each page size. */
export const blobsAhead = 8;
/** A manager that cannot be reached is given so long to come back, before the write is refused. */
export const managerPatienceMs = 5000;
export const managerRetryMs = 100;
/** Of calls to managers and of metadata. */
export const callDeadlineMs = 10_000;
/** A write whose version was taken from it goes to another blob, so often at most. */
export const maxTickets = 4;
/** Blobs created at once to get past the ids of a version manager's former life. */
export const fastForwardAtOnce = 16;
/** Rows that wait for something, looked at in one slice. */
export const releasesAtOnce = 64;
/** Pages and nodes put into words in one commit: everybody waits for it. */
export const unitsPerRelease = 512;
/** Keys in one call that releases. */
export const maxKeysPerRelease = 512;
/** A host that could not be reached for a release is tried again after so long. */
export const releaseRetryMs = 5000;
