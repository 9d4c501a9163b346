public import VolumeModel

/// A store that several daemons share, and which says whose turn it is.
///
/// From ``takeLease(_:replacing:)`` on, every write that ``StateStore`` has for the loop is one transaction with a look at the
/// lease: under a lease that somebody else has taken meanwhile it fails with ``StoreError/leaseLost``, and nothing is
/// written. A ledger line also touches the row, so that it and a take-over cannot both commit where transactions are certified
/// and not locked (Galera).
public protocol LeaseStore: Sendable {
    /// The row; `nil` when nobody ever held the lease.
    func lease() async throws(StoreError) -> LeaseRecord?

    /// Puts a record in the place of one that was read: its token and beat have to be as they were.
    ///
    /// - Returns: whether it was put there. After an error it may have been.
    func takeLease(_ record: LeaseRecord, replacing seen: LeaseRecord?) async throws(StoreError) -> Bool

    /// Raises the beat.
    ///
    /// - Returns: whether the lease is still that of the token.
    func renewLease(_ token: LeaseToken) async throws(StoreError) -> Bool

    /// Gives it back, if it is still that of the token.
    func releaseLease(_ token: LeaseToken) async throws(StoreError)
}
