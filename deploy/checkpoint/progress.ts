/** What is being done, for those who watch. */
export interface Progress {
  readonly what: 'database' | 'files';
  /** Bytes of the database; files. */
  readonly done: number;
  readonly total: number | undefined;
}
