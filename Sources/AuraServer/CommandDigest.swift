import AuraDomain
import AuraSodium
import AuraWire

extension CommandMessage {
  /// Says whether two commands of one key are the same: a hash over clinic, name and arguments, the arguments' members
  /// in the order of their names, so that a client may write them in any.
  var digest: [UInt8] {
    var writer = JSONWriter(capacity: 256)
    writer.beginArray()
    writer.id(clinic)
    writer.string(name)
    writer.value(args.sorted)
    writer.endArray()
    return Sodium.digest(writer.bytes)
  }
}

extension JSON {
  /// With the members of objects in the order of their names.
  var sorted: JSON {
    switch self {
    case .object(let object):
      .object(
        JSONObject(object.members.sorted { $0.name < $1.name }.map { .init(name: $0.name, value: $0.value.sorted) }))
    case .array(let values): .array(values.map(\.sorted))
    case .null, .bool, .integer, .real, .string: self
    }
  }
}
