import AuraDomain

/// The database as one read transaction sees it. Valid during the call that handed it out.
package struct Reader {
  package let session: SQLSession
  package let epoch: String
  package let now: Instant

  /// Rows of a ledger that a snapshot shows when no case and no customer is named.
  package static let ledgerRowsMax = 1_000

  /// The clinic's last commit; 0 before the first.
  package func head(clinic: ID) throws -> Int { try ChangeLog.head(session, clinic: clinic) }

  /// The last commit of every clinic that has one.
  package func heads() throws -> [ID: Int] { try ChangeLog.heads(session) }

  /// The codes of all clinics, also of those that rest.
  package func clinicCodes() throws -> Set<String> {
    Set(try session.all(Self.codes) { $0.text(0) })
  }

  private static let codes: SQL = "SELECT clinic_code FROM clinics"

  /// Timers that are due and have not fired, counted no further than `limit`, and since when the longest waits.
  package func timersDue(limit: Int = 10_000) throws -> (count: Int, since: Instant?) {
    try Timers.countDue(session, at: now, limit: limit)
  }

  /// Who a user is in a clinic, for a query's rights. Throws `forbidden` when the clinic is not theirs, whether or not
  /// it exists.
  package func actor(user: ID, clinic: ID, reason: String? = nil) throws -> Actor {
    try Rights.actor(session, user: user, clinic: clinic, reason: reason)
  }

  /// The oldest commit that is kept: a cursor from the one before it on can be resumed.
  package func oldest(clinic: ID) throws -> Int { try ChangeLog.oldest(session, clinic: clinic) }

  /// The commits behind `seq`, at most `limit`, and after the first no more than `maxBytes` of log text.
  package func commits(clinic: ID, after seq: Int, limit: Int = 1_024, maxBytes: Int = 4 << 20) throws -> [Commit] {
    try ChangeLog.commits(session, clinic: clinic, after: seq, limit: limit, maxBytes: maxBytes)
  }

  /// The rows of a table that the filter admits, each with its JSON as the log has it; in the order of their ids when
  /// the filter names no column of the table.
  /// Of the append-only tables, without a case or a customer in the filter, the newest `ledgerRowsMax`.
  package func snapshot(
    clinic: ID, table: Table, filter: RowFilter, each: (RowKeys, ID, Int, [UInt8]) throws -> Void
  ) throws {
    // Users stand above the clinics and carry password hashes.
    guard table != .users else { return }
    let text = RowText.of(table)
    var composer = SelectComposer(text.select, table: table, clinic: clinic)
    var isNarrow = false
    var isFiltered = false
    for term in filter.terms {
      guard let name = term.column.name(in: table) else { continue }
      composer.require("\(name)", oneOf: term.values)
      isFiltered = true
      if term.column == .workflow || term.column == .customer { isNarrow = true }
    }
    // Asked for an order as well, SQLite would walk the whole clinic by its ids instead of using the filter's index.
    var sql = composer.text(order: isFiltered ? [] : [.ascending("id")], limit: nil)
    if !isNarrow, !(table.rowType is any VersionedRow.Type) {
      let newest = composer.text(order: [.descending("id")], limit: Self.ledgerRowsMax)
      sql = "SELECT * FROM (\(newest)) newest ORDER BY id"
    }
    let printer = RowPrinter.of(table)
    try session.each(composed: sql, composer.arguments) { row in
      guard let id = printer.id(row) else {
        throw StoreFailure.damaged(table: table.rawValue, column: "id", text: row.text(0))
      }
      try each(try printer.keys(row), id, printer.version(row), printer.json(row))
    }
  }

  /// The active clinic that a message is of: asked for one after the other, since its id alone is in no index.
  package func clinic(ofMessage id: ID) throws -> ID? {
    try session.first(Self.clinicOfMessage, .id(id)) { $0.id(0) } ?? nil
  }

  private static let clinicOfMessage: SQL = """
    SELECT c.id FROM clinics c CROSS JOIN followup_executions e ON e.clinic_id = c.id AND e.id = $1
    WHERE c.is_active = 1
    """

  package func clinicRows(_ clinic: ID) -> any ClinicRows { StoredRows(session: session, clinicID: clinic) }

  /// Who a user is and where, and whether the session is one that still counts.
  package func identity(user: ID, session: ID?) throws -> Identity? {
    try Identity.read(self.session, user: user, session: session, now: now)
  }
}
