import AuraDomain

extension CommandMessage {
  /// The bytes that say whether two commands of one key are the same: clinic, name and arguments, members in the order
  /// of their names, so that a client may write them in any.
  package var canonicalBytes: [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginArray()
    writer.id(clinic)
    writer.string(name)
    writer.value(args.sorted)
    writer.endArray()
    return writer.bytes
  }

  /// A 128-bit digest of `canonicalBytes` (FNV-1a from two bases). It tells a client's mistake, not an attack: a key is
  /// its owner's alone.
  package var digest: [UInt8] {
    let bytes = canonicalBytes
    var digest: [UInt8] = []
    digest.reserveCapacity(16)
    for basis: UInt64 in [0xcbf2_9ce4_8422_2325, 0x9ae1_6a3b_2f90_404f] {
      var hash = basis
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      for shift in stride(from: 56, through: 0, by: -8) {
        digest.append(UInt8(truncatingIfNeeded: hash >> UInt64(shift)))
      }
    }
    return digest
  }
}

extension JSON {
  fileprivate var sorted: JSON {
    switch self {
    case .object(let object):
      .object(
        JSONObject(object.members.sorted { $0.name < $1.name }.map { .init(name: $0.name, value: $0.value.sorted) }))
    case .array(let values): .array(values.map(\.sorted))
    case .null, .bool, .integer, .real, .string: self
    }
  }
}
