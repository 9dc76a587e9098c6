/** Limits of the remote engine, in one place. */

/** Pages of a write that follow each other go to the same providers, in one call, up to so many bytes. */
export const stretchBytes = 2 ** 19;
/** Stretches of one write under way at once. */
export const maxStretchesUnderWay = 8;
/** Bytes of pages on their way to providers, of all writes of this process. */
export const maxBytesUnderWay = 24 * 2 ** 20;
/** One read fetches pages that follow each other on the same providers; several are under way for each stream. */
export const remoteReadLimits = { maxRunBytes: stretchBytes, readAheadBytes: 2 * 2 ** 20 };
/** A snapshot of so few pages carries their addresses in its record: reading it asks no metadata provider. */
export const maxRecordedLeaves = 16;
/** Leaves of the trees read last, in blocks of `treeFanOut`. */
export const maxCachedLeafBlocks = 256;

/** Groups of providers asked for at once. */
export const groupsAtOnce = 128;
/** When fewer are left, the next are asked for in the background. */
export const fewGroups = groupsAtOnce / 4;
/** Blobs created ahead, for each page size. */
export const blobsAhead = 8;
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

/** How long is waited for others. */
export interface RemoteTimings {
  /** A provider that has not answered by then gets company: another one is asked too. */
  readonly slowMs: number;
  /** A provider that failed is avoided for so long, as far as there are others. */
  readonly suspectMs: number;
  /** Of calls to managers and of metadata. */
  readonly callDeadlineMs: number;
  /** Of one call that carries pages; the original ends an exchange after 30 s. */
  readonly pageCallDeadlineMs: number;
  /** Groups of providers are good for so long: free space changes, providers die. */
  readonly groupsGoodMs: number;
  /** The provider manager is not waited for longer: those it named last serve on. */
  readonly providersDeadlineMs: number;
  /** A manager that cannot be reached is given so long to come back, before the write is refused. */
  readonly managerPatienceMs: number;
  readonly managerRetryMs: number;
  /** A host that could not be told something is told again after so long. */
  readonly retryMs: number;
}

export const remoteTimings: RemoteTimings = {
  slowMs: 1500,
  suspectMs: 10_000,
  callDeadlineMs: 10_000,
  pageCallDeadlineMs: 20_000,
  groupsGoodMs: 5000,
  providersDeadlineMs: 2000,
  managerPatienceMs: 5000,
  managerRetryMs: 100,
  retryMs: 5000,
};
