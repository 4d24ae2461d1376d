/// A JSON value (RFC 8259) with integers apart from reals, members in the order written.
package enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int)
  case real(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  package static let emptyObject = JSON.object(JSONObject())
  package static let emptyArray = JSON.array([])
}

/// Members of an object in the order written. Objects here have few members: look-up is a walk.
package struct JSONObject: Sendable, Hashable, ExpressibleByDictionaryLiteral {
  package var members: [Member]

  package struct Member: Sendable, Hashable {
    package var name: String
    package var value: JSON

    package init(name: String, value: JSON) {
      self.name = name
      self.value = value
    }
  }

  package init(_ members: [Member] = []) { self.members = members }
  package init(dictionaryLiteral elements: (String, JSON)...) {
    members = elements.map { Member(name: $0.0, value: $0.1) }
  }

  package subscript(name: String) -> JSON? {
    get { members.first { $0.name == name }?.value }
    set {
      if let index = members.firstIndex(where: { $0.name == name }) {
        if let newValue { members[index].value = newValue } else { members.remove(at: index) }
      } else if let newValue {
        members.append(Member(name: name, value: newValue))
      }
    }
  }
}

extension JSON {
  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

  /// The member of an object; `nil` on anything that is not one.
  package subscript(name: String) -> JSON? { object?[name] }

  /// Sets a member; anything that was no object becomes one.
  package mutating func set(_ name: String, _ value: JSON?) {
    var object = self.object ?? JSONObject()
    object[name] = value
    self = .object(object)
  }

  /// The value as compact UTF-8 text.
  package var text: String {
    var writer = JSONWriter()
    writer.value(self)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(JSONObject(elements.map { .init(name: $0.0, value: $0.1) }))
  }
  package init(nilLiteral: ()) { self = .null }
}
