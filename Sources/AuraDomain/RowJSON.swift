extension Row {
  /// The row as a JSON object, as the wire prints it.
  package var jsonObject: JSONObject {
    var columns = ReadJSON()
    var copy = self
    copy.columns(&columns)
    return columns.object
  }

  /// Sets the columns that `object` names, from values as `jsonObject` gave them.
  mutating func restore(_ object: JSONObject) {
    var columns = WriteJSON(object: object)
    self.columns(&columns)
  }

  /// The columns in which `self` differs from `other`, with the values of `self`; times of writing and versions apart.
  func difference(from other: Self) -> JSONObject {
    let (mine, theirs) = (jsonObject, other.jsonObject)
    let bookkeeping: Set<String> = ["version", "created_at", "updated_at"]
    return JSONObject(
      zip(mine.members, theirs.members).filter { $0.value != $1.value && !bookkeeping.contains($0.name) }.map(\.0))
  }
}

private struct ReadJSON: ColumnVisitor {
  var object = JSONObject()

  // Columns differ in name, so that appending is enough.
  private mutating func add(_ name: StaticString, _ value: JSON) {
    object.members.append(.init(name: "\(name)", value: value))
  }

  mutating func column(_ name: StaticString, _ value: inout ID) { add(name, .id(value)) }
  mutating func column(_ name: StaticString, _ value: inout ID?) { add(name, .id(value)) }
  mutating func column(_ name: StaticString, _ value: inout String) { add(name, .string(value)) }
  mutating func column(_ name: StaticString, _ value: inout String?) { add(name, .text(value)) }
  mutating func column(_ name: StaticString, _ value: inout Int) { add(name, .integer(value)) }
  mutating func column(_ name: StaticString, _ value: inout Int?) { add(name, value.map(JSON.integer) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout Bool) { add(name, .bool(value)) }
  mutating func column(_ name: StaticString, _ value: inout Instant) { add(name, .instant(value)) }
  mutating func column(_ name: StaticString, _ value: inout Instant?) { add(name, .instant(value)) }
  mutating func column(_ name: StaticString, _ value: inout JSON) { add(name, value) }
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

private struct WriteJSON: ColumnVisitor {
  var object: JSONObject

  private func value(_ name: StaticString) -> JSON? { object["\(name)"] }

  mutating func column(_ name: StaticString, _ value: inout ID) { if let id = self.value(name)?.id { value = id } }
  mutating func column(_ name: StaticString, _ value: inout ID?) { if let json = self.value(name) { value = json.id } }
  mutating func column(_ name: StaticString, _ value: inout String) {
    if let text = self.value(name)?.string { value = text }
  }
  mutating func column(_ name: StaticString, _ value: inout String?) {
    if let json = self.value(name) { value = json.string }
  }
  mutating func column(_ name: StaticString, _ value: inout Int) {
    if let integer = self.value(name)?.integer { value = integer }
  }
  mutating func column(_ name: StaticString, _ value: inout Int?) {
    if let json = self.value(name) { value = json.integer }
  }
  mutating func column(_ name: StaticString, _ value: inout Bool) {
    if let flag = self.value(name)?.bool { value = flag }
  }
  mutating func column(_ name: StaticString, _ value: inout Instant) {
    if let integer = self.value(name)?.integer { value = Instant(milliseconds: integer) }
  }
  mutating func column(_ name: StaticString, _ value: inout Instant?) {
    if let json = self.value(name) { value = json.integer.map(Instant.init(milliseconds:)) }
  }
  mutating func column(_ name: StaticString, _ value: inout JSON) { if let json = self.value(name) { value = json } }
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}
