/** Who a signed request comes from, as the namespace's user records know it. */

export interface Identity {
  readonly userId: string;
  /** 12 digits; what x-amz-expected-bucket-owner is compared with for the user's buckets. */
  readonly accountId: string;
  readonly displayName: string;
  /** The key the request was signed with: a user may have several. */
  readonly accessKey: string;
}
