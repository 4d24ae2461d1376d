import AuraDomain
import AuraHub
import AuraStore
import AuraWire

/// What a subscription begins with, read in one transaction: the log after its cursor, or the rows and why.
enum StreamLoader {
  /// Commits behind which the rows themselves cost less to read, send and apply.
  static let commitsMax = 20_000
  /// Bytes of log that one read brings at most; what is left is read when that has been sent.
  static let bytesMax = 4 << 20

  static func load(_ request: Hub.LoadRequest, _ reader: Reader) throws -> Hub.Load {
    let head = try reader.head(clinic: request.clinic)
    let oldest = try reader.oldest(clinic: request.clinic)
    let reason: ServerMessage.Reason
    if let cursor = request.cursor {
      if cursor.epoch != reader.epoch {
        reason = .epoch
      } else if cursor.scope != request.scope.digest {
        reason = .scope
      } else if cursor.seq > head {
        reason = .ahead
      } else if cursor.seq < oldest - 1 {
        reason = .tooOld
      } else if head - cursor.seq > commitsMax {
        reason = .cheaper
      } else {
        let commits = try reader.commits(clinic: request.clinic, after: cursor.seq, maxBytes: bytesMax)
        return Hub.Load(
          epoch: reader.epoch, seq: commits.last?.seq ?? head, oldest: oldest, content: .commits(commits))
      }
    } else {
      reason = .first
    }
    var parts = SnapshotParts(bytesMax: request.frameBytes)
    for table in request.tables {
      let filter = request.filter.and(request.scope.filter(for: table))
      let hidden = request.scope.hidden(in: table)
      try reader.snapshot(clinic: request.clinic, table: table, filter: filter) { keys, _, _, row in
        guard request.scope.admits(table, keys) else { return }
        try parts.add(row, of: table, hiding: hidden)
      }
      parts.end(table)
    }
    return Hub.Load(epoch: reader.epoch, seq: head, oldest: oldest, content: .snapshot(reason, parts: parts.finish()))
  }
}

/// Divides a snapshot's rows into JSON objects `{"table":[rows…],…}` of at most about `bytesMax`; each part names only
/// tables that it has rows of, the last one all that came without any.
private struct SnapshotParts {
  private let bytesMax: Int
  private var done: [[UInt8]] = []
  private var writer = JSONWriter()
  private var isOpen = false
  private var table: Table?
  private var empty: [Table] = []

  init(bytesMax: Int) {
    // The frame around the rows takes its share.
    self.bytesMax = max(1_024, bytesMax - 256)
  }

  mutating func add(_ row: [UInt8], of rowTable: Table, hiding hidden: [StaticString]) throws {
    if isOpen, writer.bytes.count + row.count + 64 > bytesMax { cut() }
    if !isOpen {
      writer.beginObject()
      isOpen = true
    }
    if table != rowTable {
      if table != nil { writer.endArray() }
      writer.name(escaping: rowTable.rawValue)
      writer.beginArray()
      table = rowTable
    }
    try RowChange.append(row, hiding: hidden, to: &writer)
  }

  /// No more rows of this table come.
  mutating func end(_ ended: Table) {
    if table == ended {
      writer.endArray()
      table = nil
    } else {
      empty.append(ended)
    }
  }

  mutating func finish() -> [[UInt8]] {
    if !isOpen { writer.beginObject() }
    for table in empty {
      writer.name(escaping: table.rawValue)
      writer.beginArray()
      writer.endArray()
    }
    writer.endObject()
    done.append(writer.bytes)
    return done
  }

  private mutating func cut() {
    if table != nil { writer.endArray() }
    writer.endObject()
    done.append(writer.bytes)
    writer = JSONWriter()
    isOpen = false
    table = nil
  }
}
